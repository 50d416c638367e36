"""Decoding: records of other writers' schemas, and records that are none of ours."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import fastavro
import pytest
from viewer.kafka.wire_format import (
    Decoder,
    ForeignRecordError,
    RegistryAwayError,
    UnknownSchemaError,
)
from viewer.model.records import segment_from, stream_from

SCHEMAS = Path(__file__).parents[2] / "schemas"
SEGMENT: dict[str, Any] = {
    "stream_id": "a", "run_id": "r", "segment_number": 0, "partition": 1, "first_frame": 0,
    "offsets": [5, 1], "pts_ns": [0, 40], "sizes_bytes": [10, 20], "end_pts_ns": 80,
}  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.avsc").read_text())
    return found


def encode(schema: Any, record: dict[str, Any], schema_id: int = 1) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


class Registry:
    """Schemas by id; counts the questions, and can be away."""

    def __init__(self, **schemas: Any) -> None:
        self.schemas = {int(key[1:]): json.dumps(schema) for key, schema in schemas.items()}
        self.asked = 0
        self.away = False

    def __call__(self, schema_id: int) -> str:
        self.asked += 1
        if self.away:
            raise RegistryAwayError("away")
        if schema_id not in self.schemas:
            raise UnknownSchemaError(schema_id)
        return self.schemas[schema_id]


def test_a_record_is_read_with_its_writers_schema_which_is_asked_for_once() -> None:
    registry = Registry(_7=schema("segment"))
    decoder = Decoder(registry)
    for _ in range(3):
        schema_id, record = decoder.decode(encode(schema("segment"), SEGMENT, 7), "Segment")
        assert (schema_id, record) == (7, SEGMENT)
    assert registry.asked == 1


def test_a_field_that_a_newer_writer_added_is_no_hindrance() -> None:
    newer = schema("segment")
    newer["fields"].append({"name": "checksum", "type": "long", "default": 0})
    value = encode(newer, SEGMENT | {"checksum": 9})
    _, record = Decoder(Registry(_1=newer)).decode(value, "Segment")
    assert segment_from(record).offsets == [5, 1]


def test_fields_that_an_older_writer_lacked_have_their_defaults() -> None:
    older = schema("stream")
    late = {f["name"] for f in older["fields"] if "default" in f}
    older["fields"] = [f for f in older["fields"] if f["name"] not in late]
    record = {
        f["name"]: {"string": "x", "long": 1, "int": 1}.get(str(f["type"]), 1)
        for f in older["fields"]
    } | {"state": "COMPLETE", "encoding": "JPEG"}
    _, decoded = Decoder(Registry(_1=older)).decode(encode(older, record), "Stream")
    stream = stream_from(decoded)
    assert (stream.partition, stream.error, stream.sample_aspect_num) == (None, None, 1)


def test_times_stay_integers() -> None:
    timed = {
        "type": "record", "name": "Frame", "namespace": "framelog",
        "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}}],
    }  # fmt: skip
    _, record = Decoder(Registry(_1=timed)).decode(encode(timed, {"at": 12}), "Frame")
    assert record == {"at": 12}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "no_magic"),
        (b"\0\0\0", "no_magic"),
        (b"plain text", "no_magic"),
        (b"\0\0\0\0\x63body", "unknown_schema"),
        (b"\0\0\0\0\x02{}", "unknown_schema"),
        (b"\0\0\0\0\x01\xff", "malformed"),
    ],
)
def test_foreign_records_are_told_apart(value: bytes, reason: str) -> None:
    decoder = Decoder(Registry(_1=schema("segment"), _2={"$schema": "json schema"}))
    with pytest.raises(ForeignRecordError) as raised:
        decoder.decode(value, "Segment")
    assert raised.value.reason == reason


def test_a_record_of_another_type_is_foreign() -> None:
    with pytest.raises(ForeignRecordError) as raised:
        Decoder(Registry(_1=schema("segment"))).decode(encode(schema("segment"), SEGMENT), "Stream")
    assert raised.value.reason == "other_record"


def test_an_unknown_schema_is_asked_for_again_only_after_a_while() -> None:
    registry, clock = Registry(), [0.0]
    decoder = Decoder(registry, lambda: clock[0])
    for _ in range(100):
        with pytest.raises(ForeignRecordError):
            decoder.decode(b"\0\0\0\0\x05", "Segment")
    assert registry.asked == 1
    registry.schemas[5] = json.dumps(schema("segment"))
    clock[0] = 31
    assert decoder.decode(encode(schema("segment"), SEGMENT, 5), "Segment")[0] == 5


def test_a_registry_that_is_away_makes_no_record_foreign() -> None:
    registry = Registry(_1=schema("segment"))
    registry.away = True
    decoder = Decoder(registry)
    value = encode(schema("segment"), SEGMENT)
    with pytest.raises(RegistryAwayError):
        decoder.decode(value, "Segment")
    registry.away = False
    assert decoder.decode(value, "Segment")[1] == SEGMENT


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": []},
        {"offsets": [5]},
        {"offsets": [5, 0]},
        {"offsets": [-5, 1]},
        {"pts_ns": [0, -1]},
        {"sizes_bytes": [1, -1]},
        {"first_frame": -1},
    ],
)
def test_arrays_that_can_be_no_index_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="segment"):
        segment_from(SEGMENT | change)


def test_a_field_may_have_a_type_that_another_field_names() -> None:
    newer = schema("stream")
    newer["fields"].append({"name": "before", "type": ["null", "State"], "default": None})
    values = {"string": "x", "long": 1, "int": 1, "boolean": True}
    record = {f["name"]: values.get(str(f["type"]), f.get("default")) for f in newer["fields"]}
    times = {"started_at": 1, "updated_at": 1}
    record |= times | {"state": "COMPLETE", "encoding": "JPEG", "before": "FAILED"}
    _, decoded = Decoder(Registry(_1=newer)).decode(encode(newer, record), "Stream")
    assert decoded["before"] == "FAILED"


NESTING = {"type": "record", "name": "Stream", "namespace": "framelog", "fields": [
    {"name": "within", "type": ["null", "Stream"]},
]}  # fmt: skip


def counting(items: Any) -> dict[str, Any]:
    """Make a schema of a record that has an array."""
    field = {"name": "offsets", "type": {"type": "array", "items": items}}
    return {"type": "record", "name": "Stream", "namespace": "framelog", "fields": [field]}


@pytest.mark.parametrize(
    ("hostile", "body"),
    [
        # So deep that its reader, which is C, would leave the stack and take the process along.
        (NESTING, b"\2" * 1_000_000),
        # 2**62 items that take no byte.
        *(
            (counting(items), b"\xfe" + b"\xff" * 8 + b"\x01")
            for items in (
                "null",
                {"type": "null"},
                {"type": "fixed", "name": "F", "size": 0},
                {"type": "record", "name": "R", "fields": []},
                {"type": "record", "name": "R", "fields": [{"name": "n", "type": "null"}]},
            )
        ),
    ],
)
def test_a_schema_that_no_reader_survives_is_none(hostile: Any, body: bytes) -> None:
    decoder = Decoder(Registry(_1=hostile))
    with pytest.raises(ForeignRecordError, match="unknown_schema"):
        decoder.decode(struct.pack(">bI", 0, 1) + body, "Stream")
