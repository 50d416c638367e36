"""A viewer under measurement: streams to show, the process that shows them, and what it takes."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import cv2
import psutil

from bench.load.films import FPS, Film, pictures
from tests.support.log_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.benchmark import Context
    from tests.support.cluster import Topics

SEGMENT_FRAMES = 24
LIVE_FRAMES = 6
"""Frames of a transaction of a video that is sent as fast as it can be, and of a live one."""
_QUALITY = 90
_DISTINCT = 24


@cache
def sample_jpegs(height: int) -> list[bytes]:
    """Return JPEGs with natural detail, 16:9, of this height."""
    return [
        bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
        for picture in pictures(Film(height, _DISTINCT))
    ]


def write_recorded_stream(
    context: Context, topics: Topics, shown: Sequence[bytes], frames: int, height: int = 720
) -> StreamWriter:
    """Write a stream of so many frames that has ended, of these images again and again."""
    writer = StreamWriter(
        context.cluster,
        topics,
        stream_id=f"recorded-{height:012x}",
        width=height * 16 // 9,
        height=height,
    )
    for first in range(0, frames, SEGMENT_FRAMES):
        stop = min(first + SEGMENT_FRAMES, frames)
        batch = [shown[number % len(shown)] for number in range(first, stop)]
        writer.write(batch, state="COMPLETE" if stop == frames else "INGESTING")
    return writer


@contextmanager
def writing_live_stream(context: Context, topics: Topics, image: bytes) -> Iterator[StreamWriter]:
    """Write a stream of one image in real time, for as long as the context is open."""
    writer = StreamWriter(context.cluster, topics, stream_id="live-0123456789ab")
    writer.write([image] * LIVE_FRAMES)
    stop = threading.Event()

    def write() -> None:
        due = time.monotonic()
        while not stop.is_set():
            due += LIVE_FRAMES / FPS
            stop.wait(due - time.monotonic())
            writer.write([image] * LIVE_FRAMES)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield writer
    finally:
        stop.set()
        thread.join()
        writer.announce("COMPLETE")


def cpu_seconds(pid: int) -> float:
    """Return what a process and its children have used."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(spent.user + spent.system for spent in times))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and its children."""
    process = psutil.Process(pid)
    together = (process, *process.children(recursive=True))
    return sum(int(one.memory_info().rss) for one in together)
