"""What can be set, read once from the environment."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ingest.choices import CHOICE_NAMES, BadChoice, Choices, with_named
from ingest.errors import BadSetting

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Every setting of the ingest service; docs/settings.md describes each."""

    bootstrap_servers: str
    registry_url: str
    frames_topic: str
    index_topic: str
    streams_topic: str
    videos: Path
    host: str
    port: int
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
    log_level: str
    log_format: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; raises BadSetting with the key, its value and what is allowed."""
        read = _Reader(environ)
        return cls(
            bootstrap_servers=read.text("FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
            registry_url=read.text(
                "FRAMELOG_SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081/apis/ccompat/v7"
            ),
            frames_topic=read.text("FRAMELOG_FRAMES_TOPIC", "video.frames"),
            index_topic=read.text("FRAMELOG_INDEX_TOPIC", "video.index"),
            streams_topic=read.text("FRAMELOG_STREAMS_TOPIC", "video.streams"),
            videos=Path(read.text("FRAMELOG_VIDEOS", "videos")),
            host=read.text("FRAMELOG_INGEST_HOST", "127.0.0.1"),
            port=read.integer("FRAMELOG_INGEST_PORT", 8001, 0, 65535),
            replica=read.text("FRAMELOG_INGEST_REPLICA", f"{socket.gethostname()}-{os.getpid()}"),
            workers=read.integer("FRAMELOG_INGEST_WORKERS", max(4, os.cpu_count() or 1), 1, 256),
            paced_workers=read.integer("FRAMELOG_INGEST_PACED_WORKERS", 16, 1, 256),
            decoder_threads=read.integer("FRAMELOG_INGEST_DECODER_THREADS", 2, 1, 64),
            choices=read.choices("FRAMELOG_INGEST_"),
            largest_pixels=read.integer("FRAMELOG_INGEST_LARGEST_PIXELS", 1 << 27, 1 << 8, 1 << 31),
            largest_frame_bytes=read.integer(
                "FRAMELOG_INGEST_LARGEST_FRAME_BYTES", 15 << 20, 1 << 16, 15 << 20
            ),
            lower_oversize=read.choice("FRAMELOG_INGEST_OVERSIZE", "lower", ("lower", "fail"))
            == "lower",
            memory_bytes=read.integer("FRAMELOG_INGEST_MEMORY_BYTES", 4 << 30, 1 << 28, 1 << 40),
            batch_frames=read.integer("FRAMELOG_INGEST_BATCH_FRAMES", 32, 1, 10_000),
            batch_bytes=read.integer("FRAMELOG_INGEST_BATCH_BYTES", 8 << 20, 1, 1 << 30),
            batch_seconds=read.seconds("FRAMELOG_INGEST_BATCH_SECONDS", 0.25),
            settle_seconds=read.seconds("FRAMELOG_INGEST_SETTLE_SECONDS", 0.5),
            incomplete_seconds=read.seconds("FRAMELOG_INGEST_INCOMPLETE_SECONDS", 5.0),
            rescan_seconds=read.seconds("FRAMELOG_INGEST_RESCAN_SECONDS", 1.0),
            takeover_seconds=read.seconds("FRAMELOG_INGEST_TAKEOVER_SECONDS", 10.0),
            stall_seconds=read.seconds("FRAMELOG_INGEST_STALL_SECONDS", 60.0, low=5),
            crash_limit=read.integer("FRAMELOG_INGEST_CRASH_LIMIT", 3, 1, 100),
            statistics_seconds=read.seconds("FRAMELOG_INGEST_STATISTICS_SECONDS", 1.0),
            traces=_traces(environ),
            log_level=read.choice(
                "FRAMELOG_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")
            ),
            log_format=read.choice("FRAMELOG_LOG_FORMAT", "text", ("text", "json")),
        )


def _traces(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables ask for traces."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return any(environ.get(key) for key in endpoints) and not disabled


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, key: str, default: str) -> str:
        return self._parsed(key, default, _non_empty, "any text that is not empty")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        def parse(text: str) -> int:
            value = int(text)
            if not low <= value <= high:
                raise ValueError(text)
            return value

        return self._parsed(key, str(default), parse, f"a whole number from {low} to {high}")

    def seconds(self, key: str, default: float, low: float = 0.001) -> float:
        def parse(text: str) -> float:
            value = float(text)
            if not low <= value <= 86_400:
                raise ValueError(text)
            return value

        return self._parsed(key, str(default), parse, f"seconds, from {low:g} to 86400")

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        def parse(text: str) -> str:
            if text not in allowed:
                raise ValueError(text)
            return text

        return self._parsed(key, default, parse, "one of " + ", ".join(allowed))

    def choices(self, prefix: str) -> Choices:
        keys = {name: f"{prefix}{name.upper()}" for name in CHOICE_NAMES}
        named = {name: self._environ[key] for name, key in keys.items() if key in self._environ}
        try:
            return with_named(Choices(), named)
        except BadChoice as bad:
            raise BadSetting(
                f"{keys[bad.name]} is {bad.text!r}, but it must be {bad.allowed}."
            ) from None

    def _parsed(self, key: str, default: str, parse: Callable[[str], T], allowed: str) -> T:
        text = self._environ.get(key, default)
        try:
            return parse(text)
        except ValueError:
            raise BadSetting(f"{key} is {text!r}, but it must be {allowed}.") from None


def _non_empty(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text
