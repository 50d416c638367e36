"""The viewer's settings, read once from the environment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from framelog_service.cluster import KafkaAccess, RegistryAccess, backup_topic
from framelog_service.environment import BadSetting, Reader, Secret, asks_for_traces

_MIN_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """All settings of a viewer. In the environment, their names begin with `FRAMELOG_`."""

    kafka: KafkaAccess = field(default_factory=KafkaAccess)
    registry: RegistryAccess = field(default_factory=RegistryAccess)
    frames_topic: str = "video.frames"
    index_topic: str = "video.index"
    streams_topic: str = "video.streams"
    schemas_topic: str = "video.schemas"
    """Where the setup step keeps the schemas of these topics."""
    log_level: str = "INFO"
    log_format: str = "text"
    host: str = "127.0.0.1"
    port: int = 8000
    behind_proxy: bool = False
    """Whether to trust the X-Forwarded-* headers of one proxy."""
    hosts: Sequence[str] = ()
    """Host names of the viewer, besides IP addresses and localhost; "*" allows any name."""
    origins: Sequence[str] = ()
    """Origins whose pages may use the viewer; "*" allows all origins to read."""
    token: Secret | None = None
    """The token with which programs authenticate."""
    users: Mapping[str, Secret] = field(default_factory=dict)
    """Passwords by user name; without a token and users, no login is required."""
    threads: int = 384
    """For streams: each occupies one thread while it is open. Short requests have other threads."""
    cache_bytes: int = 256 << 20
    """Bound on the images kept in memory."""
    fetchers: int = 4
    """Kafka consumers that fetch segments, so the number of concurrent fetches."""
    stall_seconds: int = 10
    """A client that reads no byte for this long is disconnected."""
    retention_poll_seconds: int = 5
    """How often the viewer asks Kafka which frames have expired."""
    traces: bool = False
    """Whether spans are exported; OpenTelemetry's own variables say where and how."""
    ingest_urls: Sequence[str] = ()
    """Where ingest services serve their health and metrics, for the status page."""
    ingest_token: Secret | None = None
    """The token for ingest's control routes, from which the status page gets the list of files."""
    kafka_metrics_urls: Sequence[str] = ()
    """Where brokers serve their JMX metrics for Prometheus; all of them, or none."""
    restarts: int = 0
    """How often the supervisor has restarted the viewer, if it reports that."""

    @property
    def max_streams(self) -> int:
        """The most open streams; the remaining threads answer 503 to further requests."""
        return self.threads - 8

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; those not set have their defaults.

        Raises BadSetting with a sentence on the first value that is not allowed.
        """
        read = Reader(environ)
        streams_topic = read.text("FRAMELOG_STREAMS_TOPIC", cls.streams_topic)
        return cls(
            kafka=KafkaAccess.read(read),
            registry=RegistryAccess.read(read),
            frames_topic=read.text("FRAMELOG_FRAMES_TOPIC", cls.frames_topic),
            index_topic=read.text("FRAMELOG_INDEX_TOPIC", cls.index_topic),
            streams_topic=streams_topic,
            schemas_topic=read.text("FRAMELOG_SCHEMAS_TOPIC", backup_topic(streams_topic)),
            log_level=read.choice(
                "FRAMELOG_LOG_LEVEL", cls.log_level, ("DEBUG", "INFO", "WARNING", "ERROR")
            ),
            log_format=read.choice("FRAMELOG_LOG_FORMAT", cls.log_format, ("text", "json")),
            host=read.text("FRAMELOG_VIEWER_HOST", cls.host),
            port=read.integer("FRAMELOG_VIEWER_PORT", cls.port, 1, 65535),
            behind_proxy=read.choice("FRAMELOG_VIEWER_BEHIND_PROXY", "0", ("0", "1")) == "1",
            hosts=_hosts(read),
            origins=_origins(read),
            token=_token(read),
            users=_users(read),
            threads=read.integer("FRAMELOG_VIEWER_THREADS", cls.threads, 10, 4096),
            cache_bytes=read.integer("FRAMELOG_VIEWER_CACHE_BYTES", cls.cache_bytes, 0, 1 << 40),
            fetchers=read.integer("FRAMELOG_VIEWER_FETCHERS", cls.fetchers, 1, 64),
            stall_seconds=read.integer("FRAMELOG_VIEWER_STALL_SECONDS", cls.stall_seconds, 1, 3600),
            retention_poll_seconds=read.integer(
                "FRAMELOG_VIEWER_RETENTION_POLL_SECONDS", cls.retention_poll_seconds, 1, 3600
            ),
            traces=asks_for_traces(environ),
            ingest_urls=read.urls("FRAMELOG_VIEWER_INGEST_URLS"),
            ingest_token=read.secret("FRAMELOG_INGEST_TOKEN"),
            kafka_metrics_urls=read.urls("FRAMELOG_VIEWER_KAFKA_METRICS_URLS"),
            restarts=read.integer("FRAMELOG_RESTARTS", cls.restarts, 0, 1 << 62),
        )


def _hosts(read: Reader) -> Sequence[str]:
    return read.words(
        "FRAMELOG_VIEWER_HOSTS",
        lambda word: word == "*" or re.fullmatch(r"[A-Za-z0-9._-]+", word) is not None,
        "names without a port, such as viewer.example.org, separated by white space, or *",
    )


def _origins(read: Reader) -> Sequence[str]:
    return read.words(
        "FRAMELOG_VIEWER_ORIGINS",
        lambda word: word == "*" or re.fullmatch(r"https?://[^/@\s]+", word) is not None,
        "origins such as https://example.org:8443, separated by white space, or *",
    )


def _token(read: Reader) -> Secret | None:
    secret = read.secret("FRAMELOG_VIEWER_TOKEN")
    if secret is not None and (len(secret.value) < _MIN_TOKEN or not secret.value.isascii()):
        raise BadSetting(f"FRAMELOG_VIEWER_TOKEN must be {_MIN_TOKEN} or more ASCII characters.")
    return secret


def _users(read: Reader) -> Mapping[str, Secret]:
    """Read name:password pairs, separated by white space."""
    secret = read.secret("FRAMELOG_VIEWER_USERS")
    users = {}
    for pair in secret.value.split() if secret is not None else ():
        name, _, password = pair.partition(":")
        if not name or not password or name in users:
            raise BadSetting(
                "FRAMELOG_VIEWER_USERS must be pairs name:password, separated by white space, "
                "with no name twice."
            )
        users[name] = Secret(password)
    return users
