"""A room: several browsers at one place."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import Deck
from tests.support.processes import wait_for
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.videos import Recorder, Video
    from tests.support.cluster import Topics
    from tests.support.viewing import Viewer

LEADS = "() => document.querySelector('#room-badge').dataset.leading === 'true'"
FOLLOWS = "() => document.querySelector('#room-who').textContent.endsWith(' leads')"


@pytest.fixture
def enter(browser: Browser) -> Iterator[Callable[[str], Deck]]:
    """Return a function that opens an address in a browser of its own."""
    with ExitStack() as stack:

        def opened(url: str) -> Deck:
            context = browser.new_context(viewport={"width": 900, "height": 600})
            stack.callback(context.close)
            return Deck(context.new_page(), url)

        yield opened


@pytest.fixture(scope="module")
def video(record: Recorder) -> Video:
    """Write a video of a minute."""
    return record(60 * 25)


@pytest.fixture
def room() -> str:
    """Return the name of a room in which nobody has been."""
    return f"room-{uuid.uuid4().hex}"


@pytest.fixture
def url(video: Video, viewer: Viewer, room: str) -> str:
    """Return the address of the room, which watches the video."""
    return viewer.watch(video.stream_id, f"?paused&room={room}")


def test_one_moves_and_all_move(enter: Callable[[str], Deck], url: str) -> None:
    ada, bob = enter(f"{url}&frame=100"), enter(f"{url}&frame=700")
    ada.wait_until(LEADS)
    bob.wait_for_picture(100)
    bob.wait_until(FOLLOWS)
    assert ada.page.locator("#room-badge").is_visible()

    bob.type_into("Frame", "321")
    ada.wait_for_picture(321)
    bob.wait_until(LEADS)
    ada.wait_until(FOLLOWS)

    ada.press(".")
    bob.wait_for_picture(322)
    bob.press("k")
    ada.wait_past(330)
    ada.press("k")
    bob.wait_until("() => document.querySelector('#play').ariaLabel === 'Play'")
    bob.wait_for_picture(ada.number())

    bob.press(">", "r")
    ada.wait_until("() => document.querySelector('#speed').value === '1.5'")
    ada.wait_until("() => document.querySelector('#reverse').ariaPressed === 'true'")


def test_those_who_watch_together_stay_in_step(enter: Callable[[str], Deck], url: str) -> None:
    ada, bob = enter(f"{url}&frame=50"), enter(f"{url}&frame=50")
    ada.wait_until(LEADS)
    bob.wait_until(FOLLOWS)
    ada.press("k")
    bob.wait_past(60)
    # One page stands still for a while, as a slow machine would.
    bob.page.evaluate(
        "() => { const end = performance.now() + 600; while (performance.now() < end); }"
    )
    ada.wait_past(300)

    def in_step() -> bool:
        apart = [abs(_place(ada) - _place(bob)) for _ in range(10)]
        return sorted(apart)[5] <= 8

    wait_for(in_step, what="them to be at most 8 frames, of 40 ms, apart")


def test_nobody_echoes_what_another_did(enter: Callable[[str], Deck], url: str) -> None:
    ada, bob = enter(f"{url}&frame=10"), enter(f"{url}&frame=10")
    posts: list[str] = []
    bob.page.on("request", lambda request: posts.append(request.method + request.url))
    ada.wait_until(LEADS)
    bob.wait_until(FOLLOWS)
    for frame in (200, 400, 600, 800):
        ada.type_into("Frame", str(frame))
        bob.wait_for_picture(frame)
    ada.press("k")
    bob.wait_past(880)
    assert [post for post in posts if post.startswith("POST") and "/api/rooms/" in post] == []


def test_who_comes_late_is_where_the_others_are(enter: Callable[[str], Deck], url: str) -> None:
    ada = enter(f"{url}&frame=400")
    ada.wait_until(LEADS)
    ada.press("k")
    ada.wait_past(450)
    bob = enter(url)
    bob.wait_past(450)
    bob.wait_until("() => document.querySelector('#play').ariaLabel === 'Pause'")
    wait_for(lambda: abs(_place(ada) - _place(bob)) < 50, what="them to be at one place")


def test_a_room_goes_to_another_stream_together(
    enter: Callable[[str], Deck], url: str, record: Recorder, viewer: Viewer, room: str
) -> None:
    other = record(60, name="other.mp4")
    ada = enter(f"{url}&frame=5")
    ada.wait_until(LEADS)
    bob = enter(viewer.watch(other.stream_id, f"?paused&frame=30&room={room}"))
    dialog = bob.page.get_by_role("dialog", name="This room is watching another stream")
    dialog.wait_for()
    dialog.get_by_role("button", name="Move the room to this stream").click()
    ada.page.wait_for_url(f"**/{other.stream_id}?**")
    ada.wait_for_picture(30)


def test_who_has_reached_another_replica_is_in_the_same_room(
    enter: Callable[[str], Deck], url: str, viewer: Viewer, topics: Topics, tmp_path: Path
) -> None:
    with running_viewer(topics, tmp_path) as replica:
        ada = enter(f"{url}&frame=100")
        ada.wait_until(LEADS)
        bob = enter(url.replace(viewer.url, replica.url))
        bob.wait_for_picture(100)
        bob.wait_until(FOLLOWS)
        bob.type_into("Frame", "321")
        ada.wait_for_picture(321)
        ada.press("k")
        bob.wait_past(340)


def test_a_loop_is_shared_and_kept_in_step(enter: Callable[[str], Deck], url: str) -> None:
    ada, bob = enter(f"{url}&frame=100"), enter(f"{url}&frame=100")
    ada.wait_until(LEADS)
    bob.wait_until(FOLLOWS)
    ada.press("i")
    bob.wait_until("() => document.querySelector('#mark-in').ariaPressed === 'true'")
    for _ in range(50):
        ada.press(".")
    ada.press("o", "k")
    bob.wait_until("() => document.querySelector('#mark-out').ariaPressed === 'true'")
    bob.wait_past(140)
    # Round they go, both of them.
    bob.wait_before(120)
    bob.wait_past(140)
    bob.forget()
    bob.wait_before(120)
    frames = [picture["frame"] for picture in bob.painted()]
    assert min(frames) >= 100
    assert max(frames) <= 150
    bob.press("x")
    ada.wait_until("() => document.querySelector('#mark-clear').hidden")


def test_the_panel_begins_shares_and_leaves_a_room(
    enter: Callable[[str], Deck], viewer: Viewer, video: Video
) -> None:
    ada = enter(viewer.watch(video.stream_id, "?paused"))
    ada.wait_for_picture(0)
    ada.press("w")
    ada.page.get_by_label("Room", exact=True).fill("tea & <b>cake</b>")
    ada.click("Join")
    ada.wait_until(LEADS)
    assert ada.page.locator("#room-here").text_content() == "tea & <b>cake<-b>"
    ada.press("w")
    link = ada.page.get_by_label("Link").input_value()
    bob = enter(link)
    bob.wait_until(FOLLOWS)
    ada.click("Leave the room")
    ada.wait_until("() => document.querySelector('#room-badge').hidden")
    assert "room=" not in ada.page.url


def _place(deck: Deck) -> int:
    return int(deck.page.evaluate("() => Number(document.querySelector('#screen').dataset.frame)"))
