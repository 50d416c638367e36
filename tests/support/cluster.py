"""A real broker and registry, started with the local stack's own code."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local import artifacts, programs
from framelog_local.ports import free_port
from framelog_local.venvs import java_of

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 90.0
CLUSTER_ID = "framelog-tests-cluster"
# Shared with `make up`: what one has downloaded, the other finds.
CACHE = Path(__file__).parents[2] / ".framelog" / "cache"


@dataclass(frozen=True)
class Cluster:
    """Addresses of a broker and a registry that answer."""

    bootstrap_servers: str
    registry_url: str


@dataclass(frozen=True)
class Topics:
    """Names of one test's topics, and all settings by which a service finds them."""

    frames: str
    index: str
    streams: str
    environment: Mapping[str, str]


@contextmanager
def running_cluster(directory: Path) -> Iterator[Cluster]:
    """Start a broker and a registry with their state in the directory; stop them at the end."""
    java_programs = artifacts.ensure(CACHE, Path(sys.executable))
    java = java_of(Path(sys.prefix))
    broker = programs.KafkaNode(
        java=java,
        jars=java_programs.kafka_jars,
        directory=directory / "kafka",
        host="127.0.0.1",
        port=free_port(),
        controller_port=free_port(),
        bind_address="127.0.0.1",
        advertised_host="127.0.0.1",
    )
    registry_port = free_port()
    registry = programs.registry(
        java=java,
        application=java_programs.registry,
        directory=directory / "registry",
        host="127.0.0.1",
        port=registry_port,
        bind_address="127.0.0.1",
    )
    with ExitStack() as stack:
        registry_process = stack.enter_context(_started(registry, directory))
        broker.write_properties()
        subprocess.run(broker.format_command(CLUSTER_ID), check=True, capture_output=True)
        kafka_process = stack.enter_context(_started(broker.program, directory))
        wait_for(broker.program.is_ready, START_SECONDS, alive=kafka_process, what="Kafka")
        wait_for(registry.is_ready, START_SECONDS, alive=registry_process, what="the registry")
        yield Cluster(
            bootstrap_servers=f"127.0.0.1:{broker.port}",
            registry_url=f"http://127.0.0.1:{registry_port}/apis/ccompat/v7",
        )


def _started(program: programs.Program, logs: Path) -> Process:
    program.directory.mkdir(parents=True, exist_ok=True)
    log = logs / f"{program.name}.log"
    return Process(program.name, program.command, log=log, cwd=program.directory)
