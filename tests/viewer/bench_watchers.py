"""What many watchers of one live stream get: `python -m tests.viewer.bench_watchers [watchers]`.

Writes a live stream of 720p pictures at 25 a second to the cluster that the variables
FRAMELOG_TEST_BOOTSTRAP_SERVERS and FRAMELOG_TEST_REGISTRY_URL name, and has a viewer of its own
serve it to clients that discard what they receive.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import framelog_setup
import psutil
from framelog_local import ports

from tests.support.cluster import Cluster, Topics
from tests.support.log_writer import StreamWriter
from tests.support.processes import Process, wait_for
from tests.viewer.running import answers, metric

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE_SECONDS, SECONDS, FPS, BATCH = 5.0, 20.0, 25, 6
IMAGE = b"\xff\xd8" + os.urandom(110_000) + b"\xff\xd9"
RECORD_BYTES = 88 + len(IMAGE)


def topics_of(cluster: Cluster) -> Topics:
    names = {
        part: f"bench-{uuid.uuid4().hex[:8]}.{part}" for part in ("frames", "index", "streams")
    }
    environment = {
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": cluster.registry_url,
        **{f"FRAMELOG_{part.upper()}_TOPIC": name for part, name in names.items()},
    }
    framelog_setup.set_up(framelog_setup.from_environment(environment))
    return Topics(**names, environment=environment)


def write(writer: StreamWriter, stop: threading.Event) -> None:
    due = time.monotonic()
    while not stop.is_set():
        writer.write([IMAGE] * BATCH)
        due += BATCH / FPS
        stop.wait(max(due - time.monotonic(), 0))


def watch(port: int, path: str, count: int) -> Iterator[list[int]]:
    """Open so many streams, and yield again and again the bytes that each has received."""
    selector = selectors.DefaultSelector()
    received = [0] * count
    for i in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        # Of HTTP 1.0 the answer is one record after another, without chunks between.
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ, i)
    nothing = bytearray(4 << 20)
    while True:
        yield received
        for key, _ in selector.select(0.5):
            if isinstance(key.fileobj, socket.socket):
                got = key.fileobj.recv_into(nothing, len(nothing), socket.MSG_TRUNC)
                received[key.data] += got


def main() -> None:
    watchers = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    cluster = Cluster(
        os.environ["FRAMELOG_TEST_BOOTSTRAP_SERVERS"], os.environ["FRAMELOG_TEST_REGISTRY_URL"]
    )
    topics, port = topics_of(cluster), ports.free_port()
    writer = StreamWriter(cluster, topics, frame_ns=1_000_000_000 // FPS)
    env = {**os.environ, **topics.environment, "FRAMELOG_VIEWER_PORT": str(port)}
    base, log = f"http://127.0.0.1:{port}", Path(tempfile.mkdtemp()) / "viewer.log"
    command = [sys.executable, "-m", "viewer"]
    with Process("viewer", command, log=log, env=env) as process:
        writer.write([IMAGE] * BATCH)
        wait_for(lambda: answers(f"{base}/streams/{writer.stream_id}/frames/0"), alive=process)
        stop = threading.Event()
        thread = threading.Thread(target=write, args=(writer, stop))
        thread.start()
        viewer = next(iter(psutil.Process(process.pid).children()), psutil.Process(process.pid))
        path = f"/streams/{writer.stream_id}/frames?from=live&follow=live"
        counts = watch(port, path, watchers)
        settled_at = time.monotonic() + SETTLE_SECONDS
        before = list(next(got for got in counts if time.monotonic() > settled_at))
        used, began, written = viewer.cpu_times(), time.monotonic(), len(writer.images)
        after = list(next(got for got in counts if time.monotonic() > began + SECONDS))
        took, now_used = time.monotonic() - began, viewer.cpu_times()
        written = len(writer.images) - written
        stop.set()
        thread.join()
        cpu = now_used.user + now_used.system - used.user - used.system
        received = [b - a for a, b in zip(before, after, strict=True)]
        frames = [got / RECORD_BYTES for got in received]
        sys.stdout.write(
            f"{watchers} watchers: {min(frames) / took:.1f} to {max(frames) / took:.1f} frames/s"
            f" each, {sum(received) / took / 1e6:.0f} MB/s; written {written / took:.1f}/s;"
            f" skipped {metric(base, 'framelog_viewer_frames_skipped_total'):.0f},"
            f" dropped {metric(base, 'framelog_viewer_clients_dropped_total'):.0f};"
            f" {cpu / took:.2f} cores, {cpu / sum(frames) * 1e6:.0f} us a frame;"
            f" {viewer.num_threads()} threads, {viewer.memory_info().rss / 1e6:.0f} MB resident\n"
        )


if __name__ == "__main__":
    main()
