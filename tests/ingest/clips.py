"""Small video files made for one test each."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from ingest.media.picture_source import Limits
from ingest.media.video_file import VideoFile
from ingest.telemetry.stopwatch import Stopwatch

Pixels = npt.NDArray[np.uint8]

# Colours that survive lossy coding, of the quarters of a test picture.
RED, GREEN, BLUE, WHITE = (200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 220)


@dataclass(frozen=True)
class Clip:
    """What a file is like; turned and mirrored are what its display matrix asks for."""

    frames: int = 25
    width: int = 64
    height: int = 48
    rate: Fraction = Fraction(25)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    turned: int = 0
    mirrored: bool = False
    sample_aspect: Fraction = Fraction(1)
    noisy: bool = False
    """Whether pictures are of noise, so that they are most of the file."""
    movflags: str = ""
    codec_options: Mapping[str, str] = field(default_factory=lambda: {"preset": "ultrafast"})
    times: tuple[int, ...] = ()
    """pts of each frame in thousandths of a second; empty: evenly spaced."""


def quarters(width: int, height: int) -> Pixels:
    """Return a picture, RGB: red, green above blue, white."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[: height // 2, width // 2 :] = GREEN
    picture[height // 2 :, : width // 2] = BLUE
    picture[height // 2 :, width // 2 :] = WHITE
    return picture


def corners(picture: Pixels) -> list[tuple[int, int, int]]:
    """Return the names, as colours, of the quarters: upper left, right, lower left, right."""
    height, width = picture.shape[:2]
    names = (RED, GREEN, BLUE, WHITE)
    found = []
    for row in (height // 4, height * 3 // 4):
        for column in (width // 4, width * 3 // 4):
            pixel = picture[row, column].astype(int)
            found.append(min(names, key=lambda name: int(np.abs(pixel - name).sum())))
    return found


def make(path: Path, clip: Clip, container: str | None = None) -> Path:
    """Write the file; its container (FFmpeg's name) follows from the suffix, or is given.

    In a thread of its own: as root, SVT-AV1 makes the thread that calls it real-time (SCHED_FIFO),
    and every process that a real-time thread starts is so too. A broker among them took both
    processors and gave them to nobody.
    """
    with ThreadPoolExecutor(1) as encoder:
        encoder.submit(_write, path, clip, container).result()
    return path


def _write(path: Path, clip: Clip, form: str | None) -> None:
    options = {"movflags": clip.movflags} if clip.movflags else {}
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(clip.codec, rate=clip.rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = clip.width, clip.height
        stream.pix_fmt = clip.pixel_format
        stream.codec_context.sample_aspect_ratio = clip.sample_aspect
        stream.options = dict(clip.codec_options)
        if clip.turned or clip.mirrored:
            stream.set_display_rotation(clip.turned, hflip=clip.mirrored)
        if clip.times:
            stream.codec_context.time_base = Fraction(1, 1000)
        random = np.random.default_rng(clip.frames)
        for number in range(clip.frames):
            picture = quarters(clip.width, clip.height)
            if clip.noisy:
                picture = random.integers(0, 256, picture.shape, np.uint8)
            picture[0, 0] = number % 256
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            if clip.times:
                frame.pts, frame.time_base = clip.times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_sound(path: Path, cover: Path | None = None, container: str | None = None) -> Path:
    """Write a second of silence, with a cover picture (an MJPEG file) if one is given."""
    with av.open(str(path), "w", format=container) as output:
        _write_sound(output, cover)
    return path


def _write_sound(container: OutputContainer, cover: Path | None) -> None:
    sound = container.add_stream("aac", rate=48_000)
    assert isinstance(sound, AudioStream)
    if cover is not None:
        with av.open(str(cover)) as pictures:
            packet = next(pictures.demux(video=0))
            picture = container.add_stream_from_template(pictures.streams.video[0])
            picture.disposition = av.stream.Disposition.attached_pic
            packet.stream = picture
            container.mux(packet)
    for start in range(0, 48_000, 1024):
        frame = AudioFrame(format="fltp", layout="mono", samples=1024)
        for plane in frame.planes:
            np.frombuffer(plane, np.float32)[:] = 0  # type: ignore[call-overload]
        frame.sample_rate, frame.pts = 48_000, start
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def opened(path: Path, largest_pixels: int = 1 << 24) -> VideoFile:
    """Open a file as a worker does."""
    limits = Limits(decoder_threads=2, largest_pixels=largest_pixels)
    return VideoFile(path, limits, Stopwatch(time.perf_counter))


def cut(path: Path, share: float) -> Path:
    """Write what a copy that ended too early has left of the file, and return its path."""
    content = path.read_bytes()
    short = path.with_name(f"cut {path.name}")
    short.write_bytes(content[: int(len(content) * share)])
    return short
