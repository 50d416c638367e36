"""CPU that the viewer needs a delivered frame, beside a bare send of the same bytes."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Place
from bench.load.films import FPS
from bench.load.http_clients import Receivers
from bench.peers.mjpeg_server import serving_newest
from bench.results.measurements import Result, at_most, compare, interleaved
from bench.viewer.service import cpu_seconds, images, live, recorded, viewing
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAMES, _READERS = 960, 6
_WATCHERS, _SETTLE_SECONDS, _LIVE_SECONDS = 100, 0.7, 2.0
_TARGET = at_most(1.3)
_GATES = {"windows": at_most(1.9), "frames": at_most(1.9), "mjpg": at_most(2.4)}


def _delivery(place: Place) -> Iterator[Result]:
    image = images(720)[0]
    with (
        place.topics() as topics,
        viewing(place, topics) as viewer,
        serving_newest(place.folder, image, FPS) as (bare_port, bare_pid),
    ):
        assert viewer.process
        viewer_pid = viewer.process.pid
        old = recorded(place, topics, [image], _FRAMES)
        viewer.wait_for_frames(old.stream_id, _FRAMES)
        path = f"/streams/{old.stream_id}/frames?from=0"
        values = interleaved(
            {
                "framelog": partial(_window_us, viewer_pid, viewer.port, path),
                "bare send": partial(_window_us, bare_pid, bare_port, f"/{_FRAMES}"),
            },
            place.rounds,
        )
        yield compare(
            "CPU a frame, windows",
            "µs",
            values,
            "bare send",
            target=_TARGET,
            gate=_GATES["windows"],
        )
        with live(place, topics, image) as stream:
            viewer.wait_for_frames(stream.stream_id, len(stream.images))
            path = f"/streams/{stream.stream_id}"
            measured = partial(_live_us, frame_bytes=len(image))
            values = interleaved(
                {
                    "frames": partial(
                        measured, viewer_pid, viewer.port, f"{path}/frames?from=live&follow=live"
                    ),
                    "mjpg": partial(
                        measured, viewer_pid, viewer.port, f"{path}/video.mjpg?from=live"
                    ),
                    "bare send": partial(measured, bare_pid, bare_port, "/live"),
                },
                place.rounds,
            )
        for route in ("frames", "mjpg"):
            yield compare(
                f"CPU a frame, {route} of a live stream, {_WATCHERS} watchers",
                "µs",
                values,
                "bare send",
                ours=route,
                target=_TARGET,
                gate=_GATES[route],
            )


def _window_us(pid: int, port: int, path: str) -> float:
    """Return the CPU a frame, when readers read a whole window at a time, one after another."""
    used = cpu_seconds(pid)
    for _ in range(_READERS):
        with Receivers(port, path, 1) as reader:
            wait_for(lambda: reader.look().ended == 1, what=path)
    return (cpu_seconds(pid) - used) / (_READERS * _FRAMES) * 1e6


def _live_us(pid: int, port: int, path: str, *, frame_bytes: int) -> float:
    """Return the CPU a frame, while many watch for a while."""
    pause = threading.Event()
    with Receivers(port, path, _WATCHERS) as watchers:
        watchers.look()
        pause.wait(_SETTLE_SECONDS)
        used, before = cpu_seconds(pid), watchers.look()
        pause.wait(_LIVE_SECONDS)
        used, after = cpu_seconds(pid) - used, watchers.look()
    return used / ((after.total_bytes - before.total_bytes) / frame_bytes) * 1e6


VIEWER_DELIVERY = Benchmark("viewer-delivery", _delivery, in_gate=True)
