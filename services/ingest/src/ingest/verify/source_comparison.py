"""Compares a stream's frames with the video that they came from."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame

from ingest.config.settings import Settings
from ingest.encode.encoder_input import Converter
from ingest.encode.image_encoders import encoder
from ingest.kafka.topic_properties import MOST_BYTES
from ingest.media.decoders import decode_image
from ingest.media.opening import open_pictures
from ingest.media.picture_source import CodedPicture, Limits, Picture
from ingest.model.choices import Choices, with_named
from ingest.model.sampling import sampled
from ingest.model.stream import State, Stream
from ingest.model.timing import Timed, timed
from ingest.verify.consistency import Findings, Found

LEAST_PSNR_DB = 28.0


def compared(
    frames: Iterable[Found], path: Path, stream: Stream, settings: Settings, findings: Findings
) -> Iterator[Found]:
    """Pass frames on, and compare each with its picture in the file at path.

    The file is decoded as when it was ingested, with the choices that the stream names. Raises
    Unreadable when it can't be.
    """
    choices = with_named(Choices(), stream.choices)
    likeness = _Likeness(choices, settings.largest_frame_bytes)
    with open_pictures(path, Limits(settings.decoder_threads, settings.largest_pixels)) as source:
        decoded = timed(source.pictures(choices), source.nominal(choices))
        pictures = sampled(decoded, choices.every_nth, choices.rate)
        picture = next(pictures, None)
        for frame in frames:
            while picture is not None and picture.index < frame.frame_index:
                picture = next(pictures, None)
            if picture is None or picture.index != frame.frame_index:
                findings.differ("file", f"the file has no picture for frame {frame.frame_index}")
            elif reason := _difference(frame, picture, likeness):
                findings.differ("picture", f"frame {frame.frame_index} {reason}")
            yield frame
        whole = stream.state is State.COMPLETE
        if whole and picture is not None and not picture.is_last:
            findings.differ("file", f"the file goes on after frame {picture.index}")


def psnr_db(one: VideoFrame, other: VideoFrame) -> float:
    """Return the peak signal-to-noise ratio of two pictures in 8-bit RGB; infinite when equal."""
    error = float(np.mean((one.to_ndarray().astype(float) - other.to_ndarray()) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


class _Likeness:
    """Tells whether an image shows a picture."""

    def __init__(self, choices: Choices, largest_bytes: int) -> None:
        self._choices = choices
        self._encoding = choices.encoding
        self._converter = Converter(choices.longest_side)
        self._viewer = Converter(None)
        self._encoder = encoder(choices, largest_bytes)

    def fault(self, image: bytes, picture: Picture, quality: str | None) -> str | None:
        """Return how image differs from picture, as the end of a sentence."""
        shown = self.decoded(image)
        if shown is None:
            return f"can't be decoded as {self._encoding}"
        if self._encoding == "PNG":
            exact = self.decoded(self._encoder.encode(picture).data)
            same = exact and np.array_equal(shown.to_ndarray(), exact.to_ndarray())
            return None if same else "is not exactly the file's picture"
        pixels = self._converter.pixels(picture, "rgb24")
        if (shown.width, shown.height) != (pixels.width, pixels.height):
            return "is of another size than the file's picture"
        decibel = psnr_db(self._viewer.pixels(Picture(shown), "rgb24"), pixels)
        # A low quality may well look worse: then it must be just what is made of this picture.
        if decibel >= LEAST_PSNR_DB or self._encoded(picture, quality) == image:
            return None
        return f"is not the file's picture (PSNR {decibel:.1f} dB)"

    def _encoded(self, picture: Picture, quality: str | None) -> bytes:
        """Return what is made of a picture; quality: what its frame says, if it was lowered."""
        if quality is None or not quality.isdecimal():
            return self._encoder.encode(picture).data
        lowered = replace(self._choices, quality=max(1, min(100, int(quality))))
        return encoder(lowered, MOST_BYTES).encode(picture).data

    def decoded(self, image: bytes) -> VideoFrame | None:
        """Return the picture in an image; None where it can't be decoded."""
        try:
            return decode_image(image, self._encoding)
        except (FFmpegError, ValueError):
            return None


def _difference(
    frame: Found, picture: Timed[Picture | CodedPicture], likeness: _Likeness
) -> str | None:
    if frame.pts_ns != picture.pts_ns:
        return f"has pts_ns {frame.pts_ns}, the file's picture {picture.pts_ns}"
    shown = picture.picture
    if isinstance(shown, CodedPicture):
        if frame.image == shown.image:
            return None
        if frame.quality is None or len(frame.image) >= len(shown.image):
            return "is not the file's own JPEG"
        # It was larger than a frame might be, and was encoded again.
        own = likeness.decoded(shown.image)
        if own is None:
            return "is not the file's own JPEG"
        shown = Picture(own)
    return likeness.fault(frame.image, shown, frame.quality)
