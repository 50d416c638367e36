"""Decoded pictures as images: their sizes, chroma, depth, quality and brightness."""

import io
import itertools
import struct
import zlib

import av
import cv2
import numpy as np
import psutil
import pytest
import simplejpeg  # type: ignore[import-untyped]
from av.video.frame import VideoFrame
from ingest.encode.image_encoders import encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import Choices
from ingest.pixels import tone_mapping
from ingest.pixels.orientation import UPRIGHT, Orientation

from tests.ingest.pictures import (
    LARGEST_BYTES,
    decoded,
    encode,
    flat,
    jpeg,
    noise,
    samples,
)

TOLERANCE = 6


@pytest.mark.parametrize(
    ("pixel_format", "subsampling"),
    [
        ("yuv420p", "420"),
        ("yuvj420p", "420"),
        ("nv12", "420"),
        ("p010le", "420"),
        ("yuva420p", "420"),
        ("yuv422p", "422"),
        ("yuyv422", "422"),
        ("yuv440p", "440"),
        ("yuv444p", "444"),
        ("yuv444p10le", "444"),
        ("yuv411p", "444"),
        ("yuv410p", "444"),
        ("rgb24", "444"),
        ("pal8", "444"),
    ],
)
def test_chroma_keeps_the_sources_resolution(pixel_format: str, subsampling: str) -> None:
    picture = VideoFrame(64, 48, pixel_format)
    for plane in picture.planes:
        samples(plane)[:] = 0
    assert simplejpeg.decode_jpeg_header(encode(picture))[3] == subsampling


@pytest.mark.parametrize(
    ("pixel_format", "subsampling"),
    [("yuv420p", "420"), ("yuv422p", "440"), ("yuv440p", "422"), ("yuv444p", "444")],
)
def test_turning_turns_the_chroma_s_resolution(pixel_format: str, subsampling: str) -> None:
    picture = flat(64, 48, pixel_format, [90, 128, 128])
    turned = Orientation(transpose=True, mirror_x=True)
    assert simplejpeg.decode_jpeg_header(encode(picture, turned))[3] == subsampling


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv440p", "yuv444p", "gray"])
@pytest.mark.parametrize("turned", [UPRIGHT, Orientation(transpose=True, mirror_x=True)])
def test_every_size_is_kept(pixel_format: str, turned: Orientation) -> None:
    jpegs = encoder(Choices(quality=95), LARGEST_BYTES)
    for width, height in itertools.product(range(1, 18), range(1, 20)):
        levels = [90] if pixel_format == "gray" else [90, 128, 128]
        picture = flat(width, height, pixel_format, levels)
        picture.color_range = 2
        pixels = decoded(jpegs.encode(Picture(picture, turned)).data)
        shown_width, shown_height = turned.size(width, height)
        assert pixels.shape == (shown_height, shown_width, 3)
        assert np.abs(pixels.astype(int) - 90).max() <= 1, (width, height)


def test_one_encoder_takes_pictures_that_change() -> None:
    jpegs = encoder(Choices(quality=95), LARGEST_BYTES)
    for width, pixel_format in ((64, "yuv420p"), (33, "yuv444p10le"), (64, "yuv420p")):
        image = jpegs.encode(Picture(VideoFrame(width, 16, pixel_format))).data
        assert decoded(image).shape == (16, width, 3)


def test_a_turned_picture_shows_its_corners_where_they_belong() -> None:
    rgb = np.zeros((32, 64, 3), np.uint8)
    rgb[:16, :32], rgb[:16, 32:], rgb[16:, :32] = (200, 40, 40), (40, 200, 40), (40, 40, 200)
    picture = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    clockwise = decoded(encode(picture, Orientation(transpose=True, mirror_x=True)))
    expected = np.rot90(rgb, -1).astype(int)
    for row, column in itertools.product((8, 56), (8, 24)):
        assert np.abs(clockwise[row, column] - expected[row, column]).max() <= TOLERANCE


def test_a_picture_that_fits_has_the_quality_asked_for() -> None:
    image = jpeg(noise(64, 48), 90)
    assert image.quality == 90
    assert len(image.data) < len(encode(noise(64, 48), quality=95))


def test_quality_is_lowered_until_the_picture_fits() -> None:
    limit = len(jpeg(noise(256, 256), 90).data) // 2
    image = jpeg(noise(256, 256), 90, limit)
    assert image.quality is not None
    assert image.quality < 90
    assert len(image.data) <= limit
    assert image.data == jpeg(noise(256, 256), image.quality).data


def test_a_limit_that_nothing_meets_gives_the_lowest_quality() -> None:
    image = jpeg(noise(256, 256), 90, 10)
    assert image.quality == 1
    assert decoded(image.data).shape == (256, 256, 3)


@pytest.mark.parametrize("turned", [UPRIGHT, Orientation(transpose=True, mirror_x=True)])
def test_a_png_holds_every_value(turned: Orientation) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (31, 45, 3), np.uint8)
    frame = VideoFrame.from_ndarray(pixels, format="rgb24")
    image = encoder(Choices(encoding="PNG"), LARGEST_BYTES).encode(Picture(frame, turned))
    assert image.quality is None
    expected = np.rot90(pixels, -1) if turned.transpose else pixels
    assert np.array_equal(decoded(image.data), expected)


def test_a_png_is_as_deep_as_its_source() -> None:
    pixels = np.random.default_rng(1).integers(0, 65_536, (32, 48, 3), np.uint16)
    frame = VideoFrame.from_ndarray(pixels, format="rgb48le")
    image = encoder(Choices(encoding="PNG"), LARGEST_BYTES).encode(Picture(frame))
    shown = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown is not None
    assert np.array_equal(shown[:, :, ::-1], pixels)


def test_a_png_says_all_by_its_pixels() -> None:
    """A viewer that were told of BT.2020, or to turn it, would show it unlike a JPEG."""
    pngs = encoder(Choices(encoding="PNG"), LARGEST_BYTES)
    plain = pngs.encode(Picture(noise(64, 48))).data
    turn = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = struct.pack(">I", len(turn)) + b"eXIf" + turn
    exif += struct.pack(">I", zlib.crc32(exif[4:]))
    with av.open(io.BytesIO(plain[:33] + exif + plain[33:]), "r") as image:
        frame = next(image.decode(video=0))
    frame.color_primaries, frame.color_trc = 9, 14
    assert pngs.encode(Picture(frame)).data == plain


def test_transparency_is_kept_where_it_can_be_and_black_where_not() -> None:
    pixels = np.full((32, 48, 4), (200, 60, 60, 255), np.uint8)
    pixels[:, :24, 3] = 0
    frame = VideoFrame.from_ndarray(pixels, format="rgba")
    for encoding in ("PNG", "WEBP"):
        image = encoder(Choices(encoding=encoding), LARGEST_BYTES).encode(Picture(frame))
        shown = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert shown is not None
        assert shown[16, 8, 3] == 0
        assert shown[16, 40, 3] == 255
    shown = decoded(encode(frame))
    assert shown[16, 8].max() <= TOLERANCE
    assert np.abs(shown[16, 40].astype(int) - (200, 60, 60)).max() <= TOLERANCE


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("side", "shown"), [(100, (100, 50)), (200, (200, 100)), (900, (400, 200))]
)
def test_the_longest_side_is_kept_to_and_nothing_is_enlarged(
    encoding: str, side: int, shown: tuple[int, int]
) -> None:
    small = encoder(Choices(encoding=encoding, longest_side=side), LARGEST_BYTES)
    image = small.encode(Picture(flat(400, 200, "yuv420p", [90, 128, 128])))
    assert (image.width, image.height) == shown
    assert decoded(image.data).shape == (shown[1], shown[0], 3)


@pytest.mark.parametrize("curve", [16, 18], ids=["PQ", "HLG"])
def test_hdr_is_shown_in_its_order_of_brightness_and_grey_stays_grey(curve: int) -> None:
    shown = []
    for level in (64, 300, 500, 700, 940):
        frame = flat(32, 32, "yuv420p10le", [level, 512, 512])
        frame.color_trc, frame.colorspace, frame.color_range = curve, 9, 1
        pixel = decoded(encode(frame))[16, 16].astype(int)
        assert pixel.max() - pixel.min() <= TOLERANCE
        shown.append(int(pixel.mean()))
    assert shown == sorted(set(shown))
    assert shown[0] <= TOLERANCE
    assert shown[-1] >= 250


@pytest.mark.parametrize(("name", "curve"), [("PQ", 16), ("HLG", 18)])
def test_hdr_colours_are_those_of_the_tone_mapping(name: str, curve: int) -> None:
    for coded in itertools.product((0.3, 0.45, 0.6), repeat=3):
        pixels = np.full((16, 16, 3), np.round(np.array(coded) * 65_535), np.uint16)
        frame = VideoFrame.from_ndarray(pixels, format="rgb48le")
        frame.color_trc = curve
        wanted = 255 * tone_mapping.tone_mapped(np.array(coded), name)
        # A table is least exact where a colour leaves BT.709's gamut: one component nears 0.
        assert np.abs(decoded(encode(frame))[8, 8] - wanted).max() <= TOLERANCE + 2, coded


def test_memory_does_not_grow_with_frames() -> None:
    """Neither with those of one kind nor with each frame of another."""
    process = psutil.Process()
    jpegs = encoder(Choices(longest_side=200), LARGEST_BYTES)
    kinds = [
        Picture(VideoFrame(640, 360, "yuv420p")),
        Picture(VideoFrame(638, 360, "yuv422p10le"), Orientation(transpose=True)),
    ]

    def run(times: int) -> int:
        for number in range(times):
            jpegs.encode(kinds[0 if number < times // 2 else number % 2])
        return int(process.memory_info().rss)

    before = run(100)
    assert run(600) - before < 8 << 20
