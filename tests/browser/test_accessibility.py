"""For everybody: contrast, focus, motion, and the whole page without a pointer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.deck import LIMIT_MS, Deck
from tests.browser.videos import Video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.videos import Recorder
    from tests.support.viewing import Viewer

AA_TEXT, AA_GRAPHICS = 4.5, 3.0
# Text colour on background, by the names of the style sheet's custom properties.
TEXT = [
    *[(ink, ground) for ink in ("text", "muted") for ground in ("page", "surface", "raised")],
    *[("text", ground) for ground in ("busy-soft", "warn-soft", "good-soft", "bad-soft")],
    *[(state, f"{state}-soft") for state in ("good", "busy", "warn", "bad")],
    ("accent-text", "accent"),
    ("muted", "busy-soft"),
    ("bad", "surface"),
    ("accent", "busy-soft"),
]
GRAPHICS = [
    ("focus", "page"),
    ("focus", "surface"),
    ("accent", "surface"),
    ("accent", "raised"),
    ("good", "surface"),
]
# What a person who tabs through the page comes by: names, and whether the focus can be seen.
FOCUSED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const label = element.labels?.[0]?.innerText.trim();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return {
    id: element.id,
    name: element.ariaLabel || label || element.innerText.trim(),
    outline: outlineStyle !== "none" && outlineWidth !== "0px",
  };
}"""
COLOUR = """(names) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  const style = getComputedStyle(document.querySelector(".watch-page"));
  return Object.fromEntries(names.map((name) => {
    canvas.fillStyle = style.getPropertyValue(`--${name}`).trim();
    canvas.fillRect(0, 0, 1, 1);
    return [name, [...canvas.getImageData(0, 0, 1, 1).data]];
  }));
}"""


def luminance(colour: list[int]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[int], other: list[int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def video(record: Recorder) -> Video:
    return record(400)


@pytest.fixture(params=["light", "dark"])
def scheme_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param)
    context.set_default_timeout(LIMIT_MS)
    yield context.new_page()
    context.close()


def test_colours_contrast_in_both_schemes(viewer: Viewer, video: Video, scheme_page: Page) -> None:
    scheme_page.goto(viewer.watch(video.stream_id))
    names = sorted({name for pair in [*TEXT, *GRAPHICS] for name in pair})
    colours = scheme_page.evaluate(COLOUR, names)
    assert all(colour[3] == 255 for colour in colours.values()), "each name is a solid colour"
    weak = {
        f"{ink} on {ground}": round(contrast(colours[ink], colours[ground]), 2)
        for pairs, least in ((TEXT, AA_TEXT), (GRAPHICS, AA_GRAPHICS))
        for ink, ground in pairs
        if contrast(colours[ink], colours[ground]) < least
    }
    assert weak == {}


def tabbed(page: Page, most: int = 60) -> list[dict[str, Any]]:
    """Press Tab until the focus comes round again, and return what had it."""
    stops: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None or (stops and stop == stops[0]):
            return stops
        stops.append(stop)
    raise AssertionError(f"the focus does not come round: {[stop['name'] for stop in stops]}")


def test_tab_reaches_every_control_in_reading_order_and_shows_where(
    viewer: Viewer, video: Video, page: Page
) -> None:
    deck = Deck(page, viewer.watch(video.stream_id, "?paused"))
    deck.wait_for_picture(0)
    stops = tabbed(page)
    assert [stop["name"] for stop in stops if not stop["outline"]] == []
    assert all(stop["name"] for stop in stops)
    reachable = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a, [tabindex='0']")]
          .filter((element) => element.checkVisibility()).map(({ id }) => id)"""
    )
    assert [stop["id"] for stop in stops] == reachable


def test_the_whole_way_by_keyboard_alone(viewer: Viewer, video: Video, page: Page) -> None:
    page.goto(viewer.url)
    page.get_by_role("link", name="clip.mp4").wait_for(timeout=LIMIT_MS)
    _tab_to(page, "clip.mp4")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(video.stream_id))
    page.wait_for_selector("#screen[data-frame]", timeout=LIMIT_MS)
    deck = Deck(page, page.url)
    deck.wait_past(3)
    deck.press("k", "Home")
    deck.wait_for_picture(0)

    _tab_to(page, "Timeline")
    deck.press("ArrowRight", ".")
    deck.wait_for_picture(26)
    _tab_to(page, "One frame forward")
    deck.press("Enter")
    deck.wait_for_picture(27)
    _tab_to(page, "Speed")
    deck.press("ArrowDown")
    assert page.get_by_label("Speed").input_value() == "1.5"

    _tab_to(page, "Export")
    deck.press("Enter")
    dialog = page.get_by_role("dialog", name="Export a clip")
    dialog.wait_for()
    _tab_to(page, "MP4")
    deck.press("ArrowDown")
    assert page.get_by_label("ZIP").is_checked()
    deck.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "export-button", "back where it was"

    _tab_to(page, "Details")
    deck.press("Enter")
    page.get_by_role("complementary", name="Details of the frame").wait_for()
    _tab_to(page, "Close the details")
    deck.press("Enter")
    assert page.evaluate("document.activeElement.id") == "details-button"
    _tab_to(page, "All streams")
    deck.press("Enter")
    page.wait_for_selector(".card", timeout=LIMIT_MS)
    _tab_to(page, "Select clip.mp4 for the grid")
    deck.press(" ")
    _tab_to(page, "Watch in a grid")
    deck.press("Enter")
    page.wait_for_selector(".tile canvas[data-frame]", timeout=LIMIT_MS)
    _tab_to(page, "Timeline")
    deck.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name, or this line in it."""
    for _ in range(60):
        focused = page.evaluate(FOCUSED)
        if focused and name in focused["name"].split("\n"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached")


def test_nothing_moves_unasked_for_those_who_want_it_so(
    browser: Browser, viewer: Viewer, video: Video
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    deck = Deck(context.new_page(), viewer.watch(video.stream_id))
    deck.wait_for_picture(0)
    deck.wait_until("() => document.querySelector('#play').ariaLabel === 'Play'")
    moving = """() => document.getAnimations().filter(({ effect }) =>
      effect.getComputedTiming().duration > 1).length"""
    assert deck.page.evaluate(moving) == 0
    deck.press("k")
    deck.wait_past(5)
    context.close()


def test_parts_of_the_page_have_roles_and_states(viewer: Viewer, video: Video, page: Page) -> None:
    deck = Deck(page, viewer.watch(video.stream_id, "?paused"))
    deck.wait_for_picture(0)
    for role, name in [
        ("main", None),
        ("banner", None),
        ("slider", "Timeline"),
        ("group", "Player"),
        ("img", "The current frame"),
    ]:
        assert page.get_by_role(role, name=name).count() == 1, (role, name)  # type: ignore[arg-type]
    details = page.get_by_role("button", name="Details", exact=True)
    assert details.get_attribute("aria-expanded") == "false"
    deck.press("d")
    assert details.get_attribute("aria-expanded") == "true"
    deck.press("i")
    assert page.get_by_role("button", name="Start the loop here", pressed=True).count() == 1
