"""Which threads answer what: who may wait long keeps none of those that others need."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from viewer.web.authentication import MOST_WAITING
from viewer.web.request_pools import PAGE_THREADS, RequestPool, pool_of

from tests.viewer.builders import STREAM_ID
from tests.viewer.world import FakeClock

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.viewer.world import World

STREAM = f"/streams/{STREAM_ID}"
# Of each rule something that is there.
GIVEN = {
    "stream_id": STREAM_ID, "name": "den", "number": "3", "kind": "avro", "filename": "theme.css",
}  # fmt: skip


class Noting:
    """Stands for a connection, and notes whether its thread would send a stream."""

    stall_seconds, sock, stalled_clients = 1.0, None, None

    def __init__(self) -> None:
        self.is_stream = False

    def stream_directly(self) -> None:
        self.is_stream = True


def test_what_is_sent_as_it_comes_is_no_pages_work(viewer: World, client: FlaskClient) -> None:
    """Of every route, so that none is forgotten: four streams would take all pages' threads."""
    streams = set()
    routes = viewer.app.url_map.bind("localhost")
    for rule in viewer.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        path = routes.build(rule.endpoint, {name: GIVEN[name] for name in rule.arguments})
        connection, url = Noting(), f"{path}?room=den"
        environ = {"gunicorn.socket": connection, "SERVER_PROTOCOL": "HTTP/1.1"}
        client.get(url, environ_overrides=environ, buffered=False).close()
        assert (pool_of(url.encode()) == "streams") == connection.is_stream, url
        streams |= {rule.endpoint} if connection.is_stream else set()
    assert len(streams) == 6, streams


@pytest.mark.parametrize(
    ("target", "pool"),
    [
        ("/api/events", "streams"),
        ("/api/%65vents", "streams"),
        ("/%61pi/events?x", "streams"),
        ("/api/events#?", "streams"),
        ("http://localhost/api/events", "streams"),
        ("HTTP://[::1]:80/api/rooms/events?room=a", "streams"),
        ("/api/rooms/events?room=den", "streams"),
        ("/api/rooms/a%0Ab/events", "streams"),
        (f"{STREAM}/video%2Emjpg", "streams"),
        (f"{STREAM}/%66rames?from=0", "streams"),
        (f"{STREAM}/export.%7Aip", "streams"),
        (f"{STREAM}/fram%65s/3", "log"),
        ("/api/streams/a%0Ab/position", "log"),
        ("/healt%68z", "probes"),
        ("http://[::1/", "pages"),
        ("/", "pages"),
        ("*", "pages"),
        ("", "pages"),
        ("\xff", "pages"),
    ],
)
def test_a_path_has_one_pool_however_it_is_spelled(target: str, pool: str) -> None:
    assert pool_of(target.encode("latin-1")) == pool


def test_who_guesses_passwords_leaves_threads_for_pages() -> None:
    pool, let_go, answered = (
        RequestPool("pages", PAGE_THREADS),
        threading.Event(),
        threading.Event(),
    )

    def wait() -> None:
        let_go.wait(60)

    try:
        for _ in range(MOST_WAITING):
            assert pool.run(wait, let_go.set)
        assert pool.run(answered.set, let_go.set)
        assert answered.wait(60)
        assert not let_go.is_set()
    finally:
        let_go.set()
        pool.close()


def test_what_has_waited_for_long_is_refused_and_holds_up_nobody() -> None:
    """As where each waits for a Kafka that is away: the last of many would wait for minutes."""
    clock, let_go, begun = FakeClock(), threading.Event(), threading.Event()
    pool = RequestPool("log", 1, clock)
    answers: list[str] = []

    def wait() -> None:
        begun.set()
        assert let_go.wait(60)
        answers.append("answered")

    try:
        assert pool.run(wait, lambda: answers.append("refused"))
        assert begun.wait(60)
        assert pool.run(lambda: answers.append("late"), lambda: answers.append("refused"))
        clock.seconds = 11
        done = threading.Event()
        assert pool.run(done.set, done.clear)
        let_go.set()
        assert done.wait(60)
    finally:
        let_go.set()
        pool.close()
    assert answers == ["answered", "refused"]
