"""Checks what of a video file could not be decoded, and says it in a sentence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.media.container_end.check import end_of
from ingest.media.container_end.end_status import End
from ingest.media.container_end.ogg_pages import holes
from ingest.media.not_a_video import is_motion_photo
from ingest.media.picture_source import Limits
from ingest.model.wording import worded

# Containers in which nothing follows the last picture: more bytes are a part of a picture.
_NOTHING_BEHIND = ("dv", "obu", "yuv4mpegpipe")
# Containers with a mark after the last picture, where FFmpeg expects another.
_CLOSED, _CLOSING_BYTES = ("mpjpeg", "smjpeg"), 128
# An index may have millions of entries; those beyond the file's end are the last ones.
_LAST_ENTRIES = 64
# Headers round: the file may exceed the promised duration by this much, in seconds or as a part.
_MORE_SECONDS, _MORE = Fraction(1), Fraction(1, 50)


class CompletenessCheck:
    """Counts what is read and decoded, and determines what is missing.

    With nothing missing, the stream is COMPLETE, otherwise TRUNCATED with the sentence.
    """

    def __init__(self, descriptor: int, container: InputContainer, stream: VideoStream) -> None:
        """Take the open file's descriptor too. Raises OSError."""
        self._container = container
        self._stream = stream
        self._start = Fraction(container.start_time or 0, av.time_base)
        duration = container.duration
        self._promised = None if duration is None else Fraction(duration, av.time_base)
        self._more = max(_MORE_SECONDS, _MORE * (self._promised or 0))
        self._descriptor = descriptor
        self._says = end_of(descriptor, container.format.name)
        self._end_bytes = 0
        self._covered = Fraction(0)
        self._incomplete = 0
        self._packets = self._key_packets = 0
        self.unreadable: str | None = None
        """A sentence on why the rest of the file can't be read."""
        self.decode_anew()

    @property
    def end(self) -> End:
        """Whether the file is whole, as far as is known before all is read."""
        size_bytes = self._size_bytes()
        for stream in self._container.streams:
            entries = stream.index_entries
            for number in range(max(0, len(entries) - _LAST_ENTRIES), len(entries)):
                if entries[number].pos + entries[number].size > size_bytes:
                    return End.MISSING
        return self._says

    def decode_anew(self) -> None:
        """Reset what decoding has shown: it starts again with the first packet."""
        self._inconvertible = self._undecodable = self._damaged = self._came = 0
        self.missing: str | None = None
        """A sentence on pictures of which no image can be made."""

    def read(self, packet: Packet[Stream]) -> None:
        """Note a packet, of any stream."""
        if packet.pts is not None and packet.time_base:
            start = packet.pts * packet.time_base - self._start
            self._cover(start, start + (packet.duration or 0) * packet.time_base)
        if packet.stream is self._stream:
            self._incomplete += packet.is_corrupt
            self._packets += packet.size > 0
            self._key_packets += packet.is_keyframe and packet.size > 0
            if packet.pos is not None:
                self._end_bytes = max(self._end_bytes, packet.pos + packet.size)

    def _cover(self, start: Fraction, end: Fraction) -> None:
        """Extend the covered time to end, in seconds from the first packet.

        One wrong time could make a cut file look whole: time beyond the promised duration counts
        only if it continues what came before.
        """
        if self._promised is not None and end > self._promised + self._more:
            if start > max(self._covered, self._promised) + self._more:
                return
            end = min(end, max(start, self._covered) + self._more)
        self._covered = max(self._covered, end)

    def reading_failed(self, error: FFmpegError) -> None:
        """Note that reading has failed."""
        left_bytes = self._size_bytes() - self._end_bytes
        if self._container.format.name in _CLOSED and left_bytes <= _CLOSING_BYTES:
            return
        # FFmpeg asks for too much memory if it has read a wrong size.
        why = "it is damaged" if isinstance(error, MemoryError) else error.strerror
        self.unreadable = f"The file can't be read to its end: {why}."

    def decoded(self, frames: Sequence[VideoFrame]) -> None:
        """Note the frames decoded from a packet."""
        self._damaged += sum(frame.is_corrupt for frame in frames)
        self._came += len(frames)

    def passed(self) -> None:
        """Note a picture that was taken out of a packet without decoding it."""
        self._came += 1

    def found_damaged(self) -> None:
        """Note a damaged picture that could still be decoded."""
        self._damaged += 1

    def found_inconvertible(self, frame: VideoFrame) -> None:
        """Note a picture whose format can't be converted."""
        self._inconvertible += 1
        count, pixels = self._inconvertible, frame.format.name
        self.missing = worded(
            count,
            f"1 picture of the video, in the pixel format {pixels}, can't be made an image.",
            f"{count} pictures of the video, in the pixel format {pixels}, can't be made images.",
        )

    def decoding_failed(self) -> None:
        """Note a packet that could not be decoded."""
        self._undecodable += 1

    def no_frame(self, limits: Limits) -> str:
        """Return the reason why no frame of an opened video can be decoded."""
        needs_key = not self._stream.codec_context.codec.intra_only
        if needs_key and self._packets and not self._key_packets:
            return worded(
                self._packets,
                "No frame of its video can be decoded: its only packet is no key frame, with "
                "which decoding begins. Its beginning is missing.",
                f"No frame of its video can be decoded: none of its {self._packets} packets is a "
                "key frame, with which decoding begins. Its beginning is missing.",
            )
        if reason := self.unreadable or self.missing:
            return reason
        if self.end is End.MISSING:
            return (
                "No frame of its video can be decoded: the file was cut off before its first "
                "picture ends."
            )
        if self._stream.codec_context.width:
            return "No frame of its video can be decoded."
        return (
            "No frame of its video can be decoded: its pictures have no size, or more pixels than "
            f"FRAMELOG_INGEST_LARGEST_PIXELS allows, {limits.largest_pixels}."
        )

    def sentence(self, nominal: Fraction) -> str | None:
        """Return, once all is decoded, what is missing; None if nothing is. Raises OSError.

        May read the whole file again.
        nominal: for how many seconds a frame is shown where the container does not say.
        """
        if beyond := self._frames_beyond():
            promised = max(self._stream.frames, len(self._stream.index_entries))
            # The frame in which the file ends may be decoded in part.
            lacking = min(beyond, promised - self._came) if self._came < promised else beyond
            return f"The file was cut off: it ends before {lacking} of {promised} frames."
        if reason := self.unreadable or self.missing:
            return reason
        # The end may have arrived since the file was opened.
        says = end_of(self._descriptor, self._container.format.name)
        if says is End.MISSING or self._ends_within_a_picture():
            return self._missing_time(nominal) or self._missing_end()
        return self._damage() or self._left_out() or self._missing_time(nominal)

    def _damage(self) -> str | None:
        if count := self._undecodable:
            return worded(
                count,
                "1 packet of the video is damaged and was skipped.",
                f"{count} packets of the video are damaged and were skipped.",
            )
        if count := max(self._damaged, self._incomplete):
            return worded(
                count,
                "1 picture of the video is damaged, or follows on missing ones.",
                f"{count} pictures of the video are damaged, or follow on missing ones.",
            )
        if self._container.format.name == "ogg" and (count := holes(self._descriptor)):
            return worded(
                count,
                "The file has a hole: Ogg pages of the video are damaged or missing at 1 place.",
                f"The file has holes: Ogg pages of the video are damaged or missing at {count} "
                "places.",
            )
        return None

    def _left_out(self) -> str | None:
        if self._container.format.name == "jpeg_pipe" and is_motion_photo(self._descriptor):
            return (
                "It is a photo with a video behind it (a motion photo): the photo was sent, the "
                "video was not. Save the video as a file of its own, and drop that."
            )
        return None

    def _missing_end(self) -> str:
        if self._container.format.name == "gif":
            return (
                "The file was cut off, or its program left its end out: a GIF's end mark "
                "(trailer) is missing. All pictures that are there were sent."
            )
        return "The file was cut off: the end of its container is missing."

    def _frames_beyond(self) -> int:
        """Return how many frames of the container's index are beyond the file's end."""
        if not self._stream.frames and not self._container.format.name.startswith("mov,"):
            return 0  # what FFmpeg noted of it while it read is no index of all frames
        entries, size_bytes = self._stream.index_entries, self._size_bytes()
        beyond = sum(entry.pos + entry.size > size_bytes for entry in entries)
        return beyond + max(0, self._stream.frames - len(entries) if beyond else 0)  # not indexed

    def _ends_within_a_picture(self) -> bool:
        nothing_behind = self._container.format.name in _NOTHING_BEHIND
        return nothing_behind and self._end_bytes != self._size_bytes()

    def _size_bytes(self) -> int:
        """Return what the file has now: it may have grown since it was opened."""
        return os.fstat(self._descriptor).st_size

    def _missing_time(self, nominal: Fraction) -> str | None:
        """Compare what was read with the duration in the header, where there is one."""
        promised = self._promised
        if promised is None or self._container.format.name == "mpegts":
            return None  # a transport stream has no header: its duration is what was found
        # Some containers count from their first packet, some (Matroska) from time 0.
        missing = promised - max(self._covered, self._covered + self._start)
        # Of a last picture without a duration nothing is covered; headers round, and may be vague.
        if missing <= max(2 * nominal, min(Fraction(1), promised / 10), promised / 50):
            return None
        return (
            f"The file was cut off: it promises {float(promised):.1f} s "
            f"and ends after {float(self._covered):.1f} s."
        )
