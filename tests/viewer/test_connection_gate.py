"""The gate: who is let in, who has to go, and that it waits for nobody."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest
from viewer.web.client_connections import After, ClientConnection
from viewer.web.connection_gate import Drop, Gate, Limits

from tests.support.processes import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GET = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Door:
    """A gate on a free port, its clients, and a clock that stands still."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked: list[tuple[ClientConnection, bytes]] = []
        self.dropped: list[Drop] = []
        self.is_full = False
        self.clients: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        limits = Limits(connections=5, unsent_bytes=20 << 20)
        self.gate = Gate([self.listener], self._serve, self._dropped, limits, lambda: self.seconds)
        self.gate.open()

    def _serve(self, connection: ClientConnection, request: bytes, target: bytes) -> bool:
        assert target == b"/a"
        self.asked.append((connection, request))
        return not self.is_full

    def _dropped(self, _visit: ClientConnection, why: Drop) -> None:
        self.dropped.append(why)

    def connect(self, *pieces: bytes) -> socket.socket:
        """Come as a client that says something."""
        known = len(self.gate) + len(self.dropped)
        client = socket.create_connection(self.listener.getsockname(), timeout=60)
        self.clients.append(client)
        for piece in pieces:
            client.sendall(piece)
        self.until(lambda: len(self.gate) + len(self.dropped) > known)
        return client

    def until(self, condition: Callable[[], object]) -> None:
        """Let the gate do what there is to do, as soon as there is, until something is so."""
        deadline = time.monotonic() + 60
        self.gate.run_once(0)
        while not condition():
            assert time.monotonic() < deadline, condition
            self.gate.run_once(POLL_SECONDS)

    def later(self, seconds: float) -> None:
        self.seconds += seconds
        self.gate.run_once(0)
        self.gate.run_once(0)

    def settle(self) -> None:
        """Let the gate take in what it was told; the bell has rung by then."""
        self.gate.run_once(60)

    def answer(
        self, connection: ClientConnection, *pieces: bytes, after: After = After.ANOTHER
    ) -> None:
        self.gate.on_answered(connection, pieces, after)

    def received(self, client: socket.socket) -> bytes:
        """Read what a client is sent, until its connection is closed."""
        client.setblocking(False)
        got = bytearray()

        def is_over() -> bool:
            try:
                data = client.recv(1 << 16)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                return True
            got.extend(data)
            return not data

        self.until(is_over)
        return bytes(got)


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.gate.close()
    made.listener.close()
    for connection, _ in made.asked:
        connection.sock.close()
    for client in made.clients:
        client.close()


def test_only_whole_requests_are_served(door: Door) -> None:
    client = door.connect(GET[:5])
    door.gate.run_once(0)
    assert not door.asked
    client.sendall(GET[5:])
    door.until(lambda: door.asked)
    assert door.asked[0][1] == GET


def test_requests_of_one_connection_are_served_one_after_another(door: Door) -> None:
    client = door.connect(GET + GET)
    door.until(lambda: door.asked)
    door.gate.run_once(0)
    assert len(door.asked) == 1
    door.answer(door.asked[0][0], b"first")
    door.until(lambda: len(door.asked) == 2)
    door.answer(door.asked[1][0], b"second", after=After.END)
    assert door.received(client) == b"firstsecond"


@pytest.mark.parametrize(
    "head", [GET[:10], b"PUT /a HTTP/1.1\r\nContent-Length: 3000\r\n\r\n", b"POST /a HTTP/1.1\r\n"]
)
def test_a_request_has_a_time_to_come_whole_however_it_drips(door: Door, head: bytes) -> None:
    client = door.connect(head)
    for _ in range(4):
        door.later(2.4)
        client.sendall(b"x")
        door.gate.run_once(0.01)
        assert len(door.gate) == 1
    door.later(1)
    assert door.received(client).startswith(b"HTTP/1.1 408 ")
    assert door.dropped == [Drop.SLOW]
    assert not door.asked


def test_what_came_while_the_gate_stood_still_came_in_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGCONT: the wait that was under way ends with nothing, however much has come."""
    asks, reads, drips = door.connect(GET[:9]), door.connect(GET), door.connect(GET[:9])
    door.until(lambda: door.asked)
    body = bytes(15 << 20)
    door.answer(door.asked[0][0], body, after=After.END)
    door.settle()
    asks.sendall(GET[9:])
    reads.setblocking(False)
    taken = 0
    with suppress(BlockingIOError):
        while True:
            taken += len(reads.recv(1 << 20))
    hear, rounds = door.gate._selector.select, count()
    monkeypatch.setattr(
        door.gate._selector,
        "select",
        lambda timeout: hear(timeout) if next(rounds) else [],
    )
    door.later(25)
    assert len(door.asked) == 2
    assert door.dropped == [Drop.SLOW]
    assert door.received(drips).startswith(b"HTTP/1.1 408 ")
    assert taken + len(door.received(reads)) == len(body)


def test_who_says_nothing_goes(door: Door) -> None:
    client = door.connect()
    door.later(10.1)
    assert door.received(client) == b""
    assert len(door.gate) == 0


def test_who_was_answered_may_be_idle_for_longer(door: Door) -> None:
    client = door.connect(GET)
    door.until(lambda: door.asked)
    door.answer(door.asked[0][0], b"answer")
    door.settle()
    door.later(29)
    assert len(door.gate) == 1
    door.later(2)
    assert door.received(client) == b"answer"
    assert door.dropped == []


def test_when_there_are_too_many_the_oldest_that_nobody_serves_go(door: Door) -> None:
    on_answered = door.connect(GET)
    door.until(lambda: door.asked)
    oldest, *others = (door.connect(), door.connect(GET[:9]), door.connect(), door.connect())
    assert len(door.gate) == 5
    newest = door.connect(GET)
    door.until(lambda: len(door.asked) == 2)
    assert door.received(oldest) == b""
    assert len(door.gate) == 5
    assert door.dropped == [Drop.SHED]
    for connection, _ in list(door.asked):
        door.answer(connection, b"answer", after=After.END)
    assert [door.received(client) for client in (on_answered, newest)] == [b"answer"] * 2
    assert len(others) == 3


def test_a_body_that_waits_to_be_asked_for_is_asked_for_once(door: Door) -> None:
    head = b"PUT /a HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    client = door.connect(head)
    door.gate.run_once(0.01)
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"{")
    door.gate.run_once(0.01)
    client.sendall(b"}")
    door.until(lambda: door.asked)
    door.answer(door.asked[0][0], b"answer", after=After.END)
    assert door.received(client) == b"answer"


def test_an_answer_is_sent_as_its_client_reads_it(door: Door) -> None:
    client = door.connect(GET)
    door.until(lambda: door.asked)
    body = bytes(range(256)) * 60_000
    door.answer(door.asked[0][0], b"head", body, after=After.END)
    for _ in range(5):
        door.later(1)
    assert door.received(client) == b"head" + body
    assert door.dropped == []


def test_who_takes_nothing_of_an_answer_goes_when_it_is_said(door: Door) -> None:
    door.connect(GET)
    door.until(lambda: door.asked)
    door.answer(door.asked[0][0], b"x" * (15 << 20))
    door.settle()
    door.later(9.9)
    assert len(door.gate) == 1
    door.later(0.5)
    assert len(door.gate) == 0
    assert door.dropped == [Drop.STALLED]


def test_answers_that_nobody_reads_take_so_much_memory_and_no_more(door: Door) -> None:
    for _ in range(3):
        door.connect(GET)
    door.until(lambda: len(door.asked) == 3)
    for connection, _ in door.asked:
        door.answer(connection, b"x" * (15 << 20))
    door.until(lambda: door.dropped == [Drop.SHED] * 2)
    assert len(door.gate) == 1


def test_when_nobody_can_serve_a_request_it_is_told_so(door: Door) -> None:
    door.is_full = True
    client = door.connect(GET)
    answer = door.received(client)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 2\r\n" in answer


def test_what_is_too_large_is_refused_before_it_has_come(door: Door) -> None:
    client = door.connect(b"PUT /a HTTP/1.1\r\nContent-Length: 400000000\r\n\r\n")
    assert door.received(client).startswith(b"HTTP/1.1 413 ")
    assert not door.asked


def test_who_goes_on_to_send_gets_its_answer_and_goes(door: Door) -> None:
    client = door.connect(b"PUT /a HTTP/1.1\r\nContent-Length: 400000000\r\n\r\n")
    client.sendall(b"x" * 100_000)
    assert b" 413 " in door.received(client)
    client.close()
    door.until(lambda: len(door.gate) == 0)


def test_who_does_not_close_is_closed(door: Door) -> None:
    client = door.connect(GET)
    door.until(lambda: door.asked)
    door.answer(door.asked[0][0], b"answer", after=After.END)
    door.settle()
    door.later(1.9)
    assert len(door.gate) == 1
    door.later(0.5)
    assert len(door.gate) == 0
    assert door.received(client) == b"answer"


def test_a_client_that_resets_its_connection_ends_nothing(door: Door) -> None:
    client = door.connect(GET[:5])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    door.until(lambda: len(door.gate) == 0)
    other = door.connect(GET)
    door.until(lambda: door.asked)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    other.close()
    door.answer(door.asked[0][0], b"x" * (1 << 20))
    door.until(lambda: len(door.gate) == 0)


def test_an_answer_that_breaks_off_ends_at_once(door: Door) -> None:
    client = door.connect(GET + GET)
    door.until(lambda: door.asked)
    door.answer(door.asked[0][0], b"rest", after=After.BREAK)
    door.until(lambda: len(door.gate) == 0)
    assert door.received(client) == b""
    assert len(door.asked) == 1
