"""A video file, opened and decoded: the one module that touches FFmpeg's demuxers and decoders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self, cast

import av
import av.logging
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.choices import Choices
from ingest.container_end import is_cut_off
from ingest.containers import default_video, limit_decoder, no_frame, open_container
from ingest.decoded import Limits, Picture, Pictured
from ingest.description import Description
from ingest.errors import Unreadable
from ingest.orientation import UPRIGHT, Orientation, from_display_matrix
from ingest.passthrough import can_pass, coded
from ingest.stopwatch import Stopwatch
from ingest.timing import Stamped

_NOMINAL_RATE = Fraction(25)
# Frames a second; more is a clock's rate, as FFmpeg gives for DV.
_HIGHEST_RATE = 10_000
# Packets that the decoder may take before it gives a first frame, to be passed on later.
_MOST_TRIED = 64
# Containers in which nothing follows the last picture, so that what does is part of a picture.
_NOTHING_BEHIND = ("dv", "obu", "yuv4mpegpipe")


class Source:
    """A video file whose default video stream can be decoded once, from its start.

    A context manager. Raises Unreadable, with a sentence, when it can't be opened or no
    first frame can be decoded. Demuxing, which reads the file, is timed as "read".
    """

    def __init__(self, path: Path, limits: Limits, stopwatch: Stopwatch) -> None:
        av.logging.set_level(None)
        self._size_bytes = path.stat().st_size
        if self._size_bytes == 0:
            raise Unreadable("The file is empty.")
        self._container = open_container(path, limits)
        try:
            self._stream = default_video(self._container)
            limit_decoder(self._stream, limits)
            self._damage = ""
            self._undecodable = self._incomplete = self._damaged = 0
            self._is_cut_off = is_cut_off(path, self._container.format.name)
            self._end_bytes = 0
            self._covered = Fraction(0)
            self._ticks = -1
            self._trying = True
            self._tried: list[Packet[VideoStream] | None] = []
            self._packets = stopwatch.timing("read", self._demuxed())
            self._decoded = (one for packet in self._packets for one in self._decode(packet))
            first = next(self._decoded, None)
            if first is None:
                raise Unreadable(self._damage or no_frame(self._stream, limits))
            self._first, self._trying = first, False
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def is_cut_off(self) -> bool:
        """See decoded.Pictures."""
        return self._is_cut_off or self._frames_beyond() > 0

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
            self._undecodable = self._damaged = 0
            # Not by opening the file again: it may have been moved since.
            for packet in chain(self._tried, self._packets):
                yield from self._passed(packet)
        else:
            yield self._first
            yield from self._decoded

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
        if beyond := self._frames_beyond():
            return f"The file was cut off: it ends before {beyond} of its frames."
        if self._damage:
            return self._damage
        if self._is_cut_off or self._ends_within_a_picture():
            missing = "The file was cut off: the end of its container is missing."
            return self._missing_time() or missing
        if self._undecodable:
            return f"{self._undecodable} packets of the video are damaged and were passed over."
        if damaged := max(self._damaged, self._incomplete):
            return f"{damaged} pictures of the video are damaged, or follow on missing ones."
        return self._missing_time()

    def _frames_beyond(self) -> int:
        """Return of how many frames the container says that they lie behind the file's end."""
        entries = self._stream.index_entries
        beyond = sum(entry.pos + entry.size > self._size_bytes for entry in entries)
        return beyond + max(0, self._stream.frames - len(entries) if beyond else 0)  # not indexed

    def _ends_within_a_picture(self) -> bool:
        nothing_behind = self._container.format.name in _NOTHING_BEHIND
        return nothing_behind and self._end_bytes != self._size_bytes

    def _missing_time(self) -> str | None:
        """Compare what was read with the duration in the header, where there is one."""
        duration = self._container.duration
        if duration is None or self._container.format.name == "mpegts":
            return None  # a transport stream has no header: its duration is what was found
        promised = Fraction(duration, av.time_base)
        # Some containers count from their first packet, some (Matroska) from time 0.
        start = Fraction(self._container.start_time or 0, av.time_base)
        missing = promised - max(self._covered, self._covered + start)
        # Of a last picture without a duration nothing is covered; headers round, and may be vague.
        least = max(2 * self.nominal(Choices()), min(Fraction(1), promised / 10), promised / 50)
        if missing <= least:
            return None
        return (
            f"The file was cut off: it promises {float(promised):.1f} s "
            f"and ends after {float(self._covered):.1f} s."
        )

    def _can_pass(self) -> bool:
        whole = len(self._tried) <= _MOST_TRIED
        return whole and can_pass(self._stream, self._first.picture)

    def _demuxed(self) -> Iterator[Packet[VideoStream] | None]:
        """Yield the video's packets; a None where the rest can't be read, which is noted."""
        try:
            for packet in self._container.demux():
                self._cover(packet)
                if packet.stream is self._stream:
                    video = cast("Packet[VideoStream]", packet)
                    self._incomplete += packet.is_corrupt
                    if packet.pos is not None:
                        self._end_bytes = max(self._end_bytes, packet.pos + packet.size)
                    if self._trying and len(self._tried) <= _MOST_TRIED:
                        self._tried.append(video)
                    yield video
        except FFmpegError as error:
            self._damage = f"The file can't be read to its end: {error.strerror}."
            yield None

    def _decode(self, packet: Packet[VideoStream] | None) -> Iterable[Stamped[Picture]]:
        """Decode a packet, or with None what the decoder still holds."""
        try:
            frames = self._stream.decode(packet)
            self._damaged += sum(frame.is_corrupt for frame in frames)
            return [self._stamped(frame) for frame in frames]
        except EOFError:  # the decoder was flushed before
            return []
        except FFmpegError:
            self._undecodable += 1
            return []

    def _passed(self, packet: Packet[VideoStream] | None) -> Iterable[Pictured]:
        """Take the picture from a packet as it is, if it is one."""
        if packet is None or not packet.size:
            return self._decode(packet)
        picture = coded(packet)
        return self._decode(packet) if picture is None else [picture]

    def _cover(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None and packet.time_base:
            start = Fraction(self._container.start_time or 0, av.time_base)
            end = (packet.pts + (packet.duration or 0)) * packet.time_base - start
            self._covered = max(self._covered, end)

    def _stamped(self, frame: VideoFrame) -> Stamped[Picture]:
        time_base = frame.time_base or self._stream.time_base
        ticks = frame.pts
        if self._container.format.name == "avi":
            # AVI has no presentation times: FFmpeg makes some up, wrong ones where frames are
            # reordered. dts grows tick by tick, until the decoder gives out what it still holds.
            ticks = self._ticks + 1 if frame.dts is None else frame.dts
            self._ticks = ticks
        return Stamped(
            Picture(frame, _orientation(frame), _attributes(frame)),
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


def _attributes(frame: VideoFrame) -> dict[str, str]:
    marks = {"interlaced": frame.interlaced_frame, "damaged": frame.is_corrupt}
    return {name: "true" for name, marked in marks.items() if marked}


def _orientation(frame: VideoFrame) -> Orientation:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return from_display_matrix(bytes(matrix)) if isinstance(matrix, SideData) else UPRIGHT
