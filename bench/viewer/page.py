"""What the player's page manages, beside a bare createImageBitmap loop in the same browser."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, sync_playwright

from bench.benchmark import Benchmark, Context
from bench.results.measurements import (
    Figure,
    Result,
    Spread,
    at_least,
    at_most,
    compare,
    interleaved,
)
from bench.viewer.service import sample_jpegs, write_recorded_stream
from tests.support.viewing import CHROMIUM_ARGUMENTS, chromium, running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.viewing import Viewer

_FRAMES, _SECONDS, _CLICKS = 1200, 1.5, 10
_SIZES = (720, 1080)

# Paints, at each animation frame, all pictures that have come: as the player does, without its
# clock, by which it would paint no more than a video has. It is watched once it has read ahead.
_THROUGH_THE_PLAYER = """
async ({ stream, seconds }) => {
  const { FrameFeed } = await import("/static/player/frame-feed.js");
  const { DecoderClient } = await import("/static/player/decoder-client.js");
  const { FrameCanvas } = await import("/static/player/frame-canvas.js");
  const screen = new FrameCanvas(document.body.appendChild(document.createElement("canvas")));
  const feed = new FrameFeed(new DecoderClient(), `/streams/${stream.stream_id}/frames`);
  feed.update(stream);
  const range = { first: 0, edge: stream.frame_count };
  let frame = 0, painted = 0, began_ms = Infinity;
  for (;;) {
    const now_ms = await new Promise(requestAnimationFrame);
    while (feed.has(frame)) {
      const { bitmap, header } = feed.get(frame);
      screen.paint(bitmap, header);
      frame = (frame + 1) % stream.frame_count;
      if (now_ms >= began_ms) painted += 1;
      else if (began_ms === Infinity) began_ms = now_ms + 2000;
    }
    if (now_ms - began_ms > seconds * 1000) return painted / (now_ms - began_ms) * 1000;
    feed.want({ frame, mode: "playing", rate: 16, follow: false, range });
  }
}
"""

# What both loops below need: as many at a time as the player decodes, one would leave cores idle.
_PAINTING = """
  const canvas = document.body.appendChild(document.createElement("canvas"));
  const context = canvas.getContext("2d", { alpha: false });
  const began_ms = performance.now();
  const is_over = () => performance.now() - began_ms >= seconds * 1000;
  let next = 0, painted = 0;
  const paint = async (image) => {
    const bitmap = await createImageBitmap(new Blob([image], { type: "image/jpeg" }));
    if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
    if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    painted += 1;
  };
  const rate = async (loop) => {
    await Promise.all([loop(), loop(), loop()]);
    return painted / (performance.now() - began_ms) * 1000;
  };
"""

_BARE = f"""
async ({{ images, seconds }}) => {{
  const received = images.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  {_PAINTING}
  return rate(async () => {{
    while (!is_over()) await paint(received[next++ % received.length]);
  }});
}}
"""

# The same on pictures that come from the server, which shares the machine: what no page can beat.
_FETCHED = f"""
async ({{ stream, seconds }}) => {{
  const {{ RecordParser }} = await import("/static/player/frame-records.js");
  const window_frames = 16;
  {_PAINTING}
  return rate(async () => {{
    while (!is_over()) {{
      const from = next++ * window_frames % (stream.frame_count - window_frames);
      const url = `/streams/${{stream.stream_id}}/frames?from=${{from}}&count=${{window_frames}}`;
      const body = await (await fetch(url, {{ cache: "no-store" }})).arrayBuffer();
      for (const {{ image }} of new RecordParser().push(new Uint8Array(body))) await paint(image);
    }}
  }});
}}
"""

# From a hand's touch to the picture: the browser says when it was touched.
_UNTIL_PAINTED = """
() => new Promise((done) => {
  const shown = document.querySelector("#screen");
  const before = shown.dataset.frame;
  addEventListener("pointerdown", ({ timeStamp }) => {
    const look = () => {
      if (shown.dataset.frame === before) requestAnimationFrame(look);
      else done(performance.now() - timeStamp);
    };
    look();
  }, { capture: true, once: true });
  setTimeout(() => done(null), 5000);
})
"""


def _page(context: Context) -> Iterator[Result]:
    with (
        context.topics() as topics,
        running_viewer(topics, context.folder) as viewer,
        _browser() as page,
    ):
        for height in _SIZES[:1] if context.is_gate else _SIZES:
            stream = write_recorded_stream(context, topics, sample_jpegs(height), _FRAMES, height)
            viewer.wait_for_frames(stream.stream_id, _FRAMES)
            values = interleaved(
                {
                    "framelog": partial(_painted, page, viewer, stream.stream_id),
                    "createImageBitmap": partial(_bare, page, viewer, height),
                    "fetch and createImageBitmap": partial(
                        _painted, page, viewer, stream.stream_id, _FETCHED
                    ),
                },
                context.rounds,
            )
            yield compare(
                f"pictures painted, {height}p", "a second", values, "createImageBitmap",
                target=at_least(0.9), gate=at_least(0.4),
            )  # fmt: skip
            yield compare(
                f"pictures painted, {height}p", "a second", values, "fetch and createImageBitmap"
            )
            if not context.is_gate:
                yield from _clicks(context, page, viewer.watch(stream.stream_id, "?paused"), height)


@contextmanager
def _browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        yield launched.new_page(viewport={"width": 1200, "height": 780})
        launched.close()


def _painted(
    page: Page, viewer: Viewer, stream_id: str, script: str = _THROUGH_THE_PLAYER
) -> float:
    return _evaluated(page, viewer, script, stream=viewer.stream(stream_id))


def _bare(page: Page, viewer: Viewer, height: int) -> float:
    encoded = [base64.b64encode(image).decode() for image in sample_jpegs(height)]
    return _evaluated(page, viewer, _BARE, images=encoded)


def _evaluated(page: Page, viewer: Viewer, script: str, **given: Any) -> float:
    page.goto(f"{viewer.url}/api/openapi.json")
    return float(page.evaluate(script, given | {"seconds": _SECONDS}))


def _clicks(context: Context, page: Page, url: str, height: int) -> Iterator[Result]:
    """Click here and there on the timeline of a player that is paused."""
    page.goto(url)
    page.wait_for_selector("#screen[data-frame]")
    box = page.locator("#timeline").bounding_box()
    assert box
    middle, slowest = [], []
    for number in range(context.rounds):
        times = []
        for click in range(_CLICKS):
            # Every click is far from the one before.
            share = (number * _CLICKS + click + 1) * 0.381966 % 1
            page.evaluate(f"window.painted = ({_UNTIL_PAINTED})(); null")
            page.mouse.click(box["x"] + box["width"] * share, box["y"] + 20)
            times.append(float(page.evaluate("window.painted")))
        middle.append(quantiles(times, n=100, method="inclusive")[49])
        slowest.append(max(times))
    yield Figure(f"click to painted, {height}p", "ms", Spread.of(middle), target=at_most(100))
    yield Figure(f"click to painted, {height}p, slowest of {_CLICKS}", "ms", Spread.of(slowest))


PAGE = Benchmark("page", _page, in_gate=True)
