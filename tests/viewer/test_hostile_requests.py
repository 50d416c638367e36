"""No request is answered with 500: bodies, numbers, names and headers of every kind are tried."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.running import answers
from tests.viewer.world import world

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.support.processes import Process

API = f"/api/streams/{STREAM_ID}"
STREAM = f"/streams/{STREAM_ID}"
WRITES = (("PUT", f"{API}/position"), ("POST", f"{API}/position"), ("POST", "/api/rooms/den"))
NUMBERS = (
    (f"{API}/index", ("from", "count", "stride")),
    (f"{API}/at", ("pts_ns",)),
    (f"{STREAM}/frames", ("from", "count", "stride", "follow")),
    (f"{STREAM}/video.mjpg", ("from", "speed")),
    (f"{STREAM}/export.zip", ("from", "to")),
    (f"{STREAM}/export.avro", ("from", "to")),
    (f"{STREAM}/export.mp4", ("from", "to")),
    (f"{API}/position", ("viewer",)),
)
PLACES = (
    "/api/streams/{}", "/api/streams/{}/index", "/api/streams/{}/position", "/streams/{}",
    "/streams/{}/frames", "/streams/{}/frames/0", "/streams/{}/export.zip", "/static/{}",
    f"{STREAM}/frames/{{}}", "/api/rooms/{}", "/{}",
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Encoding", "Authorization", "Content-Type", "Content-Length", "Cookie",
    "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Origin", "Range",
    "Sec-Fetch-Site", "Traceparent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-Forwarded-Proto", "Access-Control-Request-Method",
)  # fmt: skip
DEEP = [
    b"[" * 4000,
    b'{"frame":' * 400,
    b'{"a":' * 600 + b"1" + b"}" * 600,
    b"[" * 1000 + b"]" * 1000,
]
LONG_NUMBERS = [b'{"frame": ' + b"9" * 4000 + b"}", b'{"frame": 1e400}', b'{"frame": -1}']
ROOM = {
    "stream_id": STREAM_ID, "frame": 3, "pts_ns": 9, "playing": True, "speed": 1.0, "at_us": 50,
    "by": "ann", "mark_in": None, "mark_out": None,
}  # fmt: skip

anything = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
no_control = st.characters(exclude_characters="\r\n\0", max_codepoint=255)
number_texts = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["9" * 5000, "-" + "9" * 18, "٣", "1e5", "0x10", "+1", " 1", "١٢", "²", "1_0"]),
)
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=70),
        st.sampled_from([2**62, 2**63 - 1, 2**63, -(2**63), 10**400]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture(params=[False, True], ids=["itself", "behind a proxy"])
def client(request: pytest.FixtureRequest) -> FlaskClient:
    made = world(max_streams=10_000, behind_proxy=request.param)
    made.catalogue.put_stream(stream(12))
    for first in (0, 4, 8):
        made.catalogue.put_segments(
            [(segment(first, 4, size_of=lambda n: len(b"picture %d" % n)), 1 << 60)]
        )
    return made.app.test_client()


def status_of(client: FlaskClient, method: str, path: str, **more: Any) -> int:
    """Ask, and read what is answered as far as it goes."""
    response = client.open(path, method=method, buffered=False, **more)
    if "events" not in path and "mjpg" not in path and "follow" not in path:
        for _ in response.iter_encoded():
            pass
    response.close()
    assert response.status_code < 500 or response.status_code == 503, response.get_data()
    return response.status_code


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("body", DEEP + LONG_NUMBERS)
def test_a_body_that_is_deep_or_long_is_the_senders_mistake(
    client: FlaskClient, method: str, path: str, body: bytes
) -> None:
    status = status_of(client, method, path, data=body, content_type="application/json")
    assert status == 400


@pytest.mark.parametrize(("method", "path"), WRITES)
@anything
@given(body=st.one_of(st.binary(max_size=200), json_values.map(lambda v: json.dumps(v).encode())))
@example(body="\ud800".encode("utf-16", "surrogatepass"))
@example(body=b'\xef\xbb\xbf{"frame": 1}')
@example(body=b'{"frame": 1, "frame": 2}')
def test_no_body_breaks_anything(client: FlaskClient, method: str, path: str, body: bytes) -> None:
    for kind in ("application/json", "application/json; charset=utf-16", "text/plain", ""):
        status_of(client, method, path, data=body, content_type=kind)


@anything
@given(field=st.sampled_from(sorted(ROOM)), given_value=json_values)
@example(field="speed", given_value=10**400)
@example(field="by", given_value="\ud800")
@example(field="stream_id", given_value="\ud800")
def test_no_place_breaks_a_room(client: FlaskClient, field: str, given_value: object) -> None:
    status_of(client, "POST", "/api/rooms/den", json={**ROOM, field: given_value})


@pytest.mark.parametrize(("path", "names"), NUMBERS)
@anything
@given(data=st.data())
def test_no_number_breaks_anything(
    client: FlaskClient, path: str, names: tuple[str, ...], data: st.DataObject
) -> None:
    chosen = {name: data.draw(number_texts) for name in names if data.draw(st.booleans())}
    query = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in chosen.items())
    status_of(client, "GET", f"{path}?{query}")


@pytest.mark.parametrize("place", PLACES)
@anything
@given(name=st.one_of(st.text(max_size=40), number_texts, st.binary(max_size=20)))
@example(name="%00")
@example(name="..")
@example(name="%2e%2e%2f%2e%2e")
@example(name="a" * 5000)
@example(name=b"\xff\xfe")
def test_no_name_breaks_anything(client: FlaskClient, place: str, name: str | bytes) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE"):
        quoted = quote(name if isinstance(name, bytes) else name.encode(errors="replace"))
        status_of(client, method, place.format(quoted), json=ROOM)


@pytest.mark.parametrize(
    "path", ["/", f"{STREAM}/frames/3", f"{API}/position", "/static/theme.css"]
)
@anything
@given(
    headers=st.dictionaries(
        st.sampled_from(HEADERS), st.text(no_control, max_size=60), min_size=1, max_size=3
    )
)
@example(headers={"Range": "bytes=" + "9" * 5000 + "-"})
@example(headers={"Range": "bytes=5-1"})
@example(headers={"Range": "bytes=" + ",".join(["0-1"] * 1000)})
@example(headers={"If-Modified-Since": "Sun, 06 Nov 99999999999999999999 08:49:37 GMT"})
@example(headers={"If-Modified-Since": "Fri, 31 Dec 9999 23:59:59 -2359"})
@example(headers={"If-Range": "Sat, 01 Jan 0001 00:00:00 +2359", "Range": "bytes=0-1"})
@example(headers={"Host": "[::1"})
@example(headers={"Host": ""})
@example(headers={"Authorization": "Basic " + "=" * 50})
@example(headers={"Content-Length": "9" * 5000})
@example(headers={"X-Forwarded-For": "fe80::1%eth0"})
@example(headers={"X-Forwarded-Host": "[", "X-Forwarded-Prefix": "//x", "X-Forwarded-Proto": "x"})
@example(headers={"Cookie": "framelog_viewer=" + "é" * 30})
def test_no_header_breaks_anything(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "PUT"):
        status_of(client, method, path, headers=headers, data=b'{"frame": 1}')


LOCAL = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"Connection: close\r\n\r\n"
# What no client library sends, and what it is answered.
RAW = [
    (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    (b"nonsense\r\n\r\n", 400),
    (b"\r\n\r\n\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET /\xff HTTP/1.1\r\n" + LOCAL + LAST, 400),
    (b"GET /%ff%00 HTTP/1.1\r\n" + LOCAL + LAST, 404),
    (b"GET http://[::1/ HTTP/1.1\r\n" + LOCAL + LAST, 400),
    (b"GET http://localhost/ HTTP/1.1\r\n" + LOCAL + LAST, 200),
    (b"OPTIONS * HTTP/1.1\r\n" + LOCAL + LAST, 404),
    (b"CONNECT x:1 HTTP/1.1\r\n" + LOCAL + LAST, 404),
    (b"GET / HTTP/1.0\r\n\r\n", 200),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"SCRIPT_NAME: /x\r\n" + LAST, 200),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"X-Forwarded-Proto: https\r\n" + LAST, 200),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"X-Forwarded-Ssl: on\r\n" + LAST, 200),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"Host: localhost\r\n" + LAST, 400),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"Expect: what\r\n" + LAST, 417),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"X: " + b"x" * 9000 + b"\r\n" + LAST, 431),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + LOCAL + LAST, 414),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"X: x\r\n" * 200 + LAST, 431),
    (b"GET / HTTP/1.1\r\n" + LOCAL + b"X: " + b"x" * 40_000, 431),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Content-Length: 1\r\nContent-Length: 2\r\n" + LAST, 400),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Content-Length: -1\r\n" + LAST, 400),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Content-Length: 400000000\r\n\r\n", 413),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Transfer-Encoding: gzip\r\n" + LAST, 400),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"PUT / HTTP/1.1\r\n" + LOCAL + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA\r\n\r\n", 400),
    (b"POST /api/rooms/x HTTP/1.1\r\n" + LOCAL + JSON + CHUNKED + b"0\r\nA\r\n\r\n", 400),
    (b"POST /api/rooms/x HTTP/1.1\r\n" + LOCAL + JSON + CHUNKED + b"1;\x01\r\nx\r\n0\r\n\r\n", 400),
    (b"POST /api/rooms/x HTTP/1.1\r\n" + LOCAL + JSON + CHUNKED + b"2\r\n[]\r\n0\r\n\r\n", 400),
]  # fmt: skip


def test_no_bytes_break_the_server(
    serve: Callable[..., Process], base: str, free_port: int
) -> None:
    process = serve()
    answered = []
    for sent, _ in RAW:
        with socket.create_connection(("127.0.0.1", free_port), timeout=60) as client:
            client.sendall(sent)
            with client.makefile("rb") as received:
                answered.append((sent, int(received.readline().split()[1])))
    assert answered == RAW
    assert answers(f"{base}/readyz")
    assert "Traceback" not in process.log_tail()
