"""Decoded pictures as JPEGs: their colours, sizes and chroma."""

import itertools

import numpy as np
import pytest
import simplejpeg  # type: ignore[import-untyped]
from av.video.frame import VideoFrame
from ingest.orientation import UPRIGHT, Orientation
from ingest.picture import JpegEncoder

from tests.ingest.pictures import Matrix, decoded, flat, levels_of, samples

TOLERANCE = 6
LARGEST_BYTES = 15 << 20
UNSPECIFIED = 2


def encode(picture: VideoFrame, orientation: Orientation = UPRIGHT, quality: int = 95) -> bytes:
    return JpegEncoder(quality, LARGEST_BYTES).encode(picture, orientation)[0]


def noise(width: int, height: int) -> VideoFrame:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return VideoFrame.from_ndarray(pixels, format="rgb24")


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8),
        ("yuv422p", 8),
        ("yuv444p", 8),
        ("yuv440p", 8),
        ("yuv411p", 8),
        ("yuv420p10le", 10),
        ("yuv422p10le", 10),
        ("yuv444p10le", 10),
        ("yuv444p12le", 12),
    ],
)
def test_colours_are_the_ones_that_the_source_means(
    pixel_format: str, bits: int, matrix: Matrix, full_range: bool
) -> None:
    encoder = JpegEncoder(95, LARGEST_BYTES)
    for red, green, blue in itertools.product((40, 200), repeat=3):
        rgb = (red, green, blue)
        levels = levels_of(rgb, matrix, full_range=full_range, bits=bits)
        picture = flat(64, 48, pixel_format, levels)
        picture.colorspace, picture.color_range = matrix, 2 if full_range else 1
        image, _ = encoder.encode(picture, UPRIGHT)
        assert np.abs(decoded(image).astype(int) - rgb).max() <= TOLERANCE, rgb


def test_a_source_that_names_no_matrix_is_bt601() -> None:
    rgb = (200, 40, 40)
    picture = flat(64, 48, "yuv420p", levels_of(rgb, 5, full_range=False, bits=8))
    picture.colorspace, picture.color_range = UNSPECIFIED, 1
    assert np.abs(decoded(encode(picture)).astype(int) - rgb).max() <= TOLERANCE


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr24", "gbrp", "rgba", "bgr0"])
def test_rgb_keeps_its_colours(pixel_format: str) -> None:
    rgb = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    picture = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    assert np.abs(decoded(encode(picture)).astype(int) - (200, 40, 90)).max() <= TOLERANCE


@pytest.mark.parametrize(("pixel_format", "level"), [("gray", 90), ("gray10le", 360)])
def test_grey_stays_grey(pixel_format: str, level: int) -> None:
    picture = flat(64, 48, pixel_format, [level])
    picture.color_range = 2
    image = encode(picture)
    assert simplejpeg.decode_jpeg_header(image)[2] == "Gray"
    assert np.abs(decoded(image).astype(int) - 90).max() <= TOLERANCE


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


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv440p", "yuv444p", "gray"])
@pytest.mark.parametrize("turned", [UPRIGHT, Orientation(transpose=True, mirror_x=True)])
def test_every_size_is_kept(pixel_format: str, turned: Orientation) -> None:
    encoder = JpegEncoder(95, LARGEST_BYTES)
    for width, height in itertools.product(range(1, 18), range(1, 20)):
        levels = [90] if pixel_format == "gray" else [90, 128, 128]
        picture = flat(width, height, pixel_format, levels)
        picture.color_range = 2
        pixels = decoded(encoder.encode(picture, turned)[0])
        shown_width, shown_height = turned.size(width, height)
        assert pixels.shape == (shown_height, shown_width, 3)
        assert np.abs(pixels.astype(int) - 90).max() <= 1, (width, height)


def test_one_encoder_takes_pictures_that_change() -> None:
    encoder = JpegEncoder(95, LARGEST_BYTES)
    for width, pixel_format in ((64, "yuv420p"), (33, "yuv444p10le"), (64, "yuv420p")):
        image, _ = encoder.encode(VideoFrame(width, 16, pixel_format), UPRIGHT)
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
    image, quality = JpegEncoder(90, LARGEST_BYTES).encode(noise(64, 48), UPRIGHT)
    assert quality == 90
    assert len(image) < len(encode(noise(64, 48), quality=95))


def test_quality_is_lowered_until_the_picture_fits() -> None:
    whole, _ = JpegEncoder(90, LARGEST_BYTES).encode(noise(256, 256), UPRIGHT)
    limit = len(whole) // 2
    image, quality = JpegEncoder(90, limit).encode(noise(256, 256), UPRIGHT)
    assert quality < 90
    assert len(image) <= limit
    assert image == JpegEncoder(quality, LARGEST_BYTES).encode(noise(256, 256), UPRIGHT)[0]


def test_a_limit_that_nothing_meets_gives_the_lowest_quality() -> None:
    image, quality = JpegEncoder(90, 10).encode(noise(256, 256), UPRIGHT)
    assert quality == 1
    assert decoded(image).shape == (256, 256, 3)
