"""The colours of decoded pictures as JPEGs."""

import itertools

import numpy as np
import pytest
import simplejpeg  # type: ignore[import-untyped]
from av.video.frame import VideoFrame
from ingest.choices import Choices
from ingest.decoded import Picture
from ingest.encoders import encoder
from ingest.picture import Converter

from tests.ingest.pictures import (
    LARGEST_BYTES,
    Matrix,
    decoded,
    encode,
    flat,
    jpeg_levels_of,
    levels_of,
    noise,
    samples,
)

TOLERANCE = 6
UNSPECIFIED = 2


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
    jpegs = encoder(Choices(quality=95), LARGEST_BYTES)
    for red, green, blue in itertools.product((40, 200), repeat=3):
        rgb = (red, green, blue)
        levels = levels_of(rgb, matrix, full_range=full_range, bits=bits)
        picture = flat(64, 48, pixel_format, levels)
        picture.colorspace, picture.color_range = matrix, 2 if full_range else 1
        image = jpegs.encode(Picture(picture)).data
        assert np.abs(decoded(image).astype(int) - rgb).max() <= TOLERANCE, rgb


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize("size", [(32, 18), (33, 17)], ids=["even", "odd"])
@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8),
        ("yuv422p", 8),
        ("yuv440p", 8),
        ("yuv444p", 8),
        ("yuv420p10le", 10),
        ("yuv444p12le", 12),
    ],
)
def test_planes_are_within_1_of_the_exact_values(
    pixel_format: str, bits: int, size: tuple[int, int], matrix: Matrix, full_range: bool
) -> None:
    chance = np.random.default_rng(7)
    converter = Converter(None)
    for _ in range(60):
        rgb = tuple(chance.uniform(0, 255, 3))
        levels = levels_of(rgb, matrix, full_range=full_range, bits=bits)
        picture = flat(*size, pixel_format, levels)
        picture.colorspace, picture.color_range = matrix, 2 if full_range else 1
        exact = jpeg_levels_of(levels, matrix, full_range=full_range, bits=bits)
        for plane, level in zip(converter.planes(Picture(picture)), exact, strict=True):
            assert np.abs(plane - level).max() <= 1, (rgb, levels)


@pytest.mark.parametrize(
    ("pixel_format", "across", "down"),
    [("yuv420p", 2, 2), ("yuv422p", 2, 1), ("yuv444p", 1, 1)],
)
def test_detail_is_exact_for_the_chroma_sample_that_covers_it(
    pixel_format: str, across: int, down: int
) -> None:
    picture = VideoFrame(64, 48, pixel_format)
    picture.colorspace, picture.color_range = 1, 1
    chance = np.random.default_rng(7)
    sent = []
    for plane in picture.planes:
        samples(plane)[:] = chance.integers(64, 192, plane.buffer_size, np.uint8)
        sent.append(samples(plane).reshape(plane.height, -1)[:, : plane.width].astype(float))
    luma, *chroma = Converter(None).planes(Picture(picture))
    covering = [plane.repeat(down, axis=0).repeat(across, axis=1) for plane in sent[1:]]
    exact, *_ = jpeg_levels_of([sent[0], *covering], 1, full_range=False)
    assert np.abs(luma - exact).max() <= 1
    _, *exact_chroma = jpeg_levels_of([np.float64(126), *sent[1:]], 1, full_range=False)
    for blue_or_red, level in zip(chroma, exact_chroma, strict=True):
        assert np.abs(blue_or_red - level).max() <= 1


@pytest.mark.parametrize(
    ("pixel_format", "planar"),
    [
        ("nv12", "yuv420p"),
        ("yuyv422", "yuv422p"),
        ("yuvj422p", "yuv422p"),
        ("p010le", "yuv420p10le"),
        ("yuv420p10be", "yuv420p10le"),
    ],
)
def test_how_samples_are_packed_changes_nothing(pixel_format: str, planar: str) -> None:
    full_range = 2 if "j" in pixel_format else 1
    picture = noise(64, 48).reformat(format=planar, dst_color_range=full_range)
    picture.colorspace, picture.color_range = 1, full_range
    packed = picture.reformat(format=pixel_format)
    packed.colorspace, packed.color_range = 1, full_range
    expected = Converter(None).planes(Picture(picture))
    for plane, same in zip(Converter(None).planes(Picture(packed)), expected, strict=True):
        assert np.array_equal(plane, same)


def test_colours_that_change_midway_are_followed() -> None:
    converter = Converter(None)
    for matrix, full_range in ((1, 1), (5, 1), (5, 2), (1, 1)):
        picture = noise(64, 48).reformat(format="yuv420p")
        picture.colorspace, picture.color_range = matrix, full_range
        planes = converter.planes(Picture(picture))
        alone = Converter(None).planes(Picture(picture))
        assert all(map(np.array_equal, planes, alone))


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
