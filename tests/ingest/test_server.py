"""The server, and clients that would have all of it."""

import gc
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import pytest
import requests
from flask import Flask, Response
from ingest.api.app import create_app
from ingest.api.server import LARGEST_BODY_BYTES, Stage, serving
from prometheus_client import CollectorRegistry

from tests.ingest.clock import FakeClock
from tests.support.processes import wait_for

HEAD = b"POST /api/held HTTP/1.1\r\nHost: localhost\r\n"
LARGE_BYTES = 32 << 20
MOST = 128


@dataclass
class World:
    """A server on a clock of its own, with a route that is held and one whose answer is large."""

    app: Flask
    clock: FakeClock = field(default_factory=FakeClock)
    dropped: Counter[str] = field(default_factory=Counter)
    held: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1


@pytest.fixture
def world() -> Iterator[World]:
    app = create_app(lambda: None, lambda: None, CollectorRegistry())
    made = World(app)

    @app.route("/api/held", methods=["GET", "POST"])
    def held() -> Response:
        made.held.wait(60)
        return Response("held")

    @app.get("/api/large")
    def large() -> Response:
        return Response(b"x" * LARGE_BYTES)

    with serving(app, "127.0.0.1", 0, made.drop, now=made.clock, most=MOST) as made.port:
        yield made
        made.held.set()


@pytest.fixture
def clients(world: World) -> Iterator[Callable[[], socket.socket]]:
    """Give what connects one more client; all are gone at the end."""
    with ExitStack() as stack:

        def connect() -> socket.socket:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.settimeout(30)
            stack.enter_context(closing(made))
            made.connect(("127.0.0.1", world.port))
            return made

        yield connect


Connect = Callable[[], socket.socket]
Kind = Callable[[Connect], socket.socket]


def silent(connect: Connect) -> socket.socket:
    return connect()


def dripping_head(connect: Connect) -> socket.socket:
    client = connect()
    client.sendall(HEAD[:20])
    return client


def dripping_body(connect: Connect) -> socket.socket:
    client = connect()
    client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
    return client


def dripping_chunks(connect: Connect) -> socket.socket:
    client = connect()
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")
    return client


def keep_alive(connect: Connect) -> socket.socket:
    client = connect()
    assert is_healthy(client)
    return client


def is_healthy(client: socket.socket) -> bool:
    """Ask for health, and read all of the answer."""
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    told = b""
    while not told.endswith(b"ok\n") and (more := client.recv(4096)):
        told += more
    return told.startswith(b"HTTP/1.1 200 OK")


def stalled_reader(connect: Connect) -> socket.socket:
    client = connect()
    client.sendall(b"GET /api/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


KINDS: dict[Kind, Stage] = {
    silent: Stage.IDLE,
    dripping_head: Stage.HEAD,
    dripping_body: Stage.BODY,
    dripping_chunks: Stage.BODY,
    keep_alive: Stage.IDLE,
    stalled_reader: Stage.ANSWER,
}


def is_ended(client: socket.socket) -> bool:
    try:
        while client.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_however_many_there_are_health_and_metrics_answer(
    world: World, clients: Connect, kind: Kind
) -> None:
    several = 40 if kind is stalled_reader else 2 * MOST
    for _ in range(several):
        kind(clients)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert world.get(path).status_code == 200
    if kind is not stalled_reader:
        assert world.dropped["crowd"] >= MOST


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not stalled_reader])
def test_each_is_ended_after_a_time_as_a_whole(world: World, clients: Connect, kind: Kind) -> None:
    """However busily it drips: what is sent meanwhile buys no time."""
    stage, client = KINDS[kind], kind(clients)
    reason = stage.name.lower()
    wait_for(lambda: world.get("/healthz").ok)
    half_seconds = stage.value / 2 + 0.5
    for _ in range(2):
        assert not world.dropped[reason]
        world.clock.sleep(half_seconds)
        if stage in {Stage.HEAD, Stage.BODY} and not world.dropped[reason]:
            client.sendall(b"a")
        # Two rounds of the loop: what came before them has been read.
        world.get("/healthz")
        world.get("/healthz")
    wait_for(lambda: world.dropped[reason] >= 1)
    assert is_ended(client)


def test_a_reader_that_stalls_is_ended_though_it_can_not_be_written_to(
    world: World, clients: Connect
) -> None:
    client = stalled_reader(clients)
    assert client.recv(1)

    def ended() -> bool:
        world.clock.sleep(Stage.ANSWER.value)  # the answer may not have been begun before
        return world.get("/healthz").ok and world.dropped["answer"] == 1

    wait_for(ended)
    assert is_ended(client)


def test_the_idle_ones_are_shed_first_and_of_these_the_oldest(
    world: World, clients: Connect
) -> None:
    busy = dripping_head(clients)
    world.clock.sleep(1)
    oldest = keep_alive(clients)
    world.clock.sleep(1)
    newer = [keep_alive(clients) for _ in range(MOST - 2)]
    assert not world.dropped
    world.clock.sleep(1)
    keep_alive(clients)
    wait_for(lambda: world.dropped["crowd"] == 1)
    assert is_ended(oldest)
    assert is_healthy(newer[0])
    busy.sendall(HEAD[20:] + b"Content-Length: 0\r\n\r\n")
    world.held.set()
    assert b"200 OK" in busy.recv(4096)


def test_one_that_has_just_come_is_not_shed_for_what_drips(world: World, clients: Connect) -> None:
    """It has sent nothing yet, and is not idle: it may be the one that asks for health."""
    for _ in range(MOST - 1):
        dripping_head(clients)
    wait_for(lambda: world.get("/healthz").ok)
    world.clock.sleep(2)
    asking = clients()
    for _ in range(20):
        dripping_head(clients)
    wait_for(lambda: world.dropped["crowd"] >= 20)
    assert is_healthy(asking)


def test_requests_that_take_long_take_no_thread_of_health(world: World, clients: Connect) -> None:
    held = [clients() for _ in range(100)]
    for client in held:
        client.sendall(b"GET /api/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert world.get("/healthz").ok
    assert world.get("/metrics").ok
    refused = select.select(held, [], [], 30)[0]
    assert all(b" 503 " in client.recv(4096) for client in refused)
    assert 0 < len(refused) < len(held)
    world.held.set()
    served = next(client for client in held if client not in refused)
    assert served.recv(4096)


def test_answers_that_nobody_takes_do_not_fill_the_disk(world: World, clients: Connect) -> None:
    """Of those, there is room for two here; whoever asks then is refused, but for health."""
    stalled = [stalled_reader(clients) for _ in range(2)]
    for client in stalled:
        assert client.recv(1)

    def refused() -> bool:
        return world.get("/api/large").status_code == 503

    stalled.append(stalled_reader(clients))
    wait_for(refused)
    assert world.get("/healthz").ok
    assert world.get("/metrics").ok
    for client in stalled:
        client.close()
    wait_for(lambda: not refused())


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: {LARGEST_BODY_BYTES}\r\n\r\n".encode(),
        b"Content-Length: 400000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * LARGEST_BODY_BYTES,
    ],
)
def test_a_large_body_is_refused_before_it_is_read(
    world: World, clients: Connect, framing: bytes
) -> None:
    client = clients()
    client.sendall(HEAD + framing)
    assert b" 413 " in client.recv(4096).partition(b"\r\n")[0]
    assert is_ended(client)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (17 << 10), b"431"),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"400"),
        (b"GET http://[::1 HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://\xff\xfe/ HTTP/1.1\r\n\r\n", b"4"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"GET /%00%ff%c0%80 HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /healthz HTTP/9.9\r\nHost: \xff\xff\r\n\r\n", b"421"),
        (b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
    ],
)
def test_what_can_not_be_read_is_told(
    world: World, clients: Connect, request_bytes: bytes, status: bytes
) -> None:
    client = clients()
    client.sendall(request_bytes)
    assert client.recv(4096).split()[1].startswith(status)
    assert world.get("/healthz").ok


@pytest.mark.parametrize(
    ("length", "status"), [(b"0", b"200"), (b"400000000", b"413"), (b"1", b"100")]
)
def test_only_a_body_that_is_taken_is_asked_for(
    world: World, clients: Connect, length: bytes, status: bytes
) -> None:
    """curl waits to be told whether it is to send a large one."""
    world.held.set()
    client = clients()
    client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: " + length + b"\r\n\r\n")
    assert client.recv(4096).split()[1] == status
    if status == b"100":
        client.sendall(b"x")
        assert client.recv(4096).split()[1] == b"200"


def test_it_answers_until_the_end(world: World) -> None:
    with serving(world.app, "127.0.0.1", 0) as port, requests.Session() as kept:
        assert kept.get(f"http://127.0.0.1:{port}/healthz", timeout=60).text == "ok\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_port_that_is_taken_is_an_error(world: World) -> None:
    with (
        pytest.raises(OSError, match="in use"),
        serving(world.app, "127.0.0.1", world.port),
    ):
        raise AssertionError
    gc.collect()  # waitress leaves its socket open when it can't bind it: not to the next test


def test_of_requests_that_are_sent_at_once_the_first_is_answered_and_the_last(
    world: World, clients: Connect
) -> None:
    """Each read of the loop may hold hundreds: it must not take as long as all of them."""
    client = clients()
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    told = b""
    while more := client.recv(4096):
        told += more
    assert told.count(b"200 OK") == told.count(b"Connection: close") == 1
