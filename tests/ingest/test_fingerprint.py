"""What identifies a video: its content."""

import os
import re
from hashlib import sha256
from pathlib import Path

import pytest
from ingest.media.fingerprint import content_id, fingerprint, stream_id
from ingest.model.wording import printable

from tests.support.files import sparse

MIB = 1 << 20
CONTENT = "0123456789abcdef" * 4


@pytest.mark.parametrize("content", [b"", b"a", bytes(MIB), bytes(MIB + 1)])
def test_a_small_file_is_hashed_whole_after_its_size(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert fingerprint(path) == sha256(len(content).to_bytes(8, "big") + content).hexdigest()


@pytest.mark.parametrize("size_bytes", [10, 64 * MIB, 64 * MIB + 1, 10_000 * MIB])
def test_equal_content_has_an_equal_fingerprint(tmp_path: Path, size_bytes: int) -> None:
    first = fingerprint(sparse(tmp_path / "a", size_bytes))
    assert first == fingerprint(sparse(tmp_path / "another name", size_bytes))
    assert re.fullmatch(r"[0-9a-f]{64}", first)


@pytest.mark.parametrize("size_bytes", [10, 64 * MIB, 64 * MIB + 1, 10_000 * MIB])
def test_size_first_and_last_byte_tell_files_apart(tmp_path: Path, size_bytes: int) -> None:
    made = {
        fingerprint(sparse(tmp_path / "a", size_bytes)),
        fingerprint(sparse(tmp_path / "b", size_bytes + 1)),
        fingerprint(sparse(tmp_path / "c", size_bytes, 0)),
        fingerprint(sparse(tmp_path / "d", size_bytes, size_bytes - 1)),
    }
    assert len(made) == 4


@pytest.mark.parametrize("mark", range(0, 64 * MIB, 7 * MIB + 12_345))
def test_up_to_64_mib_every_byte_counts(tmp_path: Path, mark: int) -> None:
    empty = sparse(tmp_path / "a", 64 * MIB)
    assert fingerprint(sparse(tmp_path / "b", 64 * MIB, mark)) != fingerprint(empty)


def test_of_a_longer_file_blocks_all_over_it_count(tmp_path: Path) -> None:
    size = 1000 * MIB
    empty = fingerprint(sparse(tmp_path / "a", size))
    for block in (0, 1, 20, 40, 62, 63):
        mark = block * (size - MIB) // 63
        assert fingerprint(sparse(tmp_path / "b", size, mark)) != empty
        assert fingerprint(sparse(tmp_path / "b", size, mark + MIB - 1)) != empty


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    size = 10_000 * MIB
    between = (size - MIB) // 63 + 2 * MIB
    assert fingerprint(sparse(tmp_path / "a", size, between)) == fingerprint(
        sparse(tmp_path / "b", size)
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Holiday in Rome.MP4", "holiday-in-rome"),
        ("archive.tar.mkv", "archive-tar"),
        ("Café Übergröße.mp4", "cafe-ubergroe"),
        ("съёмка.mp4", "video"),
        ("動画 7.mp4", "7"),
        ("---.mp4", "video"),
        ("a/b\n'\"$(rm).mp4", "b-rm"),
        ("x" * 300 + ".mp4", "x" * 40),
        ("a" * 39 + " bc.mp4", "a" * 39),
        (os.fsdecode(b"caf\xe9 \xff.mp4"), "caf"),
        (".mp4", "mp4"),
    ],
)
def test_a_stream_id_is_a_slug_and_12_digits_of_the_content(name: str, slug: str) -> None:
    made = stream_id(name, CONTENT)
    assert made == f"{slug}-0123456789ab"
    assert made.endswith(f"-{content_id(CONTENT)}")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", made)


def test_a_name_that_is_no_utf8_can_be_printed() -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    assert printable(name) == "caf\N{REPLACEMENT CHARACTER}.mp4"
    assert printable(name).encode() == b"caf\xef\xbf\xbd.mp4"
    assert printable("съёмка\n.mp4") == "съёмка\n.mp4"
