"""What goes wrong under a person who watches: said in words, and over by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.deck import Deck
from tests.browser.videos import Video, picture, write_video
from tests.support.expiry import delete_before

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.videos import Recorder
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

NOTICE = "(words) => document.querySelector('#notice:not([hidden]) p')?.textContent.includes(words)"
NOTE_WHAT_IS_SAID = """() => {
  const notice = document.querySelector("#notice");
  window.said = [];
  const note = () => window.said.push(notice.textContent);
  new MutationObserver(note).observe(notice, { childList: true, subtree: true });
}"""


def test_the_player_waits_for_a_server_that_is_away_and_goes_on(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(1000)
    deck = Deck(page, viewer.watch(video.stream_id))
    deck.wait_past(10)
    viewer.stop()
    deck.wait_until(NOTICE, "server cannot be reached")
    stopped_at = deck.number()
    viewer.start()
    deck.wait_past(stopped_at + 10)
    frames = [shown["frame"] for shown in deck.painted()]
    assert frames == sorted(frames)
    deck.wait_until("() => document.querySelector('#notice').hidden")


def test_the_streams_page_waits_for_a_server_that_is_away(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    write_video(cluster, topics, 10, name="one.mp4")
    page.goto(viewer.url)
    page.get_by_text("one.mp4").wait_for()
    viewer.stop()
    page.get_by_text("The server cannot be reached").wait_for()
    write_video(cluster, topics, 10, stream_id="two-00000000000d", name="two.mp4")
    viewer.start()
    page.get_by_text("two.mp4").wait_for()
    page.get_by_text("The server cannot be reached").wait_for(state="hidden")


def test_frames_that_expire_under_a_viewer_are_left_with_words(
    record: Recorder, cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    video = record(200)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=20&paused"))
    deck.wait_for_picture(20)
    # What is said for seconds only may have gone before this test looks again.
    deck.page.evaluate(NOTE_WHAT_IS_SAID)
    delete_before(cluster, topics, video.partition, video.offsets[120])
    deck.wait_until("(words) => window.said.some((text) => text.includes(words))", "to frame 120")
    deck.wait_for_picture(120)
    deck.press("Home")
    deck.press(".")
    deck.wait_for_picture(121)


def test_a_stream_that_never_was_says_so(viewer: Viewer, page: Page) -> None:
    answer = page.goto(viewer.watch("nothing-000000000000"))
    assert answer
    assert answer.status == 404


def test_a_picture_that_does_not_decode_is_named_and_passed(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    video = Video(cluster, topics)
    video.write([picture(i) if i != 5 else b"no picture" for i in range(16)])
    video.add(20, state="COMPLETE")
    viewer.wait_for_frames(video.stream_id, 36)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=4&paused"))
    deck.wait_for_picture(4)
    deck.press(".")
    deck.wait_until(NOTICE, "Frame 5 cannot be shown")
    deck.press(".")
    deck.wait_for_picture(6)
    deck.press("Home", "k")
    deck.wait_for_picture(35)


def test_another_run_of_the_same_video_replaces_its_pictures(
    record: Recorder, cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    first = record(30)
    deck = Deck(page, viewer.watch(first.stream_id, "?frame=3&paused"))
    deck.wait_for_picture(3)
    again = Video(cluster, topics, stream_id=first.stream_id)
    again.write([picture(1000 + i) for i in range(20)], state="COMPLETE")
    deck.wait_until("() => document.querySelector('#total-frames').textContent === '19'")
    deck.press(".")
    deck.wait_until("() => document.querySelector('#screen').dataset.frame === '4'")
    assert deck.number() == 1004
