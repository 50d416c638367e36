"""Foreign records: counted, logged once for each kind, and listed on the status page."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from confluent_kafka import Message

from viewer.kafka.wire_format import ForeignReason
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_SENTENCES: dict[ForeignReason, str] = {
    "no_magic": "They do not have the schema registry's wire format.",
    "unknown_schema": "The registry does not have their schema.",
    "other_record": "Their schema is not the schema of this topic.",
    "malformed": "They can't be decoded with the schema that they name.",
    "other_key": "Their key does not match their content.",
    "impossible": "They contain impossible values, such as a negative partition.",
    "contradiction": "They contradict other records of the same stream.",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """The records of one topic that were skipped for one reason, and the place of the first."""

    topic: str
    reason: ForeignReason
    sentence: str
    count: int
    first_partition: int
    first_offset: int
    latest_ms: int
    """When the latest was read: milliseconds since 1970."""


class ForeignRecords:
    """The records skipped since the start. Safe to share by threads; no method blocks."""

    def __init__(self, metrics: Metrics, wall: Callable[[], float] = time.time) -> None:
        """Count in `metrics`; `wall` gives seconds since 1970."""
        self._metrics = metrics
        self._wall = wall
        self._lock = threading.Lock()
        self._skipped: dict[tuple[str, ForeignReason], Skipped] = {}

    def note(self, message: Message, reason: ForeignReason) -> None:
        """Count a skipped record, and log the first of its topic and reason."""
        topic, partition, offset = message.topic() or "", message.partition(), message.offset()
        self._metrics.foreign.labels(reason).inc()
        latest_ms = int(self._wall() * 1000)
        with self._lock:
            known = self._skipped.get((topic, reason))
            self._skipped[topic, reason] = (
                replace(known, count=known.count + 1, latest_ms=latest_ms)
                if known is not None
                else Skipped(
                    topic, reason, _SENTENCES[reason], 1, partition or 0, offset or 0, latest_ms
                )
            )
        if known is None:
            logger.warning(
                "event=record_foreign kind=%s topic=%s partition=%s offset=%s next=%r",
                reason, topic, partition, offset, "count further ones without logging",
            )  # fmt: skip

    def as_list(self) -> list[dict[str, object]]:
        """Return the `skipped` field of `GET /api/status`, ordered by topic."""
        with self._lock:
            found = sorted(self._skipped.values(), key=lambda one: (one.topic, one.reason))
        return [asdict(one) for one in found]
