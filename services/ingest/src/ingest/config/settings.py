"""What can be set, read once from the environment."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framelog_service.cluster import KafkaAccess, RegistryAccess, backup_topic
from framelog_service.environment import BadSetting, Reader, Secret, asks_for_traces

from ingest.model.choices import CHOICE_NAMES, BadChoice, Choices, with_named

_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """Every setting of the ingest service; docs/settings.md describes each."""

    kafka: KafkaAccess
    registry: RegistryAccess
    frames_topic: str
    index_topic: str
    streams_topic: str
    schemas_topic: str
    videos: Path
    host: str
    port: int
    hosts: frozenset[str]
    token: Secret | None
    replica: str
    workers: int
    paced_workers: int
    decoder_threads: int
    choices: Choices
    largest_pixels: int
    largest_frame_bytes: int
    lower_oversize: bool
    memory_bytes: int
    batch_frames: int
    batch_bytes: int
    batch_seconds: float
    settle_seconds: float
    incomplete_seconds: float
    rescan_seconds: float
    takeover_seconds: float
    stall_seconds: float
    crash_limit: int
    statistics_seconds: float
    traces: bool
    restarts: int
    log_level: str
    log_format: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; raises BadSetting with the key, its value and what is allowed."""
        read = Reader(environ)
        host = read.text("FRAMELOG_INGEST_HOST", "127.0.0.1")
        streams_topic = read.text("FRAMELOG_STREAMS_TOPIC", "video.streams")
        return cls(
            kafka=KafkaAccess.read(read),
            registry=RegistryAccess.read(read),
            frames_topic=read.text("FRAMELOG_FRAMES_TOPIC", "video.frames"),
            index_topic=read.text("FRAMELOG_INDEX_TOPIC", "video.index"),
            streams_topic=streams_topic,
            schemas_topic=read.text("FRAMELOG_SCHEMAS_TOPIC", backup_topic(streams_topic)),
            videos=Path(read.text("FRAMELOG_VIDEOS", "videos")),
            host=host,
            port=read.integer("FRAMELOG_INGEST_PORT", 8001, 0, 65535),
            hosts=_hosts(read) | {host.lower()},
            token=_token(read, host),
            replica=read.text("FRAMELOG_INGEST_REPLICA", f"{socket.gethostname()}-{os.getpid()}"),
            workers=read.integer("FRAMELOG_INGEST_WORKERS", max(4, os.cpu_count() or 1), 1, 256),
            paced_workers=read.integer("FRAMELOG_INGEST_PACED_WORKERS", 16, 1, 256),
            decoder_threads=read.integer("FRAMELOG_INGEST_DECODER_THREADS", 2, 1, 64),
            choices=_choices(environ),
            largest_pixels=read.integer("FRAMELOG_INGEST_LARGEST_PIXELS", 1 << 27, 1 << 8, 1 << 31),
            largest_frame_bytes=read.integer(
                "FRAMELOG_INGEST_LARGEST_FRAME_BYTES", 15 << 20, 1 << 16, 15 << 20
            ),
            lower_oversize=read.choice("FRAMELOG_INGEST_OVERSIZE", "lower", ("lower", "fail"))
            == "lower",
            memory_bytes=read.integer("FRAMELOG_INGEST_MEMORY_BYTES", 4 << 30, 1 << 28, 1 << 40),
            batch_frames=read.integer("FRAMELOG_INGEST_BATCH_FRAMES", 128, 1, 10_000),
            batch_bytes=read.integer("FRAMELOG_INGEST_BATCH_BYTES", 8 << 20, 1, 1 << 30),
            batch_seconds=read.seconds("FRAMELOG_INGEST_BATCH_SECONDS", 0.25),
            settle_seconds=read.seconds("FRAMELOG_INGEST_SETTLE_SECONDS", 0.5),
            incomplete_seconds=read.seconds("FRAMELOG_INGEST_INCOMPLETE_SECONDS", 5.0),
            rescan_seconds=read.seconds("FRAMELOG_INGEST_RESCAN_SECONDS", 1.0),
            takeover_seconds=read.seconds("FRAMELOG_INGEST_TAKEOVER_SECONDS", 10.0),
            stall_seconds=read.seconds("FRAMELOG_INGEST_STALL_SECONDS", 60.0, low=5),
            crash_limit=read.integer("FRAMELOG_INGEST_CRASH_LIMIT", 3, 1, 100),
            statistics_seconds=read.seconds("FRAMELOG_INGEST_STATISTICS_SECONDS", 1.0),
            traces=asks_for_traces(environ),
            restarts=read.integer("FRAMELOG_RESTARTS", 0, 0, 1 << 62),
            log_level=read.choice(
                "FRAMELOG_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")
            ),
            log_format=read.choice("FRAMELOG_LOG_FORMAT", "text", ("text", "json")),
        )


def _hosts(read: Reader) -> frozenset[str]:
    return frozenset((read.optional("FRAMELOG_INGEST_HOSTS") or "").lower().split())


def _token(read: Reader, host: str) -> Secret | None:
    """Read what the control routes ask for; without it, they are this machine's alone."""
    token = read.secret("FRAMELOG_INGEST_TOKEN")
    if token is None and not _is_loopback(host):
        raise BadSetting(
            f"FRAMELOG_INGEST_HOST is {host!r}, where others can reach ingest: then "
            "FRAMELOG_INGEST_TOKEN, or the file that FRAMELOG_INGEST_TOKEN_FILE names, must hold "
            f"a token of {_SHORTEST_TOKEN} or more ASCII characters."
        )
    if token is not None and not _can_be_sent(token.value):
        raise BadSetting(
            f"FRAMELOG_INGEST_TOKEN must be {_SHORTEST_TOKEN} or more printable ASCII characters, "
            "and no space."
        )
    return token


def _can_be_sent(token: str) -> bool:
    """Whether a token is long enough, and comes in a header as it was sent."""
    is_plain = token.isascii() and token.isprintable() and " " not in token
    return is_plain and len(token) >= _SHORTEST_TOKEN


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _choices(environ: Mapping[str, str]) -> Choices:
    keys = {name: f"FRAMELOG_INGEST_{name.upper()}" for name in CHOICE_NAMES}
    named = {name: environ[key] for name, key in keys.items() if key in environ}
    try:
        return with_named(Choices(), named)
    except BadChoice as bad:
        raise BadSetting(
            f"{keys[bad.name]} is {bad.text!r}, but it must be {bad.allowed}."
        ) from None
