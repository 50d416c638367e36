"""Opening a video's container, and nothing else that it may lead to."""

import os
from contextlib import suppress

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from ingest.media.container_formats import ALLOWED, BY_SUFFIX
from ingest.media.not_a_video import is_encrypted, not_a_video
from ingest.media.picture_source import Limits
from ingest.model.errors import Unreadable

_JPEG = b"\xff\xd8\xff"
_NO_KEY = (
    "Its video is encrypted (a DRM, or Common Encryption): without the key nothing of it can be "
    "decoded. Drop a copy without encryption."
)


def open_container(descriptor: int, suffix: str, limits: Limits) -> InputContainer:
    """Open a video in an open file, read from its start. Raises Unreadable and OSError.

    FFmpeg is told a descriptor and no name: the content alone says what it is, and with the
    one protocol that it may use it can open nothing else. A suffix counts only for what can't
    be told from others by its content.
    """
    options = {
        "format_whitelist": ",".join(sorted(ALLOWED)),
        "protocol_whitelist": "fd",
        "fd": str(descriptor),
        "max_pixels": str(limits.largest_pixels),  # opening decodes a picture, to see its format
    }
    try:
        return av.open("fd:", options=options, metadata_errors="replace")
    except FFmpegError as error:
        # FFmpeg takes no JPEG for one that has something else behind it too soon.
        is_jpeg = os.pread(descriptor, len(_JPEG), 0) == _JPEG
        if named := "jpeg_pipe" if is_jpeg else BY_SUFFIX.get(suffix.lower()):
            os.lseek(descriptor, 0, os.SEEK_SET)
            with suppress(FFmpegError):
                return av.open("fd:", format=named, options=options, metadata_errors="replace")
        raise Unreadable(not_a_video(descriptor, error)) from error


def default_video(container: InputContainer, descriptor: int) -> VideoStream:
    """Return the video that a player would show. Raises Unreadable where there is none to see."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        if container.streams.audio:
            raise Unreadable("There is no video in the file, only sound.")
        raise Unreadable("There is no video in the file.")
    if "enc_key_id" in stream.metadata or (
        container.format.name.startswith("mov,") and is_encrypted(descriptor)
    ):
        raise Unreadable(_NO_KEY)
    if stream.codec_context is None:
        raise Unreadable("Its video is in a codec that can't be decoded.")
    return stream
