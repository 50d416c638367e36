"""Pieces of a body on their way to the client."""

from __future__ import annotations

import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from viewer.http_streaming.direct_sending import Connection, ResponseSocket, send_all, send_some
from viewer.http_streaming.open_streams import OpenStreams
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.model.errors import TryLaterError
from viewer.telemetry.metrics import Metrics

from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def sent(pieces: list[bytes], protocol: str) -> bytes:
    """Send pieces through a socket that takes little at a time, and return what arrives."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    response_socket = ResponseSocket(ours, 60, StalledClients())
    connection = Connection.of({"gunicorn.socket": response_socket, "SERVER_PROTOCOL": protocol})
    assert connection is not None

    def write() -> None:
        with ours:
            connection.send(pieces)

    writing = threading.Thread(target=write)
    writing.start()
    with theirs, theirs.makefile("rb") as received:
        arrived = received.read()
    writing.join()
    return arrived


@pytest.mark.parametrize("pieces", [[b"head", bytes(range(256)) * 4000, b"\r\n"], [b"x"]])
def test_pieces_are_one_chunk_however_little_the_socket_takes(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    assert sent(pieces, "HTTP/1.1") == b"%X\r\n%b\r\n" % (len(body), body)


def test_http_1_0_knows_no_chunks() -> None:
    assert sent([b"head", b"image"], "HTTP/1.0") == b"headimage"


def test_without_a_socket_the_server_does_it() -> None:
    assert Connection.of({"SERVER_PROTOCOL": "HTTP/1.1"}) is None


def test_a_client_that_takes_nothing_is_given_up_when_it_is_said() -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ours, theirs:
        began = time.monotonic()
        with pytest.raises(BlockingIOError):
            send_all(ours, [bytes(1 << 20)], 0.2)
        assert time.monotonic() - began >= 0.2


def test_what_is_collected_is_sent_once_the_answer_is_a_stream() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        response_socket = ResponseSocket(ours, 60, StalledClients())
        response_socket.sendall(b"head")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        response_socket.stream_directly()
        response_socket.sendall(b"body")
        assert theirs.recv(100) == b"headbody"
        assert response_socket.take_collected() == []


def test_an_answer_of_very_many_pieces_is_sent_whole() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            send_all(ours, [b"%05d" % n for n in range(5000)], 60)
        with theirs.makefile("rb") as received:
            assert received.read() == b"".join(b"%05d" % n for n in range(5000))


def test_a_slow_client_is_not_taken_for_one_that_takes_nothing() -> None:
    now = 0.0
    stalled_clients = StalledClients(lambda: now)
    pairs = [socket.socketpair() for _ in range(2)]
    slow, stalled = (ours for ours, _ in pairs)
    for ours, _ in pairs:
        assert send_some(ours, [bytes(1 << 22)]), "full"
    with stalled_clients.waiting_for(slow), stalled_clients.waiting_for(stalled):
        now = 1.5
        # Too little for the socket to take more.
        assert pairs[0][1].recv(1 << 16)
        assert stalled_clients.end_longest(1)
        assert not stalled_clients.end_longest(1)
        assert stalled_clients.count == 1
        assert slow.fileno() >= 0
        with pytest.raises(BrokenPipeError):
            stalled.send(b"!")
        now = 3.0
        assert stalled_clients.end_longest(1), "it takes nothing either now"
    for sock in (sock for pair in pairs for sock in pair):
        sock.close()


def test_the_client_that_takes_nothing_for_longest_is_ended_when_somebody_else_wants_in() -> None:
    stalled_clients = StalledClients()
    pairs = [socket.socketpair() for _ in range(2)]
    ended: list[int] = []

    def write(n: int) -> None:
        with pytest.raises(OSError, match="Broken pipe"):
            send_all(pairs[n][0], [bytes(1 << 22)], 60, stalled_clients)
        ended.append(n)

    def have_stalled(count: int) -> bool:
        return stalled_clients.count == count

    assert not stalled_clients.end_longest(0), "nobody stalls"
    writing = []
    for n in range(2):
        writing.append(threading.Thread(target=write, args=(n,)))
        writing[-1].start()
        wait_for(partial(have_stalled, n + 1), what="it to stall")
    assert not stalled_clients.end_longest(60)
    for n in range(2):
        assert stalled_clients.end_longest(0)
        writing[n].join()
    assert ended == [0, 1]
    assert not stalled_clients.end_longest(0)
    for sock in (sock for pair in pairs for sock in pair):
        sock.close()


def test_a_stream_gets_the_place_of_one_that_is_ended_for_it() -> None:
    leaving: list[threading.Thread] = []
    places: list[Callable[[], None]] = []

    def make_room() -> bool:
        if not places:
            return False
        leaving.append(threading.Thread(target=places.pop()))
        leaving[-1].start()
        return True

    open_streams = OpenStreams(1, Metrics(CollectorRegistry()), make_room)
    places.append(open_streams.enter("frames"))
    leave = open_streams.enter("events")
    with pytest.raises(TryLaterError):
        open_streams.enter("frames")
    leave()
    for each in leaving:
        each.join()


def test_who_only_listens_leaves_places_for_pictures() -> None:
    open_streams = OpenStreams(8, Metrics(CollectorRegistry()))
    listening = [open_streams.enter(route) for route in ("events", "room") * 3]
    for route in ("events", "room"):
        with pytest.raises(TryLaterError):
            open_streams.enter(route)
    watching = [open_streams.enter("frames") for _ in range(2)]
    with pytest.raises(TryLaterError):
        open_streams.enter("mjpg")
    for leave in listening[:2]:
        leave()
        leave()
    watching += [open_streams.enter(route) for route in ("events", "mjpg")]
    for leave in listening + watching:
        leave()
    assert len([open_streams.enter("mjpg") for _ in range(8)]) == 8
