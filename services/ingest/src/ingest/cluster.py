"""Connecting to Kafka and the registry, as the settings say."""

import time

from ingest.codec import Codec
from ingest.fingerprint import content_id
from ingest.ledger import Ledger
from ingest.publisher import KafkaPublisher, Publisher
from ingest.settings import Settings


def connect(settings: Settings, fingerprint: str) -> tuple[Publisher, Ledger]:
    """Open the one publisher of this content, which fences any earlier one, and its ledger.

    Raises Unavailable.
    """
    topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
    codec = Codec(settings.registry_url, *topics)
    publisher = KafkaPublisher(
        settings.bootstrap_servers,
        topics,
        f"{settings.frames_topic}.{content_id(fingerprint)}",
        codec,
    )
    ledger = Ledger(
        settings.bootstrap_servers,
        settings.frames_topic,
        settings.streams_topic,
        codec,
        time.monotonic,
    )
    return publisher, ledger
