"""The watched folder: claims, takeovers, and nothing ever overwritten."""

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ingest.folders import Folders, rename_no_replace

from tests.ingest.clock import FakeClock

TAKEOVER_SECONDS = 10.0
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


@contextmanager
def replica(root: Path, name: str = "one", clock: FakeClock | None = None) -> Iterator[Folders]:
    folders = Folders(root, name, TAKEOVER_SECONDS, clock or FakeClock())
    folders.prepare()
    try:
        yield folders
    finally:
        folders.prepare()
        folders.release()


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    with replica(tmp_path) as made:
        yield made


def drop(folders: Folders, name: str = "a.mp4", content: str = "video") -> Path:
    path = folders.incoming / name
    path.write_text(content, encoding="utf-8")
    return path


def claimed(folders: Folders, name: str = "a.mp4", content: str = "video") -> Path:
    path = folders.claim(drop(folders, name, content))
    assert path is not None
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


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
    folders.unclaim(path)
    assert contents(folders.incoming) == {"a.mp4": "another", "a (2).mp4": "video"}


def test_a_file_that_is_gone_is_not_claimed_and_not_finished(folders: Folders) -> None:
    assert folders.claim(folders.incoming / "gone.mp4") is None
    path = claimed(folders)
    path.unlink()
    assert folders.finish(path, folders.done, "a note") is None
    assert contents(folders.done) == {}


def test_of_two_replicas_one_gets_the_file(tmp_path: Path) -> None:
    with replica(tmp_path, "one") as one, replica(tmp_path, "two") as two:
        for number in range(200):
            path = drop(one, f"{number}.mp4")
            start = threading.Barrier(2)
            results: list[Path | None] = []

            def take(
                folders: Folders,
                path: Path = path,
                start: threading.Barrier = start,
                results: list[Path | None] = results,
            ) -> None:
                start.wait(10)
                results.append(folders.claim(path))

            threads = [threading.Thread(target=take, args=(each,)) for each in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert results.count(None) == 1, results
            (mine,) = (result for result in results if result is not None)
            assert mine.exists()
            assert one.owns(mine) != two.owns(mine)


def test_a_living_replica_keeps_its_files(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as one, replica(tmp_path, "two", clock) as two:
        path = claimed(one)
        for beat in range(1, 20):
            alive = path.parent / ".alive"
            os.utime(alive, ns=(beat, beat))
            assert list(two.orphans()) == []
            clock.seconds += TAKEOVER_SECONDS * 0.9
        assert one.owns(path)


def test_a_replica_that_ended_is_taken_over_at_once(tmp_path: Path) -> None:
    one = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    one.prepare()
    path = claimed(one)
    with replica(tmp_path, "two") as two:
        assert list(two.orphans()) == []
        one.release()
        (taken,) = two.orphans()
        assert two.owns(taken)
        assert taken.name == path.name
        assert not path.parent.exists()


def test_a_replica_that_hangs_is_taken_over_after_the_time(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as one, replica(tmp_path, "two", clock) as two:
        claimed(one)
        assert list(two.orphans()) == []
        clock.seconds += TAKEOVER_SECONDS
        assert list(two.orphans()) == []
        clock.seconds += 0.1
        (taken,) = two.orphans()
        assert two.owns(taken)


def test_a_folder_without_a_sign_of_life_is_taken_over_after_the_time(tmp_path: Path) -> None:
    clock = FakeClock()
    stray = tmp_path / "processing" / "stray"
    stray.mkdir(parents=True)
    (stray / "a.mp4").write_text("video", encoding="utf-8")
    with replica(tmp_path, "one", clock) as one:
        assert list(one.orphans()) == []
        clock.seconds += TAKEOVER_SECONDS + 0.1
        (taken,) = one.orphans()
        assert taken.read_text(encoding="utf-8") == "video"


def test_a_takeover_overwrites_nothing(tmp_path: Path) -> None:
    one = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    one.prepare()
    claimed(one, "a.mp4", "of one")
    one.release()
    with replica(tmp_path, "two") as two:
        mine = claimed(two, "a.mp4", "of two")
        (taken,) = two.orphans()
        assert mine.read_text(encoding="utf-8") == "of two"
        assert taken.read_text(encoding="utf-8") == "of one"


def test_a_thawed_replica_sees_that_its_files_are_gone_and_goes_on(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as frozen, replica(tmp_path, "two", clock) as two:
        path = claimed(frozen)
        list(two.orphans())
        clock.seconds += TAKEOVER_SECONDS + 0.1
        (taken,) = two.orphans()
        assert not frozen.owns(path)
        assert frozen.finish(path, frozen.done, "a note") is None
        assert two.owns(taken)
        frozen.prepare()
        again = claimed(frozen, "b.mp4")
        assert frozen.owns(again)
        clock.seconds += TAKEOVER_SECONDS * 5
        assert list(two.orphans()) == []


def test_a_thawed_replica_can_stop_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    frozen = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    frozen.prepare()
    claimed(frozen)
    with replica(tmp_path, "two", clock) as two:
        list(two.orphans())
        clock.seconds += TAKEOVER_SECONDS + 0.1
        assert len(list(two.orphans())) == 1
        frozen.release()


def test_folders_that_were_deleted_are_made_again(tmp_path: Path) -> None:
    with replica(tmp_path) as folders:
        for path in (folders.incoming, folders.done):
            path.rmdir()
        folders.prepare()
        assert folders.finish(claimed(folders), folders.done, None) is not None


def test_a_replica_leaves_no_empty_folder_behind(tmp_path: Path) -> None:
    with replica(tmp_path) as folders:
        folders.finish(claimed(folders), folders.done, None)
    assert list((tmp_path / "processing").iterdir()) == []


def test_two_replicas_cannot_have_one_name(tmp_path: Path) -> None:
    with replica(tmp_path, "one"):
        twin = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
        for _ in range(2):
            with pytest.raises(OSError, match="a FRAMELOG_INGEST_REPLICA of its own"):
                twin.prepare()


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
