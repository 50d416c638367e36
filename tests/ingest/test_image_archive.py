"""ZIP files of any size take little time, and end with a sentence."""

import struct
import zipfile
from pathlib import Path

import pytest
from ingest.media import folder_entries, image_archive
from ingest.media.image_archive import ImageArchive
from ingest.media.image_folder import survey
from ingest.media.opening import open_pictures
from ingest.model.errors import Unreadable

from tests.ingest.test_jpeg_passthrough import LIMITS, jpeg
from tests.support.files import zipped


def test_a_zip_of_very_many_members_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zip64's record is written from 65,536 members on; the number is what it says."""
    path = zipped(tmp_path / "many.zip", {f"{n}.jpg": b"" for n in range(65_600)})
    monkeypatch.setattr(image_archive, "MOST_ENTRIES", 65_599)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Unreadable, match="some 65600 members, but may have 65599: divide it"):
        ImageArchive(path)


@pytest.mark.parametrize("lie", ["count", "nothing"])
def test_a_zip_that_lies_about_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    path = zipped(tmp_path / "lies.zip", {f"{n}.jpg": b"" for n in range(20)})
    data = bytearray(path.read_bytes())
    if lie == "count":
        at = data.rfind(b"PK\5\6")
        data[at + 8 : at + 12] = struct.pack("<2H", 1, 1)
    path.write_bytes(data)
    monkeypatch.setattr(image_archive, "MOST_ENTRIES", 19)
    with pytest.raises(Unreadable, match="some 20 members, but may have 19"):
        ImageArchive(path)
    monkeypatch.setattr(image_archive, "MOST_DIRECTORY_BYTES", 19 * 46)
    with pytest.raises(Unreadable, match="members, but may have 19"):
        ImageArchive(path)


def test_what_is_unpacked_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "bomb.zip", {f"{n}.bmp": bytes(1 << 20) for n in range(4)})
    monkeypatch.setattr(image_archive, "MOST_UNPACKED_BYTES", (4 << 20) - 1)
    with pytest.raises(Unreadable, match="4194304 bytes when unpacked"):
        ImageArchive(path)


def test_a_zip_that_asks_for_a_password_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "locked.zip", {f"{n}.jpg": jpeg(64) for n in range(2)})
    data = bytearray(path.read_bytes())
    flags = [(b"PK\3\4", 6), (b"PK\1\2", 8)]  # where a member's own, and the directory's stand
    for signature, after in flags:
        data[data.rfind(signature) + after] |= 1
    path.write_bytes(data)
    with pytest.raises(Unreadable, match="are encrypted, and ingest has no password"):
        ImageArchive(path)


def test_a_zip_of_videos_says_what_to_do(tmp_path: Path) -> None:
    path = zipped(tmp_path / "films.zip", {"day/one.mp4": b"", "notes.txt": b""})
    with pytest.raises(Unreadable, match="but a video: unpack it"):
        ImageArchive(path)


def test_life_is_shown_while_no_image_can_be_decoded(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "late.zip", {**{f"{n}.jpg": b"" for n in range(50)}, "9999.jpg": jpeg(64)}
    )
    shown: list[int] = []
    with open_pictures(path, LIMITS, alive=lambda: shown.append(1)):
        assert len(shown) == 51
    empty = zipped(tmp_path / "empty.zip", {f"{n}.jpg": b"" for n in range(50)})
    with pytest.raises(Unreadable, match="None of the images in the ZIP file"):
        open_pictures(empty, LIMITS, alive=lambda: shown.append(1))
    assert len(shown) == 101


def test_a_folder_of_very_many_files_is_looked_at_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (tmp_path / f"{number}.jpg").touch()
    monkeypatch.setattr("ingest.media.image_folder.MOST_ENTRIES", 20)
    found = survey(tmp_path)
    assert len(found.images) == 21
    assert found.why_not == "a folder of more than 20 images: divide it"
    assert folder_entries.MOST_ENTRIES == 200_000
