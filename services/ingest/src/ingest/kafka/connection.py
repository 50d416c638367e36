"""Connecting to Kafka and the registry, as the settings say."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_configuration import registry_options
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.record_limits import Learned, LearnedLimits
from ingest.kafka.stream_lookup import Known
from ingest.media.fingerprint import content_id
from ingest.model.errors import Blocked, Foreign, Unavailable
from ingest.telemetry.worker_probe import Probe


class Connection:
    """Opens publishers of one content: the first, and another after each failure."""

    def __init__(
        self,
        settings: Settings,
        fingerprint: str,
        probe: Probe,
        learned: Learned | None = None,
        lookup: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        """Take the content's fingerprint, a probe and a lookup of streams.

        learned: what earlier workers have learned about the largest records.
        """
        self._settings = settings
        self._fingerprint = fingerprint
        self._probe = probe
        self.book = LearnedLimits(_topics(settings), learned)
        self._lookup = lookup
        self._ready: tuple[KafkaPublisher, CommittedLog] | None = None

    def prepare(self) -> None:
        """Connect early. Fences nobody. If it fails, open tries again."""
        with suppress(Unavailable, Blocked):
            self._ready = self._made()

    @property
    def committed_log(self) -> CommittedLog:
        """A committed log that fences nobody. Raises Unavailable."""
        if self._ready is None:
            self._ready = self._made()
        return self._ready[1]

    def close(self) -> None:
        """Close what was prepared and not opened."""
        if self._ready is not None:
            self._ready[0].close()
            self._ready = None

    def open(self) -> tuple[KafkaPublisher, CommittedLog]:
        """Open the one publisher of this content; it fences any earlier one. Open the log, too.

        Raises Unavailable and Blocked.
        """
        (publisher, committed_log), self._ready = self._ready or self._made(), None
        publisher.open()
        return publisher, committed_log

    def _made(self) -> tuple[KafkaPublisher, CommittedLog]:
        settings = self._settings
        topics = _topics(settings)
        codec = Codec(registry_options(settings.registry), *topics)
        publisher = KafkaPublisher(
            settings.kafka.client_options,
            topics,
            f"{settings.frames_topic}.{content_id(self._fingerprint)}",
            codec,
            self._probe,
            book=self.book,
        )
        return publisher, _committed_log(settings, codec, lookup=self._lookup)


def connect(settings: Settings, fingerprint: str) -> tuple[KafkaPublisher, CommittedLog]:
    """Open the publisher of a content, once, and the committed log. Raises Unavailable."""
    return Connection(settings, fingerprint, Probe(time.perf_counter, time.time_ns)).open()


@contextmanager
def reading(
    settings: Settings, foreign: Callable[[bytes, Foreign], None] | None = None
) -> Iterator[tuple[CommittedLog, Codec]]:
    """Yield the committed log and its codec. Fences nobody. Raises Unavailable.

    foreign: see CommittedLog.
    """
    codec = Codec(registry_options(settings.registry), *_topics(settings))
    try:
        yield _committed_log(settings, codec, foreign=foreign), codec
    finally:
        codec.close()


def _topics(settings: Settings) -> tuple[str, str, str]:
    return settings.frames_topic, settings.index_topic, settings.streams_topic


def _committed_log(
    settings: Settings,
    codec: Codec,
    *,
    lookup: Callable[[str], Known | None] = lambda _: None,
    foreign: Callable[[bytes, Foreign], None] | None = None,
) -> CommittedLog:
    return CommittedLog(
        settings.kafka.client_options,
        settings.frames_topic,
        settings.streams_topic,
        codec,
        time.monotonic,
        lookup=lookup,
        foreign=foreign,
    )
