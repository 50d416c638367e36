"""The six things that people liked in the first version, and that stay true."""

from itertools import pairwise
from pathlib import Path

import pytest
import requests
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


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "film.mp4", Recipe(frames=FRAMES))


@pytest.fixture
def stream_id(ingest: Ingest, viewer: Viewer, video: Path) -> str:
    """Drop the video and return its stream's id once all of it can be watched."""
    ingest.drop(video)
    ingest.wait_for_file("done/film.mp4")
    found = the_stream(viewer)
    viewer.wait_for_frames(found, FRAMES)
    return found


def the_stream(viewer: Viewer) -> str:
    """Wait for the one stream of the catalogue."""

    def found() -> str | None:
        streams = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
        return streams[0]["stream_id"] if streams else None

    return wait_for(found, alive=viewer.process, what="a stream in the catalogue")


def test_1_reloading_the_browser_does_not_restart_the_video(
    viewer: Viewer, page: Page, stream_id: str
) -> None:
    deck = Deck(page, viewer.watch(stream_id))
    deck.wait_past(100)
    before = deck.number()
    page.reload()
    deck.wait_past(before)
    assert deck.painted()[0]["number"] > before - 75, "where it was about a second ago"


def test_2_closing_the_browser_and_opening_it_again_resumes(
    viewer: Viewer, browser: Browser, stream_id: str
) -> None:
    first = browser.new_context()
    deck = Deck(first.new_page(), viewer.watch(stream_id))
    deck.wait_past(100)
    left_at = deck.number()
    deck.page.goto("about:blank")
    cookies = first.storage_state()
    first.close()
    again = browser.new_context(storage_state=cookies)
    deck = Deck(again.new_page(), viewer.watch(stream_id))
    deck.wait_past(left_at)
    assert deck.painted()[0]["number"] > left_at - 75, "where it was about a second before"
    again.close()


def test_3_playing_needs_no_producer(
    ingest: Ingest, viewer: Viewer, page: Page, stream_id: str
) -> None:
    ingest.stop()
    deck = Deck(page, viewer.watch(stream_id, f"?frame={FRAMES - 100}"))
    deck.wait_for_picture(FRAMES - 1)


def test_4_with_both_running_playing_is_near_real_time(
    ingest: Ingest, viewer: Viewer, page: Page, tmp_path: Path
) -> None:
    ingest.stop()
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


def test_5_frames_play_in_order(viewer: Viewer, page: Page, stream_id: str) -> None:
    deck = Deck(page, viewer.watch(stream_id))
    deck.wait_past(100)
    painted = deck.painted()
    assert all(picture["frame"] == picture["number"] for picture in painted)
    assert all(one["frame"] < other["frame"] for one, other in pairwise(painted))


def test_6_a_video_is_sent_once_and_consumed_by_many_each_at_its_own_place(
    cluster: Cluster, topics: Topics, viewer: Viewer, browser: Browser, stream_id: str
) -> None:
    places = (0, 200, 400)
    contexts = [browser.new_context() for _ in places]
    decks = [
        Deck(context.new_page(), viewer.watch(stream_id, f"?frame={place}&paused"))
        for context, place in zip(contexts, places, strict=True)
    ]
    for deck, place in zip(decks, places, strict=True):
        deck.wait_for_picture(place)
        deck.press(".")
        deck.wait_for_picture(place + 1)
    for context in contexts:
        context.close()
    for group in ("one-program", "another-program"):
        frames = LogReader(cluster, group).frames(topics.frames, stream_id)
        assert [read(decode(frame.value["image"])) for frame in frames] == list(range(FRAMES))
