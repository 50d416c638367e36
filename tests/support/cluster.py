"""A real broker and registry, started with the local stack's own code."""

from __future__ import annotations

import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import framelog_setup
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourceType,
)
from framelog_local import artifacts, programs
from framelog_local.ports import free_ports
from framelog_local.venvs import java_of

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

START_SECONDS = 300.0
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


class Server:
    """A broker or registry, which can die and come back on the same port with the same data."""

    def __init__(self, program: programs.Program, logs: Path) -> None:
        self._program = program
        self._log = logs / f"{program.name}.log"
        self.process: Process | None = None

    @property
    def directory(self) -> Path:
        """Where it keeps its state."""
        return self._program.directory

    def launch(self) -> None:
        """Start it, ready or not."""
        program = self._program
        program.directory.mkdir(parents=True, exist_ok=True)
        self.process = Process(program.name, program.command, log=self._log, cwd=program.directory)

    def wait(self) -> None:
        """Wait until it is ready."""
        what = self._program.name
        wait_for(self._program.is_ready, START_SECONDS, alive=self.process, what=what)

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.launch()
        self.wait()

    def stop(self) -> None:
        """Stop it as an orderly shutdown does."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process = None


@dataclass(frozen=True)
class Servers:
    """A broker and a registry of one's own, and their addresses."""

    cluster: Cluster
    broker: Server
    registry: Server
    kafka_metrics_port: int
    registry_metrics_port: int


def kafka_node(directory: Path, ports: Sequence[int]) -> programs.KafkaNode:
    """Describe a broker on three free ports, with its state in the directory."""
    port, controller_port, metrics_port = ports
    java_programs = artifacts.ensure(CACHE, Path(sys.executable))
    return programs.KafkaNode(
        java=java_of(Path(sys.prefix)),
        jars=java_programs.kafka_jars,
        jmx_exporter=java_programs.jmx_exporter,
        directory=directory / "kafka",
        host="127.0.0.1",
        port=port,
        controller_port=controller_port,
        metrics_port=metrics_port,
        bind_address="127.0.0.1",
        advertised_host="127.0.0.1",
    )


@contextmanager
def running_servers(directory: Path, properties: str = "") -> Iterator[Servers]:
    """Start a broker and a registry with their state in the directory; stop them at the end.

    properties: lines for the broker's settings, which win over the usual ones.
    """
    java_programs = artifacts.ensure(CACHE, Path(sys.executable))
    java = java_of(Path(sys.prefix))
    registry_port, registry_metrics_port, *broker_ports = free_ports(5)
    node = kafka_node(directory, broker_ports)
    program = programs.registry(
        java=java,
        application=java_programs.registry,
        directory=directory / "registry",
        host="127.0.0.1",
        port=registry_port,
        metrics_port=registry_metrics_port,
        bind_address="127.0.0.1",
    )
    cluster = Cluster(
        bootstrap_servers=f"127.0.0.1:{node.port}",
        registry_url=f"http://127.0.0.1:{registry_port}/apis/ccompat/v7",
    )
    servers = Servers(
        cluster,
        broker=Server(node.program, directory),
        registry=Server(program, directory),
        kafka_metrics_port=node.metrics_port,
        registry_metrics_port=registry_metrics_port,
    )
    with ExitStack() as stack:
        stack.callback(servers.registry.stop)
        stack.callback(servers.broker.stop)
        servers.registry.launch()
        node.write_properties()
        with (node.directory / "server.properties").open("a", encoding="utf-8") as settings:
            settings.write(f"{properties}\n")
        subprocess.run(node.format_command(CLUSTER_ID), check=True, capture_output=True)
        servers.broker.start()
        servers.registry.wait()
        yield servers


@contextmanager
def running_cluster(directory: Path) -> Iterator[Cluster]:
    """Start a broker and a registry, and give their addresses; stop them at the end."""
    with running_servers(directory) as servers:
        yield servers.cluster


@contextmanager
def unique_topics(cluster: Cluster, partitions: int | None = None) -> Iterator[Topics]:
    """Create three topics with unique names, their schemas registered; delete the topics after.

    partitions: of the frames and the index, where it shall not be what topics.toml says.
    """
    unique = uuid.uuid4().hex[:12]
    names = {part: f"test-{unique}.{part}" for part in ("frames", "index", "streams")}
    environment = {
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": cluster.registry_url,
        **{f"FRAMELOG_{part.upper()}_TOPIC": name for part, name in names.items()},
    }
    wanted = framelog_setup.from_environment(environment)
    if partitions is not None:
        grown = [replace(t, partitions=partitions) if t.may_grow else t for t in wanted.topics]
        wanted = replace(wanted, topics=tuple(grown))
    framelog_setup.set_up(wanted)
    yield Topics(**names, environment=environment)
    left = set(names.values())
    wait_for(lambda: not _delete(cluster, left), 180, what="the topics to be deleted")


def _delete(cluster: Cluster, topics: set[str]) -> set[str]:
    """Delete topics, and return those that may be there still: the broker may just be starting."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for topic, deleted in admin.delete_topics(list(topics), request_timeout=30).items():
        try:
            deleted.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
        topics.discard(topic)
    return topics


def topic_id(cluster: Cluster, topic: str) -> str:
    """Return Kafka's own id of a topic."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    described = admin.describe_topics(TopicCollection([topic]))[topic].result()
    return str(described.topic_id)


def make_anew(cluster: Cluster, topic: str) -> None:
    """Delete a topic, and make one of the same name with as many partitions and its settings."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    described = admin.describe_configs([resource])[resource].result().values()
    config = {
        entry.name: entry.value
        for entry in described
        if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    }
    partitions = len(admin.list_topics(topic, 60).topics[topic].partitions)
    admin.delete_topics([topic], operation_timeout=60)[topic].result()
    new = NewTopic(topic, partitions, 1, config=config)

    def made() -> bool:
        try:
            admin.create_topics([new], operation_timeout=60)[topic].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # still being deleted
                raise
            return False
        return True

    wait_for(made, 60, what=f"{topic} to be made anew")


def set_limit(cluster: Cluster, topic: str, limit_bytes: int) -> None:
    """Set how large a batch of records the topic takes."""
    entry = ConfigEntry(
        "max.message.bytes", str(limit_bytes), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result()
