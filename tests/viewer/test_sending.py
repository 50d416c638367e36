"""Pieces of a body on their way to the client."""

from __future__ import annotations

import socket
import threading

import pytest
from viewer.sending import Connection


def sent(pieces: list[bytes], protocol: str) -> bytes:
    """Send pieces through a socket that takes little at a time, and return what arrives."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection = Connection.of({"gunicorn.socket": ours, "SERVER_PROTOCOL": protocol})
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
