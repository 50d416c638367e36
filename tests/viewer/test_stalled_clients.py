"""Fifteen hundred slow clients of each kind, and a viewer that does not notice."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.log_writer import StreamWriter, jpeg
from tests.support.processes import wait_for
from tests.support.viewing import running_viewer
from tests.viewer.running import answers, metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

CLIENTS = 1500
LOCAL = b"Host: localhost\r\n"
# What the machine that runs the tests may need; a viewer that waits for its clients needs for ever.
LIMIT_SECONDS = 30


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Clients that all do the same, and come again when they are closed."""

    def __init__(self, port: int, first: bytes, drip: bytes = b"", reads: bool = True) -> None:
        self._port = port
        self._first = first
        self._drip = drip
        self._reads = reads
        self._selector = selectors.DefaultSelector()
        self._sockets: set[socket.socket] = set()
        self._stopping = threading.Event()
        self.closed = 0
        for _ in range(CLIENTS):
            self._come()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for sock in self._sockets:
            sock.close()
        self._selector.close()

    def _come(self) -> None:
        sock = socket.socket()
        if not self._reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", self._port))
        with contextlib.suppress(OSError):
            sock.sendall(self._first)
        sock.setblocking(False)
        self._sockets.add(sock)
        if self._reads:
            self._selector.register(sock, selectors.EVENT_READ)

    def _live(self) -> None:
        dripped_at = 0.0
        while not self._stopping.wait(0.1):
            for key, _ in self._selector.select(0):
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(OSError):
                    if key.fileobj.recv(1 << 16):
                        continue
                self._again(key.fileobj)
            if self._drip and time.monotonic() - dripped_at > 2:
                dripped_at = time.monotonic()
                for sock in list(self._sockets):
                    with contextlib.suppress(OSError):
                        sock.send(self._drip)

    def _again(self, sock: socket.socket) -> None:
        self.closed += 1
        self._selector.unregister(sock)
        self._sockets.remove(sock)
        sock.close()
        if not self._stopping.is_set():
            self._come()


@pytest.fixture(scope="module")
def large(cluster: Cluster, shared_topics: Topics) -> StreamWriter:
    """Write a stream of frames that no socket's buffers hold."""
    writer = StreamWriter(cluster, shared_topics)
    image = jpeg(0, width=1600, height=1600) * 200
    writer.write([image] * 2, state="COMPLETE")
    return writer


KINDS = {
    "silent": (b"", b""),
    "dripping heads": (b"GET / HTTP/1.1\r\n" + LOCAL + b"X: ", b"x"),
    "dripping bodies": (
        b"PUT /api/streams/x/position HTTP/1.1\r\n" + LOCAL + b"Content-Length: 3000\r\n\r\n{",
        b" ",
    ),
    "dripping chunks": (
        b"POST /api/rooms/x HTTP/1.1\r\n" + LOCAL + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ),
    "idle keep-alives": (b"GET /static/theme.css HTTP/1.1\r\n" + LOCAL + b"\r\n", b""),
}


def visit(base: str) -> None:
    """Look in as machines and as a new visitor do."""
    for path in ("/healthz", "/metrics", "/", "/static/theme.css", "/api/streams"):
        assert requests.get(f"{base}{path}", timeout=LIMIT_SECONDS).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_clients_that_send_slowly_hold_up_nobody(shared_viewer: Viewer, kind: str) -> None:
    first, drip = KINDS[kind]
    held = partial(metric, shared_viewer.url, "framelog_viewer_connections ")
    with Crowd(shared_viewer.port, first, drip) as crowd:
        for _ in range(3):
            visit(shared_viewer.url)
        assert held() > 1000
        if kind != "idle keep-alives":
            wait_for(lambda: crowd.closed >= CLIENTS, what="them to be closed")
        visit(shared_viewer.url)
    wait_for(lambda: held() < 100, alive=shared_viewer.process, what="those that left to be closed")
    assert "Traceback" not in shared_viewer.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def impatient(shared_topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """Run a viewer that waits 5 s for who reads nothing."""
    folder = tmp_path_factory.mktemp("impatient")
    with running_viewer(shared_topics, folder, FRAMELOG_VIEWER_STALL_SECONDS="5") as viewer:
        yield viewer


@pytest.mark.parametrize("route", ["frames/0", "frames", "export.zip"])
def test_clients_that_read_nothing_hold_up_nobody(
    large: StreamWriter, impatient: Viewer, route: str
) -> None:
    base = impatient.url
    frame = f"{base}/streams/{large.stream_id}/frames/1"
    wait_for(lambda: answers(frame), alive=impatient.process)

    def gone() -> float:
        # Of large answers not even all are kept in memory until their clients stall.
        shed = metric(base, 'framelog_viewer_connections_closed_total{reason="shed"}')
        return metric(base, "framelog_viewer_clients_dropped_total") + shed

    before = gone()
    first = f"GET /streams/{large.stream_id}/{route} HTTP/1.1\r\n".encode() + LOCAL + b"\r\n"
    with Crowd(impatient.port, first, reads=False):
        for _ in range(3):
            visit(base)
        wait_for(lambda: gone() - before >= 100, what="them to be dropped")
        visit(base)
    wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 0, alive=impatient.process)
    assert requests.get(frame, timeout=60).content == large.images[1]
    assert "Traceback" not in impatient.log.read_text(encoding="utf-8")
