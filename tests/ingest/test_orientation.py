"""Pictures laid as their container's display matrix asks."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from ingest.encode.encoder_input import Converter, Plane
from ingest.encode.frame_builder import Encoding
from ingest.encode.image_encoders import encoder
from ingest.media.image_metadata import exif_orientation
from ingest.media.jpeg_markers import read_jpeg
from ingest.media.opening import open_pictures
from ingest.media.picture_source import Limits, Picture
from ingest.model.choices import Choices
from ingest.model.frame import Frame
from ingest.model.timing import timed
from ingest.model.video_description import Description
from ingest.pixels.orientation import UPRIGHT, Orientation, from_display_matrix

from tests.ingest.clips import Clip, make, opened
from tests.ingest.jpegs import (
    LAID,
    exif,
    letters,
    photo,
    png_with,
    put_in,
    shown,
    tiff,
    tiff_with,
    video_of,
    webp_with,
    zip_of,
)

ONE = 1 << 16
ROTATED = Orientation(transpose=True, mirror_x=True)
TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORED_TURNS = [(-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0)]

# What `ffmpeg -i` (7.1), which turns pictures by itself, makes of the quarters R G / B W.
SHOWN = {
    (0, False): "RGBW",
    (0, True): "GRWB",
    (90, False): "GWRB",
    (90, True): "WGBR",
    (180, False): "WBGR",
    (180, True): "BWRG",
    (270, False): "BRWG",
    (270, True): "RBGW",
}


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    """Pack a display matrix as FFmpeg does: 16.16 fixed point."""
    fixed = [round(value * ONE) for value in (a, b, 0, c, d, 0, 0, 0)]
    return struct.pack("=9i", *fixed, 1 << 30)


def moved(plane: Plane, a: int, b: int, c: int, d: int) -> Plane:
    """Move each pixel of a plane by itself, as libavutil/display.h defines the matrix."""
    height, width = plane.shape
    places = {
        (a * x + c * y, b * x + d * y): plane[y, x]
        for y, x in itertools.product(range(height), range(width))
    }
    left, top = min(x for x, _ in places), min(y for _, y in places)
    out = np.zeros((width, height) if b else (height, width), np.uint8)
    for (x, y), value in places.items():
        out[y - top, x - left] = value
    return out


@pytest.mark.parametrize("terms", TURNS + MIRRORED_TURNS)
def test_each_matrix_moves_pixels_as_it_says(terms: tuple[int, int, int, int]) -> None:
    plane = np.arange(6, dtype=np.uint8).reshape(2, 3)
    orientation = from_display_matrix(matrix(*terms))
    frame = VideoFrame.from_ndarray(plane, format="gray")
    (turned,) = Converter(None).planes(Picture(frame, orientation))
    assert turned.tolist() == moved(plane, *terms).tolist()
    assert turned.shape[::-1] == orientation.size(3, 2)


def test_the_eight_matrices_are_the_eight_orientations() -> None:
    assert len({from_display_matrix(matrix(*terms)) for terms in TURNS + MIRRORED_TURNS}) == 8


@pytest.mark.parametrize(("terms", "degrees"), list(zip(TURNS, (0, 90, 180, 270), strict=True)))
def test_rotation_is_clockwise(terms: tuple[int, int, int, int], degrees: int) -> None:
    assert from_display_matrix(matrix(*terms)).rotation == degrees


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"", UPRIGHT, id="nothing"),
        pytest.param(bytes(35), UPRIGHT, id="too short"),
        pytest.param(bytes(36), UPRIGHT, id="flattens the picture"),
        pytest.param(matrix(2, 0, 0, 0.5), UPRIGHT, id="scales"),
        pytest.param(matrix(0.9, 0.4, -0.4, 0.9), UPRIGHT, id="24 degrees: nearest is none"),
        pytest.param(
            matrix(0.1, 0.9, -0.9, 0.1),
            Orientation(transpose=True, mirror_x=True),
            id="84 degrees: nearest is 90",
        ),
    ],
)
def test_any_other_matrix_gives_the_nearest_orientation(raw: bytes, expected: Orientation) -> None:
    assert from_display_matrix(raw) == expected


@pytest.mark.parametrize(("asked", "shown"), list(SHOWN.items()))
def test_a_files_picture_is_laid_as_ffmpeg_lays_it(
    tmp_path: Path, asked: tuple[int, bool], shown: str
) -> None:
    turned, mirrored = asked
    path = make(tmp_path / "a.mp4", Clip(frames=2, turned=turned, mirrored=mirrored))
    with opened(path) as source:
        description = source.describe(Choices())
        for stamped in source.pictures(Choices()):
            picture = stamped.picture
            assert isinstance(picture, Picture)
            laid = Converter(None).pixels(picture, "rgb24").to_ndarray().astype(np.uint8)
            assert letters(laid) == shown
            assert laid.shape[:2] == (description.height, description.width)
    assert (description.width > description.height) == (turned in {0, 180})
    assert description.rotation == -turned % 360


@pytest.mark.parametrize("choices", [Choices(), Choices(quality=90, longest_side=48)], ids=str)
@pytest.mark.parametrize("number", LAID)
@pytest.mark.parametrize("kind", ["jpg", "avi", "mov", "mkv", "mjpeg", "zip", "folder"])
def test_jpegs_are_laid_as_their_exif_says(
    tmp_path: Path, kind: str, number: int, choices: Choices
) -> None:
    order = "<" if number % 2 else ">"
    image = put_in(photo(), exif(number, order))
    path = tmp_path / f"a.{kind}"
    if kind == "folder":
        path.mkdir()
        (path / "1.jpg").write_bytes(image)
        (path / "2.jpg").write_bytes(image)
    elif kind == "zip":
        zip_of(path, [image, image])
    elif kind == "jpg":
        path.write_bytes(image)
    elif kind == "mjpeg":
        path.write_bytes(image * 2)
    else:
        video_of(path, [image, image])
    frames, missing, described = sent(path, choices)
    assert missing is None
    assert len(frames) == (1 if kind == "jpg" else 2)
    for frame in frames:
        pixels = shown(frame.image)
        assert letters(pixels) == LAID[number]
        assert pixels.shape[:2] == (frame.height, frame.width)
        assert (frame.width > frame.height) == (number < 5)
        header = read_jpeg(frame.image)
        assert header is not None
        assert (header.width, header.height) == (frame.width, frame.height)
        assert header.orientation == UPRIGHT
    assert (described.width > described.height) == (number < 5)


@pytest.mark.parametrize("number", LAID)
@pytest.mark.parametrize("suffix", ["png", "webp", "webp with EXIF's start", "tif"])
def test_other_images_are_laid_as_their_exif_says(tmp_path: Path, suffix: str, number: int) -> None:
    image = photo(None, f".{suffix.partition(' ')[0]}")
    match suffix:
        case "png":
            image = png_with(image, b"eXIf", tiff(number))
        case "webp":
            image = webp_with(image, b"EXIF", tiff(number, "<"))
        case "tif":
            image = tiff_with(image, number)
        case _:
            image = webp_with(image, b"EXIF", b"Exif\0\0" + tiff(number))
    path = zip_of(tmp_path / "a.zip", [image], suffix.partition(" ")[0])
    for choices in (Choices(), Choices(encoding="PNG"), Choices(encoding="WEBP")):
        frames, missing, described = sent(path, choices)
        assert missing is None
        pixels = shown(frames[0].image)
        assert letters(pixels) == LAID[number]
        assert pixels.shape[:2] == (frames[0].height, frames[0].width)
        assert (frames[0].width, frames[0].height) == (described.width, described.height)


@pytest.mark.parametrize("kind", [1, 4], ids=["a byte", "a long"])
def test_exif_is_read_as_leniently_as_by_any_reader(kind: int) -> None:
    content = bytearray(tiff(6, "<", kind))
    assert exif_orientation(bytes(content)) == Orientation(transpose=True, mirror_x=True)
    for end in range(len(content)):
        assert exif_orientation(bytes(content[:end])) in {None, UPRIGHT, ROTATED}


def sent(path: Path, choices: Choices) -> tuple[list[Frame], str | None, Description]:
    """Return the frames that a worker would send."""
    stage = Encoding(
        encoder(choices, 1 << 24),
        choices.encoding,
        1 << 24,
        lower_oversize=True,
        attributes={},
        now_us=lambda: 0,
    )
    with open_pictures(path, Limits(2, 1 << 24)) as source:
        described = source.describe(choices)
        pictures = timed(source.pictures(choices), source.nominal(choices))
        frames = [frame for frame in stage.frames(pictures) if frame is not None]
        return frames, source.shortfall(), described
