"""How many can watch one live stream, beside a server that does nothing else.

That of ustreamer's design is the bench's own. Another can be measured with them: the variable
FRAMELOG_BENCH_PEER is a command that reads a multipart stream from the address {source} and serves
it on {port}, and FRAMELOG_BENCH_PEER_PATH is where; braces of its own are doubled.
"""

from __future__ import annotations

import os
import shlex
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framelog_local.ports import free_port

from bench.benchmark import Benchmark, Context
from bench.load.films import FPS
from bench.load.http_clients import HttpClients
from bench.peers.mjpeg_server import accepts, running_mjpeg_server
from bench.results.measurements import Growth, Result, at_most, compare
from bench.viewer.service import (
    LIVE_FRAMES,
    cpu_seconds,
    resident_bytes,
    sample_jpegs,
    writing_live_stream,
)
from tests.support.processes import Process, wait_for
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

_COUNTS = (1, 10, 50, 200, 500, 700, 1000, 1400)
_GROWN = 500
_SETTLE_SECONDS, _SECONDS = 1.0, 3.0
# CPU is counted in hundredths of a second.
_LEAST_CPU_SECONDS = 0.01
# Whole transactions come at a time: each end of the measurement may miss one.
_SLACK_FRAMES = LIVE_FRAMES + 2


@dataclass(frozen=True)
class Server:
    """Something that serves the live stream."""

    name: str
    port: int
    path: str
    pid: int


@dataclass(frozen=True)
class Step:
    """What so many watchers got, and what it took."""

    watchers: int
    has_skipped: bool
    cores: float
    resident_bytes: int


def _watchers(context: Context) -> Iterator[Result]:
    with ExitStack() as stack:
        servers = _servers(context, stack)
        steps: dict[str, list[Step]] = {server.name: [] for server in servers}
        running = list(servers)
        for count in _COUNTS:
            for server in list(running):
                step = _step(server, count, len(sample_jpegs(720)[0]))
                steps[server.name].append(step)
                if step.has_skipped and count >= _GROWN:
                    running.remove(server)
    most = {name: [_most(each)] for name, each in steps.items()}
    for peer in list(most)[1:]:
        yield compare("watchers before the first skip", "", most, peer)
    grown = [step for step in steps["framelog"] if step.watchers <= _GROWN]
    yield Growth(
        "CPU of the viewer", "watchers", "cores",
        [(step.watchers, step.cores) for step in grown], target=at_most(1),
    )  # fmt: skip
    yield Growth(
        "memory of the viewer", "watchers", "MB",
        [(step.watchers, step.resident_bytes / 1e6) for step in grown], target=at_most(1),
    )  # fmt: skip


def _servers(context: Context, stack: ExitStack) -> list[Server]:
    """Start the viewer and its peers on the same picture; the viewer is the first."""
    image = sample_jpegs(720)[0]
    topics = stack.enter_context(context.topics())
    # As many threads as any design of the viewer could need.
    settings = {"FRAMELOG_VIEWER_THREADS": str(_COUNTS[-1] + 100)}
    viewer = stack.enter_context(running_viewer(topics, context.folder, **settings))
    stream = stack.enter_context(writing_live_stream(context, topics, image))
    viewer.wait_for_frames(stream.stream_id, len(stream.images))
    assert viewer.process
    path = f"/streams/{stream.stream_id}/frames?from=live&follow=live"
    port, pid = stack.enter_context(running_mjpeg_server(context.folder, image, FPS))
    servers = [
        Server("framelog", viewer.port, path, viewer.process.pid),
        Server("newest wins", port, "/live", pid),
    ]
    if command := os.environ.get("FRAMELOG_BENCH_PEER"):
        servers.append(_peer(context, stack, command, f"http://127.0.0.1:{port}/live"))
    return servers


def _peer(context: Context, stack: ExitStack, command: str, source: str) -> Server:
    port = free_port()
    given = shlex.split(command)
    words = [word.format(port=port, source=source) for word in given]
    process = Process("the peer", words, log=context.folder / "peer.log", cwd=context.folder)
    stack.enter_context(process)
    wait_for(lambda: accepts(port), alive=process, what="the peer")
    path = os.environ.get("FRAMELOG_BENCH_PEER_PATH", "/")
    return Server(os.path.basename(given[0]), port, path, process.pid)  # noqa: PTH119 (a word)


def _step(server: Server, count: int, frame_bytes: int) -> Step:
    pause = threading.Event()
    with HttpClients(server.port, server.path, count) as watchers:
        watchers.received()
        pause.wait(_SETTLE_SECONDS)
        used, before = cpu_seconds(server.pid), watchers.received()
        pause.wait(_SECONDS)
        used, after = cpu_seconds(server.pid) - used, watchers.received()
        resident = resident_bytes(server.pid)
    seconds = after.at_seconds - before.at_seconds
    pairs = zip(before.client_bytes, after.client_bytes, strict=True)
    cores = max(used, _LEAST_CPU_SECONDS) / seconds
    fewest = min(end - start for start, end in pairs) / frame_bytes
    return Step(count, fewest < seconds * FPS - _SLACK_FRAMES, cores, resident)


def _most(steps: list[Step]) -> float:
    """Return with how many nobody skipped, and nobody did with fewer."""
    most = steps[0].watchers
    for step in steps:
        if step.has_skipped:
            break
        most = step.watchers
    return most


VIEWER_WATCHERS = Benchmark("viewer-watchers", _watchers)
