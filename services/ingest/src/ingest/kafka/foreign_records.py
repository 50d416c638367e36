"""Tells ingest's own records of the streams topic from foreign ones, by a cheap check."""

import logging
from typing import Literal

from ingest.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

Reason = Literal["no_magic", "malformed", "other_key"]

_HEADER_BYTES = 5
_MOST_LENGTH_BYTES = 3


class ForeignRecords:
    """Counts the foreign records of the streams topic, and logs the first of each kind.

    Checks a value up to its first field, the stream's id: every start reads all records, so the
    check must be quick. Any other fault is found when the record is decoded.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._logged_reasons: set[Reason] = set()

    def is_foreign(self, partition: int, offset: int, key: bytes, value: bytes) -> bool:
        """Whether a record is foreign. Counts it if so. For one thread."""
        reason = reason_of(key, value)
        if reason is None:
            return False
        self._metrics.foreign.labels(reason).inc()
        if reason not in self._logged_reasons:
            self._logged_reasons.add(reason)
            log.warning(
                "event=foreign_record reason=%s partition=%d offset=%d key=%r next=%r",
                reason, partition, offset, key[:200].decode(errors="replace"),
                "skip all of this kind, and log no more of them",
            )  # fmt: skip
        return True


def reason_of(key: bytes, value: bytes) -> Reason | None:
    """Return why a value can't be a record of the stream with this key; None if it may be."""
    if len(value) < _HEADER_BYTES or value[0]:
        return "no_magic"
    length = shift = 0
    for at in range(_HEADER_BYTES, _HEADER_BYTES + _MOST_LENGTH_BYTES):
        if at >= len(value):
            return "malformed"
        length |= (value[at] & 0x7F) << shift
        shift += 7
        if value[at] < 0x80:
            begin, size = at + 1, length >> 1  # Avro's zig-zag: lengths are even
            stream_id = value[begin : begin + size]
            if length & 1 or len(stream_id) < size:
                return "malformed"
            return None if stream_id == key else "other_key"
    return "malformed"
