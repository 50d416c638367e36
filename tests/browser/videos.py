"""Streams whose pictures carry their frame number, readable by a machine from the canvas."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy

from tests.support.log_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.cluster import Cluster, Topics

WIDTH, HEIGHT = 320, 180
BITS = 16
BATCH = 16
# A live video's: as many frames as its time has.
BROADCAST_FRAMES = 10
BROADCAST_SECONDS = 0.4

# The number on the canvas: BITS blocks along the lower edge, the highest bit first.
READ_NUMBER = f"""
(canvas) => {{
  const context = canvas.getContext("2d");
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit += 1) {{
    const x = Math.floor((bit + 0.5) * canvas.width / {BITS});
    const pixel = context.getImageData(x, canvas.height - 12, 1, 1).data;
    number = number * 2 + (pixel[1] > 127 ? 1 : 0);
  }}
  return number;
}}
"""


@cache
def picture(number: int) -> bytes:
    """Make a JPEG with the number as black and white blocks, and as digits for people."""
    image = numpy.full((HEIGHT, WIDTH, 3), 60 + number * 7 % 120, numpy.uint8)
    block = WIDTH // BITS
    for bit in range(BITS):
        value = 255 if number >> (BITS - 1 - bit) & 1 else 0
        image[-24:, bit * block : (bit + 1) * block] = value
    white = (255, 255, 255)
    cv2.putText(image, str(number), (20, 100), cv2.FONT_HERSHEY_SIMPLEX, 2, white, 3)
    return bytes(cv2.imencode(".jpg", image)[1])


@dataclass
class Video(StreamWriter):
    """A stream of numbered pictures with a name and times of its own."""

    stream_id: str = field(default_factory=lambda: f"clip-{uuid.uuid4().hex[:12]}")
    name: str = "clip.mp4"
    error: str | None = None
    estimated_frame_count: int | None = None
    width: int = WIDTH
    height: int = HEIGHT
    times_ns: Sequence[int] = field(default_factory=tuple)
    """When each frame is shown, and the end; one every `frame_ns` when empty."""

    def add(self, count: int, *, state: str = "INGESTING") -> None:
        """Commit the next frames, the last batch of them with this state."""
        numbers = range(len(self.images), len(self.images) + count)
        for start in range(0, count, BATCH):
            last = start + BATCH >= count
            batch = [picture(number) for number in numbers[start : start + BATCH]]
            self.write(batch, state=state if last else "INGESTING")

    def _time(self, frame: int) -> int:
        return self.times_ns[frame] if self.times_ns else frame * self.frame_ns

    def _send(
        self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
    ) -> None:
        super()._send(topic, key, record | self._changes(topic, record), partition, done)

    def _changes(self, topic: str, record: dict[str, Any]) -> dict[str, Any]:
        if topic == self.topics.frames:
            frame = record["frame_index"]
            times = {
                "pts_ns": self._time(frame),
                "duration_ns": self._time(frame + 1) - self._time(frame),
            }
            return times | {"width": self.width, "height": self.height}
        if topic == self.topics.index:
            first, count = record["first_frame"], len(record["offsets"])
            shown = [self._time(first + i) for i in range(count)]
            deltas = [b - a for a, b in pairwise(shown)]
            return {"pts_ns": [shown[0], *deltas], "end_pts_ns": self._time(first + count)}
        return {
            "source_name": self.name,
            "error": self.error,
            "estimated_frame_count": self.estimated_frame_count,
            "duration_ns": self._time(record["frame_count"]),
            "width": self.width if record["frame_count"] else 0,
            "height": self.height if record["frame_count"] else 0,
        }


def write_video(
    cluster: Cluster, topics: Topics, frames: int, *, state: str = "COMPLETE", **options: Any
) -> Video:
    """Write a video of so many frames."""
    video = Video(cluster, topics, **options)
    video.add(frames, state=state)
    return video


class Recorder(Protocol):
    """Writes a video of so many frames, and waits until it can be watched."""

    def __call__(self, frames: int, **options: Any) -> Video: ...


class Broadcast:
    """Adds frames to a video in real time until it is told to end."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(BROADCAST_SECONDS):
            self.video.add(BROADCAST_FRAMES)
        self.video.add(BROADCAST_FRAMES, state="COMPLETE")

    def end(self) -> None:
        self._ending.set()
        self._thread.join(60)
