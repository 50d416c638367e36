"""Connecting to Kafka and the registry, as the settings say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.codec import Codec
from ingest.doors import kafka_options, registry_options
from ingest.fingerprint import content_id
from ingest.ledger import Ledger
from ingest.probe import Probe
from ingest.publisher import KafkaPublisher
from ingest.settings import Settings


def connect(
    settings: Settings, fingerprint: str, probe: Probe | None = None
) -> tuple[KafkaPublisher, Ledger]:
    """Open the one publisher of this content, which fences any earlier one, and its ledger.

    probe measures the publisher. Raises Unavailable.
    """
    topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
    codec = Codec(registry_options(settings), *topics)
    publisher = KafkaPublisher(
        kafka_options(settings),
        topics,
        f"{settings.frames_topic}.{content_id(fingerprint)}",
        codec,
        probe or Probe(time.perf_counter, time.time_ns),
    )
    return publisher, _ledger(settings, codec)


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
