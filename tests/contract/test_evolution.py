"""A schema gains a field, and both services go on, with the new records and the old."""

from contextlib import closing
from typing import Any

import pytest
import viewer.model.records
from ingest.kafka.avro_codec import Codec
from ingest.kafka.avro_records import frame_record, segment_record, stream_record
from ingest.model.stream import Placement
from viewer.kafka.wire_format import Decoder

from tests.contract.avro import (
    NAMES,
    Schema,
    from_wire_format,
    in_wire_format,
    newest_id,
    register,
    schema,
    schema_text,
)
from tests.ingest.builders import NOW_US, frame, frames, fresh
from tests.support.cluster import Cluster, Topics

COMPLETE = (
    fresh()
    .with_batch(frames(0, 4), Placement(3, [40, 41, 42, 43]), NOW_US)
    .with_end("d" * 64, None, NOW_US)
)
SEGMENT = fresh().segment(frames(0, 4), Placement(3, [40, 41, 42, 43]))
ADDED = {"name": "weather", "type": "string", "default": "dry", "doc": "Sky over the camera."}
RECORDS = {
    "frame": frame_record(frame(3), COMPLETE),
    "segment": segment_record(SEGMENT),
    "stream": stream_record(COMPLETE),
}


def evolved(name: str, *added: dict[str, Any], without: str = "") -> Schema:
    """Return a schema with fields added at its start, and others left out."""
    described = schema(name)
    kept = [f for f in described["fields"] if not without or not f["name"].startswith(without)]
    return {**described, "fields": [*added, *kept]}


def subject(topics: Topics, name: str) -> str:
    topic = {"frame": topics.frames, "segment": topics.index, "stream": topics.streams}[name]
    return f"{topic}-value"


def add(cluster: Cluster, topics: Topics, name: str, newer: Schema) -> int:
    """Register a schema as the newest, and return its id."""
    answer = register(cluster.registry_url, subject(topics, name), newer)
    assert answer.ok, answer.text
    return int(answer.json()["id"])


def a_codec(cluster: Cluster, topics: Topics) -> closing[Codec]:
    return closing(
        Codec({"url": cluster.registry_url}, topics.frames, topics.index, topics.streams)
    )


def a_decoder(cluster: Cluster) -> Decoder:
    return Decoder(lambda schema_id: schema_text(cluster.registry_url, schema_id))


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_takes_a_new_field_only_with_a_default(
    cluster: Cluster, topics: Topics, name: str
) -> None:
    bare = {key: value for key, value in ADDED.items() if key != "default"}
    refused = register(cluster.registry_url, subject(topics, name), evolved(name, bare))
    assert refused.status_code == 409, refused.text
    assert register(cluster.registry_url, subject(topics, name), evolved(name, ADDED)).ok


def test_ingest_writes_with_the_newest_schema(cluster: Cluster, topics: Topics) -> None:
    ids = {name: add(cluster, topics, name, evolved(name, ADDED)) for name in NAMES}
    with a_codec(cluster, topics) as codec:
        values = {
            "frame": codec.frame(frame(3), COMPLETE),
            "segment": codec.segment(SEGMENT),
            "stream": codec.stream(COMPLETE),
        }
    for name, value in values.items():
        assert ids[name] == newest_id(cluster.registry_url, subject(topics, name))
        assert from_wire_format(value, cluster.registry_url) == (
            ids[name],
            {**RECORDS[name], "weather": "dry"},
        )


def test_a_running_ingest_goes_on_when_a_field_is_added(cluster: Cluster, topics: Topics) -> None:
    newer = evolved("stream", ADDED)
    with a_codec(cluster, topics) as codec:
        schema_id = add(cluster, topics, "stream", newer)
        value = in_wire_format({**RECORDS["stream"], "weather": "wet"}, newer, schema_id)
        assert codec.read_stream(value) == COMPLETE
        assert codec.read_stream(codec.stream(COMPLETE)) == COMPLETE


def test_ingest_reads_records_of_a_newer_and_of_an_older_schema(
    cluster: Cluster, topics: Topics
) -> None:
    older = evolved("stream", without="sample_aspect_")
    newer = evolved("stream", ADDED)
    older_id = add(cluster, topics, "stream", older)
    newer_id = add(cluster, topics, "stream", newer)
    record = {**RECORDS["stream"], "sample_aspect_num": 1, "sample_aspect_den": 1}
    old_record = {k: v for k, v in record.items() if not k.startswith("sample_aspect_")}
    new_record = {**record, "weather": "wet"}
    with a_codec(cluster, topics) as codec:
        from_old = codec.read_stream(in_wire_format(old_record, older, older_id))
        from_new = codec.read_stream(in_wire_format(new_record, newer, newer_id))
    assert from_old == from_new
    assert stream_record(from_old) == record


def test_the_viewer_reads_records_of_a_newer_and_of_an_older_schema(
    cluster: Cluster, topics: Topics
) -> None:
    older = evolved("stream", without="sample_aspect_")
    older_id = add(cluster, topics, "stream", older)
    newer_ids = {name: add(cluster, topics, name, evolved(name, ADDED)) for name in NAMES}
    decoder = a_decoder(cluster)

    def decoded(name: str) -> dict[str, Any]:
        record = {**RECORDS[name], "weather": "wet"}
        value = in_wire_format(record, evolved(name, ADDED), newer_ids[name])
        return decoder.decode(value, name.capitalize())[1]

    new_stream = viewer.model.records.stream_from(decoded("stream"))
    assert new_stream.frame_count == COMPLETE.frame_count
    assert list(viewer.model.records.segment_from(decoded("segment")).sizes_bytes) == list(
        SEGMENT.sizes_bytes
    )
    place = {"partition": 3, "offset": 40, "kafka_timestamp_ms": 5, "schema_id": 6}
    assert viewer.model.records.frame_from(decoded("frame"), **place).image == frame(3).image

    old_record = {k: v for k, v in RECORDS["stream"].items() if "sample_aspect" not in k}
    _, record = decoder.decode(in_wire_format(old_record, older, older_id), "Stream")
    assert viewer.model.records.stream_from(record).sample_aspect_num == 1
