"""Records that others wrote among the streams: told apart, and no stream is hidden by them."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from ingest.api.stream_catalogue import KafkaCatalogue
from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_configuration import registry_options
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.connection import connect
from ingest.kafka.foreign_records import ForeignRecords, Reason, reason_of
from ingest.kafka.stream_lookup import Known, StreamLookup
from ingest.model.errors import Foreign
from ingest.model.stream import State, Stream
from ingest.telemetry.metrics import Metrics
from prometheus_client import CollectorRegistry

from tests.ingest.builders import CONTENT, frames, fresh
from tests.ingest.test_publishers import send
from tests.support.cluster import Cluster, Topics
from tests.support.processes import wait_for

KEY = b"clip-0123456789ab"
HEAD = b"\0\0\0\0\x07"
OWN = HEAD + bytes([2 * len(KEY)]) + KEY
LONG = b"x" * 200


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (KEY, OWN, None),
        (KEY, OWN + b"and more", None),
        (LONG, HEAD + b"\x90\x03" + LONG, None),
        (b"", OWN, "other_key"),
        (b"clip-0123456789ac", OWN, "other_key"),
        (KEY, b"", "no_magic"),
        (KEY, b"text", "no_magic"),
        (KEY, b"\x01\0\0\0\x07" + OWN, "no_magic"),
        (KEY, HEAD, "malformed"),
        (KEY, OWN[:-1], "malformed"),
        (KEY, HEAD + b"\x21" + KEY, "malformed"),
        (KEY, HEAD + b"\xff" * 900_000, "malformed"),
    ],
)
def test_a_record_is_told_apart_by_its_head(
    key: bytes, value: bytes, reason: Reason | None
) -> None:
    assert reason_of(key, value) == reason


def test_others_are_counted_and_hide_nothing(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics(CollectorRegistry(), "1", 1)
    foreign = ForeignRecords(metrics)
    lookup = StreamLookup({}, "streams")
    for offset, value in enumerate([OWN, b"text", b"more text", HEAD + b"\x02x"]):
        is_foreign = foreign.is_foreign(0, offset, KEY, value)
        lookup.note(0, offset, KEY, is_tombstone=False, is_foreign=is_foreign)
    assert lookup.known("0123456789ab") == Known(((0, 0),), {0: 4})
    counted = {
        reason: metrics.registry.get_sample_value(
            "framelog_ingest_foreign_records_total", {"reason": reason}
        )
        for reason in ("no_magic", "malformed", "other_key")
    }
    assert counted == {"no_magic": 2, "malformed": 0, "other_key": 1}
    assert len(caplog.records) == 2, "each kind is told once"


@pytest.fixture
def settings(topics: Topics) -> Settings:
    return Settings.from_environ(topics.environment)


def codec_of(settings: Settings) -> Codec:
    topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
    return Codec(registry_options(settings.registry), *topics)


@pytest.fixture
def codec(settings: Settings) -> Iterator[Codec]:
    with closing(codec_of(settings)) as made:
        yield made


@pytest.fixture(scope="module")
def shared_codec(shared_topics: Topics) -> Iterator[Codec]:
    with closing(codec_of(Settings.from_environ(shared_topics.environment))) as made:
        yield made


@pytest.mark.parametrize(
    "changes",
    [
        {"partition": -1},
        {"frame_count": -1},
        {"first_offset": -3},
        {"frame_count": 1 << 40},
        {"partition": None},
        {"first_offset": None},
        {"last_offset": None},
        {"started_at_us": 1 << 62},
        {"ended_at_us": -(1 << 62)},
    ],
)
def test_what_can_not_be_is_foreign(shared_codec: Codec, changes: dict[str, Any]) -> None:
    stream = replace(fresh(), partition=0, first_offset=0, last_offset=9, frame_count=10)
    assert shared_codec.read_stream(shared_codec.stream(stream)) == stream
    with pytest.raises(Foreign):
        shared_codec.read_stream(shared_codec.stream(replace(stream, **changes)))


@pytest.mark.parametrize("schema_id", [1 << 31, (1 << 32) - 1, 0x7FFF_FFFF, 0])
def test_an_id_that_no_registry_has_is_foreign(shared_codec: Codec, schema_id: int) -> None:
    with pytest.raises(Foreign):
        shared_codec.read_stream(b"\0" + schema_id.to_bytes(4, "big") + OWN[5:])


NOTHING = {"name": "nothing", "type": {"type": "array", "items": "null"}}
WITHIN = {"name": "within", "type": ["null", "Stream"]}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        # A few bytes may say that there are ever so many of what takes no byte,
        ({"name": "Bomb", "fields": [NOTHING]}, b"\x80\x80\x80\x04\0"),
        ({"name": "framelog.Stream", "fields": [NOTHING]}, b"\xfe" + b"\xff" * 8 + b"\x01"),
        # and lead a reader in C so deep that it takes the process along.
        ({"name": "framelog.Stream", "fields": [WITHIN]}, b"\2" * 1_000_000),
    ],
)
def test_what_a_strangers_schema_describes_is_not_decoded(
    shared_topics: Topics, shared_codec: Codec, schema: dict[str, Any], body: bytes
) -> None:
    subject = f"{shared_topics.streams}-{uuid4().hex}"
    schema_id = register(shared_topics, subject, json.dumps({"type": "record", **schema}))
    with pytest.raises(Foreign, match=r"does not describe framelog\.Stream"):
        shared_codec.read_stream(b"\0" + schema_id.to_bytes(4, "big") + body)


def register(topics: Topics, subject: str, schema: str) -> int:
    url = topics.environment["FRAMELOG_SCHEMA_REGISTRY_URL"]
    with closing(SchemaRegistryClient({"url": url})) as registry:
        return registry.register_schema(subject, Schema(schema, "AVRO"))


def test_a_partition_that_is_not_there_holds_nothing(settings: Settings, codec: Codec) -> None:
    stream = written(settings)
    named = (settings.frames_topic, settings.streams_topic)
    committed_log = CommittedLog(settings.kafka.client_options, *named, codec, time.monotonic)
    assert committed_log.holds_all(stream)
    assert not committed_log.has_lost(stream)
    elsewhere = replace(stream, partition=9_999)
    assert not committed_log.holds_all(elsewhere)
    assert committed_log.has_lost(elsewhere)


def written(settings: Settings) -> Stream:
    publisher, _ = connect(settings, CONTENT)
    with closing(publisher):
        return send(publisher, fresh(), frames(0, 2))


def told(known: Known | None, _: str) -> Known | None:
    return known


def test_a_strangers_record_over_a_streams_own_hides_it_from_nobody(
    cluster: Cluster, topics: Topics, settings: Settings, codec: Codec
) -> None:
    stream = written(settings)
    others = [
        replace(stream, fingerprint="f" * 64, frame_count=0, state=State.FAILED),
        replace(stream, partition=-1),
        replace(stream, stream_id="another-0123456789ab"),
    ]
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for value in (*(codec.stream(other) for other in others), b"text", b"\0\xff\xff\xff\xffx"):
        producer.produce(topics.streams, value, stream.stream_id.encode())
        assert producer.flush(60) == 0
    options, named = settings.kafka.client_options, (settings.frames_topic, settings.streams_topic)
    foreign = ForeignRecords(Metrics(CollectorRegistry(), "1", 1))
    with StreamLookup(options, topics.streams, foreign.is_foreign) as lookup:
        wait_for(lambda: lookup.known("").ends.get(0, 0) >= 7, what="all to be read")
        for known in (None, lookup.known(stream.stream_id[-12:]), Known(((0, 5),), {0: 6})):
            committed_log = CommittedLog(
                options, *named, codec, time.monotonic, lookup=partial(told, known)
            )
            assert committed_log.find(CONTENT) == [stream], known
    assert KafkaCatalogue(settings).holding(CONTENT) == stream
    assert KafkaCatalogue(settings).stream(stream.stream_id) == stream
