"""A video file, opened and decoded: the one module that reads through FFmpeg's demuxers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self, cast

import av
import av.logging
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.media.completeness import CompletenessCheck
from ingest.media.container_end.end_status import End
from ingest.media.container_opening import default_video, open_container
from ingest.media.decoders import emptying, limit_decoder
from ingest.media.jpeg_passthrough import CheckedPicture, JpegChecker, can_pass
from ingest.media.picture_source import Limits, Picture, Pictured
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.timing import Stamped
from ingest.model.video_description import Description
from ingest.pixels.filter_graph import can_convert
from ingest.pixels.orientation import UPRIGHT, Orientation, from_display_matrix, from_rotation
from ingest.telemetry.stopwatch import Stopwatch

_NOMINAL_RATE = Fraction(25)
# Frames a second; more is a clock's rate, as FFmpeg gives for DV.
_HIGHEST_RATE = 10_000
# Packets that the decoder may take before it gives a first frame, to be passed on later.
_MOST_TRIED = 64


class VideoFile:
    """A video file whose default video stream can be decoded once, from its start.

    A context manager. Raises Unreadable, with a sentence, when it can't be opened or no
    first frame can be decoded. Demuxing, which reads the file, is timed as "read".
    """

    def __init__(self, path: Path, limits: Limits, stopwatch: Stopwatch) -> None:
        av.logging.set_level(None)
        with ExitStack() as opened:
            file = opened.enter_context(path.open("rb", buffering=0))
            if os.fstat(file.fileno()).st_size == 0:
                raise Unreadable("The file is empty.")
            descriptor = file.fileno()
            self._container = opened.enter_context(open_container(descriptor, path.suffix, limits))
            self._stream = default_video(self._container, descriptor)
            limit_decoder(self._stream, limits)
            self._is_motion_jpeg = self._stream.codec_context.name == "mjpeg"
            self._checker = JpegChecker(limits.largest_pixels, looks_inside=False)
            self._shortfall = CompletenessCheck(descriptor, self._container, self._stream)
            self._ticks = -1
            self._trying = True
            self._tried: list[Packet[VideoStream] | None] = []
            self._packets = stopwatch.timing("read", self._demuxed())
            self._decoded = (one for packet in self._packets for one in self._decode(packet))
            first = next(self._decoded, None)
            if first is None:
                raise Unreadable(self._shortfall.no_frame(limits))
            self._first, self._trying = first, False
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def end(self) -> End:
        """See picture_source.Pictures."""
        return self._shortfall.end

    def nominal(self, _: Choices) -> Fraction:
        """Return for how many seconds a frame is shown where the container does not say."""
        return 1 / (self._frame_rate() or _NOMINAL_RATE)

    def describe(self, _: Choices) -> Description:
        """Return what is known before the rest is decoded."""
        first = self._first.picture
        width, height = first.orientation.size(first.frame.width, first.frame.height)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        rate = self._frame_rate()
        return Description(
            container=self._container.format.name,
            codec=self._stream.codec_context.name,
            width=width,
            height=height,
            rotation=first.orientation.rotation,
            sample_aspect=1 / aspect if first.orientation.transpose else aspect,
            frame_rate=rate,
            estimated_frame_count=self._estimate(rate),
        )

    def pictures(self, choices: Choices) -> Iterator[Pictured]:
        """Yield every frame that can be decoded, in presentation order; what can't is passed over.

        Can be called once. Never raises for what is in the file: shortfall tells, afterwards,
        what was missing.
        """
        if choices.keeps_pixels and self._can_pass():
            self._stream.codec_context.flush_buffers()
            self._shortfall.decode_anew()
            self._checker.begin_anew()
            # Not by opening the file again: it may have been moved since.
            for packet in chain(self._tried, self._packets):
                yield from self._passed(packet)
        else:
            yield self._first
            yield from self._decoded

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
        if self._container.format.name == "filmstrip":
            return None  # it is opened by its end, which comes as a broken packet too
        return self._shortfall.sentence(self.nominal(Choices()))

    def _can_pass(self) -> bool:
        whole = len(self._tried) <= _MOST_TRIED
        return whole and can_pass(self._stream, self._first.picture)

    def _demuxed(self) -> Iterator[Packet[VideoStream] | None]:
        """Yield the video's packets, and then what empties the decoder, whatever ended them."""
        for packet in chain(self._read(), emptying(self._stream)):
            if self._trying and len(self._tried) <= _MOST_TRIED:
                self._tried.append(packet)
            yield packet

    def _read(self) -> Iterator[Packet[VideoStream]]:
        """Yield the video's packets. That the rest can't be read is noted."""
        try:
            for packet in self._container.demux():
                self._shortfall.read(packet)
                # One without content is none: PyAV's at the end, and what AVI has for a repeat.
                if packet.stream is self._stream and packet.size:
                    yield cast("Packet[VideoStream]", packet)
        except FFmpegError as error:
            self._shortfall.reading_failed(error)

    def _decode(
        self, packet: Packet[VideoStream] | None, checked: CheckedPicture | None = None
    ) -> Iterable[Stamped[Picture]]:
        """Decode a packet, or one of those that empty the decoder."""
        if checked is None and packet is not None and packet.size:
            checked = self._checked(packet)
        try:
            frames = self._stream.decode(packet)
            self._shortfall.decoded(frames)
            return [self._stamped(frame, checked) for frame in self._convertible(frames)]
        except EOFError:  # the decoder was flushed before
            return []
        except FFmpegError:
            if packet is not None:
                self._shortfall.decoding_failed()
            return []

    def _convertible(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        """Pass over what can't be made an image: by the format alone, so each time the same."""
        wanted = []
        for frame in frames:
            if can_convert(frame):
                wanted.append(frame)
            else:
                self._shortfall.found_inconvertible(frame)
        return wanted

    def _checked(self, packet: Packet[VideoStream]) -> CheckedPicture | None:
        """Judge a picture of Motion JPEG; of no other."""
        if not self._is_motion_jpeg:
            return None
        checked = self._checker.check(bytes(packet))
        if checked.is_damaged:
            self._shortfall.found_damaged()
        return checked

    def _passed(self, packet: Packet[VideoStream] | None) -> Iterable[Pictured]:
        """Take the picture from a packet as it is, if it may be sent so."""
        if packet is None or not packet.size:
            return self._decode(packet)
        checked = self._checked(packet)
        if checked is None or checked.coded is None:
            return self._decode(packet, checked)
        self._shortfall.passed()
        ticks, base = packet.dts if packet.pts is None else packet.pts, packet.time_base
        return [
            Stamped(
                checked.coded,
                None if ticks is None else ticks * base,
                packet.duration * base if packet.duration else None,
            )
        ]

    def _stamped(self, frame: VideoFrame, checked: CheckedPicture | None) -> Stamped[Picture]:
        time_base = frame.time_base or self._stream.time_base
        ticks = frame.pts
        if self._container.format.name == "avi":
            # AVI has no presentation times: FFmpeg makes some up, wrong ones where frames are
            # reordered. dts grows tick by tick, until the decoder gives out what it still holds.
            ticks = self._ticks + 1 if frame.dts is None else frame.dts
            self._ticks = ticks
        return Stamped(
            Picture(frame, _orientation(frame, checked), _attributes(frame, checked)),
            ticks * time_base if ticks is not None and time_base else None,
            frame.duration * time_base if frame.duration and time_base else None,
        )

    def _frame_rate(self) -> Fraction | None:
        rates = (self._stream.average_rate, self._stream.guessed_rate)
        return next((rate for rate in rates if rate and 0 < rate <= _HIGHEST_RATE), None)

    def _estimate(self, rate: Fraction | None) -> int | None:
        if self._stream.frames > 0:
            return self._stream.frames
        if rate is None or self._container.duration is None:
            return None
        return max(1, round(Fraction(self._container.duration, av.time_base) * rate))


def _attributes(frame: VideoFrame, checked: CheckedPicture | None) -> dict[str, str]:
    is_damaged = frame.is_corrupt or (checked is not None and checked.is_damaged)
    marks = {"interlaced": frame.interlaced_frame, "damaged": is_damaged}
    attributes = {name: "true" for name, marked in marks.items() if marked}
    return attributes if checked is None else attributes | checked.attributes


def _orientation(frame: VideoFrame, checked: CheckedPicture | None) -> Orientation:
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV can't name all that comes with it, as EXIF
        if checked is not None and checked.jpeg is not None and checked.jpeg.metadata.exif:
            return checked.jpeg.orientation
        return from_rotation(-frame.rotation)  # a mirror is not seen
    return from_display_matrix(bytes(matrix)) if isinstance(matrix, SideData) else UPRIGHT
