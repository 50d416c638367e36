"""Files whose end is missing, or whose middle is damaged, never pass for whole ones."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from ingest.choices import Choices
from ingest.container_end import is_cut_off

from tests.ingest.clips import Clip, cut, make, opened

ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FAST = {"preset": "ultrafast", "g": "10"}
NOISE = Clip(frames=50, noisy=True, codec_options={})
CLIPS = {
    "gif": replace(NOISE, codec="gif", pixel_format="rgb8"),
    "apng": replace(NOISE, codec="apng", pixel_format="rgb24"),
    "ogg": replace(NOISE, codec="libvpx", codec_options={"cpu-used": "8"}),
    "webm": replace(NOISE, codec="libvpx", codec_options={"cpu-used": "8"}),
    "mkv": replace(NOISE, codec_options=FAST),
    "ts": replace(NOISE, codec_options=FAST),
    "mp4": replace(NOISE, codec_options=FAST, movflags="frag_keyframe+empty_moov"),
    "mpg": replace(NOISE, codec="mpeg2video"),
    "flv": replace(NOISE, codec="flv"),
    "asf": replace(NOISE, codec="wmv2"),
    "avi": replace(NOISE, codec="mpeg4"),
    "mxf": replace(NOISE, codec="mpeg2video", width=720, height=576),
    "y4m": replace(NOISE, codec="wrapped_avframe"),
    "mjpeg": replace(NOISE, codec="mjpeg", pixel_format="yuvj420p"),
    "dv": replace(NOISE, codec="dvvideo", width=720, height=576, frames=5),
}


def seen(path: Path) -> tuple[int, str | None]:
    """Return how many pictures come out of a file, and what is said to be missing."""
    with opened(path) as source:
        return sum(1 for _ in source.pictures(Choices(quality=90))), source.shortfall()


@pytest.mark.parametrize("suffix", CLIPS)
def test_wherever_a_file_is_cut_it_is_said(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    frames, missing = seen(path)
    assert (frames, missing) == (CLIPS[suffix].frames, None)
    for share in (0.31, 0.57, 0.83, 0.97):
        kept, missing = seen(cut(path, share))
        assert kept <= frames
        assert missing is not None, share
        assert missing.endswith(".")


@pytest.mark.parametrize("suffix", ["gif", "mjpeg"])
def test_what_a_file_is_filled_up_with_is_no_part_of_it(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    with path.open("ab") as file:
        file.write(bytes(500))
    assert seen(path)[1] is None


def test_packets_with_a_time_before_them_are_told_from_plain_ones(tmp_path: Path) -> None:
    plain = make(tmp_path / "a.ts", CLIPS["ts"]).read_bytes()
    packets = [plain[start : start + 188] for start in range(0, len(plain), 188)]
    path = tmp_path / "a.m2ts"
    path.write_bytes(b"".join(bytes(4) + packet for packet in packets))
    assert seen(path) == (50, None)
    assert seen(cut(path, 0.9))[1] is not None


def test_a_matroska_file_that_was_piped_promises_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", CLIPS["mkv"])
    content = path.read_bytes()
    size = content.index(b"\x18\x53\x80\x67") + 4
    piped = tmp_path / "piped.mkv"
    piped.write_bytes(content[:size] + b"\x01" + b"\xff" * 7 + content[size + 8 : -5000])
    assert not is_cut_off(piped, "matroska,webm")


@pytest.mark.parametrize("content", [b"", b"\x1a\x45\xdf\xa3", b"OggS" + b"\xff" * 30, b"G" * 400])
def test_no_content_leads_astray(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    for container in ("gif", "ogg", "asf", "matroska,webm", "mpegts", "mp4", ""):
        for tail in (b"", ASF_PROPERTIES, b"\x18\x53\x80\x67", b"\x18\x53\x80\x67" + bytes(20)):
            path.write_bytes(content + tail)
            assert is_cut_off(path, container) in (True, False)


def blanked(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(400) + content[middle + 400 :]


def without_packets(content: bytes) -> bytes:
    middle = len(content) // 2 // 188 * 188
    return content[:middle] + content[middle + 20 * 188 :]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [("avi", blanked), ("flv", blanked), ("mpg", blanked), ("ts", without_packets)],
)
def test_damage_that_decoders_conceal_is_said(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes]
) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    path.write_bytes(damage(path.read_bytes()))
    _, missing = seen(path)
    assert missing is not None
    assert "damaged" in missing


def test_a_video_that_ends_before_its_time_is_told_by_seconds(tmp_path: Path) -> None:
    """A short one too: a second is much of it."""
    path = make(tmp_path / "a.mkv", Clip(frames=20, rate=Fraction(25), noisy=True))
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)
    path.write_bytes(content)
    kept, missing = seen(path)
    assert kept < 20
    assert missing is not None
