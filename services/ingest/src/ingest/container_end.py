"""Whether a file is whole, as its own container tells: a few of its bytes say so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from ingest import ends_boxed, ends_iso, ends_marked
from ingest.file_bytes import Exhausted, FileBytes
from ingest.file_end import End

# Far beyond what any check needs of an ordinary file.
_MOST_READS, _MOST_BYTES, _MOST_SECONDS = 200_000, 64 << 20, 1.0
# Who copies may make the whole file first, and fill it afterwards.
_BLANK_BYTES = 4096

TRUSTED: Mapping[str, Callable[[FileBytes], End]] = {
    "4xm": ends_boxed.riff,
    "apng": ends_marked.png,
    "asf": ends_boxed.asf,
    "asf_o": ends_boxed.asf,
    "avi": ends_boxed.avi,
    "bink": ends_boxed.bink,
    "cine": ends_boxed.cine,
    "dhav": ends_marked.dhav,
    "filmstrip": ends_marked.needed_to_open,
    "flv": ends_marked.flv,
    "gif": ends_marked.gif,
    "gxf": ends_marked.gxf,
    "ivf": ends_boxed.ivf,
    "jpeg_pipe": ends_marked.jpeg,
    "kux": ends_marked.flv,
    "live_flv": ends_marked.flv,
    "matroska,webm": ends_boxed.matroska,
    "mjpeg": ends_marked.motion_jpeg,
    "mov,mp4,m4a,3gp,3g2,mj2": ends_iso.iso,
    "mpegts": ends_marked.transport_stream,
    "mxf": ends_marked.mxf,
    "nsv": ends_boxed.nsv,
    "nut": ends_marked.nut,
    "ogg": ends_marked.ogg,
    "png_pipe": ends_marked.png,
    "rm": ends_boxed.real_media,
    "ser": ends_boxed.ser,
    "smjpeg": ends_marked.smjpeg,
    "swf": ends_boxed.flash,
    "wc3movie": ends_boxed.form,
    "webp_pipe": ends_boxed.riff,
    "wsvqa": ends_boxed.form,
    "wtv": ends_boxed.wtv,
}
"""The containers that say how long they are, or where they end, by FFmpeg's names.

docs/operations.md has a table of them.
"""


def end_of(descriptor: int, container: str) -> End:
    """Return whether an open file is whole, as its container (FFmpeg's name) says.

    Costs a second at most, whatever is in the file. Raises OSError.
    """
    check = TRUSTED.get(container)
    if check is None:
        return End.UNKNOWN
    file = FileBytes(descriptor, _MOST_READS, _MOST_BYTES, _MOST_SECONDS, time.monotonic)
    try:
        end = check(file)
        return End.UNKNOWN if end is End.WHOLE and _is_being_filled(descriptor, file) else end
    except Exhausted:
        return End.UNKNOWN


def _is_being_filled(descriptor: int, file: FileBytes) -> bool:
    """Whether there may be nothing yet where the container says that its content is."""
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
