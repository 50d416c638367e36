"""Where the cluster is and what it shall hold, read once from the environment."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framelog_service.cluster import KafkaAccess, RegistryAccess, backup_topic
from framelog_service.environment import BadSetting, Reader

from framelog_setup import doors
from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC_VARIABLES = {
    "frames": "FRAMELOG_FRAMES_TOPIC",
    "index": "FRAMELOG_INDEX_TOPIC",
    "streams": "FRAMELOG_STREAMS_TOPIC",
}
BACKUP_TABLE, BACKUP_VARIABLE = "schemas", "FRAMELOG_SCHEMAS_TOPIC"


@dataclass(frozen=True, kw_only=True)
class TopicSettings:
    """One topic as topics.toml wants it."""

    name: str
    partitions: int = 1
    may_grow: bool = False
    replication_factor: int = 1
    config: Mapping[str, str] = field(default_factory=lambda: {"cleanup.policy": "compact"})


@dataclass(frozen=True, kw_only=True)
class Topic(TopicSettings):
    """A topic of the log, and the schema of its values."""

    schema: Path

    @property
    def subject(self) -> str:
        """The registry's name for the schema of the topic's values."""
        return f"{self.name}-value"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the setup needs to know."""

    kafka: Mapping[str, str] = field(repr=False)
    """Options of every Kafka client."""
    registry: doors.Registry
    topics: tuple[Topic, ...]
    backup: TopicSettings
    """Where the schemas are kept beside the log."""
    backs_up: bool
    """Whether the backup is to be kept by a setup that leaves the topics to another, too."""
    leaves_topics: bool
    timeout_seconds: float


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings, or raise SetupError naming the variable or file that can't be used."""
    try:
        return _read(Reader(environment), environment)
    except BadSetting as error:
        raise SetupError(str(error)) from error


def _read(read: Reader, environment: Mapping[str, str]) -> Settings:
    schemas = Path(read.text("FRAMELOG_SCHEMAS", "schemas"))
    topics = read.choice("FRAMELOG_SETUP_TOPICS", "make", ("make", "leave"))
    tables = _read_tables(Path(read.text("FRAMELOG_TOPICS_FILE", "deploy/setup/topics.toml")))
    streams = environment.get(TOPIC_VARIABLES["streams"]) or tables["streams"].get("name", "")
    return Settings(
        kafka=KafkaAccess.read(read).client_options,
        registry=doors.Registry(RegistryAccess.read(read)),
        topics=tuple(
            _topic(key, tables[key], schemas, environment) for key in tables if key != BACKUP_TABLE
        ),
        backup=_backup(tables, environment.get(BACKUP_VARIABLE) or backup_topic(streams)),
        backs_up=topics == "make" or bool(environment.get(BACKUP_VARIABLE)),
        leaves_topics=topics == "leave",
        timeout_seconds=read.seconds("FRAMELOG_SETUP_TIMEOUT_SECONDS", 60.0, high=3600),
    )


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"The topics' settings {path} can't be read ({error.strerror}): "
            "run in the project's folder, or set FRAMELOG_TOPICS_FILE."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{path} is not TOML: {error}.") from error
    if tables.keys() - {BACKUP_TABLE} != TOPIC_VARIABLES.keys():
        raise SetupError(
            f"{path} must have exactly the tables {', '.join(TOPIC_VARIABLES)}, and may have "
            f"{BACKUP_TABLE}."
        )
    return tables


def _backup(tables: Mapping[str, Any], name: str) -> TopicSettings:
    table = tables.get(BACKUP_TABLE)
    if table is None:
        return TopicSettings(name=name)
    try:
        return TopicSettings(name=name, **_shape(table))
    except KeyError as error:
        raise SetupError(f"The topics' settings lack {error} in [{BACKUP_TABLE}].") from error


def _shape(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "partitions": table["partitions"],
        "may_grow": table["may_grow"],
        "replication_factor": table["replication_factor"],
        "config": {name: str(value) for name, value in table["config"].items()},
    }


def _topic(
    key: str, table: Mapping[str, Any], schemas: Path, environment: Mapping[str, str]
) -> Topic:
    try:
        return Topic(
            name=environment.get(TOPIC_VARIABLES[key]) or table["name"],
            schema=schemas / table["schema"],
            **_shape(table),
        )
    except KeyError as error:
        raise SetupError(f"The topics' settings lack {error} in [{key}].") from error
