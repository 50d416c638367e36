"""Which files of a folder have arrived."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from ingest.inbox.file_state import FileState, waits
from ingest.inbox.incoming_scan import Settling, scan_folder

A, B = "incoming/a.mp4", "incoming/b.mp4"
EMPTY = FileState(1, 0, 0)


def settled(settling: Settling, seen: dict[str, FileState], now: float) -> list[tuple[str, float]]:
    still = settling.update(seen, now)
    return [(path, now - one.since) for path, one in still.items() if now >= one.settles_at]


def may_be_opened(settling: Settling, seen: dict[str, FileState], now: float) -> list[str]:
    return list(settling.update(seen, now))


def test_a_file_is_settled_when_it_has_been_still_for_long_enough() -> None:
    settling = Settling(0.5, 5.0)
    assert settled(settling, {A: EMPTY}, 100.0) == []
    assert due(settling) == pytest.approx(100.1)
    assert settled(settling, {A: EMPTY}, 100.25) == []
    assert due(settling) == 100.5
    assert settled(settling, {A: EMPTY}, 100.5) == [(A, 0.5)]
    assert due(settling) is None
    assert settled(settling, {A: EMPTY}, 107.0) == [(A, 7.0)]


def due(settling: Settling) -> float | None:
    return settling.due


@pytest.mark.parametrize(
    "changed", [FileState(1, 1, 0), FileState(1, 0, 1), FileState(1, 0, -1), FileState(2, 0, 0)]
)
def test_any_change_begins_the_wait_again(changed: FileState) -> None:
    settling = Settling(0.5, 5.0)
    settling.update({A: EMPTY}, 100.0)
    assert settled(settling, {A: changed}, 100.5) == []
    assert due(settling) == 101.0
    assert settled(settling, {A: changed}, 101.0) == [(A, 0.5)]


def test_a_file_may_be_opened_a_little_before_it_has_settled() -> None:
    settling = Settling(2.0, 5.0)
    assert may_be_opened(settling, {A: EMPTY}, 100.0) == []
    assert due(settling) == pytest.approx(101.6)
    assert may_be_opened(settling, {A: EMPTY}, 101.5) == []
    assert may_be_opened(settling, {A: EMPTY}, 101.75) == [A]
    assert settled(settling, {A: EMPTY}, 101.75) == []
    assert due(settling) == 102.0


@pytest.mark.parametrize("settle_seconds", [0.0, 0.05])
def test_a_short_wait_is_not_made_longer(settle_seconds: float) -> None:
    settling = Settling(settle_seconds, 5.0)
    settling.update({A: EMPTY}, 100.0)
    assert [path for path, _ in settled(settling, {A: EMPTY}, 100.0 + settle_seconds)] == [A]


def test_one_that_was_seen_to_change_is_not_opened_early() -> None:
    settling = Settling(0.5, 5.0)
    settling.update({A: EMPTY}, 100.0)
    settling.update({A: FileState(1, 1, 1)}, 100.05)
    assert may_be_opened(settling, {A: FileState(1, 1, 1)}, 100.5) == []
    assert may_be_opened(settling, {A: FileState(1, 1, 1)}, 100.56) == [A]


def test_a_folder_is_not_opened_early() -> None:
    settling = Settling(0.5, 5.0)
    shots = FileState(1, 0, 0, is_folder=True)
    assert may_be_opened(settling, {A: shots}, 100.0) == []
    assert may_be_opened(settling, {A: shots}, 104.9) == []
    assert settled(settling, {A: shots}, 105.0) == [(A, 5.0)]


def test_a_file_that_was_gone_for_a_look_begins_again() -> None:
    settling = Settling(0.5, 5.0)
    settling.update({A: EMPTY}, 100.0)
    settling.update({}, 100.25)
    assert due(settling) is None
    assert settled(settling, {A: EMPTY}, 100.5) == []


def test_files_settle_one_by_one_in_the_order_given() -> None:
    settling = Settling(0.5, 5.0)
    settling.update({A: EMPTY}, 100.0)
    assert settled(settling, {A: EMPTY, B: EMPTY}, 100.5) == [(A, 0.5)]
    assert due(settling) == pytest.approx(100.6)
    assert settled(settling, {B: EMPTY, A: EMPTY}, 101.0) == [(B, 0.5), (A, 1.0)]


def test_a_look_shows_regular_files_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new.mp4", "b.mp4", "old name\n.mp4", "very old")):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, ns=(0, 10**18 - age * 10**9))
    files, strange = scan_folder(tmp_path)
    assert names(files) == ["very old", "old name\n.mp4", "b.mp4", "new.mp4"]
    state = files[str(tmp_path / "new.mp4")]
    assert (state.size_bytes, state.mtime_ns) == (5, 10**18)
    assert state.inode == (tmp_path / "new.mp4").stat().st_ino
    assert strange == {}


def test_links_folders_and_pipes_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "target")
    (tmp_path / "broken.mp4").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.mp4")
    files, strange = scan_folder(tmp_path)
    assert names(files) == ["target"]
    assert set(names(strange)) == {"folder.mp4", "link.mp4", "broken.mp4", "pipe.mp4"}


def names(paths: Iterable[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_names_that_wait_are_not_looked_at(tmp_path: Path) -> None:
    for name in (".hidden.mp4", "a.mp4.part", "a.mp4.crdownload", "a.mp4.toml"):
        (tmp_path / name).touch()
    (tmp_path / ".folder").mkdir()
    assert scan_folder(tmp_path) == ({}, {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".a.mp4", True),
        (".mp4", True),
        ("a.PART", True),
        ("a.mp4.CrDownload", True),
        ("a.mp4.tmp", True),
        ("a.toml", True),
        ("a.mp4", False),
        ("part.mp4", False),
        ("apart", False),
        ("a.part.mp4", False),
    ],
)
def test_hidden_and_partial_names_wait(name: str, *, expected: bool) -> None:
    assert waits(name) == expected


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_folder(tmp_path / "gone")
