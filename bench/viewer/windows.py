"""What many who play one recorded stream cost the viewer, with nginx before it and without.

Each watcher asks for the windows that the player asks for; the same window for all at a time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import requests
from framelog_local.ports import free_port
from prometheus_client.parser import text_string_to_metric_families

from bench.benchmark import Benchmark, Context
from bench.load.http_clients import HttpClients
from bench.results.measurements import (
    Figure,
    Result,
    Spread,
    at_least,
    at_most,
    compare,
    interleaved,
)
from bench.viewer.service import cpu_seconds, sample_jpegs, write_recorded_stream
from tests.support.nginx import nginx_before
from tests.support.processes import wait_for
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.viewing import Viewer

_WATCHERS, _WINDOW_FRAMES = 500, 32
# Of a picture of 117 kB, a window is as large as the player takes: 32 frames.
_FRAMES = 4800


def _windows(context: Context) -> Iterator[Result]:
    with (
        context.topics() as topics,
        running_viewer(
            topics, context.folder, FRAMELOG_VIEWER_THREADS=str(_WATCHERS + 100)
        ) as viewer,
        nginx_before(viewer.port, free_port(), context.folder / "nginx") as cache,
    ):
        stream = write_recorded_stream(context, topics, sample_jpegs(720)[:1], _FRAMES)
        viewer.wait_for_frames(stream.stream_id, _FRAMES)
        starts = iter(range(0, _FRAMES - _WINDOW_FRAMES, _WINDOW_FRAMES))
        path = f"/streams/{stream.stream_id}/frames?run={stream.run_id}"
        shares: list[float] = []
        watched = partial(_watched_us, viewer, path, starts)
        cache_port = int(cache.rpartition(":")[2])
        values = interleaved(
            {
                "framelog": partial(watched, cache_port, shares),
                "no cache": partial(watched, viewer.port, []),
            },
            context.rounds,
        )
    yield Figure(
        f"windows that nginx had, {_WATCHERS} watchers", "%", Spread.of(shares), at_least(99)
    )
    yield compare(
        f"CPU of the viewer a frame, {_WATCHERS} watchers", "µs", values, "no cache",
        target=at_most(0.05),
    )  # fmt: skip


def _watched_us(
    viewer: Viewer, path: str, starts: Iterator[int], port: int, shares: list[float]
) -> float:
    """Have all watchers take the next window; return the viewer's CPU for each frame of each."""
    assert viewer.process
    window = f"{path}&from={next(starts)}&count={_WINDOW_FRAMES}"
    used, sent = cpu_seconds(viewer.process.pid), _frames_sent(viewer)
    with HttpClients(port, window, _WATCHERS) as watchers:
        wait_for(lambda: watchers.received().ended == _WATCHERS, 120, what="all to have the window")
    taken = _WATCHERS * _WINDOW_FRAMES
    shares.append(100 * (1 - (_frames_sent(viewer) - sent) / taken))
    return (cpu_seconds(viewer.process.pid) - used) / taken * 1e6


def _frames_sent(viewer: Viewer) -> float:
    text = requests.get(f"{viewer.url}/metrics", timeout=60).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "framelog_viewer_frames_delivered_total"
    )


VIEWER_WINDOWS = Benchmark("viewer-windows", _windows)
