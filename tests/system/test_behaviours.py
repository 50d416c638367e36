"""The six things that people liked in the first version, and that stay true."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from framelog_local.ports import free_port
from playwright.sync_api import Browser, Page

from tests.browser.deck import Deck
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.painting import decode, read
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video
from tests.support.viewing import Viewer

FRAMES = 500


@pytest.fixture(scope="module")
def shared_ingest(
    shared_topics: Topics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ingest]:
    made = Ingest(tmp_path_factory.mktemp("ingest"), free_port(), shared_topics.environment)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stream_id(shared_ingest: Ingest, shared_viewer: Viewer) -> str:
    """Drop a video and return its stream's id once all of it can be watched."""
    shared_ingest.drop(make_video(shared_ingest.folder / "film.mp4", Recipe(frames=FRAMES)))
    shared_ingest.wait_for_file("done/film.mp4")
    found = the_stream(shared_viewer)
    shared_viewer.wait_for_frames(found, FRAMES)
    return found


def the_stream(viewer: Viewer) -> str:
    """Wait for the one stream of the catalogue."""

    def found() -> str | None:
        streams = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
        return streams[0]["stream_id"] if streams else None

    return wait_for(found, alive=viewer.process, what="a stream in the catalogue")


def test_1_reloading_the_browser_does_not_restart_the_video(
    shared_viewer: Viewer, page: Page, stream_id: str
) -> None:
    deck = Deck(page, shared_viewer.watch(stream_id))
    deck.wait_past(100)
    before = deck.number()
    page.reload()
    deck.wait_past(before)
    assert deck.painted()[0]["number"] > before - 75, "where it was about a second ago"


def test_2_closing_the_browser_and_opening_it_again_resumes(
    shared_viewer: Viewer, browser: Browser, stream_id: str
) -> None:
    first = browser.new_context()
    deck = Deck(first.new_page(), shared_viewer.watch(stream_id))
    deck.wait_past(100)
    left_at = deck.number()
    deck.page.goto("about:blank")
    cookies = first.storage_state()
    first.close()
    again = browser.new_context(storage_state=cookies)
    deck = Deck(again.new_page(), shared_viewer.watch(stream_id))
    deck.wait_past(left_at)
    assert deck.painted()[0]["number"] > left_at - 75, "where it was about a second before"
    again.close()


def test_3_playing_needs_no_producer(
    shared_ingest: Ingest, shared_viewer: Viewer, page: Page, stream_id: str
) -> None:
    shared_ingest.stop()
    deck = Deck(page, shared_viewer.watch(stream_id, f"?frame={FRAMES - 100}"))
    deck.wait_for_picture(FRAMES - 1)


def test_4_with_both_running_playing_is_near_real_time(
    ingest: Ingest, viewer: Viewer, page: Page, tmp_path: Path
) -> None:
    ingest.start(FRAMELOG_INGEST_PACE="realtime")
    ingest.drop(make_video(tmp_path / "long.mp4", Recipe(frames=3 * FRAMES)))
    stream_id = the_stream(viewer)
    deck = Deck(page, viewer.watch(stream_id))
    deck.wait_past(0)
    page.locator("#live").click()  # its name says how far behind the edge it is
    behind = []
    for past in (100, 150, 200):
        deck.wait_past(past)
        shown = deck.number()
        state = viewer.stream(stream_id)
        assert state["state"] == "INGESTING", "the video is still being sent"
        behind.append(int(str(state["frame_count"])) - shown)
    assert min(behind) <= 50, f"{behind} frames of 25 a second behind what is in the log"


def test_5_frames_play_in_order(shared_viewer: Viewer, page: Page, stream_id: str) -> None:
    deck = Deck(page, shared_viewer.watch(stream_id))
    deck.wait_past(100)
    painted = deck.painted()
    assert all(picture["frame"] == picture["number"] for picture in painted)
    assert all(one["frame"] < other["frame"] for one, other in pairwise(painted))


def test_6_a_video_is_sent_once_and_consumed_by_many_each_at_its_own_place(
    cluster: Cluster, shared_topics: Topics, shared_viewer: Viewer, browser: Browser, stream_id: str
) -> None:
    places = (0, 200, 400)
    contexts = [browser.new_context() for _ in places]
    decks = [
        Deck(context.new_page(), shared_viewer.watch(stream_id, f"?frame={place}&paused"))
        for context, place in zip(contexts, places, strict=True)
    ]
    for deck, place in zip(decks, places, strict=True):
        deck.wait_for_picture(place)
        deck.press(".")
        deck.wait_for_picture(place + 1)
    for context in contexts:
        context.close()
    for group in ("one-program", "another-program"):
        frames = LogReader(cluster, group).frames(shared_topics.frames, stream_id)
        assert [read(decode(frame.value["image"])) for frame in frames] == list(range(FRAMES))
