"""The streams page: what is there, as it changes, whatever it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.deck import LIMIT_MS, Deck
from tests.browser.videos import Video, write_video

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

HOSTILE = "<img src=x onerror=\"document.title='owned'\"> '\"\n</script>${7*7} 視頻 \u202egnp.mp4"


def test_an_empty_catalogue_says_what_to_do_and_fills_by_itself(
    cluster: Cluster, own_topics: Topics, own_viewer: Viewer, page: Page
) -> None:
    page.goto(own_viewer.url)
    page.get_by_text("Put a video into videos/incoming/").wait_for(timeout=LIMIT_MS)
    video = write_video(cluster, own_topics, 30, state="INGESTING", estimated_frame_count=60)
    page.get_by_text("30 of about 60 frames").wait_for(timeout=LIMIT_MS)
    bar = page.get_by_role("progressbar", name="Frames ingested")
    assert bar.evaluate("(bar) => bar.value / bar.max") == 0.5
    video.add(30, state="COMPLETE")
    page.locator(".badge[data-state=COMPLETE]").wait_for(timeout=LIMIT_MS)
    assert bar.count() == 0
    assert page.locator(".length").inner_text() == "0:02"
    picture = page.locator(".picture img")
    page.wait_for_function("() => document.querySelector('.picture img').naturalWidth === 320")
    assert "/frames/0" in str(picture.get_attribute("src"))


def test_failures_say_why(cluster: Cluster, topics: Topics, viewer: Viewer, page: Page) -> None:
    reason = "The file is not a video."
    failed = Video(cluster, topics, stream_id="notes-00000000000a", error=reason)
    failed.announce("FAILED")
    write_video(
        cluster,
        topics,
        10,
        stream_id="cut-00000000000b",
        state="TRUNCATED",
        error="The file ends in the middle.",
    )
    page.goto(viewer.url)
    page.get_by_text(reason).wait_for(timeout=LIMIT_MS)
    page.get_by_text("The file ends in the middle.").wait_for(timeout=LIMIT_MS)
    deck = Deck(page, viewer.watch(failed.stream_id))
    deck.wait_until("() => document.querySelector('#notice').innerText.includes('not a video')")
    page.goto(viewer.watch("cut-00000000000b"))
    deck.wait_for_picture(9)
    deck.wait_until("() => document.querySelector('#notice').innerText.includes('in the middle')")


def test_hostile_names_are_only_text(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    video = write_video(cluster, topics, 20, name=HOSTILE)
    page.goto(viewer.url)
    name = page.locator(".name", has_text="視頻")
    name.wait_for(timeout=LIMIT_MS)
    assert name.text_content() == HOSTILE
    assert page.locator(".name *").count() == 0
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(5)
    assert page.locator("#name").text_content() == HOSTILE
    assert page.title() == f"{' '.join(HOSTILE.split())} · Framelog"
    page.goto(f"{viewer.url}/?grid={video.stream_id}")
    page.wait_for_selector(".tile canvas[data-frame]", timeout=LIMIT_MS)
    assert page.locator(".tile .name").text_content() == HOSTILE
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "owned"


def test_search_state_and_order_choose_what_is_shown(
    cluster: Cluster, own_topics: Topics, own_viewer: Viewer, page: Page
) -> None:
    for i, (name, frames) in enumerate([("harbour.mp4", 20), ("Garden.mp4", 40)]):
        stream_id = f"clip-00000000000{i}"
        write_video(cluster, own_topics, frames, stream_id=stream_id, name=name)
    Video(cluster, own_topics, stream_id="bad-00000000000c", name="bad.mp4").announce("FAILED")
    page.goto(own_viewer.url)
    names = "() => [...document.querySelectorAll('.name')].map((name) => name.textContent)"
    shows = f"(expected) => JSON.stringify(({names})()) === JSON.stringify(expected)"

    def wait_for_names(*expected: str) -> None:
        page.wait_for_function(shows, arg=list(expected), timeout=LIMIT_MS)

    wait_for_names("bad.mp4", "Garden.mp4", "harbour.mp4")
    page.get_by_label("Order").select_option("longest")
    wait_for_names("Garden.mp4", "harbour.mp4", "bad.mp4")
    page.get_by_label("State").select_option("COMPLETE")
    wait_for_names("Garden.mp4", "harbour.mp4")
    page.keyboard.press("/")
    page.keyboard.type("gard")
    wait_for_names("Garden.mp4")
    page.get_by_label("Search streams").fill("nowhere")
    page.get_by_text("Nothing matches “nowhere”").wait_for(timeout=LIMIT_MS)


def test_a_card_leads_to_its_stream(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    write_video(cluster, topics, 30, name="walk in the park.mp4")
    page.goto(viewer.url)
    page.get_by_role("link", name="walk in the park.mp4").click()
    page.wait_for_selector("#screen[data-frame]", timeout=LIMIT_MS)
    assert page.get_by_role("heading", level=1).inner_text() == "walk in the park.mp4"
