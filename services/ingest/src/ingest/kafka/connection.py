"""Connecting to Kafka and the registry, as the settings say."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_configuration import kafka_options, registry_options
from ingest.kafka.committed_log import Ledger
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.record_limits import Learned, LimitsBook
from ingest.kafka.stream_lookup import Known
from ingest.media.fingerprint import content_id
from ingest.model.errors import Blocked, Foreign, Unavailable
from ingest.telemetry.worker_probe import Probe


class Connection:
    """A way to write one content: opened, and after each failure opened again."""

    def __init__(
        self,
        settings: Settings,
        fingerprint: str,
        probe: Probe,
        learned: Learned | None = None,
        lookup: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        """Take the content's fingerprint, what measures its publisher, and a ledger's lookup.

        learned: what workers before have learned of how large records may be.
        """
        self._settings = settings
        self._fingerprint = fingerprint
        self._probe = probe
        self.book = LimitsBook(_topics(settings), learned)
        self._lookup = lookup
        self._ready: tuple[KafkaPublisher, Ledger] | None = None

    def prepare(self) -> None:
        """Have what takes time done before; nobody is fenced yet. What fails is tried again."""
        with suppress(Unavailable, Blocked):
            self._ready = self._made()

    @property
    def ledger(self) -> Ledger:
        """A ledger that fences nobody. Raises Unavailable."""
        if self._ready is None:
            self._ready = self._made()
        return self._ready[1]

    def close(self) -> None:
        """Let go of what was prepared and not opened."""
        if self._ready is not None:
            self._ready[0].close()
            self._ready = None

    def open(self) -> tuple[KafkaPublisher, Ledger]:
        """Open the one publisher of this content, which fences any earlier one, and its ledger.

        Raises Unavailable and Blocked.
        """
        (publisher, ledger), self._ready = self._ready or self._made(), None
        publisher.open()
        return publisher, ledger

    def _made(self) -> tuple[KafkaPublisher, Ledger]:
        settings = self._settings
        topics = _topics(settings)
        codec = Codec(registry_options(settings), *topics)
        publisher = KafkaPublisher(
            kafka_options(settings),
            topics,
            f"{settings.frames_topic}.{content_id(self._fingerprint)}",
            codec,
            self._probe,
            book=self.book,
        )
        return publisher, _ledger(settings, codec, lookup=self._lookup)


def connect(settings: Settings, fingerprint: str) -> tuple[KafkaPublisher, Ledger]:
    """Open the publisher of a content, once, and its ledger. Raises Unavailable."""
    return Connection(settings, fingerprint, Probe(time.perf_counter, time.time_ns)).open()


@contextmanager
def reading(
    settings: Settings, foreign: Callable[[bytes, Foreign], None] | None = None
) -> Iterator[tuple[Ledger, Codec]]:
    """Give a ledger, and what reads its records, that fence nobody. Raises Unavailable.

    foreign: see Ledger.
    """
    codec = Codec(registry_options(settings), *_topics(settings))
    try:
        yield _ledger(settings, codec, foreign=foreign), codec
    finally:
        codec.close()


def _topics(settings: Settings) -> tuple[str, str, str]:
    return settings.frames_topic, settings.index_topic, settings.streams_topic


def _ledger(
    settings: Settings,
    codec: Codec,
    *,
    lookup: Callable[[str], Known | None] = lambda _: None,
    foreign: Callable[[bytes, Foreign], None] | None = None,
) -> Ledger:
    return Ledger(
        kafka_options(settings),
        settings.frames_topic,
        settings.streams_topic,
        codec,
        time.monotonic,
        lookup=lookup,
        foreign=foreign,
    )
