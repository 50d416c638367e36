"""Records as they stand in the log: read by fastavro and plain HTTP, and by the viewer."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing

import pytest
import viewer.model.records
from ingest.kafka.avro_codec import Codec
from ingest.kafka.avro_records import frame_record, segment_record, stream_record
from ingest.model.errors import Unavailable
from ingest.model.stream import Placement
from viewer.kafka.wire_format import Decoder

from tests.contract.avro import from_wire_format, newest_id, schema_text
from tests.ingest.builders import NOW_US, frame, frames, fresh
from tests.support.cluster import Cluster, Topics

COMPLETE = (
    fresh()
    .with_batch(frames(0, 4), Placement(3, [40, 41, 42, 43]), NOW_US)
    .with_end("d" * 64, None, NOW_US)
)
SEGMENT = fresh().segment(frames(0, 4), Placement(3, [40, 41, 42, 43]))


@pytest.fixture(scope="module")
def codec(cluster: Cluster, shared_topics: Topics) -> Iterator[Codec]:
    named = (shared_topics.frames, shared_topics.index, shared_topics.streams)
    with closing(Codec({"url": cluster.registry_url}, *named)) as made:
        yield made


def test_what_ingest_writes_is_read_with_fastavro_and_the_schemas_id(
    cluster: Cluster, shared_topics: Topics, codec: Codec
) -> None:
    for topic, value, record in (
        (shared_topics.frames, codec.frame(frame(3), COMPLETE), frame_record(frame(3), COMPLETE)),
        (shared_topics.index, codec.segment(SEGMENT), segment_record(SEGMENT)),
        (shared_topics.streams, codec.stream(COMPLETE), stream_record(COMPLETE)),
    ):
        schema_id, read_back = from_wire_format(value, cluster.registry_url)
        assert read_back == record
        assert schema_id == newest_id(cluster.registry_url, f"{topic}-value")


def test_the_viewer_reads_what_ingest_writes(cluster: Cluster, codec: Codec) -> None:
    decoder = Decoder(lambda schema_id: schema_text(cluster.registry_url, schema_id))
    _, record = decoder.decode(codec.stream(COMPLETE), "Stream")
    assert dataclasses.asdict(viewer.model.records.stream_from(record)) == stream_record(COMPLETE)
    _, record = decoder.decode(codec.segment(SEGMENT), "Segment")
    assert dataclasses.asdict(viewer.model.records.segment_from(record)) == segment_record(SEGMENT)
    _, record = decoder.decode(codec.frame(frame(3), COMPLETE), "Frame")
    assert record == frame_record(frame(3), COMPLETE)


def test_ingest_reads_back_what_it_writes(codec: Codec) -> None:
    assert codec.read_stream(codec.stream(COMPLETE)) == COMPLETE
    value = codec.frame(frame(3), COMPLETE)
    assert codec.read_frame(value) == frame_record(frame(3), COMPLETE)


def test_a_missing_subject_is_named(cluster: Cluster, shared_topics: Topics) -> None:
    with pytest.raises(Unavailable, match=r"no schema for elsewhere-value: run the setup step"):
        Codec(
            {"url": cluster.registry_url}, shared_topics.frames, "elsewhere", shared_topics.streams
        )


def test_a_registry_that_is_away_is_named(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(Unavailable, match=rf"registry at {url} does not answer"):
        Codec({"url": url}, "frames", "index", "streams")
