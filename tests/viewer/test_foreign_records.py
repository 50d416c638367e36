"""Records that others wrote into the topics: counted, passed by, and never shown as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.log_writer import StreamWriter, Wire, jpeg, write_stream
from tests.support.processes import wait_for
from tests.viewer.running import Viewer, produce
from tests.viewer.world import value

if TYPE_CHECKING:
    from collections.abc import Callable

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
        reason: value(viewer.parts.metrics, "foreign_records_total", reason=reason)
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
    wait_for(lambda: value(viewer.parts.metrics, "foreign_records_total", reason="other_key") == 1)


@pytest.mark.parametrize("claimed", [0, 1, 2])
def test_no_other_picture_is_shown_in_a_frames_place(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer], claimed: int
) -> None:
    # 0: no frame at all. 1: a frame of another run. 2: the end of its transaction.
    produce(cluster, (topics.frames, b"clip-0123456789ab", b"not a frame"))
    StreamWriter(cluster, topics).write([jpeg(0)])
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(0)], claimed_offsets=[claimed])
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=1)
    response = viewer.client.get(f"/streams/{writer.stream_id}/frames/0")
    assert response.status_code == 410
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
        reason: value(viewer.parts.metrics, "foreign_records_total", reason=reason)
        for reason in ("no_magic", "unknown_schema", "other_record", "malformed")
    }
    assert all(counted.values()), counted
    assert viewer.client.get("/healthz").status_code == 200
