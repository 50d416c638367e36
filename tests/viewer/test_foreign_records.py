"""Records that others wrote into the topics: counted, passed by, and never shown as a picture."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.follower import Follower
from viewer.config.settings import Settings
from viewer.kafka.client_configuration import admin_client, follow_consumer
from viewer.kafka.wire_format import Decoder, Registry
from viewer.telemetry.metrics import Metrics

from tests.support.cluster import make_anew
from tests.support.expiry import delete_before
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, Wire, jpeg, write_stream
from tests.support.processes import wait_for
from tests.support.strangers import encoded
from tests.viewer.running import Viewer, produce
from tests.viewer.world import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.model.records import Stream

    from tests.support.cluster import Cluster, Topics


def test_foreign_records_are_skipped_and_counted(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    wire = Wire(cluster, topics)
    unknown = b"\0\x7f\xff\xff\xff" + b"body"
    for topic in (topics.streams, topics.index):
        produce(
            cluster,
            (topic, b"clip", b"plain text"),
            (topic, b"clip", b""),
            (topic, b"clip", unknown),
            (topic, b"clip", b"\0" + wire.schema_id(topics.frames).to_bytes(4, "big")),
            (topic, b"\xff\xfe", wire.schema_id(topic).to_bytes(5, "big") + b"\xff" * 9),
        )
    writer = write_stream(cluster, topics, 4)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=4)
    counts = {
        reason: value(viewer.metrics, "foreign_records_total", reason=reason)
        for reason in ("no_magic", "unknown_schema", "other_record", "malformed")
    }
    assert counts == {"no_magic": 4, "unknown_schema": 2, "other_record": 2, "malformed": 2}
    assert viewer.client.get("/healthz").status_code == 200


def test_a_record_under_another_key_is_foreign(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 4)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=4)
    segment = {
        "stream_id": writer.stream_id, "run_id": writer.run_id, "segment_number": 0, "partition": 0,
        "first_frame": 4, "offsets": [0], "pts_ns": [9], "sizes_bytes": [1], "end_pts_ns": 10,
    }  # fmt: skip
    produce(cluster, (topics.index, b"another/00000000", writer.wire.encode(topics.index, segment)))
    wait_for(lambda: value(viewer.metrics, "foreign_records_total", reason="other_key") == 1)


def test_no_other_picture_is_shown_in_a_frames_place(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    produce(cluster, (topics.frames, b"clip-0123456789ab", b"not a frame"))
    StreamWriter(cluster, topics).write([jpeg(0)])
    viewer = start()
    # 0: no frame at all. 1: a frame of another run. 2: the end of its transaction.
    for claimed in (0, 1, 2):
        writer = StreamWriter(cluster, topics)
        writer.write([jpeg(0)], claimed_offsets=[claimed])
        viewer.shows(writer.stream_id, run_id=writer.run_id, frame_count=1)
        response = viewer.client.get(f"/streams/{writer.stream_id}/frames/0")
        assert response.status_code == 410, claimed
        assert viewer.client.get("/healthz").status_code == 200


def test_a_foreign_record_in_a_frames_place_is_no_picture(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = StreamWriter(cluster, topics)
    key = writer.stream_id.encode()
    frame_header = writer.wire.schema_id(topics.frames).to_bytes(5, "big")
    segment_header = writer.wire.schema_id(topics.index).to_bytes(5, "big")
    foreign = (
        b"",
        b"no magic",
        b"\0\x7f\xff\xff\xffbody",
        frame_header + b"\x20clip",
        segment_header,
    )
    produce(cluster, *((topics.frames, key, body) for body in foreign))
    for offset in range(len(foreign)):
        writer.write([jpeg(offset)], claimed_offsets=[offset])
    writer.write([jpeg(99)], state="COMPLETE")
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=6)
    frames = [viewer.client.get(f"/streams/{writer.stream_id}/frames/{n}") for n in range(6)]
    assert [frame.status_code for frame in frames] == [410] * 5 + [200]
    assert frames[5].data == jpeg(99)
    counted = {
        reason: value(viewer.metrics, "foreign_records_total", reason=reason)
        for reason in ("no_magic", "unknown_schema", "other_record", "malformed")
    }
    assert all(counted.values()), counted
    assert viewer.client.get("/healthz").status_code == 200


LARGEST = (1 << 63) - 1
IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "a partition below 0": {"partition": -1},
    "a time in no calendar": {"started_at": 1 << 62},
    "a time before any": {"updated_at": -(1 << 62)},
    "an end in no calendar": {"ended_at": LARGEST},
    "frames below 0": {"frame_count": -5},
    "frames without room": {"frame_count": LARGEST},
    "an offset below 0": {"first_offset": -7},
    "a run that is no header": {"run_id": "a\r\nX: y"},
}


def claim(cluster: Cluster, topics: Topics, writer: StreamWriter, *claims: dict[str, Any]) -> None:
    """Write what the log says of a writer's stream again, once with each of these changes."""
    told = LogReader(cluster).latest(topics.streams)[writer.stream_id].value
    plain: dict[str, Any] = {
        name: round(value.timestamp() * 1_000_000) if isinstance(value, datetime) else value
        for name, value in told.items()
    }
    for changes in claims:
        record = plain | changes
        body = encoded("stream", record, writer.wire.schema_id(topics.streams))
        produce(cluster, (topics.streams, record["stream_id"].encode(), body))


def test_what_can_not_be_ends_neither_the_follower_nor_the_list(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    good = write_stream(cluster, topics, 4)
    strangers = [
        {"stream_id": f"strange-{n:012x}", **changes}
        for n, changes in enumerate(IMPOSSIBLE.values())
    ]
    claim(cluster, topics, good, *strangers)
    last = write_stream(cluster, topics, 4, stream_id="last-0123456789ab")
    viewer = start()
    for writer in (good, last):
        viewer.shows(writer.stream_id, frame_count=4)
        frame = viewer.client.get(f"/streams/{writer.stream_id}/frames/3")
        assert frame.data == writer.images[3]
    assert viewer.client.get("/api/streams").status_code == 200
    for stranger in strangers:
        answer = viewer.client.get(f"/api/streams/{stranger['stream_id']}")
        assert answer.status_code == 404, stranger
    count = len(IMPOSSIBLE)
    assert value(viewer.metrics, "foreign_records_total", reason="impossible") == count
    [told] = (viewer.client.get("/api/status").json or {})["skipped"]
    assert (told["topic"], told["reason"], told["count"]) == (topics.streams, "impossible", count)
    assert viewer.client.get("/healthz").status_code == 200


def test_a_partition_that_there_is_not_keeps_no_other_from_being_looked_at(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    good = write_stream(cluster, topics, 20)
    stranger = "strange-0123456789ab"
    claim(cluster, topics, good, {"stream_id": stranger, "partition": 77})
    segment = LogReader(cluster).read(topics.index)[0].value
    lost = segment | {"stream_id": stranger, "partition": 77}
    body = good.wire.encode(topics.index, lost)
    produce(cluster, (topics.index, f"{stranger}/00000000".encode(), body))
    viewer = start()
    viewer.shows(good.stream_id, frame_count=20)
    viewer.shows(stranger, frame_count=len(segment["offsets"]))
    delete_before(cluster, topics, 0, good.offsets[10])
    viewer.shows(good.stream_id, first_available_frame=10)
    assert viewer.client.get(f"/streams/{stranger}/frames/0").status_code == 410
    assert viewer.client.get(f"/streams/{good.stream_id}/frames/10").data == good.images[10]


def test_a_strangers_word_on_a_stream_does_not_hide_it(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    good = write_stream(cluster, topics, 20)
    claim(cluster, topics, good, {"run_id": "b" * 32, "frame_count": 3, "segment_count": 1})
    claim(cluster, topics, good, {"fingerprint": "f" * 64, "partition": 5})
    viewers = [start()]
    viewers[0].shows(good.stream_id, frame_count=20, run_id=good.run_id)
    claim(cluster, topics, good, {"frame_count": 9, "run_id": good.run_id})
    wait_for(lambda: value(viewers[0].metrics, "foreign_records_total", reason="contradiction"))
    viewers.append(start())
    for viewer in viewers:
        viewer.shows(good.stream_id, run_id=good.run_id)
        assert viewer.client.get(f"/streams/{good.stream_id}/frames/5").data == good.images[5]


def test_ids_that_no_registry_has_are_not_waited_for(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    ids = (0, 1 << 31, (1 << 32) - 1, 0x7FFF_FFFF)
    bodies = [b"\0" + schema_id.to_bytes(4, "big") + b"body" for schema_id in ids]
    for topic in (topics.streams, topics.index):
        produce(cluster, *((topic, b"clip-0123456789ab", body) for body in bodies))
    writer = write_stream(cluster, topics, 4)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=4)
    assert value(viewer.metrics, "foreign_records_total", reason="unknown_schema") == 8


def test_an_integer_without_end_takes_no_time(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    """Added up bit by bit, its time would grow with the square of its length."""
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(0)])
    [segment] = LogReader(cluster).read(topics.index)
    head = writer.wire.encode(topics.index, segment.value)
    ids = 5 + 1 + len(writer.stream_id) + 1 + len(writer.run_id)
    key = f"{writer.stream_id}/00000001".encode()
    produce(cluster, *[(topics.index, key, head[:ids] + b"\xff" * 900_000)] * 3)
    writer.write([jpeg(1)], state="COMPLETE")
    began = time.process_time()
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=2)
    assert time.process_time() - began < 10
    assert value(viewer.metrics, "foreign_records_total", reason="malformed") == 3


def known(viewer: Viewer) -> tuple[float, float]:
    """Count the streams and the segments in a viewer's catalogue."""
    return value(viewer.metrics, "catalogue_streams"), value(viewer.metrics, "catalogue_segments")


def test_tombstones_of_the_index_free_its_memory(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer, kept = (
        write_stream(cluster, topics, 48),
        write_stream(cluster, topics, 16, stream_id="kept-0123456789ab"),
    )
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=48)
    viewer.shows(kept.stream_id, frame_count=16)
    key = writer.stream_id.encode()
    produce(cluster, (topics.streams, key, None))
    produce(cluster, *((topics.index, key + b"/%08d" % n, None) for n in range(3)))
    wait_for(lambda: known(viewer) == (1, 1), what="the memory to be free")
    # Who starts now reads the segments before their tombstones, or behind that of the stream.
    again = start()
    again.shows(kept.stream_id, frame_count=16)
    wait_for(lambda: known(again) == (1, 1), what="the memory to be free")


class Watched(Catalogue):
    """A catalogue that tells what the follower says when it is emptied, and when it fills."""

    def __init__(self, waiting_for: Callable[[], str | None]) -> None:
        super().__init__()
        self._waiting_for = waiting_for
        self.said: list[str | None] = []

    def clear(self) -> None:
        self.said.append(self._waiting_for())
        super().clear()

    def put_stream(self, stream: Stream) -> None:
        self.said.append(self._waiting_for())
        super().put_stream(stream)


def test_a_log_with_other_records_is_not_ready_before_it_is_read(
    cluster: Cluster, topics: Topics
) -> None:
    settings = Settings.from_environ(topics.environment)
    writer = write_stream(cluster, topics, 4)
    metrics = Metrics(CollectorRegistry())
    registry = Registry(cluster.registry_url)
    catalogue = Watched(lambda: follower.waiting_for)
    follower = Follower(
        settings,
        consumer=partial(follow_consumer, settings, metrics),
        admin=admin_client(settings, metrics),
        decoder=Decoder(registry.schema),
        catalogue=catalogue,
        metrics=metrics,
    )
    follower.start()
    wait_for(lambda: follower.waiting_for is None)
    assert catalogue.stream(writer.stream_id).frame_count == 4
    catalogue.said.clear()
    make_anew(cluster, topics.streams)
    write_stream(cluster, topics, 4, stream_id="new-0123456789ab")
    # The new topic's first records may have been taken for the old one's next.
    wait_for(lambda: any(catalogue.said) and catalogue.size[0] and follower.waiting_for is None)
    at = next(n for n, said in enumerate(catalogue.said) if said)
    assert "read again" in str(catalogue.said[at]), catalogue.said
    assert [view.stream_id for view in catalogue.changes_since(0).streams] == ["new-0123456789ab"]
    follower.stop()
    registry.close()


def test_an_exception_that_nobody_expects_is_survived(cluster: Cluster, topics: Topics) -> None:
    class Failing(Catalogue):
        tries = 0

        @property
        def partitions(self) -> set[int]:
            raise RuntimeError("in the follower's thread")

        def put_stream(self, stream: Stream) -> None:
            self.tries += 1
            if self.tries == 1:
                raise RuntimeError("with a record at hand")
            super().put_stream(stream)

    settings = Settings.from_environ(
        {**topics.environment, "FRAMELOG_VIEWER_RETENTION_POLL_SECONDS": "1"}
    )
    metrics, registry, catalogue = (
        Metrics(CollectorRegistry()),
        Registry(cluster.registry_url),
        Failing(),
    )
    follower = Follower(
        settings,
        consumer=partial(follow_consumer, settings, metrics),
        admin=admin_client(settings, metrics),
        decoder=Decoder(registry.schema),
        catalogue=catalogue,
        metrics=metrics,
    )
    follower.start()
    write_stream(cluster, topics, 4, stream_id="first-0123456789ab")
    last = write_stream(cluster, topics, 4)
    wait_for(lambda: follower.waiting_for is None)
    wait_for(lambda: last.stream_id in {v.stream_id for v in catalogue.changes_since(0).streams})
    wait_for(lambda: catalogue.stream(last.stream_id).frame_count == 4)
    assert value(metrics, "foreign_records_total", reason="malformed") == 1
    assert follower.alive
    follower.stop()
    registry.close()
