"""What can be set, read once from the environment."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.config.environment import Reader, Secret
from ingest.model.choices import CHOICE_NAMES, BadChoice, Choices, with_named
from ingest.model.errors import BadSetting

_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class KafkaSecurity:
    """How the Kafka clients show who they are, and whom they trust; None is the client's own."""

    protocol: str
    sasl_mechanism: str
    sasl_username: str | None
    sasl_password: Secret | None
    ssl_ca_location: str | None
    ssl_certificate_location: str | None
    ssl_key_location: str | None
    ssl_key_password: Secret | None


@dataclass(frozen=True)
class Settings:
    """Every setting of the ingest service; docs/settings.md describes each."""

    bootstrap_servers: str
    registry_url: str
    kafka_security: KafkaSecurity
    registry_user_info: Secret | None
    registry_ssl_ca_location: str | None
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
            bootstrap_servers=read.text("FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
            registry_url=read.url(
                "FRAMELOG_SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081/apis/ccompat/v7"
            ),
            kafka_security=_kafka_security(read),
            registry_user_info=_registry_user_info(read),
            registry_ssl_ca_location=read.optional("FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION"),
            frames_topic=read.text("FRAMELOG_FRAMES_TOPIC", "video.frames"),
            index_topic=read.text("FRAMELOG_INDEX_TOPIC", "video.index"),
            streams_topic=streams_topic,
            schemas_topic=read.text("FRAMELOG_SCHEMAS_TOPIC", _beside(streams_topic)),
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
            traces=_traces(environ),
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


def _beside(streams_topic: str) -> str:
    """Name the backup's topic as the setup step does where none was chosen."""
    log, dot, _ = streams_topic.rpartition(".")
    return f"{log if dot else streams_topic}.schemas"


def _traces(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables ask for traces."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return any(environ.get(key) for key in endpoints) and not disabled


def _choices(environ: Mapping[str, str]) -> Choices:
    keys = {name: f"FRAMELOG_INGEST_{name.upper()}" for name in CHOICE_NAMES}
    named = {name: environ[key] for name, key in keys.items() if key in environ}
    try:
        return with_named(Choices(), named)
    except BadChoice as bad:
        raise BadSetting(
            f"{keys[bad.name]} is {bad.text!r}, but it must be {bad.allowed}."
        ) from None


def _kafka_security(read: Reader) -> KafkaSecurity:
    protocol = read.choice(
        "FRAMELOG_KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT",
        ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    security = KafkaSecurity(
        protocol=protocol,
        sasl_mechanism=read.choice(
            "FRAMELOG_KAFKA_SASL_MECHANISM",
            "SCRAM-SHA-512",
            ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        ),
        sasl_username=read.optional("FRAMELOG_KAFKA_SASL_USERNAME"),
        sasl_password=read.secret("FRAMELOG_KAFKA_SASL_PASSWORD"),
        ssl_ca_location=read.optional("FRAMELOG_KAFKA_SSL_CA_LOCATION"),
        ssl_certificate_location=read.optional("FRAMELOG_KAFKA_SSL_CERTIFICATE_LOCATION"),
        ssl_key_location=read.optional("FRAMELOG_KAFKA_SSL_KEY_LOCATION"),
        ssl_key_password=read.secret("FRAMELOG_KAFKA_SSL_KEY_PASSWORD"),
    )
    named = security.sasl_username is not None and security.sasl_password is not None
    if protocol.startswith("SASL_") and not named:
        raise BadSetting(
            f"FRAMELOG_KAFKA_SECURITY_PROTOCOL is {protocol!r}, which needs "
            "FRAMELOG_KAFKA_SASL_USERNAME and FRAMELOG_KAFKA_SASL_PASSWORD."
        )
    return security


def _registry_user_info(read: Reader) -> Secret | None:
    secret = read.secret("FRAMELOG_SCHEMA_REGISTRY_USER_INFO")
    if secret is not None and ":" not in secret.value:
        raise BadSetting("FRAMELOG_SCHEMA_REGISTRY_USER_INFO must be a name, ':' and a password.")
    return secret
