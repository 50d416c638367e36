"""Image sequences that lie in a folder."""

import ctypes
import os
from fractions import Fraction
from pathlib import Path

import pytest
from ingest.inbox.file_state import FileState
from ingest.inbox.incoming_scan import Settling, scan_folder
from ingest.inbox.renaming import rename_no_replace
from ingest.media.fingerprint import fingerprint
from ingest.media.image_folder import size_bytes
from ingest.media.opening import open_pictures
from ingest.media.picture_source import CodedPicture
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable

from tests.ingest.test_jpeg_passthrough import LIMITS, jpeg, pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of three images, and a hidden file."""
    made = tmp_path / "shots"
    made.mkdir()
    for number in (1, 2, 10):
        (made / f"frame{number}.jpg").write_bytes(jpeg(64 + number))
    (made / ".DS_Store").write_bytes(b"no image")
    return made


def widths(path: Path) -> list[int]:
    found, missing = pictures(path)
    assert missing is None
    return [one.picture.width for one in found if isinstance(one.picture, CodedPicture)]


def state_at(path: Path) -> FileState | str:
    files, strange = scan_folder(path.parent)
    return files.get(str(path)) or strange[str(path)]


def test_images_are_shown_in_the_order_of_their_numbers(folder: Path) -> None:
    assert widths(folder) == [65, 66, 74]
    with open_pictures(folder, LIMITS) as source:
        described = source.describe(Choices(sequence_rate=Fraction(10)))
    assert (described.container, described.codec) == ("image2", "jpg")
    assert (described.width, described.estimated_frame_count) == (65, 3)
    assert described.frame_rate == Fraction(10)


def test_a_folder_that_is_moved_meanwhile_is_read_on(folder: Path) -> None:
    with open_pictures(folder, LIMITS) as source:
        folder.rename(folder.with_name("moved"))
        assert len(list(source.pictures(Choices()))) == 3
        assert source.shortfall() is None


@pytest.mark.parametrize("change", ["added", "removed", "grown"])
def test_images_that_change_meanwhile_are_told_of(folder: Path, change: str) -> None:
    with open_pictures(folder, LIMITS) as source:
        if change == "removed":
            (folder / "frame1.jpg").unlink()
        else:
            name = "frame3.jpg" if change == "added" else "frame1.jpg"
            with (folder / name).open("ab") as file:
                file.write(b"more")
        list(source.pictures(Choices()))
        missing = source.shortfall()
    assert missing is not None
    assert "1 " in missing


def test_a_link_that_takes_an_image_s_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(99))
    with open_pictures(folder, LIMITS) as source:
        (folder / "frame2.jpg").unlink()
        (folder / "frame2.jpg").symlink_to(secret)
        (folder / "frame10.jpg").unlink()
        os.mkfifo(folder / "frame10.jpg")
        found = [one.picture for one in source.pictures(Choices())]
        assert [one.width for one in found if isinstance(one, CodedPicture)] == [65]
        assert source.shortfall() == "2 of 3 images can't be decoded."
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    with pytest.raises(Unreadable, match="can't be opened"):
        open_pictures(link, LIMITS)


def test_a_folder_of_images_alone_is_a_sequence(folder: Path) -> None:
    state = state_at(folder)
    assert isinstance(state, FileState)
    assert state.is_folder
    sizes = [path.stat().st_size for path in folder.glob("*.jpg")]
    assert state.size_bytes == size_bytes(folder) == sum(sizes)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe", "part"])
def test_a_folder_that_holds_anything_else_is_left_alone(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    stranger = folder / {"file": "notes.txt", "part": "frame3.jpg.part"}.get(kind, "odd.jpg")
    if kind == "folder":
        stranger.mkdir()
    elif kind == "link":
        (tmp_path / "target").write_bytes(jpeg())
        stranger.symlink_to(tmp_path / "target")
    elif kind == "pipe":
        os.mkfifo(stranger)
    else:
        stranger.write_bytes(b"text")
    assert state_at(folder) == f"a folder that holds something else than images: {stranger.name!r}"
    with pytest.raises(Unreadable, match="something else than images"):
        open_pictures(folder, LIMITS)


def test_an_empty_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert state_at(tmp_path / "empty") == "an empty folder"


def test_any_change_inside_begins_the_wait_again(folder: Path) -> None:
    settling = Settling(0.5, 5.0)
    settling.update(scan_folder(folder.parent)[0], 100.0)
    assert settling.due is None
    assert settling.update(scan_folder(folder.parent)[0], 104.9) == {}
    os.utime(folder / "frame1.jpg", ns=(0, 10**18 + folder.stat().st_mtime_ns))
    assert settling.update(scan_folder(folder.parent)[0], 105.0) == {}
    assert settling.update(scan_folder(folder.parent)[0], 109.9) == {}
    assert list(settling.update(scan_folder(folder.parent)[0], 110.0)) == [str(folder)]


def test_the_fingerprint_is_that_of_the_content_in_order(folder: Path, tmp_path: Path) -> None:
    content = fingerprint(folder)
    folder.rename(tmp_path / "another name")
    folder = tmp_path / "another name"
    (folder / "frame2.jpg").rename(folder / "frame3.jpg")
    assert fingerprint(folder) == content
    (folder / "frame3.jpg").rename(folder / "frame11.jpg")
    assert fingerprint(folder) != content
    (folder / "frame11.jpg").rename(folder / "frame3.jpg")
    with (folder / "frame10.jpg").open("r+b") as file:
        file.seek(200)
        file.write(b"x")
    assert fingerprint(folder) != content


def test_one_image_is_not_the_folder_that_holds_it(tmp_path: Path) -> None:
    alone = tmp_path / "one"
    alone.mkdir()
    (alone / "a.jpg").write_bytes(jpeg())
    assert fingerprint(alone) != fingerprint(alone / "a.jpg")


@pytest.mark.parametrize("kernel", ["new", "old"])
def test_a_folder_never_replaces_anything(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    if kernel == "old":  # one that has no rename without replacing
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    for name in ("file", "empty", "full"):
        target = tmp_path / name
        if name == "file":
            target.write_text("text")
        else:
            target.mkdir()
        if name == "full":
            (target / "a").touch()
        with pytest.raises(FileExistsError):
            rename_no_replace(folder, target)
    with pytest.raises(FileNotFoundError):
        rename_no_replace(tmp_path / "gone", tmp_path / "free")
    rename_no_replace(folder, tmp_path / "free")
    assert len(list((tmp_path / "free").glob("*.jpg"))) == 3
