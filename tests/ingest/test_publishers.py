"""How a publisher behaves, over a log in memory and over Kafka alike."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
from confluent_kafka import Producer
from ingest.kafka.avro_records import frame_record, stream_record
from ingest.kafka.publisher import KafkaPublisher, Publisher
from ingest.model.errors import Fenced
from ingest.model.frame import Frame
from ingest.model.stream import Placement, Stream

from tests.ingest.builders import CONTENT, NOW_US, STREAM_ID, frame, frames, fresh
from tests.ingest.worlds import Kafka, World
from tests.support.cluster import Cluster, Topics
from tests.support.log_reader import LogReader

OTHER_CONTENT = "f" * 64


class AbandonedError(Exception):
    """The worker gave up in the middle of a transaction."""


def send(publisher: Publisher, stream: Stream, batch: Sequence[Frame]) -> Stream:
    """Commit a batch as a session does."""

    def advance(before: Stream, placement: Placement | None) -> Stream:
        return before if placement is None else before.with_batch(batch, placement, NOW_US)

    return publisher.commit(stream, batch, advance)


def test_a_batch_is_readable_where_the_publisher_says(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    after = send(publisher, fresh(), frames(0, 5))
    assert after.first_offset is not None
    assert after.last_offset == after.first_offset + 4
    seen = world.committed()
    assert {placed.partition for placed in seen.frames} == {after.partition}
    offsets = [placed.offset for placed in seen.frames]
    assert offsets == list(range(after.first_offset, after.last_offset + 1))
    assert [p.record for p in seen.frames] == [frame_record(f, fresh()) for f in frames(0, 5)]
    assert seen.states == [stream_record(after)]


def test_batch_after_batch_goes_on_in_order_in_one_partition(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    stream = fresh()
    for start in range(0, 12, 4):
        stream = send(publisher, stream, frames(start, start + 4))
    seen = world.committed()
    assert [placed.record["frame_index"] for placed in seen.frames] == list(range(12))
    assert {placed.partition for placed in seen.frames} == {stream.partition}
    assert (stream.frame_count, stream.segment_count) == (12, 3)
    assert [state["frame_count"] for state in seen.states] == [4, 8, 12]


def test_segments_tell_where_each_frame_lies(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    stream = send(publisher, fresh(), frames(0, 3))
    stream = send(publisher, stream, frames(3, 5))
    seen = world.committed()
    assert sorted(seen.segments) == [f"{STREAM_ID}/00000000", f"{STREAM_ID}/00000001"]
    told = [
        (row["partition"], offset, row["first_frame"] + i)
        for _, row in sorted(seen.segments.items())
        for i, offset in enumerate(accumulate(row["offsets"]))
    ]
    assert told == [(p.partition, p.offset, p.record["frame_index"]) for p in seen.frames]


def test_all_of_a_transaction_is_seen_or_nothing(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    batch, looks = frames(0, 4), []

    def advance(before: Stream, placement: Placement | None) -> Stream:
        assert placement is not None
        looks.append(world.committed(await_open=False))  # the frames are with the broker by now
        return before.with_batch(batch, placement, NOW_US)

    publisher.commit(fresh(), batch, advance)
    assert [look.nothing for look in looks] == [True]
    seen = world.committed()
    assert (len(seen.frames), len(seen.segments), len(seen.states)) == (4, 1, 1)


def test_a_state_can_be_committed_without_frames(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    after = publisher.commit(fresh(), [], lambda stream, _: stream.with_end(None, "Bad.", NOW_US))
    seen = world.committed()
    assert (seen.frames, seen.segments) == ([], {})
    assert seen.states == [stream_record(after)]


def test_a_newer_publisher_fences_the_one_before(world: World) -> None:
    older, _ = world.connect(CONTENT)
    stream = send(older, fresh(), frames(0, 2))
    newer, _ = world.connect(CONTENT)
    with pytest.raises(Fenced):
        send(older, stream, frames(2, 4))
    send(newer, stream, frames(2, 6))
    seen = world.committed()
    assert [placed.record["frame_index"] for placed in seen.frames] == list(range(6))
    assert [state["frame_count"] for state in seen.states] == [2, 6]


def test_one_that_is_fenced_as_a_transaction_ends_says_no_more_than_that(
    cluster: Cluster, topics: Topics
) -> None:
    """The client tells of it twice: when it is asked to commit, and when it is asked next."""
    with Kafka(cluster, topics) as kafka:
        older, _ = kafka.connect(CONTENT)
        assert isinstance(older, KafkaPublisher)
        late: Any = FencedAtTheEnd(older._producer, lambda: kafka.connect(CONTENT))
        older._producer = late
        with pytest.raises(Fenced):
            send(older, fresh(), frames(0, 2))
        older.close()
        assert kafka.committed().nothing


class FencedAtTheEnd:
    """A producer that is fenced when all of a transaction is with the broker but its end."""

    def __init__(self, producer: Producer, fence: Callable[[], object]) -> None:
        self._producer = producer
        self._fence = fence

    def commit_transaction(self, timeout_seconds: float) -> None:
        self._producer.flush(timeout_seconds)
        self._fence()
        self._producer.commit_transaction(timeout_seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


def test_a_name_makes_no_difference_to_fencing(world: World) -> None:
    older, _ = world.connect(CONTENT)
    newer, _ = world.connect(CONTENT)
    with pytest.raises(Fenced):
        send(older, fresh(name="another-name"), frames(0, 2))
    send(newer, fresh(), frames(0, 2))


def test_publishers_of_different_content_do_not_disturb_each_other(world: World) -> None:
    one, _ = world.connect(CONTENT)
    other, _ = world.connect(OTHER_CONTENT)
    streams = [fresh(), fresh(fingerprint=OTHER_CONTENT)]
    for start in (0, 2):
        for number, publisher in enumerate((one, other)):
            streams[number] = send(publisher, streams[number], frames(start, start + 2))
    seen = world.committed()
    for stream in streams:
        own = [p for p in seen.frames if p.record["stream_id"] == stream.stream_id]
        assert [placed.record["frame_index"] for placed in own] == list(range(4))


def test_an_abandoned_transaction_leaves_nothing(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    stream = send(publisher, fresh(), frames(0, 2))

    def abandon(*_: object) -> Stream:
        raise AbandonedError

    with pytest.raises(AbandonedError):
        publisher.commit(stream, frames(2, 6), abandon)
    newer, committed_log = world.connect(CONTENT)
    assert committed_log.find(CONTENT) == [stream]
    send(newer, stream, frames(2, 4))
    seen = world.committed()
    assert [placed.record["frame_index"] for placed in seen.frames] == list(range(4))
    assert [state["frame_count"] for state in seen.states] == [2, 4]
    assert len(seen.segments) == 2


def test_the_largest_frame_that_ingest_makes_is_taken(world: World) -> None:
    publisher, _ = world.connect(CONTENT)
    image = bytes(range(256)) * (15 << 12)
    assert len(image) == 15 << 20
    send(publisher, fresh(), [frame(0, image=image), frame(1, image=image)])
    assert [p.record["image"] == image for p in world.committed().frames] == [True, True]


@pytest.mark.parametrize("partition", [0, 4])
def test_a_streams_segments_lie_beside_its_frames(
    cluster: Cluster, topics: Topics, partition: int
) -> None:
    """In the index's partition of the same number, so that they are read in order."""
    with Kafka(cluster, topics) as kafka:
        publisher, _ = kafka.connect(CONTENT)
        stream = send(publisher, replace(fresh(), partition=partition), frames(0, 2))
        send(publisher, stream, frames(2, 4))
    rows = LogReader(cluster).read(topics.index)
    assert [(row.partition, row.value["partition"]) for row in rows] == [(partition,) * 2] * 2
