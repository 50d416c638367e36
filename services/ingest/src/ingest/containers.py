"""Opening a video's container, and keeping its decoder within limits."""

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from ingest.decoded import Limits
from ingest.errors import Unreadable

# Containers of video. Playlists and scripts (hls, concat, dash ...) are left out on purpose:
# they would make ingest read other files than the one that was dropped.
_CONTAINERS = (
    "3dostr,apng,asf,av1,avi,avs2,avs3,dv,evc,f4v,flv,gif,gxf,h261,h263,h264,hevc,ivf,jpeg_pipe,"
    "m4v,matroska,mjpeg,mjpeg_2000,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,swf,vc1,viv,"
    "vvc,webm,wtv,yuv4mpegpipe"
)


def open_container(descriptor: int, limits: Limits) -> InputContainer:
    """Open a video in an open file, read from its start. Raises Unreadable.

    FFmpeg is told a descriptor and no name: the content alone says what it is, and with the
    one protocol that it may use it can open nothing else.
    """
    options = {
        "format_whitelist": _CONTAINERS,
        "protocol_whitelist": "fd",
        "fd": str(descriptor),
        "max_pixels": str(limits.largest_pixels),  # opening decodes a picture, to see its format
    }
    try:
        return av.open("fd:", options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise Unreadable(
            "It is not a video in a format that can be read, or its header is missing "
            f"(FFmpeg: {error.strerror})."
        ) from error


def default_video(container: InputContainer) -> VideoStream:
    """Return the video that a player would show. Raises Unreadable when there is none."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        raise Unreadable("There is no video in the file.")
    if stream.codec_context is None:
        raise Unreadable("Its video is in a codec that can't be decoded.")
    return stream
