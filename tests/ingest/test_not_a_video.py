"""What people drop that is no video, or not all of one: the sentence says what is so."""

from dataclasses import replace
from pathlib import Path

import pytest
from ingest.media.container_end.end_status import End
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable

from tests.ingest.clips import Clip, make, make_sound, opened

ONE_KEY = Clip(noisy=True, codec_options={"preset": "ultrafast", "g": "1000", "bf": "0"})
GIF = Clip(frames=5, codec="gif", pixel_format="rgb8", codec_options={})
JPEG = Clip(frames=1, codec="mjpeg", pixel_format="yuvj420p", codec_options={})
MOOV = "Its header (moov) is missing"
PAGE = "It is not a video, but a web page"
LIST = "It is not a video, but a list that refers to videos"


def seen(path: Path) -> tuple[int, str]:
    """Return how many pictures come out of a file, and what is said of it; nothing is "whole"."""
    try:
        with opened(path) as source:
            count = sum(1 for _ in source.pictures(Choices(quality=90)))
            said = source.shortfall()
    except Unreadable as error:
        count, said = 0, str(error)
    assert said is None or said.endswith(".")
    return count, said or "whole"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html>\n<html><title>404</title></html>", PAGE),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<html xmlns="x"><body/></html>', PAGE),
        (b"#EXTM3U\n#EXTINF:1.0,\na.ts\n", LIST),
        (b"ffconcat version 1.0\nfile 'a.mp4'\n", LIST),
        (b'<?xml version="1.0"?><MPD><BaseURL>a</BaseURL></MPD>', LIST),
        (b"v=0\r\nm=video 9 RTP/AVP 96\r\n", LIST),
        (b"%PDF-1.7\n\xff\xfe\x00", "It is not a video, but a PDF document."),
        (b'{"error": 403}', "It is not a video, but a text (JSON)."),
        (b"<svg xmlns='x'></svg>", "It is not a video, but an SVG drawing."),
        ("Sehr geehrte Damen und Herren, grüße ".encode() * 9, "It is not a video, but a text."),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n", "It is not a video, but a text."),
        (b"\x1b[31mred\x1b[0m and \x1b[1;1Hhome\n" * 50, "It is not a video, but a text."),
        (bytes(300_000), "It is not a video: its first 65536 bytes are zeros."),
        (bytes(7), "It is not a video: its first 7 bytes are zeros."),
        (bytes(range(256)) * 100, "It is not a video in a format that can be read"),
    ],
)
def test_what_was_never_a_video_is_called_what_it_is(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    count, sentence = seen(path)
    assert count == 0
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    ("suffix", "container"), [("m4a", None), ("mp4", "adts"), ("mp4", "matroska")]
)
def test_sound_is_called_so_under_any_name(
    tmp_path: Path, suffix: str, container: str | None
) -> None:
    path = make_sound(tmp_path / f"a.{suffix}", container=container)
    assert seen(path) == (0, "There is no video in the file, only sound.")


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_recording_that_lost_its_power_has_no_header(tmp_path: Path, suffix: str) -> None:
    content = make(tmp_path / f"a.{suffix}", Clip()).read_bytes()
    path = tmp_path / f"b.{suffix}"
    path.write_bytes(content[: content.index(b"moov") - 4])
    assert seen(path)[1].startswith(MOOV)


def test_an_encrypted_video_is_called_so(tmp_path: Path) -> None:
    content = make(tmp_path / "a.mp4", Clip()).read_bytes()
    place = content.index(b"stsd")
    path = tmp_path / "b.mp4"
    for kind in (b"encv", b"drmi"):
        path.write_bytes(content[:place] + content[place:].replace(b"avc1", kind, 1))
        count, sentence = seen(path)
        assert count == 0
        assert sentence.startswith("Its video is encrypted")


def units(content: bytes) -> list[int]:
    """Return where in a transport stream the packets lie with which a picture begins."""
    video = 0x100  # as FFmpeg numbers the first stream
    return [
        place
        for place in range(0, len(content), 188)
        if content[place + 1] & 0x40
        and int.from_bytes(content[place + 1 : place + 3]) & 0x1FFF == video
    ]


def test_a_transport_stream_without_its_only_key_frame(tmp_path: Path) -> None:
    content = make(tmp_path / "a.ts", ONE_KEY).read_bytes()
    first, second = units(content)[:2]
    path = tmp_path / "b.ts"
    path.write_bytes(content[:first] + content[second:])
    count, sentence = seen(path)
    assert count == 0
    assert "is a key frame, with which decoding begins" in sentence
    path.write_bytes(content[:second])
    assert seen(path) == (1, "whole")


def test_a_gif_without_its_trailer_and_one_with_something_behind_it(tmp_path: Path) -> None:
    content = make(tmp_path / "a.gif", GIF).read_bytes()
    path = tmp_path / "b.gif"
    path.write_bytes(content[:-1])
    count, sentence = seen(path)
    assert count == 5
    assert "(trailer) is missing" in sentence
    for behind in (b"a word", b"a word;", bytes(5000), b"<?xpacket?>" * 99):
        path.write_bytes(content + behind)
        assert seen(path) == (5, "whole")


def test_a_photo_with_a_video_behind_it(tmp_path: Path) -> None:
    photo = make(tmp_path / "a.jpg", JPEG, "image2pipe").read_bytes()
    path = tmp_path / "b.jpg"
    path.write_bytes(photo + make(tmp_path / "a.mp4", Clip()).read_bytes())
    count, sentence = seen(path)
    assert count == 1
    assert sentence.startswith("It is a photo with a video behind it (a motion photo)")
    path.write_bytes(photo + b"what a phone notes" * 9 + b"SEFT")
    assert seen(path) == (1, "whole")
    with opened(path) as source:
        assert source.end is End.WHOLE
    path.write_bytes(photo[: len(photo) // 2])
    assert "cut off" in seen(path)[1]


def test_a_picture_that_ends_before_it_begins_is_not_called_too_large(tmp_path: Path) -> None:
    clip = replace(JPEG, codec="png", pixel_format="rgb24", noisy=True)
    content = make(tmp_path / "a.png", clip, "image2pipe").read_bytes()
    path = tmp_path / "b.png"
    path.write_bytes(content[:40])
    count, sentence = seen(path)
    assert count == 0
    assert "PIXELS" not in sentence
