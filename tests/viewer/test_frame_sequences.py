"""Frames one after another: windows, live edges, expiry, and pacing, on a clock of their own."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from viewer.model.errors import ExpiredError, ReplacedError, TryLaterError

from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.world import World, value, world

if TYPE_CHECKING:
    from viewer.catalogue.stream_view import StreamView
    from viewer.playback.frame_sequences import Follow

NOW_MS = 1 << 60


@pytest.fixture
def viewer() -> World:
    return world()


def commit(viewer: World, count: int, state: str = "INGESTING") -> StreamView:
    """Bring the stream to so many frames, in segments of 4."""
    known = viewer.catalogue.changes_since(0).streams
    for first in range(known[0].frame_count if known else 0, count, 4):
        viewer.catalogue.put_segments([(segment(first, 4), NOW_MS)])
    viewer.catalogue.put_stream(stream(count, state=state))
    return viewer.catalogue.stream(STREAM_ID)


def window(
    viewer: World,
    view: StreamView,
    start: int = 0,
    *,
    count: int | None = None,
    stride: int = 1,
    follow: Follow = "no",
) -> list[int]:
    deliveries = viewer.playback.window(view, start, count, stride, follow)
    return [delivery.frame.frame_index for delivery in deliveries]


def test_a_window_is_every_frame_to_the_end(viewer: World) -> None:
    view = commit(viewer, 8, "COMPLETE")
    assert window(viewer, view) == list(range(8))
    assert len(viewer.fetcher.fetches) == 2


def test_a_window_starts_counts_and_strides_as_asked(viewer: World) -> None:
    view = commit(viewer, 16, "COMPLETE")
    assert window(viewer, view, start=3, count=2) == [3, 4]
    assert window(viewer, view, start=1, stride=5) == [1, 6, 11]
    assert window(viewer, view, start=16) == []


def test_without_following_it_ends_where_the_stream_ended_when_asked(viewer: World) -> None:
    deliveries = viewer.playback.window(commit(viewer, 4), 0, None, 1, "no")
    first = next(deliveries)
    commit(viewer, 8)
    assert [first, *deliveries][-1].frame.frame_index == 3


def test_following_goes_on_until_the_stream_ends(viewer: World) -> None:
    deliveries = viewer.playback.window(commit(viewer, 4), 4, None, 1, "all")
    later = threading.Timer(0.05, commit, [viewer, 8])
    later.start()
    assert [d.frame.frame_index for d in islice(deliveries, 4)] == [4, 5, 6, 7]
    later.join()
    commit(viewer, 12, "TRUNCATED")
    assert [d.frame.frame_index for d in deliveries] == [8, 9, 10, 11]


@pytest.mark.parametrize("follow", ["no", "all", "live"])
def test_a_window_breaks_off_when_the_viewer_stops(viewer: World, follow: Follow) -> None:
    deliveries = viewer.playback.window(commit(viewer, 8), 0, None, 1, follow)
    assert next(deliveries).frame.frame_index == 0
    viewer.open_streams.stopping.set()
    with pytest.raises(TryLaterError):
        next(deliveries)


@pytest.mark.parametrize("follow", ["no", "all", "live"])
def test_a_window_breaks_off_when_another_run_begins(viewer: World, follow: Follow) -> None:
    deliveries = viewer.playback.window(commit(viewer, 8), 3, None, 1, follow)
    assert next(deliveries).frame.frame_index == 3
    viewer.catalogue.put_stream(stream(0, state="INGESTING", run_id="b" * 32))
    with pytest.raises(ReplacedError) as replaced:
        next(deliveries)
    assert replaced.value.run_id == "b" * 32


def test_what_is_paced_breaks_off_too(viewer: World) -> None:
    deliveries = viewer.playback.paced(commit(viewer, 8), 0, 1)
    assert next(deliveries).frame.frame_index == 0
    viewer.open_streams.stopping.set()
    with pytest.raises(TryLaterError):
        next(deliveries)


def test_a_slow_live_client_skips_to_the_newest_and_is_told(viewer: World) -> None:
    deliveries = viewer.playback.window(commit(viewer, 4), 0, None, 1, "live")
    assert next(deliveries).frame.frame_index == 0
    commit(viewer, 100, "COMPLETE")
    viewer.clock.seconds += 4
    newest = next(deliveries)
    assert (newest.frame.frame_index, newest.skipped) == (99, 98)
    assert list(deliveries) == []
    assert value(viewer.metrics, "frames_skipped_total", reason="slow_client") == 98


def test_one_who_follows_all_never_skips(viewer: World) -> None:
    deliveries = viewer.playback.window(commit(viewer, 4), 0, None, 1, "all")
    next(deliveries)
    commit(viewer, 100, "COMPLETE")
    assert len(list(deliveries)) == 99


def test_frames_that_expire_meanwhile_are_left_out_and_told(viewer: World) -> None:
    view = commit(viewer, 16, "COMPLETE")
    deliveries = viewer.playback.window(view, 0, None, 2, "all")
    assert next(deliveries).frame.frame_index == 0
    assert next(deliveries).frame.frame_index == 2
    viewer.fetcher.low = 9
    after = next(deliveries)
    assert (after.frame.frame_index, after.skipped) == (10, 3)


def test_who_asked_for_what_is_there_gets_that_or_sees_that_it_is_not_whole(viewer: World) -> None:
    view = commit(viewer, 16, "COMPLETE")
    deliveries = viewer.playback.window(view, 0, None, 2, "no")
    assert [next(deliveries).frame.frame_index for _ in range(2)] == [0, 2]
    viewer.fetcher.low = 9
    with pytest.raises(ExpiredError):
        next(deliveries)


def paced(
    viewer: World, view: StreamView, speed: float, sending: float = 0
) -> list[tuple[int, float]]:
    """Play to the end; each frame takes `sending` seconds. Return frames and when each was sent."""
    sent = []
    for delivery in viewer.playback.paced(view, 0, speed):
        sent.append((delivery.frame.frame_index, round(viewer.clock.seconds, 3)))
        viewer.clock.seconds += sending
    return sent


def test_frames_are_paced_by_their_own_times(viewer: World) -> None:
    sent = paced(viewer, commit(viewer, 8, "COMPLETE"), speed=1)
    assert sent == [(n, round(n * 0.04, 3)) for n in range(8)]


@pytest.mark.parametrize("speed", [0.1, 0.5, 4, 16])
def test_speed_divides_the_times(viewer: World, speed: float) -> None:
    sent = paced(viewer, commit(viewer, 8, "COMPLETE"), speed)
    assert [n for n, _ in sent] == list(range(8))
    assert [at for _, at in sent] == pytest.approx([n * 0.04 / speed for n in range(8)], abs=0.001)


def test_a_slow_client_gets_the_frame_that_is_due(viewer: World) -> None:
    sent = paced(viewer, commit(viewer, 40, "COMPLETE"), speed=1, sending=0.3)
    assert [n for n, _ in sent] == [0, 7, 15, 22, 30, 37, 39]
    assert value(viewer.metrics, "frames_skipped_total", reason="slow_client") > 0
    assert value(viewer.metrics, "frames_skipped_total", reason="pace") == 0


def test_pacing_follows_a_stream_that_is_being_ingested(viewer: World) -> None:
    deliveries = viewer.playback.paced(commit(viewer, 4), 0, 1)
    assert [d.frame.frame_index for d in islice(deliveries, 4)] == [0, 1, 2, 3]
    later = threading.Timer(0.05, commit, [viewer, 8, "COMPLETE"])
    later.start()
    assert [d.frame.frame_index for d in deliveries] == [4, 5, 6, 7]
    later.join()
