"""Makes the pictures of docs/images: `python -m tests.browser.screenshots` while a cluster runs.

What they show is made up, landscapes as well as the numbers of the status page.
Needs FRAMELOG_TEST_BOOTSTRAP_SERVERS and FRAMELOG_TEST_REGISTRY_URL, as the tests take them.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import cv2
from playwright.sync_api import Browser, sync_playwright

from tests.browser.scenery import SCENES, landscape, status
from tests.browser.videos import BATCH, Video
from tests.support.cluster import Cluster, Topics, unique_topics
from tests.support.expiry import keep_for
from tests.support.viewing import (
    CHROMIUM_ARGUMENTS,
    START_SECONDS,
    Viewer,
    chromium,
    running_viewer,
)

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 854, 480
FRAMES = 60
SECONDS_A_FRAME = 0.25
JPEG_QUALITY = 84
SETTLE_MS = 500
ALL_PAINTED = """() => {
  const canvases = [...document.querySelectorAll("canvas[role=img]")];
  const images = [...document.querySelectorAll(".picture:not(.is-empty) img")];
  return canvases.length + images.length + document.querySelectorAll("path.line").length > 0
    && canvases.every((canvas) => canvas.dataset.frame)
    && images.every((image) => image.naturalWidth);
}"""


def main() -> None:
    """Write streams of landscapes, and photograph the pages that show them."""
    cluster = Cluster(
        os.environ["FRAMELOG_TEST_BOOTSTRAP_SERVERS"], os.environ["FRAMELOG_TEST_REGISTRY_URL"]
    )
    with (
        unique_topics(cluster) as topics,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        # Hours are left then, not days, and the timeline says so.
        keep_for(cluster, topics, timedelta(hours=9))
        reel = _write_streams(cluster, topics)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        with running_viewer(topics, Path(folder)) as viewer:
            _photograph(browser, viewer, reel)
        browser.close()


def _write_streams(cluster: Cluster, topics: Topics) -> str:
    """Write one stream a scene, in several states, and one of all scenes; return its id."""
    Video(
        cluster, topics, stream_id="notes-00000000000a", name="notes.mp4",
        error="The file is not a video: it holds text.",
    ).announce("FAILED")  # fmt: skip
    reel: list[bytes] = []
    for i, (name, scene) in enumerate(SCENES.items()):
        pictures = [landscape(scene, n * SECONDS_A_FRAME, WIDTH, HEIGHT) for n in range(FRAMES)]
        quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
        images = [bytes(cv2.imencode(".jpg", picture, quality)[1]) for picture in pictures]
        reel += images
        stream_id = f"{Path(name).stem.replace(' ', '-')}-{i + 1:012x}"
        video = Video(
            cluster, topics, stream_id=stream_id, name=name, width=WIDTH, height=HEIGHT,
            partition=i, estimated_frame_count=104 if i == 0 else None,
            error="The file ends in the middle of a frame." if i == 3 else None,
        )  # fmt: skip
        _write(video, images, {0: "INGESTING", 3: "TRUNCATED"}.get(i, "COMPLETE"))
    stream_id = "coast-to-coast-0000000000ff"
    name = "coast to coast, reel 1.mp4"
    whole = Video(
        cluster, topics, stream_id=stream_id, name=name, width=WIDTH, height=HEIGHT, partition=3
    )
    _write(whole, reel, "COMPLETE")
    return stream_id


def _write(video: Video, images: list[bytes], state: str) -> None:
    for start in range(0, len(images), BATCH):
        ended = start + BATCH >= len(images)
        video.write(images[start : start + BATCH], state=state if ended else "INGESTING")


def _photograph(browser: Browser, viewer: Viewer, reel: str) -> None:
    cameras = ",".join(f"{name}-{number:012x}" for name, number in [
        ("harbour-dusk", 1), ("ridge-cam-04", 2), ("glacier_north", 3), ("orchard_morning", 5),
    ])  # fmt: skip
    for name, path, keys in [
        ("streams", "/", ()),
        (
            "player",
            f"/streams/{reel}?frame=185&paused",
            ("d", "i", "ArrowRight", "ArrowRight", "o"),
        ),
        ("grid", f"/?grid={cameras}&t=1&paused", ()),
        ("status", "/status", ()),
    ]:
        context = browser.new_context(
            viewport={"width": 1280, "height": 1000 if name == "status" else 760},
            color_scheme="light" if name in {"streams", "status"} else "dark",
        )
        page = context.new_page()
        page.route("**/api/status", lambda route: route.fulfill(json=status()))
        page.goto(f"{viewer.url}{path}")
        page.wait_for_function(ALL_PAINTED, timeout=START_SECONDS * 1000)
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(SETTLE_MS)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=JPEG_QUALITY)
        context.close()


if __name__ == "__main__":
    main()
