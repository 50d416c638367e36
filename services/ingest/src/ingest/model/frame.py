"""What a frame is, and the batches in which frames are sent."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded picture of a stream; times as in schemas/frame.avsc."""

    frame_index: int
    pts_ns: int
    duration_ns: int
    width: int
    height: int
    encoding: str
    image: bytes
    is_last: bool
    captured_at_us: int
    ingested_at_us: int
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def end_pts_ns(self) -> int:
        """When the frame stops being shown, in nanoseconds from the first frame."""
        return self.pts_ns + self.duration_ns


@dataclass(frozen=True)
class BatchLimits:
    """A batch ends with the frame that reaches any of these."""

    frames: int
    bytes: int
    seconds: float


def first_alone(frames: Iterable[Frame | None], count: int) -> Iterator[Frame | None]:
    """Make each of the first count frames a batch by itself; None as in batches."""
    for frame in frames:
        yield frame
        if count and frame is not None:
            count -= 1
            yield None


def batches(
    frames: Iterable[Frame | None], limits: BatchLimits, now: Callable[[], float]
) -> Iterator[list[Frame]]:
    """Gather frames into the batches that are committed together.

    None in frames announces a pause: the batch so far is sent before it. now returns monotonic
    seconds; the age of a batch counts from the arrival of its first frame.
    """
    batch: list[Frame] = []
    size_bytes = 0
    started = 0.0
    for frame in frames:
        if frame is not None:
            if not batch:
                started = now()
            batch.append(frame)
            size_bytes += len(frame.image)
            full = len(batch) >= limits.frames or size_bytes >= limits.bytes
            if not (full or frame.is_last or now() - started >= limits.seconds):
                continue
        if batch:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
