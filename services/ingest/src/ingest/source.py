"""A video file, opened and decoded: the one module that touches FFmpeg's demuxers and decoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.choices import Choices
from ingest.decoded import Limits, Picture, Pictured
from ingest.description import Description
from ingest.errors import Unreadable
from ingest.orientation import UPRIGHT, Orientation, from_display_matrix
from ingest.passthrough import can_pass, coded
from ingest.timing import Stamped

# Containers of video. Playlists and scripts (hls, concat, dash ...) are left out on purpose:
# they would make ingest read other files than the one that was dropped.
_CONTAINERS = (
    "3dostr,apng,asf,av1,avi,avs2,avs3,dv,evc,f4v,flv,gif,gxf,h261,h263,h264,hevc,ivf,jpeg_pipe,m4v,"
    "matroska,mjpeg,mjpeg_2000,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,swf,vc1,viv,"
    "vvc,webm,wtv,yuv4mpegpipe"
)
_NOMINAL_RATE = Fraction(25)

T = TypeVar("T")


class Source:
    """A video file whose default video stream can be decoded once, from its start.

    A context manager. Raises Unreadable, with a sentence, when it can't be opened or no
    first frame can be decoded.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        av.logging.set_level(None)
        self._path = path
        self._size_bytes = path.stat().st_size
        if self._size_bytes == 0:
            raise Unreadable("The file is empty.")
        self._container = _open(path)
        try:
            self._stream = _default_video(self._container)
            _limit(self._stream, limits)
            self._damage = ""
            self._undecodable = 0
            self._covered = Fraction(0)
            self._ticks = -1
            self._decoded = self._packets(self._decode)
            first = next(self._decoded, None)
            if first is None:
                raise Unreadable(self._damage or "No frame of its video can be decoded.")
            self._first = first
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

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
        if choices.keeps_pixels and can_pass(self._stream, self._first.picture):
            self._rewind()
            yield from self._packets(self._passed)
        else:
            yield self._first
            yield from self._decoded

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
        entries = self._stream.index_entries
        beyond = sum(entry.pos + entry.size > self._size_bytes for entry in entries)
        beyond += max(0, self._stream.frames - len(entries)) if beyond else 0  # not even indexed
        if beyond:
            return f"The file was cut off: it ends before {beyond} of its frames."
        if self._damage:
            return self._damage
        if self._undecodable:
            return f"{self._undecodable} packets of the video are damaged and were passed over."
        return self._missing_time()

    def _missing_time(self) -> str | None:
        """Compare what was read with the duration in the header, where there is one."""
        duration = self._container.duration
        if duration is None or self._container.format.name == "mpegts":
            return None  # a transport stream has no header: its duration is what was found
        promised = Fraction(duration, av.time_base)
        # Some containers count from their first packet, some (Matroska) from time 0.
        start = Fraction(self._container.start_time or 0, av.time_base)
        missing = promised - max(self._covered, self._covered + start)
        if missing <= max(Fraction(1), promised / 50):
            return None
        return (
            f"The file was cut off: it promises {float(promised):.1f} s "
            f"and ends after {float(self._covered):.1f} s."
        )

    def _rewind(self) -> None:
        """Begin again; decoding the first frame has read some packets already."""
        self._container.close()
        self._container = _open(self._path)
        self._stream = _default_video(self._container)

    def _packets(
        self, pictures: Callable[[Packet[VideoStream] | None], Iterable[T]]
    ) -> Iterator[T]:
        """Yield the pictures of each packet; what can't be read is noted and not raised."""
        try:
            for packet in self._container.demux():
                self._cover(packet)
                if packet.stream is self._stream:
                    yield from pictures(cast("Packet[VideoStream]", packet))
        except FFmpegError as error:
            self._damage = f"The file can't be read to its end: {error.strerror}."
            yield from pictures(None)

    def _decode(self, packet: Packet[VideoStream] | None) -> Iterable[Stamped[Picture]]:
        """Decode a packet, or with None what the decoder still holds."""
        try:
            return [self._stamped(frame) for frame in self._stream.decode(packet)]
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
        rate = self._stream.average_rate or self._stream.guessed_rate
        return rate if rate and rate > 0 else None

    def _estimate(self, rate: Fraction | None) -> int | None:
        if self._stream.frames > 0:
            return self._stream.frames
        if rate is None or self._container.duration is None:
            return None
        return max(1, round(Fraction(self._container.duration, av.time_base) * rate))


def _open(path: Path) -> InputContainer:
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        return av.open(str(path.absolute()), options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise Unreadable(
            "It is not a video in a format that can be read, or its header is missing "
            f"(FFmpeg: {error.strerror})."
        ) from error


def _limit(stream: VideoStream, limits: Limits) -> None:
    """Keep the decoder within limits; too large a picture is refused before it is decoded."""
    context = stream.codec_context
    if context.width * context.height > limits.largest_pixels:
        raise Unreadable(
            f"Its pictures are {context.width}x{context.height}: more pixels than "
            f"FRAMELOG_INGEST_LARGEST_PIXELS allows, {limits.largest_pixels}."
        )
    context.options = {"max_pixels": str(limits.largest_pixels)}
    context.thread_count = limits.decoder_threads
    stream.thread_type = "AUTO"


def _default_video(container: InputContainer) -> VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        raise Unreadable("There is no video in the file.")
    return stream


def _attributes(frame: VideoFrame) -> dict[str, str]:
    marks = {"interlaced": frame.interlaced_frame, "damaged": frame.is_corrupt}
    return {name: "true" for name, marked in marks.items() if marked}


def _orientation(frame: VideoFrame) -> Orientation:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return from_display_matrix(bytes(matrix)) if isinstance(matrix, SideData) else UPRIGHT
