"""No exception ends a thread that the viewer needs, and one that has ended is seen."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry
from viewer.kafka.retention import Limits, TopicRetention
from viewer.model.errors import TryLaterError
from viewer.playback.frame_sequences import Delivery
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.playback.live_subscribers import Edge
from viewer.telemetry.metrics import Metrics
from viewer.telemetry.thread_health import ThreadHealth
from viewer.web.health import Health

from tests.support.processes import wait_for
from tests.viewer.builders import connection_of, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka.admin import AdminClient


def test_a_thread_goes_on_after_what_it_raises() -> None:
    stopping, tries = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        tries.release()
        raise ValueError("of somebody else's making")

    threads = ThreadHealth(stopping)
    thread = threads.run_forever("one", work)
    assert all(tries.acquire(timeout=60) for _ in range(2))
    assert threads.dead() == []
    stopping.set()
    thread.join(60)
    assert not thread.is_alive()
    assert threads.dead() == [], "it was told to end"


def test_neither_alive_nor_ready_while_a_thread_is_missing() -> None:
    threads = ThreadHealth(threading.Event())
    alive = True
    threads.require("follower", lambda: alive)
    health = Health(lambda: not threads.dead(), lambda: None, threads.dead)
    health.require_alive()
    health.require_ready()
    alive = False
    for require in (health.require_alive, health.require_ready):
        with pytest.raises(TryLaterError, match="follower"):
            require()


class BadSocket:
    """A socket that fails as none should."""

    def sendmsg(self, *_: object) -> int:
        raise RuntimeError("no socket does that")


def edge(key: str, encode: Any, *frames: int) -> Edge:
    def deliveries(start: int) -> Iterator[Delivery]:
        return (Delivery(frame(n)) for n in frames if n >= start)

    return Edge(key, "frames", deliveries, encode, 1 << 40)


def broken(_: Delivery) -> tuple[bytes]:
    raise RuntimeError("it can't be encoded")


def test_one_bad_socket_or_stream_ends_nobody_elses_live_edge() -> None:
    edges = LiveFrameSender(Metrics(CollectorRegistry()), 60)
    good = edge("good", lambda delivery: (delivery.frame.image,), 0, 1, 2)
    with pytest.raises(ConnectionResetError):
        edges.subscribe(good, connection_of(BadSocket()), 0, skips=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert edges.subscribe(edge("bad", broken, 0), connection_of(ours), 0, skips=False).is_over
        assert edges.alive
        subscriber = edges.subscribe(good, connection_of(ours), 0, skips=False)
        assert (subscriber.is_over, subscriber.next_frame) == (True, 3)
        assert theirs.recv(1 << 16) == b"".join(frame(n).image for n in range(3))


class SlowAdmin:
    """An admin client whose broker answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def describe_configs(self, resources: list[Any], **_: object) -> dict[Any, Future[Any]]:
        self.asked.append(Future())
        return {resources[0]: self.asked[-1]}


class Entry:
    """A setting of a topic."""

    def __init__(self, value: str) -> None:
        self.value = value


KEPT = {"retention.ms": Entry("1000"), "retention.bytes": Entry("-1")}
AWAY = KafkaException(KafkaError(KafkaError._TIMED_OUT))


def test_many_who_ask_how_long_frames_are_kept_wait_for_one_answer_together() -> None:
    admin, now = SlowAdmin(), [0.0]
    retention = TopicRetention(cast("AdminClient", admin), "frames", lambda: now[0])
    found: list[Limits] = []
    callers = [threading.Thread(target=lambda: found.append(retention.limits())) for _ in range(10)]
    for caller in callers:
        caller.start()
    wait_for(lambda: len(admin.asked) == 1, what="the question")
    assert found == []
    admin.asked[0].set_result(KEPT)
    for caller in callers:
        caller.join(60)
    assert found == [Limits(1000, None)] * 10
    assert len(admin.asked) == 1
    # The broker is away: what was known is given at once, and asked again now and then.
    now[0] += 61
    assert [retention.limits() for _ in range(3)] == [Limits(1000, None)] * 3
    assert len(admin.asked) == 2
    admin.asked[1].set_exception(AWAY)
    assert retention.limits() == Limits(1000, None)
    now[0] += 6
    assert retention.limits() == Limits(1000, None)
    assert len(admin.asked) == 3


def test_who_asks_again_soon_after_no_answer_is_told_at_once() -> None:
    admin, now = SlowAdmin(), [0.0]
    retention = TopicRetention(cast("AdminClient", admin), "frames", lambda: now[0])

    def answer() -> None:
        wait_for(lambda: admin.asked, what="the question")
        admin.asked[0].set_exception(AWAY)

    threading.Thread(target=answer).start()
    for _ in range(3):
        with pytest.raises(TryLaterError, match="can't be read now"):
            retention.limits()
    assert len(admin.asked) == 1
