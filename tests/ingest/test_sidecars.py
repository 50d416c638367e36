"""Settings beside a video go with it, whatever happens, and are never another's."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ingest.inbox.folders import Folders
from ingest.inbox.renaming import rename_no_replace
from ingest.model.stream import State
from ingest.worker.messages import Ended, Opened

from tests.ingest.clock import FakeClock
from tests.ingest.replicas import TAKEOVER_SECONDS, contents, drop, replica
from tests.ingest.service import Service


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    with replica(tmp_path) as made:
        yield made


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file system that has no links, or whose files are another's."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("ingest.inbox.sidecars.os.link", refuse)


def everything(folders: Folders) -> dict[str, str]:
    return {
        str(path.relative_to(folders.root)): path.read_text()
        for path in folders.root.rglob("*")
        if path.is_file() and path.name != ".alive"
    }


@pytest.mark.parametrize("links", ["links", "no_links"])
@pytest.mark.parametrize("settings", ["a.mp4.toml", "a.toml"])
def test_settings_go_all_the_way_and_back(
    folders: Folders, settings: str, links: str, request: pytest.FixtureRequest
) -> None:
    if links == "no_links":
        request.getfixturevalue(links)
    drop(folders, settings, "of a")
    path = folders.claim(drop(folders, "a.mp4"))
    assert path is not None
    assert everything(folders) == {
        "processing/one/a.mp4": "video",
        "processing/one/a.mp4.toml": "of a",
    }
    done = folders.finish(path, folders.done, None)
    assert done is not None
    assert everything(folders) == {"done/a.mp4": "video", "done/a.mp4.toml": "of a"}
    folders.give_back(done)
    assert everything(folders) == {"incoming/a.mp4": "video", "incoming/a.mp4.toml": "of a"}


def test_a_numbered_file_takes_its_own_settings_and_no_other(folders: Folders) -> None:
    for number in range(3):
        drop(folders, "a.mp4.toml", f"of {number}")
        path = folders.claim(drop(folders, "a.mp4", f"video {number}"))
        assert path is not None
        folders.finish(path, folders.done, None)
    assert contents(folders.done) == {
        "a.mp4": "video 0",
        "a.mp4.toml": "of 0",
        "a (2).mp4": "video 1",
        "a (2).mp4.toml": "of 1",
        "a (3).mp4": "video 2",
        "a (3).mp4.toml": "of 2",
    }


@pytest.mark.parametrize("name", ["a.mp4.toml", "a.toml"])
def test_what_an_old_file_left_is_not_joined(folders: Folders, name: str) -> None:
    (folders.done / name).write_text("of one that was deleted")
    path = folders.claim(drop(folders, "a.mp4"))
    assert path is not None
    folders.finish(path, folders.done, None)
    assert contents(folders.done) == {name: "of one that was deleted", "a (2).mp4": "video"}
    (folders.incoming / "a (2).mp4.toml").write_text("of one that is to come")
    folders.give_back(folders.done / "a (2).mp4")
    assert set(contents(folders.incoming)) == {"a (2).mp4.toml", "a (2) (2).mp4"}


def test_the_settings_of_a_stem_are_those_of_every_file_of_it(folders: Folders) -> None:
    drop(folders, "a.toml", "of both")
    paths = [drop(folders, name) for name in ("a.mp4", "a.mov")]
    for path in paths:
        folders.claim(path)
    assert everything(folders) == {
        "processing/one/a.mp4": "video",
        "processing/one/a.mp4.toml": "of both",
        "processing/one/a.mov": "video",
        "processing/one/a.mov.toml": "of both",
    }


def test_the_settings_of_a_full_name_are_no_others(folders: Folders) -> None:
    drop(folders, "a.toml", "of a")
    bare, video = drop(folders, "a"), drop(folders, "a.mp4")
    folders.claim(video)
    folders.claim(bare)
    assert set(everything(folders)) == {
        "processing/one/a.mp4",
        "processing/one/a",
        "processing/one/a.toml",
    }


@pytest.mark.parametrize("name", ["n" * 246 + ".mp4", "n" * 251 + ".mp4", "n" * 255])
def test_settings_of_the_longest_names_go_too_if_they_can_be(folders: Folders, name: str) -> None:
    stem = f"{Path(name).stem}.toml"
    if len(stem) <= 255:
        drop(folders, stem, "of it")
    path = folders.claim(drop(folders, name))
    assert path is not None
    moved = folders.finish(path, folders.done, None)
    assert moved is not None
    assert len(list(folders.done.iterdir())) == 1 + (len(stem) <= 255)


def at_step(
    monkeypatch: pytest.MonkeyPatch, number: int, error: Callable[[], BaseException]
) -> None:
    """Have the number-th change of the folder be the last, or, odd ones, the last not done."""
    calls = 0

    def counted(act: Callable[..., object]) -> Callable[..., object]:
        def acting(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == (number + 1) // 2:
                if number % 2 == 0:
                    act(*arguments, **named)
                raise error()
            return act(*arguments, **named)

        return acting

    monkeypatch.setattr("ingest.inbox.sidecars.os.link", counted(os.link))
    monkeypatch.setattr("ingest.inbox.folders.rename_no_replace", counted(rename_no_replace))
    monkeypatch.setattr("ingest.inbox.stray_settings.rename_no_replace", counted(rename_no_replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("other", ["one", "two"])
def test_a_claim_that_is_killed_anywhere_parts_nothing(
    tmp_path: Path, number: int, other: str
) -> None:
    first = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    first.prepare()
    drop(first, "a.mp4.toml", "of a")
    path = drop(first, "a.mp4")
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, number, Killed)
        with suppress(Killed):
            first.claim(path)
    first.release()
    with replica(tmp_path, other) as second:
        taken = [*second.orphans(), *second.claimed()]
        second.tidy()
        drop(second, "b.mp4")
        # Whoever comes next under this name has no part in them.
        if taken:
            drop(second, "a.mp4", "another")
        for each in [*taken, *(second.incoming / name for name in ("b.mp4", "a.mp4"))]:
            claimed = each if each in taken else second.claim(each)
            assert claimed is not None
            second.finish(claimed, second.done, None)
        left = everything(second)
    expected = {"done/a.mp4": "video", "done/a.mp4.toml": "of a", "done/b.mp4": "video"}
    assert left == (expected | {"done/a (2).mp4": "another"} if taken else expected)


@pytest.mark.parametrize("number", range(1, 7))
def test_an_end_that_is_killed_anywhere_parts_nothing(tmp_path: Path, number: int) -> None:
    first = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    first.prepare()
    drop(first, "a.mp4.toml", "of a")
    path = first.claim(drop(first, "a.mp4"))
    assert path is not None
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, number, Killed)
        with suppress(Killed):
            first.finish(path, first.done, None)
    first.release()
    with replica(tmp_path, "two") as second:
        for taken in second.orphans():
            second.finish(taken, second.done, None)
        second.tidy()
        assert everything(second) == {"done/a.mp4": "video", "done/a.mp4.toml": "of a"}


@pytest.mark.parametrize("number", range(1, 7))
def test_a_move_that_fails_anywhere_parts_nothing(tmp_path: Path, number: int) -> None:
    with replica(tmp_path) as folders:
        drop(folders, "a.mp4.toml", "of a")
        path = drop(folders, "a.mp4")
        with pytest.MonkeyPatch.context() as patch:
            at_step(patch, number, lambda: OSError(errno.EIO, "Input/output error"))
            with suppress(OSError):
                folders.claim(path)
        folders.tidy()
        if path.exists():
            folders.claim(path)
        assert everything(folders) == {
            "processing/one/a.mp4": "video",
            "processing/one/a.mp4.toml": "of a",
        }


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    one = Service(tmp_path)
    one.folders.prepare()
    yield one
    one.workers.stop()
    one.folders.release()


def test_settings_that_come_too_late_are_not_those_of_the_next_file(service: Service) -> None:
    service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (worker,) = service.workers.started
    service.reports.on_report(worker, Opened("ab" * 32))
    assert service.claimed == ["film.mp4"]
    late = service.folders.incoming / "film.toml"
    late.write_text("quality = 50\n")
    service.look_after(1.0, 5.0)
    assert late.exists(), "the next film.mp4 may be on its way"
    service.look_after(5.0, 5.0)
    service.reports.on_report(worker, Ended("id", "run", State.COMPLETE, 1, None, duplicate=False))
    assert contents(service.folders.done) == {
        "film.mp4": "a film",
        "film.mp4.toml": "quality = 50\n",
    }
    assert not list(service.folders.incoming.iterdir())


def test_settings_that_come_before_their_video_wait_for_it(service: Service) -> None:
    (service.folders.incoming / "film.toml").write_text("quality = 50\n")
    service.look_after(0.0, 6.0, 6.0)
    service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (worker,) = service.workers.started
    assert worker.job.choices.quality == 50


@pytest.mark.parametrize("change", ["changed", "gone", "replaced"])
def test_settings_that_change_before_the_claim_are_read_again(
    service: Service, change: str
) -> None:
    settings = service.folders.incoming / "film.toml"
    settings.write_text("quality = broken\n")
    service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (first,) = service.workers.started
    assert first.job.give_up is not None
    settings.unlink()
    if change != "gone":
        settings.with_name("film.mp4.toml" if change == "replaced" else "film.toml").write_text(
            "quality = 40\n"
        )
    service.reports.on_report(first, Opened("ab" * 32))
    assert service.claimed == []
    service.look_after(0.1)
    again = service.workers.started[1]
    expected = None if change == "gone" else 40
    assert (again.job.give_up, again.job.choices.quality) == (None, expected)


def test_settings_beside_many_videos_do_not_take_a_look_at_the_folder_each(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = folders.processing / "one"
    for number in range(100):
        drop(folders, f"{number}.mp4")
        drop(folders, f"{number}.mp4.toml")
        drop(folders, f"late {number}.toml")
        for name in (f"late {number}.mp4", f"at work {number}.mp4", f"at work {number}.toml"):
            (mine / name).write_text("")
        os.link(mine / f"at work {number}.toml", folders.done / f"{number}.linked")
    looks, true_scan, true_list = 0, os.scandir, os.listdir

    def counted(true: Callable[[Path], object]) -> Callable[[Path], object]:
        def looking(folder: Path) -> object:
            nonlocal looks
            looks += 1
            return true(folder)

        return looking

    monkeypatch.setattr("ingest.inbox.sidecars.os.scandir", counted(true_scan))
    monkeypatch.setattr("ingest.inbox.sidecars.os.listdir", counted(true_list))
    folders.tidy()
    folders._now.seconds += 60  # type: ignore[attr-defined]
    folders.tidy()
    monkeypatch.undo()
    assert len(list(mine.glob("late *.toml"))) == 100
    assert looks < 20
