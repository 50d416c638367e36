"""Everything by keyboard, and told to a screen reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import Deck

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.videos import Recorder, Video
    from tests.support.cluster import Topics
    from tests.support.viewing import Viewer


@pytest.fixture(scope="module")
def video(record: Recorder) -> Video:
    return record(100)


@pytest.fixture
def deck(video: Video, viewer: Viewer, page: Page) -> Deck:
    """Open a video, paused at frame 10."""
    opened = Deck(page, viewer.watch(video.stream_id, "?frame=10&paused"))
    opened.wait_for_picture(10)
    return opened


def test_help_lists_the_keys_and_closes_again(deck: Deck) -> None:
    deck.press("?")
    dialog = deck.page.get_by_role("dialog", name="Keyboard")
    dialog.wait_for()
    for does in ("Play or pause", "One frame back", "Go to the live edge", "Start the loop here"):
        assert dialog.get_by_text(does, exact=True).is_visible()
    deck.press(".")
    assert deck.number() == 10, "keys rest while the help is open"
    deck.press("Escape")
    dialog.wait_for(state="hidden")
    deck.press(".")
    deck.wait_for_picture(11)


def test_speed_keys_walk_the_offered_speeds(deck: Deck) -> None:
    speed = deck.page.get_by_label("Speed")
    for key, expected in [(">", "1.5"), (">", "2"), ("<", "1.5"), ("<", "1"), ("<", "0.5")]:
        deck.press(key)
        assert speed.input_value() == expected
    deck.press(*["<"] * 5)
    assert speed.input_value() == "0.1"
    deck.press("r")
    reverse = deck.page.get_by_role("button", name="Play backwards")
    assert reverse.get_attribute("aria-pressed") == "true"


def test_a_focused_button_is_pressed_once_by_space(deck: Deck) -> None:
    deck.page.get_by_role("button", name="One frame forward").focus()
    deck.press(" ")
    deck.wait_for_picture(11)
    assert deck.page.get_by_role("button", name="Play", exact=True).is_visible(), "not played too"


def test_typing_into_a_field_is_not_a_shortcut(deck: Deck) -> None:
    deck.press("g")
    deck.page.keyboard.type("42")
    deck.press("Enter")
    deck.wait_for_picture(42)
    deck.press("t")
    deck.page.keyboard.type("0:01")
    deck.press("Enter")
    deck.wait_for_picture(25)
    deck.press("k")
    deck.wait_past(30)


def test_details_show_where_the_frame_lies(deck: Deck, topics: Topics) -> None:
    deck.press("d")
    panel = deck.page.get_by_role("complementary", name="Details of the frame")
    panel.get_by_text(topics.frames).wait_for()
    terms = panel.locator("dt").all_inner_texts()
    values = panel.locator("dd").all_inner_texts()
    details = dict(zip(terms, values, strict=True))
    assert details["Frame"] == "10"
    assert details["Partition"] == "0"
    assert details["Time (pts)"] == "400,000,000 ns"
    assert details["Image"] == "320 × 180, JPEG"
    deck.press("d")
    panel.wait_for(state="hidden")


def test_every_control_has_a_name_and_the_timeline_tells_its_place(deck: Deck) -> None:
    nameless = deck.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a, [role=slider]")]
          .filter((element) => element.checkVisibility())
          .filter((element) => !(element.ariaLabel || element.innerText.trim()
            || [...element.labels ?? []].some((label) => label.textContent.trim())))
          .map((element) => element.outerHTML)"""
    )
    assert nameless == []
    timeline = deck.page.get_by_role("slider", name="Timeline")
    assert timeline.get_attribute("aria-valuenow") == "10"
    assert timeline.get_attribute("aria-valuemax") == "99"
    assert timeline.get_attribute("aria-valuetext") == "0:00.400, frame 10"
    assert deck.page.locator("#voice").text_content() == "Paused at frame 10"
    deck.press("k")
    deck.wait_until("() => document.querySelector('#voice').textContent === 'Playing'")
