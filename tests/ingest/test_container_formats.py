"""What FFmpeg may read a dropped file as: its own list decides what has to be listed."""

import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av.format
import pytest
from av.format import ContainerFormat
from ingest.media.container_formats import ALLOWED, BY_SUFFIX, REFUSED, SOUND
from ingest.media.container_opening import open_container
from ingest.media.picture_source import Limits
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable

from tests.ingest.clips import Clip, make, opened

LIMITS = Limits(decoder_threads=1, largest_pixels=1 << 20)
CLIP = Clip(frames=5)
DNX = replace(CLIP, codec="dnxhd", width=256, height=128, codec_options={"profile": "dnxhr_lb"})
JPEGS = replace(CLIP, codec="mjpeg", pixel_format="yuvj420p", codec_options={})


def demuxers() -> set[str]:
    """Return the names of all that the FFmpeg in use can read."""
    names = set()
    for name in av.format.formats_available:
        try:
            found = ContainerFormat(name, "r")
        except ValueError:  # it can only be written
            continue
        if found.is_input:
            names |= set(found.name.split(","))
    return names


def test_every_demuxer_of_this_ffmpeg_is_allowed_or_refused_with_a_reason() -> None:
    """A new FFmpeg with a new demuxer fails here: decide, and say why."""
    assert demuxers() - ALLOWED - set(REFUSED) == set()


def test_no_demuxer_is_both_and_each_reason_is_a_sentence() -> None:
    assert set() == ALLOWED & set(REFUSED)
    assert set() == ALLOWED & SOUND
    assert set(BY_SUFFIX.values()) <= ALLOWED
    assert all(reason.endswith(".") for reason in REFUSED.values())


def test_all_that_leads_elsewhere_is_refused() -> None:
    elsewhere = {"concat", "dash", "hls", "image2", "imf", "sdp", "rtsp", "rtp", "lavfi", "vobsub"}
    no_file = {
        name
        for name in demuxers()
        if ContainerFormat(name, "r").no_file  # it opens what it reads by itself
    }
    assert (elsewhere | no_file) <= set(REFUSED)


@pytest.mark.parametrize(
    ("name", "clip", "container"),
    [
        ("a.mpjpeg", JPEGS, "mpjpeg"),
        ("a.smjpeg", JPEGS, "smjpeg"),
        ("a.flm", replace(CLIP, codec="rawvideo", pixel_format="rgba", codec_options={}), None),
        ("a.ffv", replace(CLIP, codec="ffv1", codec_options={}), "matroska"),
        ("a.dnxhd", replace(DNX, pixel_format="yuv422p"), "dnxhd"),
        ("a.png", replace(CLIP, frames=1, codec="png", pixel_format="rgb24"), "image2pipe"),
        ("a.bmp", replace(CLIP, frames=1, codec="bmp", pixel_format="bgr24"), "image2pipe"),
        ("a.webp", replace(CLIP, frames=1, codec="libwebp", codec_options={}), "image2pipe"),
    ],
)
def test_unusual_files_are_whole(
    tmp_path: Path, name: str, clip: Clip, container: str | None
) -> None:
    with opened(make(tmp_path / name, clip, container)) as source:
        assert sum(1 for _ in source.pictures(Choices(quality=90))) == clip.frames
        assert source.shortfall() is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", "%03d.jpg", ".m3u8", ".txt", ".yuv", ""])
def test_a_video_is_known_by_its_content_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / "a.mkv", CLIP).rename(tmp_path / f"b{suffix}")
    with opened(path) as source:
        assert source.describe(Choices()).container == "matroska,webm"
        assert sum(1 for _ in source.pictures(Choices())) == 5


class Listener:
    """A server on this machine that notes whether anybody comes."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.came = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            connection, _ = self.server.accept()
        except OSError:
            return
        self.came.set()
        connection.close()


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def with_reference(content: bytes, target: bytes) -> bytes:
    """Return an MP4 whose video is said to lie in another file (dref)."""
    place = content.index(b"dref") - 4
    url = b"url " + bytes(4) + target + b"\0"
    alias = (4 + len(url)).to_bytes(4) + url
    old_bytes = int.from_bytes(content[place : place + 4])
    new = box(b"dref", bytes(4) + (1).to_bytes(4) + alias)
    grown = len(new) - old_bytes
    changed = bytearray(content[:place] + new + content[place + old_bytes :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        start = changed.index(kind) - 4
        size = int.from_bytes(changed[start : start + 4]) + grown
        changed[start : start + 4] = size.to_bytes(4)
    return bytes(changed)


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ffconcat", "a.mpd", "a.sdp", "a.svg"])
def test_what_is_named_in_a_file_is_not_opened(tmp_path: Path, name: str) -> None:
    """Neither another file, which would be watched in opening, nor an address."""
    listener = Listener()
    secret = make(tmp_path / "secret.mp4", replace(CLIP, frames=3))
    address = f"http://127.0.0.1:{listener.port}/a.mp4"
    texts = {
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n",
        "a.ffconcat": "ffconcat version 1.0\nfile '{}'\n",
        "a.mpd": '<?xml version="1.0"?><MPD><BaseURL>{}</BaseURL></MPD>',
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 {}\nm=video 9 RTP/AVP 96\n",
        "a.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{}"/></svg>',
    }
    movie = make(tmp_path / "movie.mp4", CLIP).read_bytes()
    for target in (address, str(secret), secret.name, f"file:{secret}", f"fd:{secret}"):
        path = tmp_path / name
        if name in texts:
            path.write_text(texts[name].format(target))
        else:
            path.write_bytes(with_reference(movie, target.encode()))
        with suppress(Unreadable), opened(path) as source:
            assert sum(1 for _ in source.pictures(Choices())) != 3
    assert not listener.came.is_set()
    listener.server.close()


def test_ffmpeg_may_use_no_protocol_but_the_open_file(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", CLIP)
    with path.open("rb") as file, open_container(file.fileno(), ".mkv", LIMITS) as container:
        assert container.options["protocol_whitelist"] == "fd"
        assert container.name == "fd:"
