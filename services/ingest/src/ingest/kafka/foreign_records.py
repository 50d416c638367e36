"""Telling ingest's own records among the streams from others', as far as that costs little."""

import logging
from typing import Literal

from ingest.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

Reason = Literal["no_magic", "malformed", "other_key"]

_HEADER_BYTES = 5
_MOST_LENGTH_BYTES = 3


class ForeignRecords:
    """Counts the streams topic's records of others, and tells the first of each kind in the log.

    Values are looked at up to their first field, which is the stream's id: all that is read at
    every start has to be quick. What else is wrong with a record, whoever needs it finds out.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._logged_reasons: set[Reason] = set()

    def is_foreign(self, partition: int, offset: int, key: bytes, value: bytes) -> bool:
        """Whether a record is another's, which is counted then. For one thread."""
        reason = reason_of(key, value)
        if reason is None:
            return False
        self._metrics.foreign.labels(reason).inc()
        if reason not in self._logged_reasons:
            self._logged_reasons.add(reason)
            log.warning(
                "event=foreign_record reason=%s partition=%d offset=%d key=%r next=%r",
                reason, partition, offset, key[:200].decode(errors="replace"),
                "pass by it and its like, and say no more",
            )  # fmt: skip
        return True


def reason_of(key: bytes, value: bytes) -> Reason | None:
    """Tell why a value can be no record of the stream with this key; None where it may be one."""
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
