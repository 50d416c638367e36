"""The status page: the truth of a running viewer, and words for whatever is not there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.deck import LIMIT_MS
from tests.browser.videos import write_video

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.videos import Recorder
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer

PLOTS = 9
MINUTES = 15


def told(at_ms: int) -> dict[str, Any]:
    """Make what a viewer tells after 15 minutes of its life."""
    times = [at_ms - 5000 * n for n in range(181)][::-1]
    names = ("seek_p99_seconds", "live_latency_p50_seconds", "live_latency_p99_seconds",
             "commit_p50_seconds", "commit_p99_seconds", "files_waiting", "disk_free_bytes",
             "frames_skipped_per_second", "catalogue_lag_seconds")  # fmt: skip
    series: dict[str, list[float | None]] = {name: [None] * len(times) for name in names}
    series["frames_committed_per_second"] = [float(n % 60) for n in range(len(times))]
    series["frames_delivered_per_second"] = [25.0] * len(times)
    series["watchers"] = [1.0] * 60 + [None] * 60 + [3.0] * 61
    service = {"state": "ready", "sentence": "It is well.", "address": "there:1", "version": "1"}
    return {
        "at_ms": at_ms,
        "interval_seconds": 5,
        "services": [{**service, "name": name} for name in ("viewer", "ingest", "kafka")],
        "topics": [],
        "times_ms": times,
        "series": series,
    }


def test_it_shows_what_the_viewer_does(
    cluster: Cluster, own_topics: Topics, own_viewer: Viewer, page: Page
) -> None:
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    video = write_video(cluster, own_topics, 30)
    own_viewer.wait_for_frames(video.stream_id, 30)
    page.goto(own_viewer.url)
    page.wait_for_function("() => document.querySelector('.picture img')?.naturalWidth")
    page.get_by_role("link", name="Status").click()
    page.get_by_text("1 stream is in the catalogue.").wait_for(timeout=LIMIT_MS)
    page.get_by_text("One broker answers.").wait_for(timeout=LIMIT_MS)
    page.wait_for_function(
        """(states) => [...document.querySelectorAll(".service .badge")]
          .map(({ innerText }) => innerText).join() === states""",
        arg="Ready,Not monitored,Ready,Ready",
    )
    for name in (own_topics.frames, own_topics.index, own_topics.streams):
        page.get_by_role("rowheader", name=name).wait_for(timeout=LIMIT_MS)
    page.get_by_text("at most 7 days and 11 GB a partition").wait_for(timeout=LIMIT_MS)
    page.get_by_text("the latest record of each key, no time limit").wait_for(timeout=LIMIT_MS)
    assert page.locator("figure").count() == PLOTS
    page.get_by_text("No live viewers").wait_for(timeout=LIMIT_MS)
    page.get_by_text("Ingest measures this. Set").first.wait_for(timeout=LIMIT_MS)
    # The list's picture of the stream was a frame asked for by its number.
    seek = page.locator("figure", has_text="Time to answer for a single frame")
    seek.locator("path.line").wait_for(timeout=LIMIT_MS, state="attached")
    label = seek.get_by_role("img").get_attribute("aria-label")
    assert label
    assert " ms" in label
    assert "maximum" in label
    assert messages == [], "the content security policy, or anything else, complains"


def test_files_are_told_with_their_reasons_whatever_they_are_called(
    viewer: Viewer, page: Page
) -> None:
    hostile = "<img src=x onerror=document.title='pwned'>.mp4"
    files = {
        "paused": True,
        "totals": {"waiting": 2, "ingesting": 0, "failed": 1, "done": 7},
        "told": [
            {"name": "shots", "state": "waiting", "reason": "It is an empty folder."},
            {"name": hostile, "state": "failed", "reason": f"It is no video: {hostile}"},
        ],
    }
    answer = {**told(int(time.time() * 1000)), "files": files}
    page.route("**/api/status", lambda route: route.fulfill(json=answer))
    page.goto(f"{viewer.url}/status")
    page.get_by_role("rowheader", name=hostile).wait_for(timeout=LIMIT_MS)
    page.get_by_text("It is an empty folder.").wait_for(timeout=LIMIT_MS)
    page.get_by_text("1 failed, 7 done. Intake is paused").wait_for(timeout=LIMIT_MS)
    assert page.locator("#files img").count() == 0
    assert page.title() == "Status - Framelog"


def test_records_of_others_are_told_once_for_each_reason(viewer: Viewer, page: Page) -> None:
    hostile = "video.<b>streams</b>"
    skipped = {
        "topic": hostile, "reason": "impossible", "sentence": "They tell what can't be.",
        "count": 1200, "first_partition": 0, "first_offset": 17, "latest_ms": 1,
    }  # fmt: skip
    answer = {**told(int(time.time() * 1000)), "skipped": [skipped]}
    page.route("**/api/status", lambda route: route.fulfill(json=answer))
    page.goto(f"{viewer.url}/status")
    line = page.get_by_role("listitem").filter(has_text=hostile)
    line.wait_for(timeout=LIMIT_MS)
    said = line.inner_text()
    assert "They tell what can't be. First skipped record: partition 0, offset 17." in said
    assert page.locator("#skipped b").count() == 0


def test_every_page_says_what_of_the_log_is_away(
    record: Recorder, viewer: Viewer, page: Page
) -> None:
    video = record(30)
    away = {"away": ["Kafka: It can't be reached: timed out."]}
    page.route("**/api/away", lambda route: route.fulfill(json=away))
    for path in ("/", "/status", f"/streams/{video.stream_id}"):
        page.goto(f"{viewer.url}{path}")
        sentence = "Kafka: It can't be reached: timed out. Streams in the catalogue remain"
        page.get_by_text(sentence).wait_for(timeout=LIMIT_MS)


def test_the_numbers_are_a_table_too(viewer: Viewer, page: Page) -> None:
    at_ms = int(time.time() * 1000)
    page.route("**/api/status", lambda route: route.fulfill(json=told(at_ms)))
    page.goto(f"{viewer.url}/status")
    frames = page.locator("figure", has_text="Frames per second")
    frames.get_by_text("Show as table").press("Enter")
    rows = frames.locator("tbody tr")
    rows.nth(MINUTES - 1).wait_for(timeout=LIMIT_MS)
    # One minute is begun at each end.
    assert rows.count() in {MINUTES, MINUTES + 1}
    assert {text.split("\t")[2] for text in rows.all_inner_texts()} == {"25"}
    assert frames.locator(".legend").inner_text().split() == ["committed", "0", "delivered", "25"]
    assert page.locator("figure", has_text="Viewers").locator("path.line").count() == 2
    label = frames.get_by_role("img").get_attribute("aria-label")
    assert label == "Frames per second: committed: now 0, maximum 59; delivered: now 25, maximum 25"
    page.get_by_text("The topics do not exist yet").wait_for()
    page.get_by_text("All monitored services are ready.").wait_for()


def test_it_waits_for_a_viewer_that_is_away(viewer: Viewer, page: Page) -> None:
    page.goto(f"{viewer.url}/status")
    page.get_by_text("One broker answers.").wait_for(timeout=LIMIT_MS)
    viewer.stop()
    page.get_by_text("The server cannot be reached").wait_for(timeout=LIMIT_MS)
    viewer.start()
    page.get_by_text("The server cannot be reached").wait_for(timeout=LIMIT_MS, state="hidden")


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_window(viewer: Viewer, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700})
    context.set_default_timeout(LIMIT_MS)
    page = context.new_page()
    page.goto(f"{viewer.url}/status")
    page.get_by_role("rowheader").nth(2).wait_for(timeout=LIMIT_MS)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


def test_scales_end_at_round_numbers_and_gaps_stay_gaps(viewer: Viewer, page: Page) -> None:
    page.goto(viewer.url)
    url = f"{viewer.url}/static/status/plot-shapes.js"
    found = page.evaluate(
        f"""async () => {{
          const m = await import("{url}");
          const scale = {{ from_ms: 0, to_ms: 100, top: 10 }};
          return [
            [0, 0.003, 1, 1.1, 24, 26, 99, 101].map(m.ceiling),
            m.runs([0, 50, 60, 100], [0, 5, null, 20], scale),
            m.minutes([0, 59999, 60000, 130000], [[1, 4, null, 2]]),
            m.line([[50, 50]]),
          ];
        }}"""
    )
    assert found == [
        [1, 0.005, 1, 2, 25, 50, 100, 200],
        [[[0, 100], [50, 50]], [[100, 0]]],
        [[120000, [2]], [60000, [None]], [0, [4]]],
        "M50.00 50.00h.01",
    ]
