"""The reasons, for people, why a file is not a video: what it is instead."""

from __future__ import annotations

import os
import time

import av
from av.error import FFmpegError

from ingest.media.container_end.bounded_reader import BoundedReader, Exhausted
from ingest.media.container_end.end_marks import jpeg_bytes
from ingest.media.container_end.iso_bmff import header_bytes, kinds_of_boxes
from ingest.media.container_formats import SOUND

_HEAD_BYTES = 1 << 16
_MOST_BEHIND_BYTES = 16 << 20
_BOXES = (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip", b"moof", b"styp")
_ENCRYPTED_SAMPLES = (b"encv", b"drmi")
# How playlists and manifests begin: they refer to videos, but are none.
_LISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"v=0\n", b"v=0\r")
_LISTS_WITHIN = (b"<MPD", b"<smil", b"<asx", b"<ASX")
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")
_KINDS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive, or a document that is packed as one",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"<svg": "an SVG drawing",
    b"SQLite format 3": "a database",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"{": "a text (JSON)",
}


def not_a_video(descriptor: int, error: FFmpegError) -> str:
    """Return a sentence on a file that FFmpeg can't open. Raises OSError."""
    file = BoundedReader(descriptor, 100_000, 64 << 20, 1.0, time.monotonic)
    head = file.at(0, _HEAD_BYTES)
    if sentence := _unfinished(file, head) or _something_else(head):
        return sentence
    if _is_sound(descriptor):
        return "There is no video in the file, only sound."
    if _is_text(head):
        return "It is not a video, but a text."
    return (
        "It is not a video in a format that can be read, or its header is missing "
        f"(FFmpeg: {error.strerror})."
    )


def _unfinished(file: BoundedReader, head: bytes) -> str | None:
    """Return a sentence on a file that may be an unfinished or lost video."""
    if not head.strip(b"\0"):
        return (
            f"It is not a video: its first {len(head)} bytes are zeros. Its content was never "
            "written, or is lost."
        )
    if head[4:8] in _BOXES and not _has_header(file):
        return (
            "Its header (moov) is missing, and nothing can be decoded without it: the recording "
            "was not finished, or the end of the file is missing. Get a whole copy. Some programs "
            "can repair a recording whose camera lost its power."
        )
    return None


def _something_else(head: bytes) -> str | None:
    """Return a sentence on a file that was never a video."""
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if any(page in text.lower() for page in _PAGES):
        return "It is not a video, but a web page: the download returned something else."
    if text.startswith(_LISTS) or any(mark in text for mark in _LISTS_WITHIN):
        return (
            "It is not a video, but a list that refers to videos. Ingest reads neither other "
            "files nor the network: drop the video itself."
        )
    for mark, kind in _KINDS.items():
        if text.startswith(mark):
            return f"It is not a video, but {kind}."
    return None


def is_encrypted(descriptor: int) -> bool:
    """Whether the header of an MP4 or MOV marks its video as encrypted. Raises OSError."""
    file = BoundedReader(descriptor, 10_000, 64 << 20, 1.0, time.monotonic)
    try:
        header = header_bytes(file)
    except Exhausted:
        return False
    # Each track's description (stsd) begins with the kind of its samples.
    descriptions = header.split(b"stsd")[1:]
    return any(piece[12:16] in _ENCRYPTED_SAMPLES for piece in descriptions)


def _has_header(file: BoundedReader) -> bool:
    try:
        return b"moov" in kinds_of_boxes(file)
    except Exhausted:
        return True  # unknown


def is_motion_photo(descriptor: int) -> bool:
    """Whether a video (an MP4) follows the JPEG at the start of a file. Raises OSError."""
    file = BoundedReader(descriptor, 10_000, 64 << 20, 1.0, time.monotonic)
    try:
        end = jpeg_bytes(file)
        behind = file.at(end, _MOST_BEHIND_BYTES) if end else b""
    except Exhausted:
        return False
    return b"ftyp" in behind and b"moov" in behind


def _is_sound(descriptor: int) -> bool:
    options = {
        "format_whitelist": ",".join(sorted(SOUND)),
        "protocol_whitelist": "fd",
        "fd": str(descriptor),
    }
    os.lseek(descriptor, 0, os.SEEK_SET)  # FFmpeg begins at the current offset
    try:
        with av.open("fd:", options=options, metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (FFmpegError, ValueError):
        return False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # more than a character that was cut
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\f\x1b" for letter in text)
