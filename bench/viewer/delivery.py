"""CPU that the viewer needs a delivered frame, beside a bare send of the same bytes."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Context
from bench.load.films import FPS
from bench.load.http_clients import HttpClients
from bench.peers.mjpeg_server import running_mjpeg_server
from bench.results.measurements import Result, at_most, compare, interleaved
from bench.viewer.service import (
    cpu_seconds,
    sample_jpegs,
    write_recorded_stream,
    writing_live_stream,
)
from tests.support.processes import wait_for
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAMES, _READERS = 960, 6
_WATCHERS, _SETTLE_SECONDS, _LIVE_SECONDS = 100, 0.7, 2.0
_TARGET = at_most(1.3)
_GATES = {"windows": at_most(1.9), "frames": at_most(1.9), "mjpg": at_most(2.4)}


def _delivery(context: Context) -> Iterator[Result]:
    image = sample_jpegs(720)[0]
    with (
        context.topics() as topics,
        running_viewer(topics, context.folder) as viewer,
        running_mjpeg_server(context.folder, image, FPS) as (bare_port, bare_pid),
    ):
        assert viewer.process
        viewer_pid = viewer.process.pid
        old = write_recorded_stream(context, topics, [image], _FRAMES)
        viewer.wait_for_frames(old.stream_id, _FRAMES)
        path = f"/streams/{old.stream_id}/frames?from=0"
        values = interleaved(
            {
                "framelog": partial(_window_us, viewer_pid, viewer.port, path),
                "bare send": partial(_window_us, bare_pid, bare_port, f"/{_FRAMES}"),
            },
            context.rounds,
        )
        yield compare(
            "CPU a frame, windows",
            "µs",
            values,
            "bare send",
            target=_TARGET,
            gate=_GATES["windows"],
        )
        with writing_live_stream(context, topics, image) as stream:
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
                context.rounds,
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
        with HttpClients(port, path, 1) as reader:
            wait_for(lambda: reader.received().ended == 1, what=path)
    return (cpu_seconds(pid) - used) / (_READERS * _FRAMES) * 1e6


def _live_us(pid: int, port: int, path: str, *, frame_bytes: int) -> float:
    """Return the CPU a frame, while many watch for a while."""
    pause = threading.Event()
    with HttpClients(port, path, _WATCHERS) as watchers:
        watchers.received()
        pause.wait(_SETTLE_SECONDS)
        used, before = cpu_seconds(pid), watchers.received()
        pause.wait(_LIVE_SECONDS)
        used, after = cpu_seconds(pid) - used, watchers.received()
    return used / ((after.total_bytes - before.total_bytes) / frame_bytes) * 1e6


VIEWER_DELIVERY = Benchmark("viewer-delivery", _delivery, in_gate=True)
