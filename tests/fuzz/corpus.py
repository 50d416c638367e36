"""Damaged videos, made from whole ones; the same seed makes the same files."""

import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from tests.support.painting import paint
from tests.support.videos import Recipe, make_video

WIDTH, HEIGHT = 176, 98
HEADER_BYTES = 1024
ABSURD_SIDES = (0, 1, 17, 16_384, 32_767, 60_000, 65_535)

Random = np.random.Generator
Mutation = Callable[[bytearray, Random], None]


def whole_files(folder: Path) -> dict[str, bytes]:
    """Return small files that nothing is wrong with, by name."""
    plain = Recipe(frames=12, width=WIDTH, height=HEIGHT)
    recipes = {
        "plain.mp4": plain,
        "faststart.mp4": replace(plain, faststart=True),
        "plain.mkv": plain,
        "plain.ts": plain,
        "motion.avi": replace(plain, codec="mjpeg", pixel_format="yuvj420p"),
        "plain.webm": replace(plain, codec="libvpx"),
        "plain.gif": replace(plain, codec="gif", pixel_format="rgb8"),
    }
    files = {name: make_video(folder / name, r).read_bytes() for name, r in recipes.items()}
    return files | {"images.zip": zip_of_images()}


def zip_of_images() -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for number, suffix in enumerate((".jpg", ".png", ".webp", ".bmp", ".tiff") * 2):
            _, image = cv2.imencode(suffix, paint(number, WIDTH, HEIGHT))
            file.writestr(f"image {number}{suffix}", image.tobytes())
    return archive.getvalue()


def damaged_files(whole: dict[str, bytes], seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: each whole file in turn, damaged in one to four ways."""
    names = sorted(whole)
    for number in range(count):
        random = np.random.default_rng((seed, number))
        name = names[number % len(names)]
        content = bytearray(whole[name])
        for _ in range(random.integers(1, 5)):
            MUTATIONS[random.integers(len(MUTATIONS))](content, random)
        yield f"{number:05} {name}", bytes(content)


def _place(content: bytearray, random: Random, margin: int = 1) -> int:
    return int(random.integers(max(1, len(content) - margin)))


def change_header(content: bytearray, random: Random) -> None:
    for _ in range(random.integers(1, 9)):
        content[int(random.integers(max(1, min(HEADER_BYTES, len(content)))))] = random.integers(
            256
        )


def change_bytes(content: bytearray, random: Random) -> None:
    for _ in range(random.integers(1, 65)):
        content[_place(content, random)] = random.integers(256)


def change_size_field(content: bytearray, random: Random) -> None:
    """Lie in 32 bits, as in the size of a box, a chunk or an element."""
    value = int(random.choice([0, 1, 7, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]))
    marks = [b"moov", b"trak", b"stbl", b"stsz", b"stco", b"mdat", b"LIST", b"idx1", b"00dc", b"PK"]
    mark = marks[random.integers(len(marks))]
    place = content.find(mark, _place(content, random))
    if place < 4:
        place = content.find(mark)
    start = place - 4 if place >= 4 else _place(content, random, 4)
    content[start : start + 4] = struct.pack(">I" if random.random() < 0.5 else "<I", value)


def change_dimensions(content: bytearray, random: Random) -> None:
    """Give absurd sides wherever the true ones stand."""
    sides = [int(side) for side in random.choice(ABSURD_SIDES, 2)]
    for layout in (">HH", "<HH", ">II", "<II"):
        true = struct.pack(layout, WIDTH, HEIGHT)
        content[:] = content.replace(true, struct.pack(layout, *sides))


def cut(content: bytearray, random: Random) -> None:
    del content[_place(content, random) + 1 :]


def remove(content: bytearray, random: Random) -> None:
    start = _place(content, random)
    del content[start : start + int(random.integers(1, 2000))]
    content.extend(b"\0" * (not content))


def double(content: bytearray, random: Random) -> None:
    start = _place(content, random)
    piece = content[start : start + int(random.integers(1, 5000))]
    place = _place(content, random)
    content[place:place] = piece


def blank(content: bytearray, random: Random) -> None:
    start = _place(content, random)
    end = min(len(content), start + int(random.integers(1, 2000)))
    content[start:end] = bytes(end - start)


MUTATIONS: tuple[Mutation, ...] = (
    change_header,
    change_bytes,
    change_size_field,
    change_dimensions,
    cut,
    remove,
    double,
    blank,
)
