"""Whatever anybody writes into the topics: no answer is an error, and good streams stay right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from viewer.catalogue.record_handler import RecordHandler
from viewer.kafka.foreign_records import ForeignRecords
from viewer.kafka.wire_format import Decoder, UnknownSchemaError

from tests.support.strangers import NAMES, SCHEMAS, Written, written
from tests.viewer.builders import RUN, STREAM_ID, segment, stream
from tests.viewer.world import world

if TYPE_CHECKING:
    from confluent_kafka import Message

IDS = {name: number for number, name in enumerate(NAMES, 1)}
NOW_MS = 1_800_000_000_000


@dataclass
class FakeMessage:
    """A record as the consumer gives it."""

    written: Written
    topics: dict[str, str]
    at_ms: int = NOW_MS

    def topic(self) -> str:
        return self.topics[self.written.topic]

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> bytes:
        return self.written.key

    def value(self) -> bytes | None:
        return self.written.value

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at_ms


def schema(schema_id: int) -> str:
    names = {number: name for name, number in IDS.items()}
    if schema_id not in names:
        raise UnknownSchemaError(schema_id)
    return (SCHEMAS / f"{names[schema_id]}.avsc").read_text(encoding="utf-8")


# Nobody knows a run's id before it begins.
EARLIER = written(IDS, st.just(STREAM_ID))
LATER = written(IDS, st.just(STREAM_ID), st.just(RUN))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EARLIER, max_size=6), st.lists(LATER, max_size=6))
def test_nothing_that_is_read_makes_an_answer_an_error(
    earlier: list[Written], later: list[Written]
) -> None:
    made = world()
    names = made.settings
    topics = {
        "frame": names.streams_topic, "segment": names.index_topic, "stream": names.streams_topic,
    }  # fmt: skip
    record_handler = RecordHandler(
        names, Decoder(schema), made.catalogue, ForeignRecords(made.metrics)
    )
    client = made.app.test_client()

    def take(records: list[Written]) -> None:
        for one in records:
            record_handler.handle(cast("Message", FakeMessage(one, topics)))
            record_handler.flush()

    take(earlier)
    made.catalogue.put_segments([(segment(first, 4), NOW_MS) for first in (0, 4, 8)])
    fingerprint = STREAM_ID[-12:] + "0" * 52
    made.catalogue.put_stream(stream(12, updated_at=NOW_MS * 1000, fingerprint=fingerprint))
    take(later)
    made.catalogue.set_low_watermarks({2: 0, 0: 5, 1: 1 << 62})
    made.catalogue.set_gone_topics(frozenset({"a\nb"}))
    listed = client.get("/api/streams")
    assert listed.status_code == 200
    told: list[dict[str, Any]] = json.loads(listed.text)["streams"]
    good = next(one for one in told if one["stream_id"] == STREAM_ID)
    assert (good["run_id"], good["frame_count"], good["partition"]) == (RUN, 12, 2)
    for n in range(12):
        assert client.get(f"/streams/{STREAM_ID}/frames/{n}").data == b"picture %d" % n
    for one in told:
        base = f"/api/streams/{one['stream_id']}"
        for path in ("", "/index", "/at?pts_ns=5", "/position?viewer=ann", "/retention"):
            assert client.get(f"{base}{path}").status_code != 500
        pictures = f"/streams/{one['stream_id']}"
        for path in ("", "/frames?count=2", "/frames/latest", "/export.zip", "/export.mp4"):
            assert client.get(f"{pictures}{path}").status_code != 500
    assert client.get("/api/status").status_code == 200
