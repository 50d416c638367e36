"""The Java programs that the stack runs, kept in a cache that holds only what was verified.

`artifacts.lock` names each file by its Maven coordinates and SHA-256; `download` brings them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from framelog_local.errors import LocalError

LOCK = Path(__file__).parents[2] / "artifacts.lock"
JMX_EXPORTER = "jmx_prometheus_javaagent"


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository."""

    group: str
    name: str
    packaging: str
    classifier: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the file in the repository and in the cache."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"


@dataclass(frozen=True)
class JavaPrograms:
    """Where Kafka and the registry are, ready to be run."""

    kafka_jars: tuple[Path, ...]
    jmx_exporter: Path
    registry: Path

    @property
    def complete(self) -> bool:
        """Whether every file is there."""
        files = (*self.kafka_jars, self.jmx_exporter)
        return self.registry.is_dir() and all(file.is_file() for file in files)


def read_lock(path: Path = LOCK) -> list[Artifact]:
    """Return the locked files."""
    lines = path.read_text(encoding="utf-8").splitlines()
    # group:name:packaging:classifier:version sha256
    locked = (line.replace(" ", ":").split(":") for line in lines if not line.startswith("#"))
    return [Artifact(*fields) for fields in locked]


def is_registry(artifact: Artifact) -> bool:
    """Whether the file is the registry's archive; all others are jars that Kafka runs with."""
    return artifact.packaging == "tar.gz"


def is_jmx_exporter(artifact: Artifact) -> bool:
    """Whether the file is the agent that shows Kafka's JMX to Prometheus."""
    return artifact.name == JMX_EXPORTER


def in_cache(cache: Path, artifacts: list[Artifact]) -> JavaPrograms:
    """Return where the programs are in the cache, or will be."""
    registry = next(filter(is_registry, artifacts))
    agent = next(filter(is_jmx_exporter, artifacts))
    jars = [a for a in artifacts if a not in (registry, agent)]
    return JavaPrograms(
        kafka_jars=tuple(cache / "kafka" / jar.filename for jar in jars),
        jmx_exporter=cache / "kafka" / agent.filename,
        registry=cache / f"{registry.name}-{registry.version}",
    )


def check_versions(
    artifacts: list[Artifact],
    *,
    kafka_version: str,
    jmx_exporter_version: str,
    registry_version: str,
) -> None:
    """Raise LocalError unless the lock holds the versions that the settings ask for."""
    locked = {artifact.name: artifact.version for artifact in artifacts}
    for name, variable, wanted in (
        ("kafka_2.13", "FRAMELOG_KAFKA_VERSION", kafka_version),
        (JMX_EXPORTER, "FRAMELOG_JMX_EXPORTER_VERSION", jmx_exporter_version),
        ("apicurio-registry-app", "FRAMELOG_REGISTRY_VERSION", registry_version),
    ):
        if locked.get(name) != wanted:
            raise LocalError(
                f"{variable} is {wanted}, but {LOCK.name} has {name} {locked.get(name)}: "
                "run 'make lock', or set the locked version."
            )


def ensure(cache: Path, python: Path) -> JavaPrograms:
    """Return the programs, downloading with the Python of a venv that has jgo what isn't cached."""
    programs = in_cache(cache, read_lock())
    if not programs.complete:
        # A process of its own, for what it imports is installed only in that venv.
        result = subprocess.run(
            [python, "-m", "framelog_local.download", cache],
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stderr=subprocess.PIPE,
            text=True,
        )
        if result.returncode != 0:
            raise LocalError(result.stderr.strip().rpartition("\n")[2])
    return programs
