"""What identifies the bytes of a file that is held open, and whether they change."""

import fcntl
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from ingest.inbox.file_state import current_state
from ingest.inbox.open_file import HeldFile, holds
from ingest.model.errors import Unreadable

from tests.support.files import sparse

MIB = 1 << 20
LONG = 65 * MIB


def silent() -> None:
    """Be called now and then."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "film.mp4"
    made.write_bytes(b"a film")
    return made


def images(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"image %d" % number)
    return folder


def test_all_bytes_are_hashed_as_sha256sum_does(path: Path, tmp_path: Path) -> None:
    for each in (path, sparse(tmp_path / "long", LONG, 5 * MIB), sparse(tmp_path / "empty", 0)):
        with HeldFile(each) as held:
            held.identify(silent)
            assert held.sha256(silent) == sha256(each.read_bytes()).hexdigest()
            assert held.known_sha256 == held.sha256(silent)


def test_of_a_long_file_the_hash_is_made_beside(tmp_path: Path) -> None:
    with HeldFile(sparse(tmp_path / "long", LONG)) as held:
        assert not held.identify(silent).is_whole
        assert held.known_sha256 is None
        held.begin_hash()
        made = held.sha256(silent)
        assert held.known_sha256 == made


def test_a_file_that_is_let_go_of_is_hashed_no_further(tmp_path: Path) -> None:
    with HeldFile(sparse(tmp_path / "long", 100_000 * MIB)) as held:
        held.identify(silent)
        held.begin_hash()


@pytest.mark.parametrize("size_bytes", [100, LONG])
def test_a_file_that_is_left_alone_is_not_changed(tmp_path: Path, size_bytes: int) -> None:
    path = sparse(tmp_path / "film", size_bytes)
    with HeldFile(path) as held:
        held.identify(silent)
        path.rename(tmp_path / "another name")
        path.write_bytes(b"another file in its place")
        assert not held.is_changed(silent)
        assert not held.is_at(path)
        assert held.is_at(tmp_path / "another name")


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" and more")


def shrink(path: Path) -> None:
    os.truncate(path, 3)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"b")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, shrink, overwrite])
@pytest.mark.parametrize("size_bytes", [100, LONG])
def test_a_file_that_was_written_to_is_changed(
    tmp_path: Path, size_bytes: int, change: Callable[[Path], None]
) -> None:
    path = sparse(tmp_path / "film", size_bytes)
    with HeldFile(path) as held:
        held.identify(silent)
        held.sha256(silent)
        change(path)
        assert held.is_changed(silent)


@pytest.mark.parametrize("size_bytes", [100, LONG])
def test_a_file_that_was_touched_is_not_changed(tmp_path: Path, size_bytes: int) -> None:
    path = sparse(tmp_path / "film", size_bytes)
    with HeldFile(path) as held:
        held.identify(silent)
        held.sha256(silent)
        os.utime(path, ns=(7, 7))
        assert not held.is_changed(silent)
        assert held.state.mtime_ns == 7, "what is said holds for the file as it is now"


def test_a_file_that_was_written_to_before_it_was_hashed_is_changed(tmp_path: Path) -> None:
    path = sparse(tmp_path / "film", LONG)
    with HeldFile(path) as held:
        held.identify(silent)
        overwrite(path)  # what was decoded by now was something else
        held.begin_hash()
        assert held.is_changed(silent)


def test_a_folder_that_is_left_alone_is_as_settling_sees_it(tmp_path: Path) -> None:
    folder = images(tmp_path / "shots")
    for image in folder.iterdir():
        os.utime(image, ns=(1, 1))  # so that the folder's own time counts
    with HeldFile(folder) as held:
        assert held.state == current_state(folder)


def test_of_a_folder_the_images_count(tmp_path: Path) -> None:
    folder = images(tmp_path / "shots")
    with HeldFile(folder) as held:
        assert held.identify(silent).is_whole
        (folder / ".hidden").touch()
        assert not held.is_changed(silent)
        (folder / "3.jpg").write_bytes(b"image 3")
        assert held.is_changed(silent)
    with HeldFile(folder) as held:
        held.identify(silent)
        (folder / "1.jpg").write_bytes(b"IMAGE 1")
        assert held.is_changed(silent)


def test_who_has_it_open_for_writing_is_noticed(path: Path) -> None:
    with HeldFile(path) as held:
        assert not held.is_being_written()
        with path.open("ab"):
            assert held.is_being_written()
        with path.open("rb"):
            assert not held.is_being_written()


def test_where_there_are_no_leases_processes_are_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with HeldFile(path) as held:
        assert not held.is_being_written()
        with path.open("r+b"):
            assert held.is_being_written()
        with path.open("rb"):
            assert not held.is_being_written()


def test_a_lease_is_given_back(path: Path) -> None:
    with HeldFile(path) as held:
        assert not held.is_being_written()
        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # fails where a lease is held
        os.close(writer)


def test_what_can_not_be_opened_is_said(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(path)
    for each in (tmp_path / "gone.mp4", link):
        with pytest.raises(Unreadable, match="It can't be read: "):
            HeldFile(each)


def test_whether_a_file_is_a_streams_is_told_by_all_its_bytes(tmp_path: Path) -> None:
    # 64 blocks of 1 MiB spread over 65 MiB leave gaps of 16 KiB that no sample sees.
    one, two = sparse(tmp_path / "one", LONG), sparse(tmp_path / "two", LONG, MIB + 100)
    with HeldFile(one) as held, HeldFile(two) as other:
        sampled, same_sample = held.identify(silent), other.identify(silent)
        assert sampled == same_sample
        whole = held.sha256(silent)
        assert whole != other.sha256(silent)
    assert holds(one, sampled.fingerprint, whole)
    assert not holds(two, sampled.fingerprint, whole)
    assert holds(two, sampled.fingerprint, None), "of an old record nothing else is known"
