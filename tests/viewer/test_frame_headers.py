"""The wire format of a window, and the parts of a multipart stream."""

from __future__ import annotations

import struct
from dataclasses import replace

from viewer.playback.frame_headers import part, record
from viewer.playback.frame_sequences import Delivery

from tests.viewer.builders import STARTED_AT, frame


def test_a_record_is_88_bytes_and_the_image() -> None:
    bytes_ = b"".join(record(Delivery(replace(frame(3, is_last=True), pts_ns=-1))))
    assert bytes_[:4] == b"FLF1"
    assert struct.unpack_from(">HBB", bytes_, 4) == (88, 1, 1)
    assert struct.unpack_from(">Qqqq", bytes_, 8) == (3, -1, 40_000_000, 103)
    times = (STARTED_AT + 3, STARTED_AT + 4, STARTED_AT // 1000)
    assert struct.unpack_from(">qqq", bytes_, 40) == times
    assert struct.unpack_from(">iiIIII", bytes_, 64) == (2, 7, 160, 90, len(b"picture 3"), 0)
    assert bytes_[88:] == b"picture 3"


def test_skipped_frames_are_told() -> None:
    bytes_ = b"".join(record(Delivery(frame(3), skipped=5)))
    assert bytes_[7] == 2
    assert struct.unpack_from(">I", bytes_, 84) == (5,)


def test_the_encoding_is_told() -> None:
    made = [record(Delivery(replace(frame(0), encoding=e)))[0][6] for e in ("JPEG", "PNG", "WEBP")]
    assert made == [1, 2, 3]


def test_a_part_has_its_own_type_and_length() -> None:
    made = b"".join(part(replace(frame(3), encoding="PNG")))
    head, _, body = made.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"--frame",
        b"Content-Type: image/png",
        b"Content-Length: 9",
        b"X-Frame-Index: 3",
        b"X-Frame-Pts-Ns: 120000000",
    ]
    assert body == b"picture 3\r\n"
