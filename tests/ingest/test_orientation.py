"""Pictures laid as their container's display matrix asks."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from ingest.choices import Choices
from ingest.decoded import Picture
from ingest.encoders import encoder
from ingest.orientation import UPRIGHT, Orientation, from_display_matrix
from ingest.picture import Converter, Plane

from tests.ingest.clips import BLUE, GREEN, RED, WHITE, Clip, corners, make, opened, quarters

ONE = 1 << 16
TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORED_TURNS = [(-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0)]
LETTERS = {RED: "R", GREEN: "G", BLUE: "B", WHITE: "W"}

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
            assert "".join(LETTERS[name] for name in corners(laid)) == shown
            assert laid.shape[:2] == (description.height, description.width)
    assert (description.width > description.height) == (turned in {0, 180})
    assert description.rotation == -turned % 360


@pytest.mark.parametrize(
    ("exif", "shown"), [(1, "RGBW"), (3, "WBGR"), (6, "BRWG"), (8, "GWRB")], ids=str
)
def test_a_photo_is_laid_as_its_exif_says(tmp_path: Path, exif: int, shown: str) -> None:
    rgb = VideoFrame.from_ndarray(quarters(64, 48), format="rgb24")
    photo = encoder(Choices(), 1 << 24).encode(Picture(rgb)).data
    entry = b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, exif, 0, 0)
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo[:2] + struct.pack(">HH", 0xFFE1, len(entry) + 2) + entry + photo[2:])
    with opened(path) as source:
        (stamped,) = source.pictures(Choices(quality=90))
    assert isinstance(stamped.picture, Picture)
    laid = Converter(None).pixels(stamped.picture, "rgb24").to_ndarray().astype(np.uint8)
    assert "".join(LETTERS[name] for name in corners(laid)) == shown
