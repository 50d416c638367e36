"""The watched folder: files go their way under any name, and nothing is ever overwritten."""

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest.inbox.folders import Folders
from ingest.inbox.marker_files import Marks
from ingest.inbox.renaming import rename_no_replace

from tests.ingest.clock import FakeClock
from tests.ingest.replicas import TAKEOVER_SECONDS, claimed, contents, drop, replica

NAMES = [
    "a b.mp4",
    'it\'s "quoted".mp4',
    "new\nline.mp4",
    "съёмка 動画 🎥.mp4",
    "-rf *.mp4",
    "no suffix",
    os.fsdecode(b"latin \xe9\xff.mp4"),
    "n" * 251 + ".mp4",
    "n" * 255,
    "n." + "s" * 253,
    os.fsdecode("ы".encode() * 126 + b".mp"),
]


@pytest.fixture(autouse=True)
def _within_seconds() -> Iterator[None]:
    """Fail a test that looks for a free name for ever."""

    def fail(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    with replica(tmp_path) as made:
        yield made


def test_the_folders_are_made_where_they_are_missing(tmp_path: Path) -> None:
    with replica(tmp_path / "new" / "videos"):
        made = {path.name for path in (tmp_path / "new" / "videos").iterdir()}
        assert made == {"incoming", "processing", "done", "failed"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_goes_its_way_under_any_name(folders: Folders, name: str) -> None:
    path = claimed(folders, name)
    assert path.name == name
    assert folders.owns(path)
    assert not list(folders.incoming.iterdir())
    moved = folders.finish(path, folders.failed, "It is no video.")
    assert moved == folders.failed / name
    assert not folders.owns(path)
    assert moved.read_text(encoding="utf-8") == "video"
    (note,) = (path for path in folders.failed.iterdir() if path != moved)
    assert note.read_text(encoding="utf-8") == "It is no video.\n"
    assert note.name.endswith(".reason.txt")
    assert name.startswith(note.name.removesuffix(".reason.txt"))


def test_a_finished_file_without_a_note_lies_alone(folders: Folders) -> None:
    folders.finish(claimed(folders), folders.done, None)
    assert contents(folders.done) == {"a.mp4": "video"}


@pytest.mark.parametrize("name", NAMES)
def test_files_of_one_name_are_kept_side_by_side(folders: Folders, name: str) -> None:
    for number in range(4):
        path = claimed(folders, name, f"video {number}")
        assert folders.finish(path, folders.failed, f"reason {number}") is not None
    kept = contents(folders.failed).values()
    assert sorted(kept) == [
        *(f"reason {number}\n" for number in range(4)),
        *(f"video {number}" for number in range(4)),
    ]


def test_a_second_file_is_numbered_before_its_suffix(folders: Folders) -> None:
    for name in ("a.b.mp4", "a.b.mp4", "bare", "bare"):
        folders.finish(claimed(folders, name), folders.done, None)
    assert set(contents(folders.done)) == {"a.b.mp4", "a.b (2).mp4", "bare", "bare (2)"}


def test_a_person_file_named_like_a_note_is_not_overwritten(folders: Folders) -> None:
    (folders.failed / "a.mp4.reason.txt").write_text("mine", encoding="utf-8")
    folders.finish(claimed(folders), folders.failed, "theirs")
    assert contents(folders.failed) == {
        "a.mp4": "video",
        "a.mp4.reason.txt": "mine",
        "a.mp4.reason (2).txt": "theirs\n",
    }


def test_a_file_can_be_put_back(folders: Folders) -> None:
    path = claimed(folders)
    drop(folders, "a.mp4", "another")
    folders.give_back(path)
    assert contents(folders.incoming) == {"a.mp4": "another", "a (2).mp4": "video"}


def test_a_file_that_is_gone_is_not_claimed_and_not_finished(folders: Folders) -> None:
    assert folders.claim(folders.incoming / "gone.mp4") is None
    path = claimed(folders)
    path.unlink()
    assert folders.finish(path, folders.done, "a note") is None
    assert contents(folders.done) == {}


def test_folders_that_were_deleted_are_made_again(tmp_path: Path) -> None:
    with replica(tmp_path) as folders:
        for path in (folders.incoming, folders.done):
            path.rmdir()
        folders.prepare()
        assert folders.finish(claimed(folders), folders.done, None) is not None


def test_a_rename_does_not_replace(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("a", encoding="utf-8")
    target.write_text("b", encoding="utf-8")
    with pytest.raises(FileExistsError):
        rename_no_replace(source, target)
    assert contents(tmp_path) == {"a": "a", "b": "b"}
    with pytest.raises(FileNotFoundError):
        rename_no_replace(tmp_path / "gone", tmp_path / "c")
    with pytest.raises(OSError, match="too long") as raised:
        rename_no_replace(source, tmp_path / ("n" * 256))
    assert raised.value.errno == errno.ENAMETOOLONG


def strange(path: Path, kind: str) -> None:
    """Lay something that nobody expects where ingest's own file is to lie."""
    path.unlink(missing_ok=True)
    match kind:
        case "folder":
            (path / "within").mkdir(parents=True)
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(path.parent / "elsewhere")
        case "huge":
            with path.open("wb") as file:
                file.truncate(8 << 30)


KINDS = pytest.mark.parametrize("kind", ["folder", "pipe", "link", "huge"])


@KINDS
def test_strange_signs_of_life_stop_no_service(tmp_path: Path, kind: str) -> None:
    mine = tmp_path / "processing" / "one"
    mine.mkdir(parents=True)
    strange(mine / ".alive", kind)
    with replica(tmp_path) as folders:
        path = claimed(folders)
        strange(mine / ".alive", kind)
        folders.prepare()
        assert folders.owns(path)
        assert not (mine / "elsewhere").exists()
        folders.finish(path, folders.done, None)


@KINDS
def test_strange_things_in_the_folder_of_another_keep_none_of_its_files(
    tmp_path: Path, kind: str
) -> None:
    clock = FakeClock()
    other = tmp_path / "processing" / "other"
    other.mkdir(parents=True)
    (other / "a.mp4").write_text("video", encoding="utf-8")
    for name in (".alive", ".note", "b.mp4.toml"):
        strange(other / name, kind)
    with replica(tmp_path, "one", clock) as one:
        taken: list[Path] = []
        for _ in range(3):
            taken += one.orphans()
            clock.seconds += TAKEOVER_SECONDS + 0.1
        assert [path.name for path in taken] == ["a.mp4"]


@KINDS
def test_a_strange_draft_keeps_no_note(folders: Folders, kind: str) -> None:
    path = claimed(folders)
    strange(path.parent / ".note", kind)
    moved = folders.finish(path, folders.failed, "why")
    assert moved is not None
    assert moved.with_name("a.mp4.reason.txt").read_text(encoding="utf-8") == "why\n"
    assert not (path.parent / "elsewhere").exists()


@KINDS
def test_strange_things_among_claimed_files_are_left_alone(folders: Folders, kind: str) -> None:
    path = claimed(folders)
    strange(path.with_name("strange.mp4"), kind)
    names = [each.name for each in folders.claimed()]
    assert names == (["a.mp4", "strange.mp4"] if kind in ("folder", "huge") else ["a.mp4"])


def test_a_note_that_can_not_be_kept_keeps_no_file(folders: Folders) -> None:
    (folders.failed / ".notes").write_text("no folder", encoding="utf-8")
    path = folders.finish(claimed(folders), folders.failed, "why")
    assert path is not None
    assert folders.give_back(path) == folders.incoming / "a.mp4"


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "huge"])
def test_strange_marks_mean_nothing(tmp_path: Path, kind: str) -> None:
    marks = Marks(tmp_path)
    content = "ab" * 32
    marks.supersede(content, "0" * 32)
    strange(tmp_path / ".again" / content, kind)
    assert marks.superseded(content) is None
    marks.clear(content)
    outside = tmp_path / "outside"
    outside.write_text("0" * 32, encoding="utf-8")
    assert marks.superseded("../outside") is None
    marks.clear("../outside")
    assert outside.exists()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "huge"])
def test_a_strange_mark_pauses_too(tmp_path: Path, kind: str) -> None:
    marks = Marks(tmp_path)
    strange(tmp_path / ".paused", kind)
    assert marks.paused
    marks.pause()
    assert not (tmp_path / "elsewhere").exists()
