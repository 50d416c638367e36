"""Where requests end, in whatever pieces they come."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer.web.request_boundary import (
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    Received,
    RefusedError,
    RequestBoundary,
)

GET = b"GET /streams/a?from=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUT = b"PUT /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;name=value\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)
BARE_CHUNKED = b"POST /p HTTP/1.1\r\ntransfer-encoding:Chunked\r\n\r\n0\r\n\r\n"
REQUESTS = [GET, PUT, CHUNKED, BARE_CHUNKED, b"\r\n" + GET]


def arrival_of(data: bytes) -> Received:
    return RequestBoundary().find_end(data)


@pytest.mark.parametrize("request_bytes", REQUESTS)
@pytest.mark.parametrize("behind", [b"", GET, b"GET", b"\r\n"])
def test_a_request_ends_where_it_ends_and_no_sooner(request_bytes: bytes, behind: bytes) -> None:
    dripping = RequestBoundary()
    for come in range(len(request_bytes)):
        assert arrival_of(request_bytes[:come]).end is None
        assert dripping.find_end(request_bytes[:come]).end is None
    for boundary in (RequestBoundary(), dripping):
        assert boundary.find_end(request_bytes + behind).end == len(request_bytes)


def test_what_is_asked_for_is_told_as_it_is_written() -> None:
    assert arrival_of(GET).target == b"/streams/a?from=1"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: %d" % MOST_BODY_BYTES, b"x" * MOST_BODY_BYTES),
        (b"Transfer-Encoding: chunked", b"1\r\nx\r\n" * 2700),
    ],
)
def test_a_drip_costs_no_more_than_what_it_brings(framing: bytes, body: bytes) -> None:
    """Were all of a request looked at whenever a byte comes, one client would take a processor."""
    head = b"PUT /p HTTP/1.1\r\n" + b"a:\r\n" * 8000 + framing + b"\r\n\r\n"
    boundary, come = RequestBoundary(), bytearray(head)
    began = time.process_time()
    for byte in body[:-1]:
        come.append(byte)
        assert boundary.find_end(come).end is None
    assert time.process_time() - began < 2


def test_a_body_that_waits_is_told_apart() -> None:
    head = b"PUT /p HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n"
    assert arrival_of(head[:-2]).expects_go_ahead is False
    assert arrival_of(head).expects_go_ahead is True
    assert arrival_of(head + b"hello").expects_go_ahead is False
    assert arrival_of(PUT[:-1]).expects_go_ahead is False


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"G" * (MOST_HEAD_BYTES + 1), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"PUT / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (BARE_CHUNKED[:-5] + b"1001\r\n", 413),
        (BARE_CHUNKED[:-5] + b"1\r\nx\r\n" * 4000, 413),
        (BARE_CHUNKED[:-5] + b"1;" + b"x" * 20_000, 413),
        (BARE_CHUNKED[:-5] + b"ffffffff\r\n", 413),
        (BARE_CHUNKED[:-5] + b"-1\r\n", 400),
        (BARE_CHUNKED[:-5] + b"0x1\r\n", 400),
        (BARE_CHUNKED[:-5] + b"1_0\r\n", 400),
        (BARE_CHUNKED[:-5] + b"\r\n", 400),
        (BARE_CHUNKED[:-5] + b"fffffffff\r\n", 400),
        (BARE_CHUNKED[:-5] + b"1\r\nxy", 400),
    ],
)
def test_what_is_too_large_or_no_chunk_is_refused(request_bytes: bytes, status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        arrival_of(request_bytes)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_no_http_is_for_the_parser_to_refuse(head: bytes) -> None:
    assert arrival_of(head).end == len(head)


@given(st.binary(max_size=200), st.sampled_from([*REQUESTS, BARE_CHUNKED[:-5]]))
def test_no_bytes_break_it(noise: bytes, request_bytes: bytes) -> None:
    for data in (noise, request_bytes + noise, noise + request_bytes):
        try:
            end = arrival_of(data).end
        except RefusedError:
            continue
        assert end is None or 0 < end <= len(data)
