"""Playing: in order, in step with the frames' own times, at every speed, both ways."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import Deck

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.videos import Recorder
    from tests.support.viewing import Viewer


def test_frames_play_in_order_each_with_its_own_picture(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(60)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_for_picture(59)
    painted = deck.painted()
    frames = [picture["frame"] for picture in painted]
    assert [picture["number"] for picture in painted] == frames
    assert frames == sorted(frames)
    assert frames[0] == 0
    assert len(frames) > 30, "most frames are drawn in time"
    deck.wait_until("() => document.querySelector('#play').ariaLabel === 'Play'")
    assert "End of the stream" in deck.notice()


def test_pause_holds_the_picture_and_play_goes_on_from_it(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(200)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(10)
    deck.click("Pause")
    held = deck.number()
    deck.forget()
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert deck.number() == held
    deck.click("Play")
    deck.wait_past(held + 5)
    assert deck.painted()[0]["frame"] in {held, held + 1}


def test_a_page_that_was_asleep_goes_on_where_it_was(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(300)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(20)
    page.evaluate(
        """() => {
          window.painted = [];
          const began = performance.now();
          while (performance.now() - began < 3000);
          window.asleep_at = Number(document.querySelector("#screen").dataset.frame);
        }"""
    )
    deck.wait_past(page.evaluate("window.asleep_at") + 5)
    assert deck.painted()[0]["frame"] <= page.evaluate("window.asleep_at") + 5


def test_frames_of_a_variable_rate_are_drawn_at_their_own_times(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    steps_ms = [40] * 10 + [300] * 4 + [80] * 10
    times_ns = [0]
    for step_ms in steps_ms:
        times_ns.append(times_ns[-1] + step_ms * 1_000_000)
    video = record(len(steps_ms), times_ns=times_ns)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_for_picture(len(steps_ms) - 1)
    painted = deck.painted()
    lateness_ms = [
        picture["at_ms"] - times_ns[int(picture["frame"])] / 1e6 for picture in painted[2:]
    ]
    middle = median(lateness_ms)
    # Of even steps, a hundred milliseconds each, it would be about two hundred.
    assert median(abs(late - middle) for late in lateness_ms) < 80


@pytest.mark.parametrize("speed", [4, 16])
def test_speed_strides_instead_of_falling_behind(
    record: Recorder, viewer: Viewer, page: Page, speed: int
) -> None:
    video = record(1200)
    deck = Deck(page, viewer.watch(video.stream_id, f"?frame=0&speed={speed}"))
    deck.wait_past(speed * 25)
    deck.forget()
    deck.wait_past(speed * 60)
    first, last = deck.painted()[0], deck.painted()[-1]
    media_ms = (last["frame"] - first["frame"]) * 40
    achieved = media_ms / (last["at_ms"] - first["at_ms"])
    assert 0.7 * speed < achieved < 1.25 * speed
    assert all(picture["frame"] == picture["number"] for picture in deck.painted())


def test_reverse_plays_every_frame_backwards_to_the_first(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(80)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=50&paused"))
    deck.wait_for_picture(50)
    deck.click("Play backwards")
    deck.click("Play")
    deck.wait_for_picture(0)
    painted = deck.painted()
    frames = [picture["frame"] for picture in painted]
    assert frames == sorted(frames, reverse=True)
    assert [picture["number"] for picture in painted] == frames
    assert len(frames) > 25, "most frames are drawn in time"


def test_playing_between_marks_loops(record: Recorder, viewer: Viewer, page: Page) -> None:
    video = record(80)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=20&paused"))
    deck.wait_for_picture(20)
    deck.press("i")
    deck.type_into("Frame", "30")
    deck.wait_for_picture(30)
    deck.press("o")
    deck.forget()
    deck.press("k")
    turns = "window.painted.filter(({ frame }, i, all) => i && frame < all[i - 1].frame).length"
    deck.wait_until(f"() => {turns} >= 2")
    assert {picture["frame"] for picture in deck.painted()} <= set(range(20, 31))
