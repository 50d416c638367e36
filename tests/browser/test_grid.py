"""Several streams side by side: one clock, each its own frames, within what a browser allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import LIMIT_MS
from tests.browser.videos import READ_NUMBER, Broadcast, Video
from tests.support.log_writer import FRAME_NS
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.browser.videos import Recorder
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

# What each tile shows at one moment: the frame that it claims, and the number on its canvas.
TILES = f"""() => [...document.querySelectorAll(".tile canvas")].map((canvas) =>
  [Number(canvas.dataset.frame ?? -1), canvas.dataset.frame ? ({READ_NUMBER})(canvas) : -1])"""
ALL_AT = (
    f"(frames) => JSON.stringify(({TILES})().map(([frame]) => frame)) === JSON.stringify(frames)"
)


@pytest.fixture(scope="module")
def cameras(record: Recorder) -> list[str]:
    """Write nine streams of 200 frames, the second of half the rate; return their ids."""
    return [
        record(
            200, name=f"cam <b>{i}</b>", partition=i % 6, frame_ns=FRAME_NS * (2 if i == 1 else 1)
        ).stream_id
        for i in range(9)
    ]


def wait_for_frames(page: Page, *frames: int) -> None:
    page.wait_for_function(ALL_AT, arg=list(frames), timeout=LIMIT_MS)


def grid(viewer: Viewer, streams: list[str], query: str = "") -> str:
    return f"{viewer.url}/?grid={','.join(streams)}{query}"


def test_tiles_show_their_own_frames_of_one_moment(
    cameras: list[str], viewer: Viewer, page: Page
) -> None:
    page.goto(grid(viewer, cameras[:3], "&paused&t=2"))
    wait_for_frames(page, 50, 25, 50)
    page.keyboard.press(".")
    wait_for_frames(page, 51, 25, 51)
    page.keyboard.press(",")
    page.keyboard.press("ArrowRight")
    wait_for_frames(page, 75, 37, 75)
    page.get_by_label("Time", exact=True).fill("0:04")
    page.keyboard.press("Enter")
    wait_for_frames(page, 100, 50, 100)

    page.keyboard.press("k")
    page.wait_for_function(f"() => ({TILES})()[0][0] > 120", timeout=LIMIT_MS)
    apart = []
    for _ in range(20):
        shown = page.evaluate(
            f"() => new Promise((done) => requestAnimationFrame(() => done(({TILES})())))"
        )
        assert all(frame == number for frame, number in shown)
        (first, _), (second, _), (third, _) = shown
        apart.append(max(abs(first - third), abs(first - 2 * second)))
    # A picture that is late holds the others up, but not at once.
    assert sorted(apart)[10] <= 2, apart
    page.keyboard.press("k")
    page.wait_for_function("() => location.search.includes('paused')", timeout=LIMIT_MS)
    assert f"grid={','.join(cameras[:3])}&t=" in page.url


def hold_pictures(page: Page) -> list[Route]:
    """Answer no request for pictures from now on; return those that come."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.context.route("**/frames?*", hold)
    return held


def test_nine_streams_share_the_browsers_few_connections(
    cameras: list[str], viewer: Viewer, page: Page
) -> None:
    held = hold_pictures(page)
    page.goto(grid(viewer, cameras))
    # Every stream wants pictures, and nobody gets any: what is asked for now is all at once.
    wait_for(lambda: page.evaluate("true") and len(held) >= 4, what="streams to ask")
    page.wait_for_function(
        "() => document.querySelectorAll('.note:not([hidden])').length === 9", timeout=LIMIT_MS
    )
    assert len(held) == 4
    # Those that were held pass with the rest.
    page.context.unroute("**/frames?*")
    page.wait_for_function(
        f"""() => {{
          const frames = ({TILES})().map(([frame], i) => (i === 1 ? frame * 2 : frame));
          return Math.min(...frames) > 20 && Math.max(...frames) - Math.min(...frames) <= 6;
        }}""",
        timeout=LIMIT_MS * 2,
    )


def test_a_page_that_took_long_to_load_waits_for_its_pictures_all_the_same(
    cameras: list[str], viewer: Viewer, page: Page
) -> None:
    held = hold_pictures(page)
    page.add_init_script("performance.now = () => 10_000;")
    page.goto(grid(viewer, cameras[:1]))
    wait_for(lambda: page.evaluate("true") and held, what="the stream to ask")
    assert page.locator(".note").is_hidden(), "no time has gone by since"
    page.context.unroute("**/frames?*")
    wait_for_frames(page, 0)


def test_a_stream_that_is_not_there_does_not_hold_the_others_up(
    cameras: list[str], cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    reason = "The file holds text."
    failed = Video(cluster, topics, stream_id="notes-00000000000a", error=reason)
    failed.announce("FAILED")
    page.goto(f"{viewer.url}/?grid={cameras[0]},nothing-000000000000,{failed.stream_id}")
    page.get_by_text("This stream does not exist").wait_for(timeout=LIMIT_MS)
    page.get_by_text(reason).wait_for(timeout=LIMIT_MS)
    page.wait_for_function(f"() => ({TILES})()[0][0] > 30", timeout=LIMIT_MS)


def test_the_live_edge_is_followed(record: Recorder, viewer: Viewer, page: Page) -> None:
    growing, short = record(100, state="INGESTING"), record(50, partition=1)
    broadcast = Broadcast(growing)
    try:
        page.goto(grid(viewer, [growing.stream_id, short.stream_id], "&t=3.5"))
        live = f"""(frames) => {{
          const [[frame, number]] = ({TILES})();
          return frame > frames && frame === number;
        }}"""
        page.wait_for_function(live, arg=len(growing.images) + 30, timeout=LIMIT_MS)
        assert page.locator("#play").get_attribute("aria-label") == "Pause"
        wait_for(lambda: page.evaluate(TILES)[1] == [49, 49], what="the other one's last frame")
        wait_for(
            lambda: page.evaluate(TILES)[0][0] > len(growing.images) - 100,
            what="it to be within a few seconds of the edge",
        )
    finally:
        broadcast.end()
    last = len(growing.images) - 1
    wait_for_frames(page, last, 49)
    page.wait_for_function("() => document.querySelector('#play').ariaLabel === 'Play'")


def test_the_tiles_share_the_memory_of_one_player(
    cameras: list[str], viewer: Viewer, page: Page
) -> None:
    page.add_init_script(
        """
        window.shares = [];
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (message, ...rest) {
          if (message.open) window.shares.push(message.open.share);
          return post.call(this, message, ...rest);
        };
        """
    )
    page.goto(grid(viewer, cameras, "&paused"))
    wait_for_frames(page, *[0] * 9)
    shares = page.evaluate("window.shares")
    assert len(shares) == 9
    assert sum(shares) == pytest.approx(1)


def test_streams_chosen_on_the_list_are_watched_together(viewer: Viewer, page: Page) -> None:
    page.goto(viewer.url)
    for number in (2, 0):
        page.get_by_label(f"Select cam <b>{number}</b> for the grid").check()
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("link", name="Watch in a grid").click()
    page.wait_for_selector(".tile canvas[data-frame]", timeout=LIMIT_MS)
    assert page.locator(".tile .name").all_text_contents() == ["cam <b>2</b>", "cam <b>0</b>"]
    page.get_by_role("link", name="cam <b>0</b>").click()
    page.wait_for_selector("#screen[data-frame]", timeout=LIMIT_MS)
    assert page.get_by_role("heading", level=1).inner_text() == "cam <b>0</b>"


@pytest.mark.parametrize("speed", [4, -2])
def test_speed_and_reverse_hold_for_all(
    cameras: list[str], viewer: Viewer, page: Page, speed: int
) -> None:
    page.goto(grid(viewer, cameras[:2], f"&t=4&speed={speed}"))
    moved = "> 150" if speed > 0 else "< 60"
    page.wait_for_function(
        f"() => ({TILES})()[0][0] >= 0 && ({TILES})()[0][0] {moved}", timeout=LIMIT_MS
    )
    page.keyboard.press(".")  # pauses, whether it still plays or has come to its end
    page.keyboard.press("Home")
    wait_for_frames(page, 0, 0)
    page.keyboard.press("End")
    wait_for_frames(page, 199, 199)
