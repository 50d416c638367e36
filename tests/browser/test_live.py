"""A stream that is still being ingested: its edge, and the words for what is to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import Deck
from tests.browser.videos import Broadcast, Video, write_video
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.videos import Recorder
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer


@pytest.fixture
def broadcast(cluster: Cluster, topics: Topics) -> Iterator[Broadcast]:
    """Run a live stream that has 300 frames already."""
    started = Broadcast(write_video(cluster, topics, 300, state="INGESTING"))
    yield started
    started.end()


def test_the_live_edge_is_followed_while_frames_come(
    viewer: Viewer, page: Page, broadcast: Broadcast
) -> None:
    deck = Deck(page, viewer.watch(broadcast.video.stream_id))
    deck.wait_past(5)
    deck.wait_until("() => document.querySelector('#behind').textContent.endsWith('behind')")
    page.locator("#live").click()
    deck.wait_until("() => document.querySelector('#live').ariaPressed === 'true'")
    deck.wait_past(300)
    deck.forget()
    start = deck.number()
    deck.wait_past(start + 60)
    painted = deck.painted()
    frames = [picture["frame"] for picture in painted]
    assert frames == sorted(frames)
    assert [picture["number"] for picture in painted] == frames
    assert len(frames) > 20, "plays on smoothly, not the 10 frames of a batch at once"
    deck.wait_until("() => document.querySelector('#behind').textContent === 'Live'")
    wait_for(
        lambda: deck.number() > len(broadcast.video.images) - 100,
        what="it to be within a few seconds of the edge",
    )


def test_the_end_of_a_live_stream_is_played_to_its_last_frame(
    viewer: Viewer, page: Page, broadcast: Broadcast
) -> None:
    deck = Deck(page, viewer.watch(broadcast.video.stream_id))
    deck.wait_past(5)
    deck.press("e")
    deck.wait_past(300)
    broadcast.end()
    deck.wait_for_picture(len(broadcast.video.images) - 1)
    deck.wait_until("() => document.querySelector('#state').dataset.state === 'COMPLETE'")
    deck.wait_until("() => document.querySelector('#live').hidden")


def test_a_stream_without_frames_waits_for_the_first(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    video = Video(cluster, topics)
    video.announce()
    viewer.wait_for_frames(video.stream_id, 0)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_until("() => document.querySelector('#notice').innerText.includes('first frame')")
    video.add(20, state="COMPLETE")
    deck.wait_past(5)
    assert deck.painted()[0]["frame"] == 0


def test_playing_waits_at_the_edge_and_goes_on(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(20, state="INGESTING")
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_for_picture(19)
    video.add(40, state="COMPLETE")
    deck.wait_for_picture(59)
    frames = [picture["frame"] for picture in deck.painted()]
    assert frames == sorted(frames)
