"""Kafka's own producer benchmark, from the tools that its servers' jars leave out."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local import artifacts
from framelog_local.venvs import java_of
from jgo.maven import MavenContext, PythonResolver

from tests.support.cluster import CACHE

if TYPE_CHECKING:
    from tests.support.cluster import Topics

_SHA256 = {"4.2.1": "28142ee12baf9e7d46e4784c612aed7a8565e80462616b0ddfb4e2f8d7837e53"}


def megabytes_a_second(
    cache: Path, topics: Topics, *, records: int, record_bytes: int, transaction_ms: int
) -> float:
    """Send so many records, in transactions that last so long; return what it says it reached."""
    programs = artifacts.ensure(CACHE, Path(sys.executable))
    jars = [*programs.kafka_jars, _tools(cache)]
    servers = topics.environment["FRAMELOG_KAFKA_BOOTSTRAP_SERVERS"]
    said = subprocess.run(
        [
            *("nice", "-n", "10", str(java_of(Path(sys.prefix))), "-Xmx256m"),
            *("-cp", ":".join(map(str, jars)), "org.apache.kafka.tools.ProducerPerformance"),
            *("--bootstrap-server", servers, "--topic", topics.frames, "--throughput", "-1"),
            *("--num-records", str(records), "--record-size", str(record_bytes)),
            *("--transaction-duration-ms", str(transaction_ms)),
            *("--producer-props", "acks=all", "max.request.size=16777216"),
            *("batch.size=1048576", "linger.ms=2", "enable.idempotence=true"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (found,) = re.findall(rf"^{records} records sent, .*\(([0-9.]+) MB/sec\)", said, re.MULTILINE)
    return float(found) * 2**20 / 1e6


def _tools(cache: Path) -> Path:
    """Return the jar of Kafka's tools, of the stack's version, downloaded and verified once."""
    kafka = next(a for a in artifacts.read_lock() if a.name == "kafka_2.13")
    path = cache / f"kafka-tools-{kafka.version}.jar"
    if not path.exists():
        context = MavenContext(
            resolver=PythonResolver(), repo_cache=cache / "maven", local_repos=[], timeout=60
        )
        tools = context.project("org.apache.kafka", "kafka-tools").at_version(kafka.version)
        brought = tools.artifact().resolve()
        digest = hashlib.sha256(brought.read_bytes()).hexdigest()
        if digest != _SHA256.get(kafka.version):
            raise RuntimeError(f"{brought.name} is not the known file of Kafka {kafka.version}")
        shutil.move(brought, path)
    return path
