"""Frames and streams made by hand, for tests that need no video."""

from collections.abc import Sequence
from fractions import Fraction

from ingest.model.choices import Choices
from ingest.model.frame import Frame
from ingest.model.stream import Stream
from ingest.model.video_description import Description

FRAME_NS = 40_000_000
CONTENT = "0123456789ab" + "c" * 52
STREAM_ID = "clip-0123456789ab"
RUN = "a" * 32
NOW_US = 1_700_000_000_123_456
DESCRIPTION = Description(
    container="matroska,webm",
    codec="h264",
    width=320,
    height=180,
    rotation=90,
    sample_aspect=Fraction(4, 3),
    frame_rate=Fraction(30_000, 1001),
    estimated_frame_count=6,
)


def frame(index: int, *, is_last: bool = False, image: bytes | None = None) -> Frame:
    """Make a frame of a stream of 25 a second; its image names the frame."""
    return Frame(
        frame_index=index,
        pts_ns=index * FRAME_NS,
        duration_ns=FRAME_NS,
        width=320,
        height=180,
        encoding="JPEG",
        image=b"image of frame %d" % index if image is None else image,
        is_last=is_last,
        captured_at_us=NOW_US + index,
        ingested_at_us=NOW_US + index + 1,
        attributes={"quality": "67"} if index % 2 else {},
    )


def frames(first: int, stop: int, *, last: int | None = None) -> list[Frame]:
    """Make the frames from first up to, not including, stop; last is the stream's last."""
    return [frame(index, is_last=index == last) for index in range(first, stop)]


def batched(count: int, size: int) -> list[Sequence[Frame]]:
    """Make all frames of a video of count, in batches of size."""
    whole = frames(0, count, last=count - 1)
    return [whole[start : start + size] for start in range(0, count, size)]


def fresh(run_id: str = RUN, fingerprint: str = CONTENT, name: str = "clip") -> Stream:
    """Make the state of a run that has sent nothing yet."""
    return Stream.begin(
        DESCRIPTION,
        stream_id=f"{name}-{fingerprint[:12]}",
        run_id=run_id,
        source_name=f"{name}.mkv",
        source_bytes=12_345,
        fingerprint=fingerprint,
        choices=Choices(),
        now_us=NOW_US,
    )
