"""Pictures that are JPEGs already go through byte for byte; others do not pretend to."""

import zipfile
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from ingest.config.settings import Settings
from ingest.encode.frame_builder import Encoding
from ingest.encode.image_encoders import encoder
from ingest.media.jpeg_markers import read_jpeg
from ingest.media.opening import open_pictures
from ingest.media.picture_source import CodedPicture, Limits, Picture, Pictured
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.frame import Frame
from ingest.model.timing import timed
from ingest.verify.consistency import Findings, Found
from ingest.verify.source_comparison import compared

from tests.ingest.builders import fresh
from tests.ingest.clips import Clip, make, quarters
from tests.ingest.jpegs import (
    EOI,
    SOI,
    adobe,
    changed,
    exif,
    grey,
    letters,
    of_cmyk,
    of_rgb,
    photo,
    png_with,
    profile,
    put_in,
    segment,
    shown,
    tiff,
    video_of,
    webp_with,
    without,
    zip_of,
)

MJPEG = Clip(codec="mjpeg", pixel_format="yuvj420p", codec_options={}, noisy=True)
LIMITS = Limits(decoder_threads=1, largest_pixels=1 << 20)


def pictures(path: Path, choices: Choices | None = None) -> tuple[list[Pictured], str | None]:
    with open_pictures(path, LIMITS) as source:
        return list(source.pictures(choices or Choices())), source.shortfall()


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return photo(quarters(width, height))


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


NOT_TO_PASS = {
    "turned": (put_in(jpeg(), exif(6)), "BRWG"),
    "turned, little-endian, behind other segments": (
        put_in(jpeg(), segment(0xE2, b"x" * 500), segment(0xFE, b"hello"), exif(8, "<")),
        "GWRB",
    ),
    "turned, without JFIF": (put_in(without(jpeg(), 0xE0), exif(3)), "WBGR"),
    "mirrored": (put_in(jpeg(), exif(2)), "GRWB"),
    "EXIF that is broken": (put_in(jpeg(), segment(0xE1, b"Exif\0\0MM\0*\0\0\xff\xff")), "RGBW"),
    "an orientation that does not exist": (put_in(jpeg(), exif(9)), "RGBW"),
    "RGB by Adobe's word": (of_rgb(quarters(64, 48)), "RGBW"),
    "CMYK": (of_cmyk(quarters(64, 48)), "RGBW"),
    "YCCK or CMYK by Adobe's word": (put_in(of_cmyk(quarters(64, 48)), adobe(2)), "RGBW"),
    "limited range": (put_in(jpeg(), segment(0xFE, b"CS=ITU601")), None),
    "bytes behind it": (jpeg() + b"and then" * 9, "RGBW"),
}


@pytest.mark.parametrize(("image", "laid"), NOT_TO_PASS.values(), ids=NOT_TO_PASS.keys())
@pytest.mark.parametrize("as_video", [False, True], ids=["zip", "video"])
def test_each_picture_is_judged_by_itself(
    tmp_path: Path, image: bytes, laid: str | None, *, as_video: bool
) -> None:
    images = [jpeg(), image, jpeg()]
    path = video_of(tmp_path / "a.mkv", images) if as_video else zip_of(tmp_path / "a.zip", images)
    found, missing = pictures(path)
    assert missing is None
    assert [type(stamped.picture) for stamped in found] == [CodedPicture, Picture, CodedPicture]
    turned = found[1].picture
    assert isinstance(turned, Picture)
    sent = encoder(Choices(), 1 << 24).encode(turned)
    if laid is not None:
        assert letters(shown(sent.data)) == laid
    header = read_jpeg(sent.data)
    assert header is not None
    assert header.can_pass
    assert (header.width, header.height) == (sent.width, sent.height)
    assert shown(sent.data).shape[:2] == (sent.height, sent.width)


PLAIN = {
    "JFIF": jpeg(),
    "without JFIF": without(jpeg(), 0xE0),
    "EXIF alone, upright": put_in(without(jpeg(), 0xE0), exif(1)),
    "EXIF without an orientation": put_in(
        jpeg(), segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1" + tiff(1)[10:22] + bytes(4))
    ),
    "Adobe's YCbCr": put_in(jpeg(), adobe(1)),
    "grey": grey(),
    "progressive": photo(None, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": photo(None, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "4:4:4": photo(None, ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111),
    "4:1:1": photo(None, ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x411111),
    "padded": jpeg() + bytes(7),
    "zeros before its end": jpeg()[:-2] + bytes(9) + EOI,
}


@pytest.mark.parametrize("image", PLAIN.values(), ids=PLAIN.keys())
def test_whatever_any_decoder_shows_alike_is_passed_on(tmp_path: Path, image: bytes) -> None:
    found, missing = pictures(zip_of(tmp_path / "a.zip", [jpeg(), image]))
    assert missing is None
    assert isinstance(found[1].picture, CodedPicture)
    assert found[1].picture.image == image
    assert (found[1].picture.width, found[1].picture.height) == (64, 48)


def noise() -> bytes:
    """Make a JPEG most of which are coded pixels."""
    pixels = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    return photo(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 90)


def restarted() -> bytes:
    pixels = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    return photo(pixels, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1)


DAMAGED = {
    "without its end": noise()[:-2],
    "cut": noise()[: len(noise()) // 2],
    "cut, with an end": noise()[: len(noise()) // 2] + EOI,
    "zeros": noise()[:3000] + bytes(300) + noise()[3300:],
    "an odd marker": noise()[:3000] + b"\xff\x17" + noise()[3002:],
    "restarts out of order": restarted().replace(b"\xff\xd1", b"\xff\xd5", 1),
    "a restart is missing": restarted().replace(b"\xff\xd1", b"\x12\x34", 1),
}


@pytest.mark.parametrize("image", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.parametrize("choices", [Choices(), Choices(quality=90)], ids=["as it is", "decoded"])
@pytest.mark.parametrize("as_video", [False, True], ids=["zip", "video"])
def test_a_damaged_picture_is_not_passed_on_and_is_said(
    tmp_path: Path, image: bytes, choices: Choices, *, as_video: bool
) -> None:
    images = [noise(), image, noise()]
    path = video_of(tmp_path / "a.mkv", images) if as_video else zip_of(tmp_path / "a.zip", images)
    found, missing = pictures(path, choices)
    assert missing is not None
    assert "damaged" in missing
    assert missing.startswith(("1 of 3 images is ", "1 picture of the video is ", "1 packet "))
    damaged = found[1].picture
    assert isinstance(damaged, Picture)
    assert damaged.attributes == {"damaged": "true"}
    if choices.keeps_pixels:
        assert isinstance(found[0].picture, CodedPicture)
        assert isinstance(found[2].picture, CodedPicture)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB (1998)"])
def test_a_colour_profile_is_named(tmp_path: Path, name: str) -> None:
    one = put_in(jpeg(), segment(0xE2, b"ICC_PROFILE\0\1\1" + profile(name)))
    srgb = put_in(jpeg(), segment(0xE2, b"ICC_PROFILE\0\1\1" + profile("sRGB IEC61966-2.1")))
    packed = b"icc\0\0" + zlib.compress(profile(name))
    others = [
        png_with(photo(None, ".png"), b"iCCP", packed),
        webp_with(photo(None, ".webp"), b"ICCP", profile(name)),
    ]
    found, _ = pictures(zip_of(tmp_path / "a.zip", [one, srgb, *others]))
    assert isinstance(found[0].picture, CodedPicture)
    assert [stamped.picture.attributes for stamped in found] == [
        {"colour_profile": name},
        {},
        {"colour_profile": name},
        {"colour_profile": name},
    ]


def test_a_picture_of_too_many_pixels_is_not_passed_on(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [jpeg(), jpeg(2000, 1000)])
    found, missing = pictures(path)
    assert len(found) == 1
    assert missing == "1 of 2 images can't be decoded."


def test_a_jpeg_is_told_by_its_structure() -> None:
    whole = jpeg(64, 48)
    tables = without(whole, 0xC4)

    def bits(frame: bytearray) -> None:
        frame[0] = 12

    def names(frame: bytearray) -> None:
        frame[6::3] = b"RGB"

    for other in (
        whole[:-2],
        whole + whole,
        whole[:-2] + b"\xff\xd8\0" + whole[-2:],  # a start where a picture can have none
        tables,
        changed(whole, 0xC0, bits),
        changed(without(whole, 0xE0), 0xC0, names),
        whole.replace(b"\xff\xc0", b"\xff\xc3"),
        whole.replace(b"\xff\xc0", b"\xff\xc9"),
        put_in(whole, segment(0xDC, b"\0\x30")),
    ):
        read = read_jpeg(other)
        assert read is not None
        assert not read.can_pass
        assert (read.width, read.height) == (64, 48)
    for none in (b"", SOI, b"\x89PNG" + whole, SOI + EOI, whole[:100]):
        assert read_jpeg(none) is None


@pytest.mark.parametrize("seed", range(300))
def test_no_bytes_make_the_look_at_markers_fail(seed: int) -> None:
    chance = np.random.default_rng(seed)
    kinds = [*PLAIN.values(), *(image for image, _ in NOT_TO_PASS.values())]
    image = bytearray(kinds[seed % len(kinds)])
    for _ in range(chance.integers(1, 8)):
        image[chance.integers(2, min(len(image), 700))] = chance.integers(0, 256)
    read = read_jpeg(bytes(image[: chance.integers(2, len(image) + 1)]))
    assert read is None or (read.width < 65_536 and read.height < 65_536)


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


def shades(quality: int, *segments: bytes) -> bytes:
    """Make a JPEG that shows something, and is the larger the higher its quality is."""
    rows, columns = np.mgrid[0:48, 0:64]
    grain = np.random.default_rng(7).integers(0, 40, (48, 64))
    pixels = np.stack([rows * 4 + grain, columns * 3 + grain, grain * 5], axis=2).astype(np.uint8)
    return put_in(photo(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality), *segments)


P3 = segment(0xE2, b"ICC_PROFILE\0\1\1" + profile("Display P3"))
LARGE, SMALL = shades(100, P3), shades(60)
SHADES = [SMALL, LARGE, SMALL, shades(99), SMALL]


def encoded(path: Path, limit_bytes: int, *, lower: bool) -> tuple[list[Frame], str | None]:
    """Return the frames that a worker would send, and why it ended before the last."""
    choices = Choices()
    stage = Encoding(
        encoder(choices, limit_bytes),
        "JPEG",
        limit_bytes,
        lower_oversize=lower,
        attributes={"sample_aspect_ratio": "4:3"},
        now_us=lambda: 0,
    )
    with open_pictures(path, LIMITS) as source:
        shown = timed(source.pictures(choices), source.nominal(choices))
        return [frame for frame in stage.frames(shown) if frame is not None], stage.failure


@pytest.mark.parametrize("limit_bytes", [len(LARGE) - 1, len(SMALL)], ids=["a little", "much"])
@pytest.mark.parametrize("kind", ["zip", "folder", "video"])
def test_one_that_is_larger_than_a_frame_may_be_is_lowered(
    tmp_path: Path, kind: str, limit_bytes: int
) -> None:
    """Others stay as they are, and which come and when stays too; verify knows it again."""
    if kind == "folder":
        path = tmp_path / "shots"
        path.mkdir()
        for number, image in enumerate(SHADES):
            (path / f"{number}.jpg").write_bytes(image)
    else:
        make_of = video_of if kind == "video" else zip_of
        path = make_of(tmp_path / {"video": "a.mkv", "zip": "a.zip"}[kind], SHADES)
    plain, failure = encoded(path, 1 << 24, lower=True)
    assert ([frame.image for frame in plain], failure) == (SHADES, None)
    frames, failure = encoded(path, limit_bytes, lower=True)
    assert failure is None
    for frame, own in zip(frames, plain, strict=True):
        assert len(frame.image) <= limit_bytes
        kept = replace(frame, image=own.image, attributes=own.attributes)
        assert kept == own, "index, times and size do not depend on the limit"
        if len(own.image) <= limit_bytes:
            assert frame == own
        else:
            quality = str(frame.attributes["quality"])
            assert 1 <= int(quality) <= 90
            assert frame.attributes == {**own.attributes, "quality": quality}
    assert frames[1].attributes["colour_profile"] == "Display P3"
    assert (frames[2].image, frames[1].image != LARGE) == (SMALL, True)
    assert faults(path, frames) == {}
    other = photo(np.full((48, 64, 3), 255, np.uint8))
    forged = [*frames[:1], replace(frames[1], image=other), *frames[2:]]
    assert "frame 1 is not the file's picture" in faults(path, forged)["picture"]
    unsaid = [*frames[:1], replace(frames[1], attributes={}), *frames[2:]]
    assert faults(path, unsaid)["picture"] == "frame 1 is not the file's own JPEG"


def test_one_that_is_larger_than_a_frame_may_be_ends_its_stream_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    path = zip_of(tmp_path / "a.zip", SHADES)
    frames, failure = encoded(path, len(LARGE) - 1, lower=False)
    assert [frame.image for frame in frames] == SHADES[:1]
    assert failure is not None
    assert "Frame 1 is larger than a frame may be" in failure


def faults(path: Path, frames: list[Frame]) -> dict[str, str]:
    """Return what verify says of frames beside their file."""
    found = (
        Found(
            offset=frame.frame_index,
            stream_id="s",
            run_id="r",
            frame_index=frame.frame_index,
            pts_ns=frame.pts_ns,
            duration_ns=frame.duration_ns,
            is_last=frame.is_last,
            image=frame.image,
            quality=frame.attributes.get("quality"),
        )
        for frame in frames
    )
    findings = Findings()
    for _ in compared(found, path, fresh(), Settings.from_environ({}), findings):
        pass
    return findings.differences
