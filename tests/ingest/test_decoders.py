"""All that a decoder holds comes out of it, whatever ended its packets, and with any threads."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.error import FFmpegError
from av.video.stream import VideoStream
from ingest.media.picture_source import Limits
from ingest.media.video_file import VideoFile
from ingest.model.choices import Choices
from ingest.telemetry.stopwatch import Stopwatch

from tests.ingest.clips import Clip, make

REORDERED = Clip(frames=60, noisy=True, codec_options={"preset": "veryfast", "bf": "3", "g": "20"})
CLIPS = {
    "h264.mp4": replace(REORDERED, movflags="+faststart"),
    "fragments.mp4": replace(REORDERED, movflags="frag_keyframe+empty_moov"),
    "h264.flv": REORDERED,
    "h264.ts": REORDERED,
    "hevc.mp4": replace(
        REORDERED,
        codec="libx265",
        movflags="+faststart",
        codec_options={"preset": "ultrafast", "x265-params": "bframes=3:log-level=error"},
    ),
    "mpeg4.avi": replace(REORDERED, codec="mpeg4", codec_options={"bf": "2"}),
    "vp9.webm": replace(REORDERED, codec="libvpx-vp9", codec_options={"cpu-used": "8"}),
    "av1.ivf": replace(REORDERED, codec="libsvtav1", codec_options={"preset": "12"}),
}


def with_one_thread(path: Path) -> int:
    """Return how many pictures FFmpeg decodes, without the code under test."""
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                packet = None
            with suppress(EOFError, FFmpegError):
                count += len(stream.decode(packet if packet is not None and packet.size else None))
            if packet is None or not packet.size:
                return count


def with_threads(path: Path, threads: int) -> int:
    limits = Limits(decoder_threads=threads, largest_pixels=1 << 20)
    with VideoFile(path, limits, Stopwatch(time.perf_counter)) as source:
        return sum(1 for _ in source.pictures(Choices(quality=90)))


def cut(content: bytes, share: Fraction) -> bytes:
    return content[: int(len(content) * share)]


def blanked_before_the_end(content: bytes, share: Fraction) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes(60) + content[place + 60 :]


@pytest.mark.parametrize("damage", [cut, blanked_before_the_end])
@pytest.mark.parametrize("name", CLIPS)
def test_threads_lose_no_picture(
    tmp_path: Path, name: str, damage: Callable[[bytes, Fraction], bytes]
) -> None:
    content = make(tmp_path / name, CLIPS[name]).read_bytes()
    damaged = tmp_path / f"damaged {name}"
    for share in range(35, 100, 9):
        damaged.write_bytes(damage(content, Fraction(share, 100)))
        expected = with_one_thread(damaged)
        assert [with_threads(damaged, n) for n in (1, 2, 3)] == [expected] * 3, share


@pytest.mark.parametrize("name", CLIPS)
def test_of_a_whole_video_no_picture_is_lost_or_doubled(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, CLIPS[name])
    assert [with_threads(path, n) for n in (1, 2, 3)] == [60] * 3


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
@pytest.mark.parametrize("quality", [90, None])
def test_what_came_and_what_is_said_to_be_missing_make_the_whole(
    tmp_path: Path, codec: str, quality: int | None
) -> None:
    """Also where a decoder shows something of the picture in which the file ends."""
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    clip = replace(REORDERED, codec=codec, pixel_format=form, movflags="+faststart")
    content = make(tmp_path / "a.mov", replace(clip, codec_options={})).read_bytes()
    short = tmp_path / "short.mov"
    for share in range(35, 100, 13):
        short.write_bytes(cut(content, Fraction(share, 100)))
        with VideoFile(short, Limits(2, 1 << 20), Stopwatch(time.perf_counter)) as source:
            came = sum(1 for _ in source.pictures(Choices(quality=quality or Choices().quality)))
            said = source.shortfall()
        assert said == f"The file was cut off: it ends before {60 - came} of 60 frames."
