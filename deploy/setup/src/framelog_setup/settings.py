"""Where the cluster is and what it shall hold, read once from the environment."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framelog_setup import doors
from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC_VARIABLES = {
    "frames": "FRAMELOG_FRAMES_TOPIC",
    "index": "FRAMELOG_INDEX_TOPIC",
    "streams": "FRAMELOG_STREAMS_TOPIC",
}


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic as topics.toml wants it, and the schema of its values."""

    name: str
    schema: Path
    partitions: int
    may_grow: bool
    replication_factor: int
    config: Mapping[str, str]

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
    leaves_topics: bool
    timeout_seconds: float


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings, or raise SetupError naming the variable or file that can't be used."""
    schemas = Path(environment.get("FRAMELOG_SCHEMAS", "schemas"))
    topics_file = Path(environment.get("FRAMELOG_TOPICS_FILE", "deploy/setup/topics.toml"))
    timeout = environment.get("FRAMELOG_SETUP_TIMEOUT_SECONDS", "60")
    try:
        timeout_seconds = float(timeout)
    except ValueError:
        timeout_seconds = 0
    if not 0 < timeout_seconds <= 3600:
        raise SetupError(
            f"FRAMELOG_SETUP_TIMEOUT_SECONDS is {timeout!r}: set a number above 0, at most 3600."
        )
    topics = environment.get("FRAMELOG_SETUP_TOPICS", "make")
    if topics not in {"make", "leave"}:
        raise SetupError(f"FRAMELOG_SETUP_TOPICS is {topics!r}: set make or leave.")
    return Settings(
        kafka=doors.kafka(environment),
        registry=doors.registry(environment),
        topics=tuple(
            _topic(key, table, schemas, environment)
            for key, table in _read_tables(topics_file).items()
        ),
        leaves_topics=topics == "leave",
        timeout_seconds=timeout_seconds,
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
    if tables.keys() != TOPIC_VARIABLES.keys():
        raise SetupError(f"{path} must have exactly the tables {', '.join(TOPIC_VARIABLES)}.")
    return tables


def _topic(
    key: str, table: Mapping[str, Any], schemas: Path, environment: Mapping[str, str]
) -> Topic:
    try:
        return Topic(
            name=environment.get(TOPIC_VARIABLES[key]) or table["name"],
            schema=schemas / table["schema"],
            partitions=table["partitions"],
            may_grow=table["may_grow"],
            replication_factor=table["replication_factor"],
            config={name: str(value) for name, value in table["config"].items()},
        )
    except KeyError as error:
        raise SetupError(f"The topics' settings lack {error} in [{key}].") from error
