"""Export: the marked part or all of a stream as a file, and words for what fails."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.browser.deck import Deck
from tests.browser.videos import Video, picture
from tests.support.expiry import delete_before
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route

    from tests.browser.videos import Recorder
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

FRAMES = 120
HOSTILE = "../<b>a\u202eb</b>\n:c.mp4"

# Where the browser has no dialog to show, the person's choice is a file of the page's own.
PICK_A_FILE = """
window.showSaveFilePicker = async ({ suggestedName }) => {
  window.suggested = suggestedName;
  const folder = await navigator.storage.getDirectory();
  return (window.chosen = await folder.getFileHandle("clip", { create: true }));
};
"""
NO_PICKER = "delete window.showSaveFilePicker;"
READ_CHOSEN = """async () => {
  const bytes = new Uint8Array(await (await window.chosen.getFile()).arrayBuffer());
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}"""
STATUS = "(text) => document.querySelector('#export-status').textContent.includes(text)"


@pytest.fixture(scope="module")
def video(record: Recorder) -> Video:
    return record(FRAMES, name=HOSTILE)


def opened(page: Page, viewer: Viewer, video: Video, script: str = PICK_A_FILE) -> Deck:
    page.add_init_script(script)
    deck = Deck(page, viewer.watch(video.stream_id, "?frame=10&paused"))
    deck.wait_for_picture(10)
    return deck


def test_the_marked_part_becomes_a_file_of_the_exact_pictures(
    viewer: Viewer, page: Page, video: Video
) -> None:
    deck = opened(page, viewer, video)
    deck.press("i")
    deck.type_into("Frame", "30")
    deck.wait_for_picture(30)
    deck.press("o", "s")
    assert page.get_by_label("Between the marks").is_checked()
    assert page.get_by_text("Frames 10 to 30").is_visible()
    expected_kb = round(sum(len(picture(frame)) + 135 for frame in range(10, 31)) / 1000)

    def estimated() -> bool:
        # What is not known yet of the frames' sizes is guessed until it is asked again.
        for kind in ("Avro", "ZIP"):
            page.get_by_label(kind).check()
        return page.locator("#export-size").inner_text() == f"About {expected_kb} kB."

    wait_for(estimated, what=f"an estimate of {expected_kb} kB")
    page.locator("#export-save").click()
    deck.wait_until(STATUS, "Saved as")
    archive = zipfile.ZipFile(io.BytesIO(bytes.fromhex(page.evaluate(READ_CHOSEN))))
    images = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    assert images == [picture(frame) for frame in range(10, 31)]
    assert page.evaluate("window.suggested") == "b a b b c 10-30.zip"


def test_a_browser_without_a_picker_downloads_in_its_own_way(
    viewer: Viewer, page: Page, video: Video
) -> None:
    deck = opened(page, viewer, video, NO_PICKER)
    deck.click("Export")
    assert page.get_by_label("Between the marks").is_disabled(), "there are no marks"
    page.get_by_label("Avro").check()
    with page.expect_download() as download:
        page.locator("#export-save").click()
    content = download.value.path().read_bytes()
    assert content.startswith(b"Obj\x01")
    assert all(picture(frame) in content for frame in range(FRAMES))


def test_a_running_export_shows_its_progress_and_can_be_cancelled(
    viewer: Viewer, page: Page, video: Video
) -> None:
    # An answer of which a part comes, and no more.
    stalled = """
    const real = window.fetch;
    window.fetch = async (url, options) => {
      if (!String(url).includes("/export.")) return real(url, options);
      const body = new ReadableStream({
        start: (control) => {
          control.enqueue(new Uint8Array(250));
          options.signal.addEventListener("abort", () => control.error(options.signal.reason));
        },
      });
      return new Response(body, { headers: { "Content-Length": "1000" } });
    };
    """
    deck = opened(page, viewer, video, PICK_A_FILE + stalled)
    deck.press("s")
    page.locator("#export-save").click()
    bar = page.get_by_role("progressbar", name="Export")
    deck.wait_until("() => document.querySelector('#export-progress').value === 0.25")
    assert bar.is_visible()
    assert page.locator("#export-save").is_disabled()
    deck.click("Cancel")
    deck.wait_until(STATUS, "cancelled")
    assert not bar.is_visible()
    gone = """async () => {
      const folder = await navigator.storage.getDirectory();
      return folder.getFileHandle("clip").then(() => false, () => true);
    }"""
    assert page.evaluate(gone), "nothing is left behind"


@pytest.mark.parametrize("script", [PICK_A_FILE, NO_PICKER])
def test_a_full_or_absent_server_is_said(
    viewer: Viewer, page: Page, video: Video, script: str
) -> None:
    deck = opened(page, viewer, video, script)

    def full(route: Route) -> None:
        route.fulfill(status=503, headers={"Retry-After": "7"}, json={"error": "full"})

    page.route("**/export.*", full)
    deck.press("s")
    page.locator("#export-save").click()
    deck.wait_until(STATUS, "no free stream. Try again in 7.0 s")
    page.unroute("**/export.*")
    page.route("**/export.*", lambda route: route.abort())
    page.locator("#export-save").click()
    deck.wait_until(STATUS, "Export again")


def test_expired_frames_are_said_with_the_first_that_is_left(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page, record: Recorder
) -> None:
    video = record(FRAMES, partition=1)
    under_way: set[Request] = set()

    def begun(request: Request) -> None:
        under_way.add(request)

    def done(request: Request) -> None:
        under_way.discard(request)

    for event, note in (("request", begun), ("requestfinished", done), ("requestfailed", done)):
        page.on(event, note)  # type: ignore[call-overload]  # one of three names
    # Without shared workers, a page listens by itself: here in vain.
    page.add_init_script("delete window.SharedWorker;")
    page.route("**/api/events", lambda route: route.abort())
    deck = opened(page, viewer, video)
    # It reads on around its picture: from here on only the export tells what the log has dropped.
    page.route(
        "**/*",
        lambda route: route.continue_() if "/export." in route.request.url else route.abort(),
    )
    wait_for(
        lambda: page.evaluate("true") and not under_way,
        what="what it had asked for before to come",
    )
    delete_before(cluster, topics, video.partition, video.offsets[60])
    wait_for(
        lambda: viewer.stream(video.stream_id)["first_available_frame"] == 60,
        alive=viewer.process,
        what="the viewer to notice",
    )
    deck.press("s")
    page.locator("#export-save").click()
    deck.wait_until(STATUS, "Start at frame 60")
