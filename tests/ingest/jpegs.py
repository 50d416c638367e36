"""JPEGs of every kind, made by hand of ordinary ones, and what is written into images."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg  # type: ignore[import-untyped]
from av.packet import Packet
from av.video.stream import VideoStream

from tests.ingest.clips import BLUE, GREEN, RED, WHITE, corners, quarters

Pixels = npt.NDArray[np.uint8]
LETTERS = {RED: "R", GREEN: "G", BLUE: "B", WHITE: "W"}
# What EXIF's numbers (TIFF 6.0, tag 274) make of the quarters R G / B W.
LAID = {1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB"}
SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def letters(pixels: Pixels) -> str:
    """Name the quarters of an RGB picture."""
    return "".join(LETTERS[name] for name in corners(pixels))


def shown(image: bytes) -> Pixels:
    """Return an image's pixels in RGB, without heeding what it says of how it lies."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), flags)
    assert pixels is not None
    return np.ascontiguousarray(pixels[:, :, ::-1]).astype(np.uint8)


def photo(pixels: Pixels | None = None, suffix: str = ".jpg", *options: int) -> bytes:
    """Write an image of the quarters, or of pixels in RGB."""
    pixels = quarters(64, 48) if pixels is None else pixels
    _, data = cv2.imencode(suffix, pixels[:, :, ::-1], options)
    return data.tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def put_in(jpeg: bytes, *segments: bytes) -> bytes:
    """Put segments behind a JPEG's APP0."""
    place = 2
    while jpeg[place + 1] == 0xE0:
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return jpeg[:place] + b"".join(segments) + jpeg[place:]


def without(jpeg: bytes, *markers: int) -> bytes:
    """Take segments out of a JPEG's head."""
    kept, place = SOI, 2
    while jpeg[place + 1] != 0xDA:
        behind = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4])
        kept += b"" if jpeg[place + 1] in markers else jpeg[place:behind]
        place = behind
    return kept + jpeg[place:]


def tiff(orientation: int, order: str = ">", kind: int = 3) -> bytes:
    """Return the smallest TIFF that tells how a picture lies; kind is the value's type."""
    start = b"MM" if order == ">" else b"II"
    values = struct.pack(order + ("I" if kind == 4 else "HH"), *(orientation, 0)[: 5 - kind])
    tags = struct.pack(order + "HHI", 0x0110, 2, 1) + b"x\0\0\0"
    tags += struct.pack(order + "HHI", 0x0112, kind, 1) + values
    return start + struct.pack(order + "HIH", 42, 8, 2) + tags + bytes(4)


def exif(orientation: int, order: str = ">") -> bytes:
    """Return the segment in which a JPEG tells how it lies."""
    return segment(0xE1, b"Exif\0\0" + tiff(orientation, order))


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def png_with(png: bytes, name: bytes, content: bytes) -> bytes:
    chunk = struct.pack(">I", len(content)) + name + content
    return png[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + png[33:]


def webp_with(webp: bytes, name: bytes, content: bytes) -> bytes:
    """Return a lossy WebP with one more chunk, in the extended format that this takes."""
    height, width = (int(side) for side in shown(webp).shape[:2])
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    flag = {b"EXIF": 0x08, b"ICCP": 0x20}[name]
    chunks = b"VP8X" + struct.pack("<II", 10, flag) + sizes + webp[12:]
    chunks += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def tiff_with(image: bytes, orientation: int) -> bytes:
    """Return a little-endian TIFF that also tells how it lies."""
    (place,) = struct.unpack_from("<I", image, 4)
    (count,) = struct.unpack_from("<H", image, place)
    entries = [image[place + 2 + 12 * n : place + 14 + 12 * n] for n in range(count)]
    entries = [entry for entry in entries if entry[:2] != b"\x12\x01"]
    entries.append(struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    image += b"\0" * (len(image) % 2)
    return image[:4] + struct.pack("<I", len(image)) + image[8:] + directory


def profile(name: str) -> bytes:
    """Return an ICC profile of which nothing but its name makes sense."""
    text = name.encode("utf-16-be")
    tag = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(text), 28) + text
    return bytes(128) + struct.pack(">I4sII", 1, b"desc", 144, len(tag)) + tag


def of_rgb(pixels: Pixels) -> bytes:
    """Return a JPEG whose three parts are red, green and blue, as Adobe's programs may write."""
    planes = [np.ascontiguousarray(pixels[:, :, number]) for number in range(3)]
    coded = bytes(simplejpeg.encode_jpeg_yuv_planes(*planes, quality=95))
    return put_in(without(coded, 0xE0), adobe(0))


def of_cmyk(pixels: Pixels) -> bytes:
    """Return a JPEG of inverted cyan, magenta, yellow and black, as Adobe's programs write."""
    black = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    inks = np.ascontiguousarray(np.concatenate([pixels, black], axis=2))
    return bytes(simplejpeg.encode_jpeg(inks, 95, colorspace="CMYK", colorsubsampling="444"))


def grey() -> bytes:
    _, data = cv2.imencode(".jpg", quarters(64, 48)[:, :, 1])
    return data.tobytes()


def changed(jpeg: bytes, marker: int, change: Callable[[bytearray], None]) -> bytes:
    """Change the content of the first segment of a kind."""
    place = jpeg.index(bytes([0xFF, marker]))
    behind = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    content = bytearray(jpeg[place + 4 : behind])
    change(content)
    return jpeg[: place + 4] + bytes(content) + jpeg[behind:]


def video_of(path: Path, images: list[bytes]) -> Path:
    """Write Motion JPEG of these very pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, image in enumerate(images):
            packet = Packet(image)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            container.mux(packet)
    return path


def zip_of(path: Path, images: list[bytes], suffix: str = "jpg") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"{number}.{suffix}", image)
    return path
