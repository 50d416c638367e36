"""The edge behind which frames have expired, and until when the rest is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.browser.deck import Deck
from tests.browser.videos import write_video
from tests.support.expiry import delete_before, keep_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer


def test_the_timeline_shows_the_edge_and_the_time_left(
    cluster: Cluster, own_topics: Topics, own_viewer: Viewer, page: Page
) -> None:
    keep_for(cluster, own_topics, timedelta(hours=3))
    video = write_video(cluster, own_topics, 200)
    own_viewer.wait_for_frames(video.stream_id, 200)
    deck = Deck(page, own_viewer.watch(video.stream_id, "?frame=150&paused"))
    deck.wait_for_picture(150)
    edge = page.locator("#edge")
    mark = "document.querySelector('.edge')"
    deck.wait_until("() => document.querySelector('#edge').textContent === '3 h left'")
    assert share_of(page) < 0.01

    delete_before(cluster, own_topics, video.partition, video.offsets[50])
    deck.wait_until(f"() => {mark}.style.left === '25%'")
    assert edge.inner_text() == "3 h left"
    assert 0.2 < share_of(page) < 0.3
    described = page.locator("#timeline").get_attribute("aria-describedby")
    assert described == edge.get_attribute("id")

    deck.press("d")
    kept = page.locator("#details dt:text-is('Kept until') + dd").inner_text()
    assert kept.endswith(", or the partition exceeds 11 GB")


def test_an_edge_that_is_far_off_needs_no_words(
    cluster: Cluster, own_topics: Topics, own_viewer: Viewer, page: Page
) -> None:
    keep_for(cluster, own_topics, timedelta(days=7))
    video = write_video(cluster, own_topics, 20)
    own_viewer.wait_for_frames(video.stream_id, 20)
    answered = page.expect_response(lambda response: response.url.endswith("/retention"))
    with answered:
        deck = Deck(page, own_viewer.watch(video.stream_id, "?frame=5&paused"))
    deck.wait_for_picture(5)
    deck.press("d")
    deck.wait_until("() => document.querySelector('#details').innerText.includes('Kept until')")
    assert page.locator("#edge").text_content() == ""


def share_of(page: Page) -> float:
    """Tell how far along the timeline the edge is."""
    edge, timeline = (page.locator(name).bounding_box() for name in ("#edge", "#timeline"))
    assert edge
    assert timeline
    return (edge["x"] - timeline["x"]) / timeline["width"]
