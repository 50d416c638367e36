"""Connecting to Kafka and the registry, as the settings say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ingest.codec import Codec
from ingest.doors import kafka_options, registry_options
from ingest.errors import Unavailable
from ingest.fingerprint import content_id
from ingest.ledger import Ledger
from ingest.probe import Probe
from ingest.publisher import KafkaPublisher
from ingest.settings import Settings


class Connection:
    """A way to write one content: opened, and after each failure opened again."""

    def __init__(self, settings: Settings, fingerprint: str, probe: Probe) -> None:
        """Take the content's fingerprint, and what measures its publisher."""
        self._settings = settings
        self._fingerprint = fingerprint
        self._probe = probe
        self._ready: tuple[KafkaPublisher, Ledger] | None = None

    def prepare(self) -> None:
        """Have what takes time done before; nobody is fenced yet. What fails is tried again."""
        with suppress(Unavailable):
            self._ready = self._made()

    def open(self) -> tuple[KafkaPublisher, Ledger]:
        """Open the one publisher of this content, which fences any earlier one, and its ledger.

        Raises Unavailable.
        """
        (publisher, ledger), self._ready = self._ready or self._made(), None
        publisher.open()
        return publisher, ledger

    def _made(self) -> tuple[KafkaPublisher, Ledger]:
        settings = self._settings
        topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
        codec = Codec(registry_options(settings), *topics)
        publisher = KafkaPublisher(
            kafka_options(settings),
            topics,
            f"{settings.frames_topic}.{content_id(self._fingerprint)}",
            codec,
            self._probe,
        )
        return publisher, _ledger(settings, codec)


def connect(settings: Settings, fingerprint: str) -> tuple[KafkaPublisher, Ledger]:
    """Open the publisher of a content, once, and its ledger. Raises Unavailable."""
    return Connection(settings, fingerprint, Probe(time.perf_counter, time.time_ns)).open()


@contextmanager
def reading(settings: Settings) -> Iterator[tuple[Ledger, Codec]]:
    """Give a ledger, and what reads its records, that fence nobody. Raises Unavailable."""
    codec = Codec(
        registry_options(settings),
        settings.frames_topic,
        settings.index_topic,
        settings.streams_topic,
    )
    try:
        yield _ledger(settings, codec), codec
    finally:
        codec.close()


def _ledger(settings: Settings, codec: Codec) -> Ledger:
    return Ledger(
        kafka_options(settings),
        settings.frames_topic,
        settings.streams_topic,
        codec,
        time.monotonic,
    )
