"""Image sequences: pictures in a ZIP file or a folder, in the order of their names."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from ingest.media.container_end.end_status import End
from ingest.media.image_archive import ImageArchive
from ingest.media.image_folder import ImageFolder
from ingest.media.image_metadata import read_metadata
from ingest.media.jpeg_markers import read_jpeg
from ingest.media.jpeg_passthrough import JpegChecker
from ingest.media.picture_source import Limits, Picture, Pictured
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.timing import Stamped
from ingest.model.video_description import Description
from ingest.model.wording import worded
from ingest.pixels.filter_graph import can_convert
from ingest.pixels.orientation import UPRIGHT
from ingest.telemetry.stopwatch import Stopwatch

_FORMATS = "bmp_pipe,jpeg_pipe,png_pipe,tiff_pipe,webp_pipe"
LARGEST_IMAGE_BYTES = 1 << 28


class Images(Protocol):
    """Images that are open."""

    @property
    def what(self) -> str:
        """Return what they lie in, for people."""

    @property
    def container(self) -> str:
        """Return the name of such a container."""

    @property
    def names(self) -> Sequence[str]:
        """Return the images' names, in the order in which they are shown."""

    def read(self, number: int, most_bytes: int) -> bytes | None:
        """Return an image's bytes; None where they can't be read, or are more."""

    def shortfall(self) -> str | None:
        """Return a sentence on what has changed since they were opened; None if nothing has."""

    def close(self) -> None:
        """Close them."""


class ImageSequence:
    """A ZIP or a folder of images, decoded once from its start.

    Raises Unreadable, with a sentence. Reading and unpacking is timed as "read".
    """

    def __init__(
        self,
        path: Path,
        limits: Limits,
        stopwatch: Stopwatch,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what to call for each image that is read, also while none can be decoded."""
        self._alive = alive
        self._stopwatch = stopwatch
        self._largest_pixels = limits.largest_pixels
        self._options = {"format_whitelist": _FORMATS, "max_pixels": str(limits.largest_pixels)}
        self._undecodable = self._damaged = 0
        self._images: Images = ImageFolder(path) if path.is_dir() else ImageArchive(path)
        images = (self._read(number) for number in range(len(self._images.names)))
        first = next((shown for data in images if (shown := self._decode(data))), None)
        if first is None:
            self._images.close()
            raise Unreadable(f"None of the images in {self._images.what} can be decoded.")
        self._undecodable = 0
        self._first = first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._images.close()

    @property
    def end(self) -> End:
        """See picture_source.Pictures; a ZIP's end is needed to open it, and a folder has none."""
        return End.WHOLE

    def nominal(self, choices: Choices) -> Fraction:
        """Return for how many seconds a picture is shown."""
        return 1 / choices.sequence_rate

    def describe(self, choices: Choices) -> Description:
        """Return what is known before the rest is decoded."""
        frame, orientation = self._first.frame, self._first.orientation
        width, height = orientation.size(frame.width, frame.height)
        return Description(
            container=self._images.container,
            codec=Path(self._images.names[0]).suffix[1:].lower(),
            width=width,
            height=height,
            rotation=orientation.rotation,
            frame_rate=choices.sequence_rate,
            estimated_frame_count=len(self._images.names),
        )

    def pictures(self, choices: Choices) -> Iterator[Pictured]:
        """Yield every picture that can be decoded, in the order of their names."""
        duration = 1 / choices.sequence_rate
        checker = JpegChecker(self._largest_pixels, looks_inside=True)
        for number in range(len(self._images.names)):
            data = self._read(number)
            checked = None if data is None else checker.check(data)
            if checked is not None and checked.coded is not None and choices.keeps_pixels:
                yield Stamped(checked.coded, number * duration, duration)
            elif (picture := self._decode(data)) is not None:
                if checked is not None and checked.is_damaged:
                    self._damaged += 1
                    picture.attributes["damaged"] = "true"
                yield Stamped(picture, number * duration, duration)

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
        count, lost, damaged = len(self._images.names), self._undecodable, self._damaged
        if lost and damaged:
            return worded(
                damaged,
                f"{lost} of {count} images can't be decoded, and 1 is damaged.",
                f"{lost} of {count} images can't be decoded, and {damaged} are damaged.",
            )
        if lost:
            return f"{lost} of {count} images can't be decoded."
        if damaged and count == 1:
            return "The only image is damaged."
        if damaged:
            return worded(
                damaged,
                f"1 of {count} images is damaged.",
                f"{damaged} of {count} images are damaged.",
            )
        return self._images.shortfall()

    def _decode(self, data: bytes | None) -> Picture | None:
        try:
            if data is not None:
                with av.open(io.BytesIO(data), "r", options=self._options) as image:
                    frame = self._frame(image)
                jpeg = read_jpeg(data)
                metadata = read_metadata(data) if jpeg is None else jpeg.metadata
                return Picture(frame, metadata.orientation or UPRIGHT, metadata.attributes)
        except (FFmpegError, ValueError):
            pass
        self._undecodable += 1
        return None

    def _frame(self, image: InputContainer) -> VideoFrame:
        context = image.streams.video[0].codec_context
        if not 0 < context.width * context.height <= self._largest_pixels:
            raise ValueError("too large, which leaves it without a size")
        frame = next(image.decode(video=0), None)
        if frame is None or not can_convert(frame):
            raise ValueError("no picture, or none that can be made an image")
        return frame

    def _read(self, number: int) -> bytes | None:
        self._alive()
        with self._stopwatch.during("read"):
            return self._images.read(number, LARGEST_IMAGE_BYTES)
