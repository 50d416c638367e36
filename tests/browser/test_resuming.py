"""The place is kept: over a reload, over closing the browser, for each browser its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from tests.browser.deck import Deck
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.videos import Recorder
    from tests.support.viewing import Viewer


def saved_frame(context: BrowserContext, viewer: Viewer, stream_id: str) -> int | None:
    cookies = {
        str(cookie["name"]): str(cookie["value"]) for cookie in context.cookies([viewer.url])
    }
    url = f"{viewer.url}/api/streams/{stream_id}/position"
    frame = requests.get(url, cookies=cookies, timeout=60).json()["frame"]
    return None if frame is None else int(frame)


def test_reloading_does_not_restart_the_video(record: Recorder, viewer: Viewer, page: Page) -> None:
    video = record(600)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(100)
    before = deck.number()
    page.reload()
    deck.wait_past(before)
    painted = deck.painted()
    assert painted[0]["frame"] >= before - 75, "goes on where it was about a second ago"
    assert painted[0]["frame"] == painted[0]["number"]


def test_closing_the_browser_and_opening_it_again_resumes(
    record: Recorder, viewer: Viewer, browser: Browser
) -> None:
    video = record(600)
    first = browser.new_context()
    deck = Deck(first.new_page(), viewer.watch(video.stream_id))
    deck.wait_past(20)
    deck.press("k")
    deck.type_into("Frame", "321")
    deck.wait_for_picture(321)
    wait_for(
        lambda: saved_frame(first, viewer, video.stream_id) == 321,
        alive=viewer.process,
        what="the saved position",
    )
    state = first.storage_state()
    first.close()

    again = browser.new_context(storage_state=state)
    deck = Deck(again.new_page(), viewer.watch(video.stream_id))
    deck.wait_past(325)
    assert deck.painted()[0]["frame"] == 321
    again.close()

    stranger = browser.new_context()
    deck = Deck(stranger.new_page(), viewer.watch(video.stream_id))
    deck.wait_past(1)
    assert deck.painted()[0]["frame"] == 0, "another browser has a place of its own"
    stranger.close()


def test_leaving_the_page_saves_the_last_place(
    record: Recorder, viewer: Viewer, page: Page, context: BrowserContext
) -> None:
    video = record(600)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(30)
    left_at = deck.number()
    page.get_by_role("link", name="All streams").click()
    page.wait_for_selector(".card")
    wait_for(
        lambda: (saved_frame(context, viewer, video.stream_id) or 0) >= left_at,
        alive=viewer.process,
        what="the saved position",
    )


def test_a_link_with_a_frame_opens_at_that_frame(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(100)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=77&speed=0.5&paused"))
    deck.wait_for_picture(77)
    assert page.get_by_label("Speed").input_value() == "0.5"
    assert [picture["frame"] for picture in deck.painted()] == [77]
