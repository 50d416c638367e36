"""What the stack runs: commands and how to tell that each is ready. Starts nothing itself."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable

HEAP = "-Xmx512m"
PROBE_SECONDS = 2.0
SHARED_KAFKA_PROPERTIES = Path(__file__).parents[3] / "kafka" / "server.properties"
JMX_EXPORTER_RULES = SHARED_KAFKA_PROPERTIES.with_name("jmx-exporter.yml")
LOG4J_PROPERTIES = Path(__file__).parents[2] / "log4j2.properties"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process of the stack. A lower `priority` starts earlier and stops later."""

    name: str
    command: tuple[str, ...]
    directory: Path
    priority: int
    is_ready: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class KafkaNode:
    """A broker that is its own controller: where it keeps its state and where it listens."""

    java: Path
    jars: tuple[Path, ...]
    jmx_exporter: Path
    directory: Path
    host: str
    port: int
    controller_port: int
    metrics_port: int
    bind_address: str
    advertised_host: str

    @property
    def formatted(self) -> bool:
        """Whether the log folder has been made, which is done once."""
        return (self.directory / "log" / "meta.properties").is_file()

    @property
    def _properties_file(self) -> Path:
        return self.directory / "server.properties"

    def _java(self, *options_class_and_arguments: str) -> tuple[str, ...]:
        class_path = ":".join(map(str, self.jars))
        log4j = f"-Dlog4j2.configurationFile={LOG4J_PROPERTIES}"
        return (str(self.java), HEAP, log4j, "-cp", class_path, *options_class_and_arguments)

    def write_properties(self) -> None:
        """Write the broker's settings for this place and these ports."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # A backslash is an escape in a properties file; in a folder's name it must stay one.
        log_folder = str(self.directory / "log").replace("\\", "\\\\")
        controller = f"127.0.0.1:{self.controller_port}"
        lines = (
            f"listeners=PLAINTEXT://{self.bind_address}:{self.port},CONTROLLER://{controller}",
            f"advertised.listeners=PLAINTEXT://{self.advertised_host}:{self.port}",
            f"controller.quorum.voters=1@{controller}",
            f"log.dirs={log_folder}",
        )
        shared = SHARED_KAFKA_PROPERTIES.read_text(encoding="utf-8")
        self._properties_file.write_text(f"{shared}\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def format_command(self, cluster_id: str) -> tuple[str, ...]:
        """Return the command that makes the log folder; a second run changes nothing."""
        properties = str(self._properties_file)
        return self._java(
            "kafka.tools.StorageTool",
            *("format", "--ignore-formatted", "--cluster-id", cluster_id, "--config", properties),
        )

    @property
    def program(self) -> Program:
        """The broker's process, its settings written and its log folder made before it starts."""
        metrics = f"127.0.0.1:{self.metrics_port}:{JMX_EXPORTER_RULES}"
        agent = f"-javaagent:{self.jmx_exporter}={metrics}"
        return Program(
            name="kafka",
            command=self._java(agent, "kafka.Kafka", str(self._properties_file)),
            directory=self.directory,
            priority=10,
            is_ready=lambda: accepts_connections(self.host, self.port),
        )


def registry(
    *,
    java: Path,
    application: Path,
    directory: Path,
    host: str,
    port: int,
    metrics_port: int,
    bind_address: str,
) -> Program:
    """Return Apicurio on an embedded database in a file of the directory."""
    properties = {
        "quarkus.http.host": bind_address,
        "quarkus.http.port": str(port),
        # Its management interface has the metrics: on this machine only.
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": str(metrics_port),
        "apicurio.storage.kind": "sql",
        "apicurio.storage.sql.kind": "h2",
        "apicurio.datasource.url": f"jdbc:h2:file:{directory / 'registry'}",
    }
    return Program(
        name="registry",
        command=(
            *(str(java), HEAP),
            *(f"-D{name}={value}" for name, value in properties.items()),
            *("-jar", str(application / "quarkus-run.jar")),
        ),
        directory=directory,
        priority=20,
        is_ready=lambda: answers(f"http://{host}:{port}/apis/ccompat/v7/subjects"),
    )


def service(
    *, name: str, python: Path, directory: Path, host: str, port: int, priority: int
) -> Program:
    """Return one of Framelog's own services, which takes its settings from the environment."""
    return Program(
        name=name,
        command=(str(python), "-m", name),
        directory=directory,
        priority=priority,
        is_ready=lambda: answers(f"http://{host}:{port}/readyz"),
    )


def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether a GET is answered with success."""
    try:
        with urlopen(url, timeout=PROBE_SECONDS):  # noqa: S310 - an address of the stack's own
            return True
    except (URLError, OSError, ValueError):
        return False
