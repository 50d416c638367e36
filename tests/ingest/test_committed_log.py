"""Reading committed state back from a real broker."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256

import pytest
from confluent_kafka import Producer
from ingest.kafka.avro_codec import Codec
from ingest.kafka.committed_log import CommittedLog
from ingest.model.errors import Unavailable
from ingest.model.frame import Frame
from ingest.model.stream import Stream

from tests.ingest.builders import CONTENT, NOW_US, frames, fresh
from tests.ingest.test_avro_codec import foreign_values
from tests.ingest.test_publishers import send
from tests.ingest.worlds import Kafka
from tests.support.cluster import Cluster, Topics, make_anew
from tests.support.expiry import delete_before

OTHER_CONTENT = "f" * 64
LIMIT_SECONDS = 60.0


@pytest.fixture
def kafka(cluster: Cluster, topics: Topics) -> Iterator[Kafka]:
    with Kafka(cluster, topics) as connected:
        yield connected


def written(kafka: Kafka, stream: Stream, count: int = 6) -> Stream:
    """Commit a stream's first frames in batches of two."""
    publisher, _ = kafka.connect(stream.fingerprint)
    for start in range(0, count, 2):
        stream = send(publisher, stream, frames(start, start + 2))
    return stream


def digest(*sent: Frame) -> str:
    return sha256(b"".join(frame.image for frame in sent)).hexdigest()


def found_digest(kafka: Kafka, stream: Stream) -> str | None:
    _, committed_log = kafka.connect(stream.fingerprint)
    found = committed_log.hash_images(stream)
    return None if found is None else found.hexdigest()


def test_unknown_content_is_not_found(kafka: Kafka) -> None:
    written(kafka, fresh())
    _, committed_log = kafka.connect(OTHER_CONTENT)
    assert committed_log.find(OTHER_CONTENT) == []


def test_the_latest_committed_state_is_found(kafka: Kafka) -> None:
    stream = written(kafka, fresh())
    written(kafka, fresh(fingerprint=OTHER_CONTENT))
    _, committed_log = kafka.connect(CONTENT)
    assert committed_log.find(CONTENT) == [stream]
    assert stream.frame_count == 6


def test_content_that_only_begins_alike_is_not_taken_for_it(kafka: Kafka) -> None:
    stream = written(kafka, fresh(name="one"))
    alike = CONTENT[:12] + "0" * 52
    written(kafka, fresh(name="two", fingerprint=alike))
    _, committed_log = kafka.connect(CONTENT)
    assert committed_log.find(CONTENT) == [stream]


def test_streams_of_one_content_are_found_latest_change_last(kafka: Kafka) -> None:
    one, two = fresh(name="one"), fresh(name="two")
    publisher, committed_log = kafka.connect(CONTENT)
    one = send(publisher, one, frames(0, 2))
    two = send(publisher, two, frames(0, 2))
    one = send(publisher, one, frames(2, 4))
    assert committed_log.find(CONTENT) == [two, one]


def test_a_state_above_an_open_transaction_is_waited_for(
    cluster: Cluster, topics: Topics, kafka: Kafka
) -> None:
    """The last stable offset stands still at another worker's open transaction."""
    stranger = Producer(
        {"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": topics.streams}
    )
    stranger.init_transactions(30)
    stranger.begin_transaction()
    stranger.produce(topics.streams, b"held", b"stranger")
    assert stranger.flush(30) == 0
    publisher, _ = kafka.connect(CONTENT)
    stream = send(publisher, fresh(), frames(0, 2))

    asked, looked = threading.Event(), threading.Event()
    result: list[Stream] = []

    def now() -> float:
        if asked.is_set():
            looked.set()
        asked.set()  # the first time is before anything of the log is heard
        return time.monotonic()

    def look() -> None:
        try:
            with closing(_codec(cluster, topics)) as codec:
                committed_log = CommittedLog(
                    {"bootstrap.servers": cluster.bootstrap_servers},
                    topics.frames,
                    topics.streams,
                    codec,
                    now,
                )
                result.extend(committed_log.find(CONTENT))
        finally:
            looked.set()

    thread = threading.Thread(target=look)
    thread.start()
    assert looked.wait(LIMIT_SECONDS)
    assert result == []
    stranger.abort_transaction(30)
    thread.join(LIMIT_SECONDS)
    assert result == [stream]


def test_what_an_open_transaction_holds_back_is_told(cluster: Cluster, topics: Topics) -> None:
    stranger = Producer(
        {"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": topics.streams}
    )
    stranger.init_transactions(30)
    stranger.begin_transaction()
    stranger.produce(topics.streams, b"held", b"stranger", partition=0)
    assert stranger.flush(30) == 0
    hours = itertools.count(step=3600)
    with closing(_codec(cluster, topics)) as codec:
        connection = {"bootstrap.servers": cluster.bootstrap_servers}
        committed_log = CommittedLog(
            connection, topics.frames, topics.streams, codec, lambda: next(hours)
        )
        told = "partition 0 was read up to offset 0, not up to 1. An open trans"
        with pytest.raises(Unavailable, match=told):
            committed_log.find(CONTENT)
    stranger.abort_transaction(30)


def test_images_are_hashed_in_order(kafka: Kafka) -> None:
    assert found_digest(kafka, fresh()) == digest()
    assert found_digest(kafka, written(kafka, fresh())) == digest(*frames(0, 6))


def test_only_images_of_the_streams_own_run_are_hashed(kafka: Kafka) -> None:
    publisher, _ = kafka.connect(CONTENT)
    old, new = fresh("b" * 32), fresh()
    neighbour = fresh(name="neighbour")
    for start in (0, 2):
        new = send(publisher, new, frames(start, start + 2))
        old = send(publisher, _in(new, old), frames(start, start + 2))
        neighbour = send(publisher, _in(new, neighbour), frames(start, start + 2))
    new = send(publisher, new, frames(4, 6))
    assert found_digest(kafka, new) == digest(*frames(0, 6))


def test_images_beyond_the_committed_ones_are_not_hashed(kafka: Kafka) -> None:
    publisher, _ = kafka.connect(CONTENT)
    early = send(publisher, fresh(), frames(0, 4))
    send(publisher, early, frames(4, 6))
    assert found_digest(kafka, early) == digest(*frames(0, 4))


@pytest.mark.parametrize("kept", [5, 1, 0])
def test_there_is_no_digest_when_early_frames_have_expired(
    cluster: Cluster, topics: Topics, kafka: Kafka, kept: int
) -> None:
    publisher, _ = kafka.connect(CONTENT)
    stream = send(publisher, fresh(), frames(0, 6))
    assert stream.last_offset is not None
    assert stream.partition is not None
    delete_before(cluster, topics, stream.partition, stream.last_offset + 1 - kept)
    assert found_digest(kafka, stream) is None


def ended(kafka: Kafka, stream: Stream) -> Stream:
    """Commit all six frames of a stream, and its end."""
    publisher, _ = kafka.connect(stream.fingerprint)
    for start in (0, 3):
        stream = send(publisher, stream, frames(start, start + 3, last=5))
    return publisher.commit(stream, [], lambda before, _: before.with_end(None, None, NOW_US))


def holds_all(kafka: Kafka, stream: Stream) -> bool:
    return kafka.connect(OTHER_CONTENT)[1].holds_all(stream)


def test_what_can_be_read_is_held(kafka: Kafka) -> None:
    stream = ended(kafka, fresh())
    assert holds_all(kafka, stream)
    assert holds_all(kafka, replace(stream, frames_topic_id=None)), "as an older version wrote it"
    assert holds_all(kafka, fresh()), "a stream without frames lacks none"


@pytest.mark.parametrize("lost", [1, 5, 6])
def test_what_has_expired_is_not_held(
    cluster: Cluster, topics: Topics, kafka: Kafka, lost: int
) -> None:
    stream = ended(kafka, fresh())
    assert stream.first_offset is not None
    assert stream.partition is not None
    delete_before(cluster, topics, stream.partition, stream.first_offset + lost)
    assert not holds_all(kafka, stream)


def test_what_lies_elsewhere_is_not_held(kafka: Kafka) -> None:
    stream = ended(kafka, fresh())
    assert stream.first_offset is not None
    assert stream.last_offset is not None
    assert not holds_all(kafka, replace(stream, run_id="b" * 32))
    assert not holds_all(kafka, replace(stream, stream_id="another"))
    assert not holds_all(kafka, replace(stream, first_offset=stream.first_offset + 1))
    assert not holds_all(kafka, replace(stream, last_offset=stream.last_offset - 1))
    assert not holds_all(kafka, replace(stream, last_offset=stream.last_offset + 100))
    assert not holds_all(kafka, replace(stream, partition=999))
    assert not holds_all(kafka, replace(stream, partition=None))


def test_what_lay_in_a_topic_that_was_made_anew_is_not_held(
    cluster: Cluster, topics: Topics, kafka: Kafka
) -> None:
    """Also when the very same frames lie at the very same offsets there."""
    old = ended(kafka, fresh())
    make_anew(cluster, topics.frames)
    assert not holds_all(kafka, old)
    new = ended(kafka, replace(fresh(), partition=old.partition))
    assert (new.first_offset, new.last_offset) == (old.first_offset, old.last_offset)
    assert old.frames_topic_id != new.frames_topic_id
    assert holds_all(kafka, new)
    assert not holds_all(kafka, old)


def test_foreign_records_in_a_frames_place_are_not_held(
    cluster: Cluster, topics: Topics, kafka: Kafka
) -> None:
    stream = ended(kafka, fresh())
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    told: list[int] = []
    for value in (b"", b"no Avro", None):
        producer.produce(
            topics.frames, value, stream.stream_id.encode(), stream.partition or 0,
            on_delivery=lambda _, message: told.append(message.offset() or 0),
        )  # fmt: skip
    assert producer.flush(LIMIT_SECONDS) == 0
    assert len(told) == 3
    for offset in told:
        assert not holds_all(kafka, replace(stream, last_offset=offset))


def test_foreign_records_among_the_streams_are_passed_over(
    cluster: Cluster, topics: Topics, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    """Under a key that looks like the stream's own, and whole but under another's key."""
    stream = written(kafka, fresh())
    with closing(_codec(cluster, topics)) as codec:
        values = [*foreign_values(cluster, topics, codec).values(), codec.stream(stream)]
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for number, value in enumerate(values):
        producer.produce(topics.streams, value, f"foreign{number}-{CONTENT[:12]}".encode())
    producer.produce(topics.streams, b"no text", b"\xff-" + CONTENT[:12].encode())
    assert producer.flush(LIMIT_SECONDS) == 0
    _, committed_log = kafka.connect(CONTENT)
    assert committed_log.find(CONTENT) == [stream]
    assert committed_log.streams(lambda _: True) == [stream]
    assert "event=foreign_record" in caplog.text


def test_foreign_records_among_the_frames_are_passed_over(
    cluster: Cluster, topics: Topics, kafka: Kafka
) -> None:
    publisher, _ = kafka.connect(CONTENT)
    stream = send(publisher, fresh(), frames(0, 2))
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    with closing(_codec(cluster, topics)) as codec:
        for value in foreign_values(cluster, topics, codec).values():
            key = stream.stream_id.encode()
            producer.produce(topics.frames, value, key, stream.partition or 0)
    assert producer.flush(LIMIT_SECONDS) == 0
    stream = send(publisher, stream, frames(2, 4))
    assert found_digest(kafka, stream) == digest(*frames(0, 4))


def test_a_topic_that_is_missing_is_waited_for(
    cluster: Cluster, topics: Topics, kafka: Kafka
) -> None:
    with closing(_codec(cluster, topics)) as codec:
        gone = f"{topics.streams}-gone"
        connection = {"bootstrap.servers": cluster.bootstrap_servers}
        committed_log = CommittedLog(connection, topics.frames, gone, codec, time.monotonic)
        with pytest.raises(Unavailable, match=rf"does not return the state of {gone}"):
            committed_log.find(CONTENT)


def _codec(cluster: Cluster, topics: Topics) -> Codec:
    return Codec({"url": cluster.registry_url}, topics.frames, topics.index, topics.streams)


def _in(neighbour: Stream, stream: Stream) -> Stream:
    """Return stream, to be written to its neighbour's partition."""
    return replace(stream, partition=neighbour.partition)
