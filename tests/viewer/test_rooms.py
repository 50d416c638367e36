"""Rooms: the last move wins, everyone hears of it, and there is an end to them."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from viewer.model.errors import TryLaterError
from viewer.sharing.playback_state import PlaybackState
from viewer.sharing.rooms import Rooms, StoredState

from tests.support.processes import wait_for
from tests.viewer.builders import STREAM_ID, stream
from tests.viewer.world import FakeClock, FakeRooms, World, value, world

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flask.testing import FlaskClient

STATE = PlaybackState(
    STREAM_ID, frame=3, pts_ns=9, playing=True, speed=-2.0, at_us=50, by="ann", mark_in=2
)
BODY: dict[str, Any] = {
    "stream_id": STREAM_ID, "frame": 3, "pts_ns": 9, "playing": True, "speed": -2.0,
    "at_us": 50, "by": "ann", "mark_in": 2, "mark_out": None,
}  # fmt: skip


@pytest.fixture
def viewer() -> World:
    made = world()
    made.catalogue.put_stream(stream(4))
    return made


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return viewer.app.test_client()


def test_the_last_to_arrive_wins_whatever_its_clock_says() -> None:
    rooms = Rooms(FakeRooms())
    rooms.move("den", STATE)
    moved = rooms.move("den", replace(STATE, frame=7, at_us=1, by="ben"))
    assert moved.state.frame == 7


def test_what_one_sender_sent_earlier_and_came_later_changes_nothing() -> None:
    rooms = Rooms(FakeRooms())
    rooms.move("den", replace(STATE, frame=8, at_us=60))
    assert rooms.move("den", STATE).state.frame == 8


def test_a_room_that_nobody_moves_is_forgotten() -> None:
    clock = FakeClock()
    rooms = Rooms(FakeRooms(), idle_seconds=10, now=clock)
    rooms.move("den", STATE)
    clock.seconds = 9
    assert set(rooms.wait(["den", "attic"], 0, 0)) == {"den"}
    clock.seconds = 11
    assert not rooms.wait(["den", "attic"], 0, 0)


def test_a_room_that_nobody_is_in_makes_room_for_another_and_is_found_again() -> None:
    rooms = Rooms(FakeRooms(), limit=2)
    for name in ("den", "attic", "den", "cellar"):
        rooms.move(name, STATE)
    assert not rooms.wait(["attic"], 0, 0)
    assert rooms.wait(["den"], 0, 0)
    with rooms.joined("attic"):
        assert rooms.wait(["attic"], 0, 0)


def test_a_room_that_somebody_is_in_stays() -> None:
    rooms = Rooms(FakeRooms(), limit=2)
    for name in ("den", "attic"):
        rooms.move(name, STATE)
    with rooms.joined("den"), rooms.joined("attic"):
        with pytest.raises(TryLaterError):
            rooms.move("cellar", STATE)
        assert rooms.wait(["den"], 0, 0)
    assert rooms.move("cellar", STATE).state == STATE


def test_one_client_can_make_so_many_rooms(viewer: World, client: FlaskClient) -> None:
    made = [client.post(f"/api/rooms/{n}", json=BODY).status_code for n in range(999)]
    assert made == [200] * 100 + [429] * 899
    assert client.post("/api/rooms/0", json=BODY).status_code == 200
    neighbour = {"REMOTE_ADDR": "203.0.113.5"}
    assert client.post("/api/rooms/den", json=BODY, environ_base=neighbour).status_code == 200
    viewer.clock.seconds = 30
    assert client.post("/api/rooms/one-more", json=BODY).status_code == 200


@pytest.mark.parametrize("at_us", [2**62, 6_000_000])
def test_a_move_from_a_time_to_come_mutes_nobody(at_us: int) -> None:
    rooms = Rooms(FakeRooms())
    rooms.move("den", replace(STATE, at_us=at_us, frame=1))
    assert rooms.move("den", replace(STATE, frame=2)).state.frame == 2


def test_a_place_that_was_kept_at_a_time_to_come_is_no_place() -> None:
    store, clock = FakeRooms(), FakeClock()
    rooms = Rooms(store, now=clock)
    rooms.move("den", STATE)
    store.stored["den"] = StoredState(replace(STATE, frame=9), 2**62)
    with rooms.joined("den"):
        found = rooms.wait(["den"], 0, 0)["den"]
    assert found.state == STATE


def test_a_move_at_one_replica_is_learned_at_another() -> None:
    store = FakeRooms()
    here, there = Rooms(store), Rooms(store)
    here.move("den", STATE)
    assert not there.wait(["den"], 0, 0), "nobody is there"
    with there.joined("den"):
        found = there.wait(["den"], 0, 0)["den"]
        assert found.state == STATE
        stopping = threading.Event()
        follower = threading.Thread(target=there.follow, args=(stopping,))
        follower.start()
        here.move("den", replace(STATE, frame=9, at_us=51))
        moved = there.wait(["den"], found.version, 60)
        stopping.set()
        follower.join()
    assert moved["den"].state.frame == 9


def test_of_two_moves_the_later_stands_whichever_was_kept_last() -> None:
    store, clock = FakeRooms(), FakeClock()
    here, there = Rooms(store, now=clock), Rooms(store, now=clock)
    clock.seconds = 1
    earlier = there.move("den", STATE)
    clock.seconds = 2
    here.move("den", replace(STATE, frame=8, by="ben"))
    store.write("den", earlier.stored)
    with here.joined("den"):
        pass
    with there.joined("den"):
        found = there.wait(["den"], 0, 0)["den"]
    assert found.state.frame == 8


class SlowRooms(FakeRooms):
    """A store that takes its time, until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.goes_on = threading.Event(), threading.Event()
        self.written: list[tuple[str, int]] = []

    def write(self, name: str, stored: StoredState) -> None:
        self.is_asked.set()
        assert self.goes_on.wait(60)
        self.written.append((name, stored.state.frame))
        super().write(name, stored)


def test_nobody_waits_for_a_store_that_is_slow_and_it_gets_the_latest() -> None:
    store = SlowRooms()
    rooms = Rooms(store)
    first = threading.Thread(target=rooms.move, args=("den", STATE))
    first.start()
    assert store.is_asked.wait(60)
    try:
        for frame in (4, 5):
            rooms.move("den", replace(STATE, frame=frame, by="ben"))
        rooms.move("attic", STATE)
        assert rooms.wait(["den"], 0, 0)["den"].state.frame == 5
        with rooms.joined("den"):
            assert rooms.wait(["attic"], 0, 0)
    finally:
        store.goes_on.set()
        first.join()
    assert store.written == [("den", 3), ("den", 5), ("attic", 3)]


def test_a_store_that_fails_once_is_written_to_again() -> None:
    class Failing(FakeRooms):
        def write(self, name: str, stored: StoredState) -> None:
            if stored.state.frame == STATE.frame:
                raise RuntimeError("once")
            super().write(name, stored)

    store = Failing()
    rooms = Rooms(store)
    with pytest.raises(RuntimeError):
        rooms.move("den", STATE)
    rooms.move("den", replace(STATE, frame=4))
    assert store.stored["den"].state.frame == 4


def test_however_many_rooms_are_joined_few_are_asked_for_at_a_time() -> None:
    class Counting(FakeRooms):
        def __init__(self) -> None:
            super().__init__()
            self.looks: list[set[str]] = []

        def read(self, names: Collection[str]) -> Mapping[str, StoredState]:
            self.looks.append(set(names))
            return super().read(names)

    store = Counting()
    rooms = Rooms(store)
    names = {str(n) for n in range(250)}
    stopping = threading.Event()
    with rooms.joined(*sorted(names)):
        store.looks.clear()
        follower = threading.Thread(target=rooms.follow, args=(stopping,))
        follower.start()
        wait_for(lambda: len(store.looks) >= 3, what="three looks")
        stopping.set()
        follower.join()
    assert {len(look) for look in store.looks} == {100}
    assert set().union(*store.looks[:3]) == names


def test_who_comes_hears_where_the_room_is_and_then_of_each_move(
    viewer: World, client: FlaskClient
) -> None:
    assert client.post("/api/rooms/den", json=BODY).json == BODY | {"age_us": 0}
    viewer.clock.seconds = 2
    response = client.get("/api/rooms/den/events")
    assert response.mimetype == "text/event-stream"
    chunks = response.iter_encoded()
    assert next(chunks).startswith(b"retry:")
    assert told(next(chunks)) == BODY | {"room": "den", "age_us": 2_000_000}
    client.post("/api/rooms/attic", json=BODY)
    client.post("/api/rooms/den", json=BODY | {"frame": 1, "by": "ben"})
    told_then = told(next(chunks))
    assert told_then == BODY | {"room": "den", "frame": 1, "by": "ben", "age_us": 0}
    assert value(viewer.metrics, "watchers", route="room") == 1
    response.close()
    assert value(viewer.metrics, "watchers", route="room") == 0


def test_several_rooms_are_told_of_together(viewer: World, client: FlaskClient) -> None:
    for name in ("attic", "den", "cellar"):
        client.post(f"/api/rooms/{name}", json=BODY)
    response = client.get("/api/rooms/events?room=den&room=attic&room=hall&room=den")
    chunks = response.iter_encoded()
    next(chunks)
    assert [told(next(chunks))["room"] for _ in range(2)] == ["attic", "den"]
    client.post("/api/rooms/cellar", json=BODY | {"frame": 1, "at_us": 60})
    client.post("/api/rooms/hall", json=BODY | {"frame": 2, "at_us": 60})
    moved = told(next(chunks))
    assert (moved["room"], moved["frame"]) == ("hall", 2)
    response.close()
    # Rooms of these names can be moved all the same.
    assert client.post("/api/rooms/events", json=BODY).status_code == 200


@pytest.mark.parametrize("query", ["", "room=", f"room={'x' * 65}", "room=a&" * 33, "rooms=a"])
def test_rooms_that_cannot_be_told_of_are_refused(client: FlaskClient, query: str) -> None:
    query = "&".join(f"{part}{i}" for i, part in enumerate(query.split("&")[:-1])) or query
    assert client.get(f"/api/rooms/events?{query}").status_code == 400


def told(chunk: bytes) -> Any:
    name, data = chunk.decode().splitlines()[:2]
    assert name == "event: room"
    return json.loads(data.removeprefix("data: "))


@pytest.mark.parametrize(
    "change",
    [
        {"frame": -1},
        {"frame": True},
        {"frame": 1 << 63},
        {"pts_ns": 1.5},
        {"playing": 1},
        {"speed": 17},
        {"speed": "fast"},
        {"speed": float("nan")},
        {"speed": float("inf")},
        {"speed": 10**400},
        {"at_us": None},
        {"by": ""},
        {"by": "x" * 65},
        {"by": "a\nb"},
        {"mark_in": -1},
        {"stream_id": 5},
    ],
)
def test_what_is_no_place_is_refused(client: FlaskClient, change: dict[str, Any]) -> None:
    assert client.post("/api/rooms/den", json=BODY | change).status_code == 400


def test_what_is_no_room_or_stream_is_told_apart(client: FlaskClient) -> None:
    assert client.post("/api/rooms/den", json=[]).status_code == 400
    assert client.post(f"/api/rooms/{'x' * 65}", json=BODY).status_code == 400
    assert client.get(f"/api/rooms/{'x' * 65}/events").status_code == 400
    assert client.post("/api/rooms/den", json=BODY | {"stream_id": "no"}).status_code == 404
    assert client.post("/api/rooms/den", data="x" * 5000).status_code == 415
    assert client.post("/api/rooms/den", json="x" * 5000).status_code == 413
    assert client.get("/api/rooms/den").status_code == 405
