"""Knowing where streams lie in the log, without reading all of it at each file's start."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from confluent_kafka import Message, TopicPartition
from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_configuration import registry_options
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.connection import connect
from ingest.kafka.stream_lookup import Known, StreamLookup
from ingest.model.stream import Stream

from tests.ingest.builders import CONTENT, frames, fresh
from tests.ingest.test_publishers import send
from tests.support.cluster import Topics
from tests.support.processes import wait_for

ID = CONTENT[:12]
OTHER_CONTENT = "f" * 64


@pytest.fixture
def lookup() -> StreamLookup:
    return StreamLookup({}, "streams")


def note(lookup: StreamLookup, offset: int, key: str, *, is_tombstone: bool = False) -> None:
    lookup.note(0, offset, key.encode(), is_tombstone=is_tombstone)


def test_the_latest_record_of_each_stream_is_known(lookup: StreamLookup) -> None:
    assert lookup.known(ID) == Known((), {})
    note(lookup, 3, f"one-{ID}")
    note(lookup, 5, f"two-{ID}")
    note(lookup, 7, f"one-{ID}")
    note(lookup, 9, "another-0123456789ff")
    assert lookup.known(ID) == Known(((0, 5), (0, 7)), {0: 10})
    assert lookup.known("0123456789ff") == Known(((0, 9),), {0: 10})


def test_a_stream_that_was_forgotten_is_not_known(lookup: StreamLookup) -> None:
    note(lookup, 3, f"one-{ID}")
    note(lookup, 4, f"one-{ID}", is_tombstone=True)
    note(lookup, 5, f"never-{ID}", is_tombstone=True)
    assert lookup.known(ID) == Known((), {0: 6})


@pytest.mark.parametrize("key", ["", "foreign", "x-0123456789a", f"{ID}", f"a-{ID}\n", f"a-{ID}b"])
def test_keys_of_others_are_passed_over(lookup: StreamLookup, key: str) -> None:
    note(lookup, 0, key)
    assert lookup.known(ID) == Known((), {0: 1})


def test_of_a_topic_that_was_made_anew_nothing_old_is_known(lookup: StreamLookup) -> None:
    note(lookup, 30, f"one-{ID}")
    note(lookup, 2, "another-0123456789ff")
    assert lookup.known(ID) == Known((), {0: 3})


def write(settings: Settings, *streams: Stream) -> list[Stream]:
    written = []
    for stream in streams:
        publisher, _ = connect(settings, stream.fingerprint)
        written.append(send(publisher, stream, frames(0, 2)))
        publisher.close()
    return written


class Counting(CommittedLog):
    """A committed log that counts the records which it reads."""

    read = 0

    def records(self, topic: str, ranges: dict[TopicPartition, int]) -> Iterator[Message]:
        for message in super().records(topic, ranges):
            self.read += 1
            yield message


def found(settings: Settings, known: Known | None) -> tuple[list[Stream], int]:
    """Return the streams of the content, and how many records were read for that."""
    topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
    options, lookup = settings.kafka.client_options, lambda _: known
    with closing(Codec(registry_options(settings.registry), *topics)) as codec:
        reading = Counting(options, topics[0], topics[2], codec, time.monotonic, lookup=lookup)
        return reading.find(CONTENT), reading.read


def test_only_what_came_after_is_read(topics: Topics) -> None:
    settings = Settings.from_environ(topics.environment)
    others = [fresh(name=f"other-{n}", fingerprint=OTHER_CONTENT) for n in range(20)]
    (stream, *_) = write(settings, fresh(), *others)
    with StreamLookup(settings.kafka.client_options, topics.streams) as lookup:
        wait_for(lambda: len(lookup.known(OTHER_CONTENT[:12]).places) == 20, what="all to be known")
        known = lookup.known(ID)
    assert found(settings, known) == ([stream], 1)
    (newer,) = write(settings, replace(fresh("b" * 32), partition=stream.partition))
    assert found(settings, known) == ([newer], 2)
    (later,) = write(settings, fresh(name="later"))
    assert found(settings, known)[0] == [newer, later]
    assert found(settings, None)[0] == [newer, later]


def test_what_is_known_of_another_topic_is_not_believed(topics: Topics) -> None:
    settings = Settings.from_environ(topics.environment)
    (stream,) = write(settings, fresh())
    assert found(settings, Known(((0, 0),), {0: 1000}))[0] == [stream]
