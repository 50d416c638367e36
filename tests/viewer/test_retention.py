"""Until when the earliest frame is kept: the topic's settings and the record's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from viewer.kafka.retention import Limits

from tests.support.expiry import delete_before, keep_for
from tests.support.log_writer import write_stream
from tests.viewer.builders import STARTED_AT, STREAM_ID, stream
from tests.viewer.running import Viewer
from tests.viewer.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cluster import Cluster, Topics

HOUR = timedelta(hours=1)


def asked(viewer: World) -> tuple[int, Any]:
    client = viewer.app.test_client()
    answer = client.get(f"/api/streams/{STREAM_ID}/retention")
    return answer.status_code, answer.json


def test_the_earliest_frame_expires_so_long_after_it_was_written(viewer: World) -> None:
    viewer.expire_before(6)
    written = datetime.fromtimestamp(STARTED_AT / 1e6, UTC)
    status, found = asked(viewer)
    assert status == 200
    assert found["first_available_frame"] == 6
    assert datetime.fromisoformat(found["written_at"]) == written
    assert datetime.fromisoformat(found["expires_at"]) == written + HOUR
    assert (found["retention_ms"], found["retention_bytes"]) == (3_600_000, 1 << 30)


def test_without_limits_nothing_expires(viewer: World) -> None:
    viewer.retention.kept_for = Limits(None, None)
    _, found = asked(viewer)
    assert (found["expires_at"], found["retention_ms"], found["retention_bytes"]) == (None,) * 3


def test_what_has_expired_whole_says_so(viewer: World) -> None:
    viewer.catalogue.set_low_watermarks({2: 112})
    status, found = asked(viewer)
    assert (status, found["first_available_frame"]) == (410, 12)


def test_a_stream_without_frames_has_none_to_keep(viewer: World) -> None:
    viewer.catalogue.put_stream(stream(0, run_id="b" * 32, state="FAILED"))
    assert asked(viewer)[0] == 404


def test_the_broker_is_asked_for_the_topics_settings(
    cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    keep_for(cluster, topics, HOUR)
    writer = write_stream(cluster, topics, 40)
    delete_before(cluster, topics, 0, writer.offsets[20])
    viewer = start()
    viewer.shows(writer.stream_id, first_available_frame=20)
    found: Any = viewer.client.get(f"/api/streams/{writer.stream_id}/retention").json
    kept = datetime.fromisoformat(found["expires_at"]) - datetime.fromisoformat(found["written_at"])
    assert (found["first_available_frame"], kept) == (20, HOUR)
    assert found["retention_bytes"] == 10 << 30
