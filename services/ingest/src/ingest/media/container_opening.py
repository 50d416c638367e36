"""Opens a video's container, and nothing that it refers to."""

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
    "Its video is encrypted (a DRM, or Common Encryption): without the key, nothing of it can "
    "be decoded. Drop an unencrypted copy."
)


def open_container(descriptor: int, suffix: str, limits: Limits) -> InputContainer:
    """Open a video in an open file, read from its start. Raises Unreadable and OSError.

    FFmpeg gets a descriptor and no name: it recognizes the file by its content, and its one
    allowed protocol can open nothing else. The suffix counts only for formats that can't be
    recognized by their content.
    """
    options = {
        "format_whitelist": ",".join(sorted(ALLOWED)),
        "protocol_whitelist": "fd",
        "fd": str(descriptor),
        "max_pixels": str(limits.largest_pixels),  # opening decodes a picture to find its format
    }
    try:
        return av.open("fd:", options=options, metadata_errors="replace")
    except FFmpegError as error:
        # FFmpeg does not recognize a JPEG that is followed too soon by other data.
        is_jpeg = os.pread(descriptor, len(_JPEG), 0) == _JPEG
        if named := "jpeg_pipe" if is_jpeg else BY_SUFFIX.get(suffix.lower()):
            os.lseek(descriptor, 0, os.SEEK_SET)
            with suppress(FFmpegError):
                return av.open("fd:", format=named, options=options, metadata_errors="replace")
        raise Unreadable(not_a_video(descriptor, error)) from error


def default_video(container: InputContainer, descriptor: int) -> VideoStream:
    """Return the video stream that a player would show. Raises Unreadable if there is none."""
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
