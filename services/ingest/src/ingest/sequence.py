"""Image sequences: a ZIP of pictures, shown one after another in the order of their names."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from ingest.choices import Choices
from ingest.decoded import CodedPicture, Limits, Picture, Pictured
from ingest.description import Description
from ingest.errors import Unreadable
from ingest.jpeg import whole_jpeg
from ingest.stopwatch import Stopwatch
from ingest.timing import Stamped

_IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_FORMATS = "bmp_pipe,jpeg_pipe,png_pipe,tiff_pipe,webp_pipe"
_LARGEST_IMAGE_BYTES = 1 << 28
_HEADER_BYTES = 30  # the least that stands before a member's bytes
# What Python raises for an archive that is damaged, encrypted, or packed in a way it doesn't know.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    RuntimeError,  # also NotImplementedError
    ValueError,
    EOFError,
)


class ImageSequence:
    """A ZIP of images, decoded once from its start. Raises Unreadable, with a sentence.

    Reading and unpacking the archive is timed as "read".
    """

    def __init__(self, path: Path, limits: Limits, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._largest_pixels = limits.largest_pixels
        self._options = {"format_whitelist": _FORMATS, "max_pixels": str(limits.largest_pixels)}
        self._undecodable = 0
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise Unreadable(f"It is not a ZIP file that can be read: {error}.") from error
        names = [entry for entry in self._archive.infolist() if _is_image(entry)]
        self._entries = sorted(names, key=lambda entry: _natural(entry.filename))
        if not self._entries:
            self._archive.close()
            raise Unreadable(f"There is no image ({', '.join(_IMAGES)}) in the ZIP file.")
        if _overlap(self._entries):
            self._archive.close()
            raise Unreadable("The members of the ZIP file share their bytes: it is a ZIP bomb.")
        images = (self._read(entry) for entry in self._entries)
        first = next((frame for data in images if (frame := self._decode(data))), None)
        if first is None:
            self._archive.close()
            raise Unreadable("None of the images in the ZIP file can be decoded.")
        self._undecodable = 0
        self._first = first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def nominal(self, choices: Choices) -> Fraction:
        """Return for how many seconds a picture is shown."""
        return 1 / choices.sequence_rate

    def describe(self, choices: Choices) -> Description:
        """Return what is known before the rest is decoded."""
        return Description(
            container="zip",
            codec=Path(self._entries[0].filename).suffix[1:].lower(),
            width=self._first.width,
            height=self._first.height,
            frame_rate=choices.sequence_rate,
            estimated_frame_count=len(self._entries),
        )

    def pictures(self, choices: Choices) -> Iterator[Pictured]:
        """Yield every picture that can be decoded, in the order of their names."""
        for number, entry in enumerate(self._entries):
            duration = 1 / choices.sequence_rate
            pts = number * duration
            data = self._read(entry)
            if choices.keeps_pixels and (coded := _coded(data)) is not None:
                yield Stamped(coded, pts, duration)
            elif (frame := self._decode(data)) is not None:
                yield Stamped(Picture(frame), pts, duration)

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
        if self._undecodable:
            return f"{self._undecodable} of {len(self._entries)} images can't be decoded."
        return None

    def _decode(self, data: bytes | None) -> VideoFrame | None:
        try:
            if data is not None:
                with av.open(io.BytesIO(data), "r", options=self._options) as image:
                    return self._frame(image)
        except (FFmpegError, ValueError):
            pass
        self._undecodable += 1
        return None

    def _frame(self, image: InputContainer) -> VideoFrame:
        context = image.streams.video[0].codec_context
        if not 0 < context.width * context.height <= self._largest_pixels:
            raise ValueError("too large, which leaves it without a size")
        frame = next(image.decode(video=0), None)
        if frame is None:
            raise ValueError("no picture")
        return frame

    def _read(self, entry: zipfile.ZipInfo) -> bytes | None:
        """Return an image's bytes; None where they are damaged, or more than an image has."""
        if entry.file_size > _LARGEST_IMAGE_BYTES:
            return None
        try:
            with self._stopwatch.during("read"), self._archive.open(entry) as file:
                return file.read(_LARGEST_IMAGE_BYTES)
        except _DAMAGED:
            return None


def _coded(data: bytes | None) -> CodedPicture | None:
    shape = whole_jpeg(data) if data is not None else None
    return CodedPicture(data, shape.width, shape.height) if data and shape else None


def _is_image(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.rsplit("/", 1)[-1]
    return not name.startswith(".") and name.lower().endswith(_IMAGES)


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether the members' bytes do not lie one after another, as in every ordinary archive."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    return any(
        one.header_offset + _HEADER_BYTES + one.compress_size > other.header_offset
        for one, other in pairwise(ordered)
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort 'frame10' after 'frame9': of numbers, which every second part is, the longer later."""
    parts = re.split(r"([0-9]+)", name)
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)]
