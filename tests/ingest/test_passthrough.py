"""Pictures that are JPEGs already go through byte for byte; others do not pretend to."""

import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from ingest.choices import Choices
from ingest.decoded import CodedPicture, Limits, Picture, Pictured
from ingest.errors import Unreadable
from ingest.jpeg import JpegShape, whole_jpeg
from ingest.opening import open_pictures

from tests.ingest.clips import Clip, make, quarters

MJPEG = Clip(codec="mjpeg", pixel_format="yuvj420p", codec_options={}, noisy=True)
LIMITS = Limits(decoder_threads=1, largest_pixels=1 << 20)


def pictures(path: Path, choices: Choices | None = None) -> tuple[list[Pictured], str | None]:
    with open_pictures(path, LIMITS) as source:
        return list(source.pictures(choices or Choices())), source.shortfall()


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def jpeg(width: int = 64, height: int = 48) -> bytes:
    _, data = cv2.imencode(".jpg", quarters(width, height)[:, :, ::-1])
    return data.tobytes()


@pytest.mark.parametrize("suffix", ["avi", "mov", "mkv"])
def test_motion_jpeg_is_sent_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", MJPEG)
    found, missing = pictures(path)
    coded = [stamped.picture for stamped in found]
    assert all(isinstance(picture, CodedPicture) for picture in coded)
    images = [picture.image for picture in coded if isinstance(picture, CodedPicture)]
    assert images == packets(path)
    assert [stamped.pts for stamped in found] == [Fraction(n, 25) for n in range(25)]
    assert {(p.width, p.height) for p in coded if isinstance(p, CodedPicture)} == {(64, 48)}
    assert missing is None


@pytest.mark.parametrize(
    "choices", [Choices(quality=90), Choices(longest_side=32), Choices(encoding="PNG")]
)
def test_it_is_decoded_where_a_change_is_asked_for(tmp_path: Path, choices: Choices) -> None:
    found, _ = pictures(make(tmp_path / "a.avi", MJPEG), choices)
    assert len(found) == 25
    assert all(isinstance(stamped.picture, Picture) for stamped in found)


def test_a_file_that_is_claimed_meanwhile_is_passed_on_too(tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", MJPEG)
    images = packets(path)
    with open_pictures(path, LIMITS) as source:
        path.rename(tmp_path / "claimed.avi")
        coded = [stamped.picture for stamped in source.pictures(Choices())]
    assert [p.image for p in coded if isinstance(p, CodedPicture)] == images


def test_limited_range_and_turned_ones_are_converted(tmp_path: Path) -> None:
    limited = replace(MJPEG, pixel_format="yuv420p", codec_options={"strict": "unofficial"})
    turned = replace(MJPEG, turned=90)
    for name, clip in (("limited.mov", limited), ("turned.mov", turned)):
        found, _ = pictures(make(tmp_path / name, clip))
        assert all(isinstance(stamped.picture, Picture) for stamped in found), name


def test_a_damaged_packet_is_not_passed_on_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", MJPEG)
    images = packets(path)
    data = path.read_bytes()
    place = data.index(images[10])
    path.write_bytes(data[:place] + bytes(300) + data[place + 300 :])
    found, _ = pictures(path)
    coded = [s.picture.image for s in found if isinstance(s.picture, CodedPicture)]
    assert coded == images[:10] + images[11:]


def test_a_whole_jpeg_is_told_by_its_structure() -> None:
    whole = jpeg(64, 48)
    assert whole_jpeg(whole) == JpegShape(64, 48)
    assert whole_jpeg(whole + b"\0\0") == JpegShape(64, 48)
    tables = whole.find(b"\xff\xc4")
    without_tables = bytearray(whole)
    while (tables := without_tables.find(b"\xff\xc4")) >= 0:
        length = int.from_bytes(without_tables[tables + 2 : tables + 4], "big")
        del without_tables[tables : tables + 2 + length]
    for other in (
        b"",
        b"\xff\xd8",
        whole[:-2],
        whole[: len(whole) // 2],
        whole + whole,
        whole[:-2] + b"\xff\xd8\0" + whole[-2:],  # a start where a picture can have none
        bytes(without_tables),
        b"\x89PNG" + whole,
    ):
        assert whole_jpeg(other) is None


def test_images_in_a_zip_are_shown_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "sequence.zip"
    images = {f"shots/frame{number}.jpg": jpeg(64 + number, 48) for number in (1, 2, 9, 10, 11)}
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(images):
            archive.writestr(name, images[name])
        archive.writestr("__MACOSX/._frame1.jpg", b"no image")
        archive.writestr("readme.txt", b"hello")
    found, missing = pictures(path, Choices(sequence_rate=Fraction(10)))
    assert missing is None
    assert [s.picture.image for s in found if isinstance(s.picture, CodedPicture)] == list(
        images.values()
    )
    assert [stamped.pts for stamped in found] == [Fraction(n, 10) for n in range(5)]
    with open_pictures(path, LIMITS) as source:
        described = source.describe(Choices())
    assert (described.container, described.codec) == ("zip", "jpg")
    assert (described.width, described.estimated_frame_count) == (65, 5)


def test_images_of_other_kinds_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "mixed.ZIP"
    colours = quarters(64, 48)
    with zipfile.ZipFile(path, "w") as archive:
        for suffix in (".png", ".bmp", ".tif", ".webp"):
            _, data = cv2.imencode(suffix, colours[:, :, ::-1])
            archive.writestr(f"a{suffix}", data.tobytes())
    found, missing = pictures(path)
    assert missing is None
    assert len(found) == 4
    for stamped in found:
        assert isinstance(stamped.picture, Picture)
        shown = stamped.picture.frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(shown - colours).mean() < 4


def test_damaged_images_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.png", b"\x89PNG and then nothing")
        archive.writestr("2.jpg", jpeg())
        archive.writestr("3.jpg", jpeg()[:200])
        archive.writestr("4.bmp", b"BM" + bytes(20))
    found, missing = pictures(path)
    assert len(found) in {1, 2}, "a cut JPEG may be shown in part"
    assert missing is not None
    assert missing.endswith("of 4 images can't be decoded.")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"hello"])
def test_a_zip_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="not a ZIP file"):
        open_pictures(path, LIMITS)


def test_a_zip_without_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    with pytest.raises(Unreadable, match="no image"):
        open_pictures(path, LIMITS)


def test_pictures_above_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    small = Limits(decoder_threads=1, largest_pixels=64 * 48 - 1)
    path = make(tmp_path / "a.mp4", Clip(frames=2))
    with pytest.raises(Unreadable, match="64x48: more pixels than FRAMELOG_INGEST_LARGEST_PIXELS"):
        open_pictures(path, small)
    sequence = tmp_path / "a.zip"
    with zipfile.ZipFile(sequence, "w") as archive:
        archive.writestr("1.jpg", jpeg())
    with pytest.raises(Unreadable, match="None of the images"):
        open_pictures(sequence, small)
