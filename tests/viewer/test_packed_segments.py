"""Packed segments: what is taken over as bytes says the same as what is read in full."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from viewer.catalogue.frame_index import StreamIndex
from viewer.catalogue.packed_segments import PackedSegment, SegmentDecoder, packed, unpacked
from viewer.kafka import avro_varints
from viewer.kafka.wire_format import Decoder, ForeignRecordError

from tests.viewer.builders import STREAM_ID, segment_record

if TYPE_CHECKING:
    from viewer.model.records import Segment

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "segment.avsc").read_text())
HEADER = b"\0\0\0\0\x07"


def wire(record: dict[str, Any], schema: Any = SCHEMA) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    return HEADER + body.getvalue()


def key_of(segment: Segment) -> bytes:
    return f"{segment.stream_id}/{segment.segment_number:08}".encode()


def decoder(schema: Any = SCHEMA) -> SegmentDecoder:
    """Make a decoder that has read one record of the schema."""
    made = SegmentDecoder(Decoder(lambda _: json.dumps(schema)))
    first = asdict(segment_record(0, 4)) | {"checksum": None}
    made.decode(wire(first, schema))
    return made


@pytest.mark.parametrize("value", [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**31, 2**62, -(2**63)])
def test_integers_are_as_avro_has_them(value: int) -> None:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, "long", value)
    assert avro_varints.encoded(value) == body.getvalue()
    assert avro_varints.decoded(body.getvalue(), 0) == (value, len(body.getvalue()))
    assert avro_varints.all_decoded(body.getvalue() * 2) == [value, value]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stream_id": "ein-längerer-name-" * 9, "run_id": "b" * 32},
        {"segment_number": 99_999_999, "partition": 300, "first_frame": 2**40},
        {
            "offsets": [2**60, 1, 2**20, 64],
            "pts_ns": [0, 1, 2**40, 7],
            "sizes_bytes": [0, 9, 99, 9],
        },
        {"end_pts_ns": 2**62},
    ],
)
def test_what_is_taken_apart_is_what_is_read(changes: dict[str, Any]) -> None:
    segment = replace(segment_record(4, 4), **changes)
    made = decoder()
    quick = made.quick(key_of(segment), wire(asdict(segment)))
    assert quick == packed(segment) == made.decode(wire(asdict(segment)))
    row = unpacked(packed(segment).arrays)
    assert row.sizes_bytes == tuple(segment.sizes_bytes)
    assert row.offsets[0] == segment.offsets[0]
    assert row.end_pts_ns == segment.end_pts_ns


def test_streams_may_take_turns() -> None:
    made = decoder()
    for n in range(6):
        segment = replace(segment_record(0, 4), stream_id=f"clip-{n % 2}", segment_number=n)
        assert made.quick(key_of(segment), wire(asdict(segment))) == packed(segment)


def test_what_is_out_of_the_ordinary_is_not_taken_apart() -> None:
    made, good = decoder(), segment_record(4, 4)
    value = wire(asdict(good))
    assert made.quick(key_of(good), value) == packed(good)
    others = [
        (b"another/00000001", value),
        (key_of(good), value[:-1]),
        (key_of(good), value + b"\x02"),
        (key_of(good), value[:30]),
        (key_of(good), value[:5]),
        (key_of(good), b"\0\0\0\0\x08" + value[5:]),
        (key_of(good), wire(asdict(good) | {"offsets": [], "pts_ns": [], "sizes_bytes": []})),
        (key_of(good), wire(asdict(good) | {"first_frame": -1})),
        (key_of(good), None),
        (None, value),
    ]
    assert [made.quick(key, other) for key, other in others] == [None] * len(others)


@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_schema_of_another_layout_is_read_in_full(at: int) -> None:
    newer = json.loads(json.dumps(SCHEMA))
    newer["fields"].insert(at, {"name": "checksum", "type": ["null", "long"], "default": None})
    made, segment = decoder(newer), segment_record(4, 4)
    value = wire(asdict(segment) | {"checksum": None}, newer)
    assert made.quick(key_of(segment), value) is None
    assert made.decode(value) == packed(segment)


def test_every_cut_of_a_record_is_foreign_or_refused() -> None:
    made, value = decoder(), wire(asdict(segment_record(4, 4)))
    for size in range(5, len(value)):
        assert made.quick(key_of(segment_record(4, 4)), value[:size]) is None
        with pytest.raises(ForeignRecordError):
            made.decode(value[:size])


def test_arrays_that_only_looked_like_an_index_hold_nothing() -> None:
    # Lengths that differ, though their sum is right.
    numbers = (4, 100, 1, 1, 1, 0, 3, 0, 9, 9, 0, 5, 1, 1, 1, 1, 1, 0, 40)
    arrays = b"".join(map(avro_varints.encoded, numbers))
    index = StreamIndex()
    index.add(PackedSegment(STREAM_ID, "a" * 32, 0, 2, 0, 4, arrays))
    assert index.segment_of(2) is None
    assert index.offset_of(2) is None
    assert list(index.entries(range(4))) == []
    assert index.frame_at_time(10) == 0
    assert index.end_pts_ns(4) == 0
