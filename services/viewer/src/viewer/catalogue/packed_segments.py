"""Segments in memory: a few numbers, and the arrays as Avro encoded them.

A log has a million segments, of which clients request a few: the arrays are kept as bytes and
decoded when needed (docs/decisions/0005 has the figures).
"""

import re
from itertools import accumulate
from typing import NamedTuple

from viewer.kafka import avro_varints
from viewer.kafka.wire_format import HEADER_BYTES, Decoder
from viewer.model.records import (
    ImpossibleRecordError,
    Segment,
    require_index,
    require_places,
    segment_from,
)

_LAYOUT = [
    ("stream_id", "string"), ("run_id", "string"), ("segment_number", "long"),
    ("partition", "long"), ("first_frame", "long"), ("offsets", "[long]"), ("pts_ns", "[long]"),
    ("sizes_bytes", "[long]"), ("end_pts_ns", "long"),
]  # fmt: skip
# What is left of varints without these is a byte for each of them.
_CONTINUED = bytes(range(0x80, 0x100))
# An integer that is longer than 64 bits.
_TOO_LONG = re.compile(rb"[\x80-\xff]{10}")


class PackedSegment(NamedTuple):
    """A segment: `schemas/segment.avsc`, of which `arrays` is from `offsets` on."""

    stream_id: str
    run_id: str
    segment_number: int
    partition: int
    first_frame: int
    frame_count: int
    arrays: bytes


class Row(NamedTuple):
    """A decoded segment: absolute offsets, times and sizes of its frames, and its end time."""

    offsets: tuple[int, ...]
    pts_ns: tuple[int, ...]
    sizes_bytes: tuple[int, ...]
    end_pts_ns: int


def packed(segment: Segment) -> PackedSegment:
    """Pack a segment that has been checked."""
    count = len(segment.offsets)
    numbers = (
        count, *segment.offsets, 0, count, *segment.pts_ns, 0, count, *segment.sizes_bytes, 0,
        segment.end_pts_ns,
    )  # fmt: skip
    return PackedSegment(
        stream_id=segment.stream_id,
        run_id=segment.run_id,
        segment_number=segment.segment_number,
        partition=segment.partition,
        first_frame=segment.first_frame,
        frame_count=count,
        arrays=b"".join(map(avro_varints.encoded, numbers)),
    )


def first_offset_of(arrays: bytes | bytearray, at: int) -> int:
    """Decode only the first offset of the arrays at this index."""
    _, at = avro_varints.decoded(arrays, at)
    return avro_varints.decoded(arrays, at)[0]


def unpacked(arrays: bytes) -> Row:
    """Decode a segment's arrays. Raises ValueError if they can't be an index."""
    numbers = avro_varints.all_decoded(arrays)
    count = numbers[0]
    step = count + 2
    ends = (0, step, 2 * step)
    if len(numbers) != 3 * step + 1 or any(
        (numbers[at], numbers[at + step - 1]) != (count, 0) for at in ends
    ):
        raise ValueError("a segment's arrays are of unequal lengths")
    offsets, pts_ns, sizes = (tuple(numbers[at + 1 : at + step - 1]) for at in ends)
    if not count:
        raise ValueError("a segment's arrays are empty")
    require_index(offsets, pts_ns, sizes, numbers[-1])
    return Row(tuple(accumulate(offsets)), tuple(accumulate(pts_ns)), sizes, numbers[-1])


class SegmentDecoder:
    """Decodes Segment records. For one thread only: it caches the last record's beginning."""

    def __init__(self, decoder: Decoder) -> None:
        """Use `decoder` for schemas and for unusual records."""
        self._decoder = decoder
        # Wire-format headers of the schemas whose layout this module knows.
        self._headers: set[bytes] = set()
        # The last record's header and ids, the beginning of its key, and the two ids as text.
        self._beginning = (b"\xff", b"", "", "")

    def quick(self, key: bytes | None, value: bytes | None) -> PackedSegment | None:
        """Split a usual segment without decoding its arrays; return None for an unusual one."""
        beginning, prefix, stream_id, run_id = self._beginning
        if value is None or not value.startswith(beginning):
            if value is None or not self._begin(value):
                return None
            beginning, prefix, stream_id, run_id = self._beginning
        try:
            number, at = avro_varints.decoded(value, len(beginning))
            partition, at = avro_varints.decoded(value, at)
            first_frame, at = avro_varints.decoded(value, at)
            count, _ = avro_varints.decoded(value, at)
            require_places(partition, number, first_frame)
        except (IndexError, ImpossibleRecordError):
            return None
        arrays = value[at:]
        # Three arrays, each with its count before and a 0 after it, and the segment's end.
        varint_count = len(arrays.translate(None, _CONTINUED))
        if (
            key != b"%s%08d" % (prefix, number)
            or count < 1
            or varint_count != 3 * count + 7
            or arrays[-1] & 0x80
            or _TOO_LONG.search(arrays)
        ):
            return None
        return PackedSegment(stream_id, run_id, number, partition, first_frame, count, arrays)

    def decode(self, value: bytes) -> PackedSegment:
        """Decode, check and pack a record.

        Raises ForeignRecordError or RegistryAwayError, and TypeError or ValueError when it is a
        Segment record that can be no index.
        """
        schema_id, record = self._decoder.decode(value, "Segment")
        if self._decoder.layout(schema_id) == _LAYOUT:
            self._headers.add(value[:HEADER_BYTES])
        return packed(segment_from(record))

    def _begin(self, value: bytes) -> bool:
        """Cache a value's beginning; return False if its schema has another layout."""
        if value[:HEADER_BYTES] not in self._headers:
            return False
        try:
            size, at = avro_varints.decoded(value, HEADER_BYTES)
            if size < 0:
                return False
            stream = value[at : at + size]
            size, at = avro_varints.decoded(value, at + size)
            if size < 0:
                return False
            run_id, stream_id = value[at : at + size].decode(), stream.decode()
        except (IndexError, UnicodeDecodeError):
            return False
        self._beginning = (value[: at + size], stream + b"/", stream_id, run_id)
        return True
