"""The viewer's settings, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingsError(Exception):
    """A setting has a value that is not allowed; the sentence says which, and what is."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen about a viewer. Named `FRAMELOG_...` in the environment."""

    bootstrap_servers: str = "127.0.0.1:9092"
    registry_url: str = "http://127.0.0.1:8081/apis/ccompat/v7"
    frames_topic: str = "video.frames"
    index_topic: str = "video.index"
    streams_topic: str = "video.streams"
    log_level: str = "INFO"
    log_format: str = "text"
    host: str = "127.0.0.1"
    port: int = 8000
    behind_proxy: bool = False
    """Whether the X-Forwarded-* headers of one proxy are to be believed."""
    threads: int = 64
    """Requests answered at once; an open stream takes one for as long as it lasts."""
    cache_bytes: int = 256 << 20
    """Bound on the images kept in memory."""
    fetchers: int = 4
    """Kafka consumers that fetch segments, so also segments fetched at once."""
    stall_seconds: int = 10
    """A client that takes no byte for so long is dropped."""
    retention_poll_seconds: int = 5
    """How often the log is asked which frames have expired."""

    @property
    def max_streams(self) -> int:
        """Open streams at most: the other threads are for short requests and health checks."""
        return self.threads - 8

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; those not set have their defaults.

        Raises SettingsError with a sentence on the first value that is not allowed.
        """
        read = _Reader(environ)
        return cls(
            bootstrap_servers=read.text("FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", cls.bootstrap_servers),
            registry_url=read.url("FRAMELOG_SCHEMA_REGISTRY_URL", cls.registry_url),
            frames_topic=read.text("FRAMELOG_FRAMES_TOPIC", cls.frames_topic),
            index_topic=read.text("FRAMELOG_INDEX_TOPIC", cls.index_topic),
            streams_topic=read.text("FRAMELOG_STREAMS_TOPIC", cls.streams_topic),
            log_level=read.one_of(
                "FRAMELOG_LOG_LEVEL", cls.log_level, "DEBUG", "INFO", "WARNING", "ERROR"
            ),
            log_format=read.one_of("FRAMELOG_LOG_FORMAT", cls.log_format, "text", "json"),
            host=read.text("FRAMELOG_VIEWER_HOST", cls.host),
            port=read.integer("FRAMELOG_VIEWER_PORT", cls.port, 1, 65535),
            behind_proxy=read.one_of("FRAMELOG_VIEWER_BEHIND_PROXY", "0", "0", "1") == "1",
            threads=read.integer("FRAMELOG_VIEWER_THREADS", cls.threads, 10, 4096),
            cache_bytes=read.integer("FRAMELOG_VIEWER_CACHE_BYTES", cls.cache_bytes, 0, 1 << 40),
            fetchers=read.integer("FRAMELOG_VIEWER_FETCHERS", cls.fetchers, 1, 64),
            stall_seconds=read.integer("FRAMELOG_VIEWER_STALL_SECONDS", cls.stall_seconds, 1, 3600),
            retention_poll_seconds=read.integer(
                "FRAMELOG_VIEWER_RETENTION_POLL_SECONDS", cls.retention_poll_seconds, 1, 3600
            ),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environ: Mapping[str, str]

    def text(self, key: str, default: str) -> str:
        value = self.environ.get(key, default)
        if not value.strip():
            raise _not_allowed(key, value, "some text; leave it out to have the default")
        return value

    def url(self, key: str, default: str) -> str:
        value = self.text(key, default)
        if not value.startswith(("http://", "https://")):
            raise _not_allowed(key, value, "an address that begins with http:// or https://")
        return value

    def one_of(self, key: str, default: str, *allowed: str) -> str:
        value = self.environ.get(key, default)
        if value not in allowed:
            raise _not_allowed(key, value, " or ".join(allowed))
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.environ.get(key, str(default))
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise _not_allowed(key, value, f"a whole number from {low} to {high}")
        return int(value)


def _not_allowed(key: str, value: str, allowed: str) -> SettingsError:
    return SettingsError(f"{key} is {value!r}; allowed is {allowed}.")
