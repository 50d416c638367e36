"""How quickly clips come out of the viewer, beside copying a file of the same size."""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING

import requests

from bench.benchmark import Benchmark, Context
from bench.results.measurements import Result, compare, interleaved
from bench.viewer.service import sample_jpegs, write_recorded_stream
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FRAMES = 1200
_KINDS = ("mp4", "zip", "avro")


def _exports(context: Context) -> Iterator[Result]:
    clip, copy = context.folder / "clip", context.folder / "copy"
    with (
        context.topics() as topics,
        running_viewer(topics, context.folder, FRAMELOG_VIEWER_CACHE_BYTES="0") as viewer,
    ):
        stream = write_recorded_stream(context, topics, sample_jpegs(720), _FRAMES)
        viewer.wait_for_frames(stream.stream_id, _FRAMES)
        url = f"{viewer.url}/streams/{stream.stream_id}/export"
        clip.write_bytes(requests.get(f"{url}.zip", timeout=60).content)
        values = interleaved(
            {
                **{kind: partial(_save, f"{url}.{kind}", clip) for kind in _KINDS},
                "a plain copy": partial(_copy, clip, copy),
            },
            context.rounds,
        )
    for kind in _KINDS:
        yield compare(f"export as {kind}", "MB/s", values, "a plain copy", ours=kind)


def _save(url: str, path: Path) -> float:
    """Download a clip into a file; return the megabytes a second."""
    began = time.monotonic()
    with requests.get(url, stream=True, timeout=60) as answer, path.open("wb") as file:
        shutil.copyfileobj(answer.raw, file, 1 << 20)
    return path.stat().st_size / 1e6 / (time.monotonic() - began)


def _copy(path: Path, target: Path) -> float:
    began = time.monotonic()
    with path.open("rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return path.stat().st_size / 1e6 / (time.monotonic() - began)


VIEWER_EXPORTS = Benchmark("viewer-exports", _exports)
