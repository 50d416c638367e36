"""What the services hold in Python and what the schemas say are the same, both ways."""

import dataclasses
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, ClassVar, Protocol

import fastavro
import pytest
import viewer.model.records
from ingest.kafka.avro_records import (
    frame_record,
    segment_key,
    segment_record,
    stream_from_record,
    stream_record,
)
from ingest.model.stream import Placement, Segment, State, Stream

from tests.contract.avro import field_names, read, schema, written
from tests.ingest.builders import NOW_US, frame, frames, fresh

TOPIC_ID = "EYYh4JzTQqmsYK9hn1dFqA"
PLACE = {"partition": 3, "offset": 40, "kafka_timestamp_ms": 5, "schema_id": 6}
VIEWERS: dict[str, type["_Dataclass"]] = {
    "frame": viewer.model.records.Frame,
    "segment": viewer.model.records.Segment,
    "stream": viewer.model.records.Stream,
}


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


def streams() -> dict[str, Stream]:
    """Return a stream in every state that it goes through."""
    begun = fresh()
    moved_on = begun.with_batch(frames(0, 4), Placement(3, [40, 41, 42, 43], TOPIC_ID), NOW_US + 5)
    return {
        "fresh": begun,
        "ingesting": moved_on,
        "complete": moved_on.with_end("d" * 64, None, NOW_US + 9),
        "truncated": moved_on.with_end(None, "It was cut off.", NOW_US + 9),
        "failed": begun.with_end("e" * 64, "It is no video.", NOW_US + 9),
    }


def segment() -> Segment:
    return fresh().segment(frames(0, 4), Placement(3, [40, 41, 42, 45]))


def any_record(name: str) -> dict[str, Any]:
    if name == "frame":
        return frame_record(frame(3, is_last=True), fresh())
    return segment_record(segment()) if name == "segment" else stream_record(streams()["complete"])


@pytest.mark.parametrize("name", ["frame", "segment", "stream"])
def test_ingest_writes_every_field_of_the_schema_and_no_other(name: str) -> None:
    assert any_record(name).keys() == field_names(name)


@pytest.mark.parametrize("name", ["frame", "segment", "stream"])
def test_what_ingest_writes_is_read_back_by_the_schema(name: str) -> None:
    record = any_record(name)
    assert read(written(record, schema(name)), schema(name)) == record


@pytest.mark.parametrize("state", streams())
def test_ingest_reads_its_own_checkpoint_in_every_state(state: str) -> None:
    stream = streams()[state]
    body = written(stream_record(stream), schema("stream"))
    assert stream_from_record(read(body, schema("stream"))) == stream


def test_ingest_knows_every_state_of_the_schema() -> None:
    described = next(f for f in schema("stream")["fields"] if f["name"] == "state")
    assert [state.value for state in State] == described["type"]["symbols"]


def test_a_stream_written_by_the_schema_alone_is_a_stream() -> None:
    # Of one with frames, it says where they lie.
    record = stream_record(streams()["failed"])
    optional = {f["name"] for f in schema("stream")["fields"] if "default" in f}
    assert optional >= {"partition", "quality", "sample_aspect_num", "ended_at"}
    sparse = {name: value for name, value in record.items() if name not in optional}
    stream = stream_from_record(read(written(sparse, schema("stream")), schema("stream")))
    assert (stream.partition, stream.quality, stream.ended_at_us) == (None, None, None)
    assert stream.frames_topic_id is None
    assert (stream.sample_aspect_num, stream.sample_aspect_den) == (1, 1)


def test_a_frame_says_of_itself_and_its_stream_what_they_are() -> None:
    shown = frame(3, is_last=True)
    assert frame_record(shown, fresh()) == {
        **{name: getattr(shown, name) for name in field_names("frame") if hasattr(shown, name)},
        **{name: getattr(fresh(), name) for name in ("stream_id", "run_id", "source_name")},
        "captured_at": shown.captured_at_us,
        "ingested_at": shown.ingested_at_us,
    }


def test_times_are_microseconds_of_the_wall_clock() -> None:
    body = written(stream_record(streams()["complete"]), schema("stream"))
    parsed = fastavro.parse_schema(schema("stream"))
    record: Any = fastavro.schemaless_reader(BytesIO(body), parsed, None)
    started = datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
    assert record["started_at"] == started
    assert record["ended_at"] == started.replace(microsecond=123_456 + 9)


def test_a_segments_arrays_are_delta_coded_and_its_key_sorts() -> None:
    begun = dataclasses.replace(fresh(), segment_count=7)
    record = segment_record(begun.segment(frames(8, 12), Placement(3, [40, 41, 45, 46])))
    assert record["offsets"] == [40, 1, 4, 1]
    assert record["pts_ns"] == [8 * 40_000_000, *[40_000_000] * 3]
    assert record["first_frame"] == 8
    assert record["end_pts_ns"] == 12 * 40_000_000
    assert segment_key(begun.segment(frames(8, 12), Placement(3, [1, 2, 3, 4]))) == (
        "clip-0123456789ab/00000007"
    )


@pytest.mark.parametrize("name", ["frame", "segment", "stream"])
def test_the_viewer_holds_every_field_of_the_schema_and_no_other(name: str) -> None:
    held = {field.name for field in dataclasses.fields(VIEWERS[name])}
    assert held - (PLACE.keys() if name == "frame" else set()) == field_names(name)


@pytest.mark.parametrize("name", ["frame", "segment", "stream"])
def test_the_viewer_has_the_schemas_defaults(name: str) -> None:
    defaults = {}
    for field in dataclasses.fields(VIEWERS[name]):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
    assert defaults == {f["name"]: f["default"] for f in schema(name)["fields"] if "default" in f}


@pytest.mark.parametrize("state", streams())
def test_the_viewer_reads_what_ingest_writes(state: str) -> None:
    written_by_ingest = stream_record(streams()[state])
    record = read(written(written_by_ingest, schema("stream")), schema("stream"))
    assert dataclasses.asdict(viewer.model.records.stream_from(record)) == written_by_ingest


def test_the_viewer_reads_segments_and_frames_that_ingest_writes() -> None:
    record = any_record("segment")
    body = written(record, schema("segment"))
    read_segment = viewer.model.records.segment_from(read(body, schema("segment")))
    assert dataclasses.asdict(read_segment) == record
    record = any_record("frame")
    body = written(record, schema("frame"))
    read_frame = viewer.model.records.frame_from(read(body, schema("frame")), **PLACE)
    assert dataclasses.asdict(read_frame) == {**record, **PLACE}
