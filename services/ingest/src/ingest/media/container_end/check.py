"""Checks whether a file is whole by a few bytes of its container."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from ingest.media.container_end import end_marks, iso_bmff, sized_chunks
from ingest.media.container_end.bounded_reader import BoundedReader, Exhausted
from ingest.media.container_end.end_status import End

# Far more than any check needs for an ordinary file.
_MOST_READS, _MOST_BYTES, _MOST_SECONDS = 200_000, 64 << 20, 1.0
# A program that copies may create the whole file first, and fill it afterwards.
_BLANK_BYTES = 4096

TRUSTED: Mapping[str, Callable[[BoundedReader], End]] = {
    "4xm": sized_chunks.riff,
    "apng": end_marks.png,
    "asf": sized_chunks.asf,
    "asf_o": sized_chunks.asf,
    "avi": sized_chunks.avi,
    "bink": sized_chunks.bink,
    "cine": sized_chunks.cine,
    "dhav": end_marks.dhav,
    "filmstrip": end_marks.needed_to_open,
    "flv": end_marks.flv,
    "gif": end_marks.gif,
    "gxf": end_marks.gxf,
    "ivf": sized_chunks.ivf,
    "jpeg_pipe": end_marks.jpeg,
    "kux": end_marks.flv,
    "live_flv": end_marks.flv,
    "matroska,webm": sized_chunks.matroska,
    "mjpeg": end_marks.motion_jpeg,
    "mov,mp4,m4a,3gp,3g2,mj2": iso_bmff.iso,
    "mpegts": end_marks.transport_stream,
    "mxf": end_marks.mxf,
    "nsv": sized_chunks.nsv,
    "nut": end_marks.nut,
    "ogg": end_marks.ogg,
    "png_pipe": end_marks.png,
    "rm": sized_chunks.real_media,
    "ser": sized_chunks.ser,
    "smjpeg": end_marks.smjpeg,
    "swf": sized_chunks.flash,
    "wc3movie": sized_chunks.form,
    "webp_pipe": sized_chunks.riff,
    "wsvqa": sized_chunks.form,
    "wtv": sized_chunks.wtv,
}
"""The containers that state their length or their end, by FFmpeg's names.

docs/operations.md has a table of them.
"""


def end_of(descriptor: int, container: str) -> End:
    """Return whether an open file is whole, by its container (FFmpeg's name).

    Takes a second at most, whatever the file contains. Raises OSError.
    """
    check = TRUSTED.get(container)
    if check is None:
        return End.UNKNOWN
    file = BoundedReader(descriptor, _MOST_READS, _MOST_BYTES, _MOST_SECONDS, time.monotonic)
    try:
        end = check(file)
        return End.UNKNOWN if end is End.WHOLE and _is_being_filled(descriptor, file) else end
    except Exhausted:
        return End.UNKNOWN


def _is_being_filled(descriptor: int, file: BoundedReader) -> bool:
    """Whether the file may still be empty where the container states content."""
    tail = file.at(max(0, file.content_bytes - _BLANK_BYTES), _BLANK_BYTES)
    if len(tail) == _BLANK_BYTES and not tail.strip(b"\0"):
        return True
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        return os.lseek(descriptor, 0, os.SEEK_HOLE) < file.content_bytes
    except OSError:  # the file system doesn't know holes
        return False
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)
