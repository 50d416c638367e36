"""What a browser's pages hold of the few connections that it opens to a server."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from framelog_local.ports import free_port

from tests.browser.deck import LIMIT_MS, Deck
from tests.browser.videos import Broadcast, write_video
from tests.support.nginx import nginx_before
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

    from tests.browser.videos import Recorder, Video
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

LIVE, RECORDED, LISTS = 5, 5, 10
# As long as it takes on a machine on which much else is going on.
CROWD_MS = 4 * LIMIT_MS


def held(viewer: Viewer, route: str) -> float:
    """Return how many responses of this kind are under way."""
    lines = requests.get(f"{viewer.url}/metrics", timeout=60).text.splitlines()
    line = f'framelog_viewer_watchers{{route="{route}"}} '
    return sum(float(each.removeprefix(line)) for each in lines if each.startswith(line))


def windows(page: Page) -> list[dict[str, list[str]]]:
    """Note the windows that a page asks for from now on."""
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        address = urlsplit(request.url)
        if address.path.endswith("/frames"):
            asked.append(parse_qs(address.query))

    page.context.on("request", note)
    return asked


def lies_in_line(query: dict[str, list[str]]) -> bool:
    """Tell whether a window is one of those that lie side by side, or what is left of it.

    32 frames are a second or two; while nothing plays, 8 around the picture are read.
    """
    first, count, stride = (int(query.get(name, ["1"])[0]) for name in ("from", "count", "stride"))
    if count == 1:
        return True
    before, after = first, first + count * stride
    return any(
        before // (size * stride) == (after - 1) // (size * stride)
        and 0 in {before % (size * stride), after % (size * stride)}
        for size in (8, 32)
    )


@pytest.fixture(scope="module")
def video(record: Recorder) -> Video:
    return record(1500)


@pytest.fixture
def live(cluster: Cluster, own_topics: Topics) -> Iterator[list[Broadcast]]:
    """Run several live streams."""
    with ExitStack() as stack:
        running = []
        for i in range(LIVE):
            video = write_video(
                cluster,
                own_topics,
                64,
                stream_id=f"live-{i:012x}",
                partition=i % 6,
                state="INGESTING",
            )
            running.append(Broadcast(video))
            stack.callback(running[-1].end)
        yield running


def test_ten_players_and_ten_lists_of_one_browser_all_play(
    cluster: Cluster,
    own_topics: Topics,
    own_viewer: Viewer,
    context: BrowserContext,
    live: list[Broadcast],
) -> None:
    films = [
        write_video(cluster, own_topics, 2000, stream_id=f"film-{i:012x}", partition=i % 6)
        for i in range(RECORDED)
    ]
    for film in films:
        own_viewer.wait_for_frames(film.stream_id, 2000)
    decks = [
        Deck(context.new_page(), own_viewer.watch(stream_id, f"?room=room {stream_id}"))
        for stream_id in [each.video.stream_id for each in live]
        + [film.stream_id for film in films]
    ]
    lists = [context.new_page() for _ in range(LISTS)]
    for page in lists:
        page.goto(own_viewer.url)
        page.wait_for_function(
            f"() => document.querySelectorAll('.card').length === {LIVE + RECORDED}",
            timeout=CROWD_MS,
        )
    for deck in decks[:LIVE]:
        deck.press("e")
    # All of them go on, however many there are.
    for deck in decks:
        deck.forget()
    for deck in decks:
        deck.page.wait_for_function(
            "() => window.painted.length > 30 && document.body.classList.contains('is-playing')",
            timeout=CROWD_MS,
        )
        assert all(shown["frame"] == shown["number"] for shown in deck.painted())
    for deck, each in zip(decks[:LIVE], live, strict=True):
        wait_for(
            lambda deck=deck, each=each: deck.number() > len(each.video.images) - 200,  # type: ignore[misc]
            CROWD_MS / 1000,
            what="it to come to the edge",
        )
    write_video(cluster, own_topics, 10, stream_id="late-00000000000d", name="late.mp4")
    for page in lists:
        page.get_by_text("late.mp4").wait_for(timeout=CROWD_MS)
    assert (held(own_viewer, "events"), held(own_viewer, "room")) == (1, 1)
    wait_for(lambda: held(own_viewer, "frames") <= 2, what="the windows under way to end")


def test_nothing_is_held_while_what_is_recorded_plays(
    video: Video, viewer: Viewer, page: Page
) -> None:
    asked = windows(page)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=0"))
    for frame in (30, 100, 200):
        deck.wait_past(frame)
        wait_for(lambda: held(viewer, "frames") == 0, what="no window to be under way")
    assert all(query["run"] == [video.run_id] for query in asked)
    assert "follow" not in {name for query in asked for name in query}


def test_who_watches_the_same_asks_for_the_same(
    video: Video, viewer: Viewer, browser: Browser
) -> None:
    places = {0: 1, 333: 1, 700: -1, 41: 4}
    with ExitStack() as stack:
        for place, speed in places.items():
            context = stack.enter_context(browser.new_context())
            asked = windows(page := context.new_page())
            deck = Deck(page, viewer.watch(video.stream_id, f"?frame={place}&speed={speed}"))
            (deck.wait_past if speed > 0 else deck.wait_before)(place + 150 * speed)
            wait_for(
                lambda page=page, asked=asked: (
                    page.evaluate("true")  # type: ignore[misc]
                    and sum(query["count"] == ["32"] for query in asked) >= 3
                ),
                LIMIT_MS / 1000,
                what="whole windows to be asked for",
            )
            assert [query for query in asked if not lies_in_line(query)] == []


def test_who_comes_second_is_served_by_a_cache(
    video: Video, viewer: Viewer, browser: Browser, tmp_path: Path
) -> None:
    came: list[dict[str, str]] = []
    with ExitStack() as stack:
        cache = stack.enter_context(nginx_before(viewer.port, free_port(), tmp_path / "nginx"))
        for _ in range(2):
            by: dict[str, str] = {}
            came.append(by)

            def note(response: Response, by: dict[str, str] = by) -> None:
                if parse_qs(urlsplit(response.url).query).get("count") == ["32"]:
                    by[response.url] = response.headers["x-cache"]

            page = stack.enter_context(browser.new_context()).new_page()
            page.on("response", note)
            Deck(page, f"{cache}/streams/{video.stream_id}?frame=0").wait_past(150)
            page.close()
    first, second = came
    both = first.keys() & second.keys()
    assert len(both) >= 3
    assert {first[url] for url in both} == {"MISS"}
    assert {second[url] for url in both} <= {"HIT", "REVALIDATED"}


def test_a_live_edge_without_a_connection_of_its_own_is_followed(
    own_viewer: Viewer, context: BrowserContext, live: list[Broadcast]
) -> None:
    decks = [Deck(context.new_page(), own_viewer.watch(each.video.stream_id)) for each in live[:4]]
    for deck, each in zip(decks, live, strict=False):
        deck.press("e")
        deck.wait_until("() => document.querySelector('#live').ariaPressed === 'true'")
        deck.wait_past(len(each.video.images))
    assert held(own_viewer, "frames") <= 2 + 4
    for deck, each in zip(decks, live, strict=False):
        wait_for(
            lambda deck=deck, each=each: deck.number() > len(each.video.images) - 60,  # type: ignore[misc]
            LIMIT_MS / 1000,
            what="it to be within a few seconds of the edge",
        )
    # Whoever leaves makes room.
    for deck in decks[:2]:
        deck.page.close()
    wait_for(
        lambda: decks[3].page.evaluate("true") and held(own_viewer, "frames") == 2,
        LIMIT_MS / 1000,
        what="the others to hold the connections",
    )
