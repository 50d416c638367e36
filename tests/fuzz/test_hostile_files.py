"""Files that are made to do harm: refused with a sentence, and before they cost much."""

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from tests.fuzz.corpus import HEIGHT, WIDTH, zip_of_images
from tests.fuzz.examiner import Examiner, Finding
from tests.support.files import zipped
from tests.support.videos import Recipe, make_video

MIB = 1 << 20
SIDES = (6_000, 16_000, 60_000)
CODECS = {
    "png.mov": Recipe(frames=2, width=WIDTH, height=HEIGHT, codec="png", pixel_format="rgb24"),
    "gif.gif": Recipe(frames=2, width=WIDTH, height=HEIGHT, codec="gif", pixel_format="rgb8"),
    "motion.avi": Recipe(2, WIDTH, HEIGHT, codec="mjpeg", pixel_format="yuvj420p"),
    "lossless.avi": Recipe(frames=2, width=WIDTH, height=HEIGHT, codec="ffv1"),
}


def examine(path: Path) -> tuple[Finding, int]:
    """Return what comes of a file, and by how many bytes that made the process grow."""
    small = path.with_name("small.zip")
    small.write_bytes(zip_of_images())
    with Examiner() as examiner:
        before = examiner.examine(small)
        assert before.frames > 0
        found = examiner.examine(path)
        return found, found.peak_bytes - before.peak_bytes


def black_png(side: int) -> bytes:
    """Return a PNG whose file is as small as its picture is large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", CODECS)
def test_absurd_dimensions_are_refused_before_decoding(
    tmp_path: Path, name: str, side: int
) -> None:
    path = tmp_path / name
    content = make_video(path, CODECS[name]).read_bytes()
    changed = content
    for layout in (">HH", "<HH", ">II", "<II"):
        for sides in ((WIDTH, HEIGHT), (HEIGHT, WIDTH)):
            changed = changed.replace(struct.pack(layout, *sides), struct.pack(layout, side, side))
    assert changed != content
    path.write_bytes(changed)
    found, grown_bytes = examine(path)
    assert (found.frames, found.fault) == (0, None)
    assert found.sentence is not None
    assert grown_bytes < 32 * MIB


@pytest.mark.parametrize("side", SIDES)
def test_a_small_image_of_absurd_dimensions(tmp_path: Path, side: int) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": black_png(side)})
    assert path.stat().st_size < MIB
    found, grown_bytes = examine(path)
    assert found.sentence == "None of the images in the ZIP file can be decoded."
    assert grown_bytes < 32 * MIB


def test_a_zip_of_one_huge_member(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.png", "w", force_zip64=True) as member,
    ):
        for _ in range(400):
            member.write(bytes(MIB))
    found, grown_bytes = examine(path)
    assert found.sentence == "None of the images in the ZIP file can be decoded."
    assert grown_bytes < 32 * MIB


def test_a_zip_of_very_many_members(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.png", b"")
    found, grown_bytes = examine(path)
    assert found.sentence == "None of the images in the ZIP file can be decoded."
    assert grown_bytes < 64 * MIB


def test_a_zip_whose_members_share_their_bytes(tmp_path: Path) -> None:
    """The directory of one member is written many times: a quine of bombs is made so."""
    path = zipped(tmp_path / "a.zip", {"a.png": bytes(200 * MIB)})
    content = path.read_bytes()
    start = content.rindex(b"PK\x01\x02")
    entry, end = content[start : content.rindex(b"PK\x05\x06")], content[-22:]
    count = 500
    end = end[:8] + struct.pack("<HHI", count, count, len(entry) * count) + end[16:]
    path.write_bytes(content[:start] + entry * count + end)
    found, _ = examine(path)
    assert found.sentence == "The members of the ZIP file share their bytes: it is a ZIP bomb."


def test_a_zip_of_strange_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(BytesIO(zip_of_images())) as whole:
        picture = whole.read("image 0.jpg")
    names = ["²1.jpg", "9" * 5000 + ".jpg", "../../a.jpg", "/etc/a.jpg", "a\nb.jpg", "٣.jpg"]
    path = zipped(tmp_path / "a.zip", dict.fromkeys(names, picture))
    found, _ = examine(path)
    assert (found.frames, found.sentence, found.fault) == (len(names), None, None)
    assert not (tmp_path.parent / "a.jpg").exists()
