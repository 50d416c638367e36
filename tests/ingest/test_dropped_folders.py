"""Folders with videos in them, such as cameras' cards: claimed whole, each video a stream."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ingest.config.settings import Settings
from ingest.inbox.file_state import FileState, current_state
from ingest.inbox.incoming_scan import scan_folder
from ingest.inbox.marker_files import Begun, Marks
from ingest.inbox.open_file import HeldFile
from ingest.media.container_end.end_status import End
from ingest.media.picture_source import PictureSource
from ingest.model.errors import Unfinished
from ingest.model.stream import State
from ingest.supervisor.worker_pool import WorkerHandle
from ingest.worker.file_worker import Worker
from ingest.worker.messages import Ended, Job, Opened, Proceed

from tests.ingest.desk import Desk
from tests.ingest.service import Service

CARD = {
    "DCIM/100GOPRO/GX010001.MP4": "one",
    "DCIM/100GOPRO/GX010001.THM": "thumbnail",
    "DCIM/100GOPRO/GL010001.LRV": "proxy",
    "DCIM/100GOPRO/GOPR0002.JPG": "photo",
    "DCIM/101GOPRO/GX010001.MP4": "two",
    "PRIVATE/AVCHD/BDMV/STREAM/00000.MTS": "three",
    "PRIVATE/AVCHD/BDMV/INDEX.BDM": "index",
    ".Trashes/deleted.MP4": "hidden",
    "MISC/._x.MP4": "hidden",
}
VIDEOS = [name for name, text in CARD.items() if text in ("one", "two", "three")]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    one = Service(tmp_path / "videos")
    one.folders.prepare()
    yield one
    one.workers.stop()
    one.folders.release()


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def take(service: Service, files: dict[str, str] = CARD) -> Path:
    """Drop a card, and have it claimed."""
    card = lay(service.folders.incoming / "card", files)
    service.look_after(0.0, 4.9)
    assert card.is_dir()
    service.look_after(0.2, 0.2)
    assert service.claimed == ["card"]
    return service.folders.processing / "one" / "card"


def names(workers: list[WorkerHandle], card: Path) -> list[str]:
    return [str(worker.job.path.relative_to(card)) for worker in workers]


def finish(
    service: Service, ended: Callable[[WorkerHandle], Ended] | None = None, rounds: int = 10
) -> None:
    done: set[int] = set()
    for _ in range(rounds):
        for worker in service.workers.started:
            if id(worker) in done:
                continue
            done.add(id(worker))
            service.reports.on_report(worker, Opened(str(worker.job.path)))
            error = worker.job.give_up
            state = State.FAILED if error else State.COMPLETE
            default = Ended("id", "run", state, 1, error, duplicate=False)
            service.reports.on_report(worker, ended(worker) if ended else default)
        service.look_after(1.0)


def test_a_card_is_claimed_whole_and_each_video_is_a_file(service: Service) -> None:
    card = take(service)
    assert tree(card) == CARD
    assert sorted(names(service.workers.started, card)) == sorted(VIDEOS)
    for worker in service.workers.started:
        service.reports.on_report(worker, Opened(str(worker.job.path)))
    told = [service.workers.told(worker) for worker in service.workers.started]
    assert told == [[Proceed(f"card/{name}")] for name in names(service.workers.started, card)]
    finish(service)
    assert tree(service.folders.done / "card") == CARD
    note = (service.folders.done / "card.reason.txt").read_text()
    assert note == "4 other files were left alone, 1 image among them.\n"
    assert not service.claimed


def test_a_card_with_a_video_that_is_not_whole_fails_and_says_which(service: Service) -> None:
    card = take(service)

    def ended(worker: WorkerHandle) -> Ended:
        is_cut = "101" in str(worker.job.path)
        state = State.TRUNCATED if is_cut else State.COMPLETE
        return Ended("id", "run", state, 7, "It is cut." if is_cut else None, duplicate=False)

    finish(service, ended)
    assert not card.exists()
    assert tree(service.folders.failed / "card") == CARD
    note = (service.folders.failed / "card.reason.txt").read_text().splitlines()
    assert note[0] == "1 of 3 videos in the folder is not whole in the log."
    assert note[1].startswith("DCIM/101GOPRO/GX010001.MP4: It is cut. The 7 frames")


def test_a_card_that_cannot_be_moved_waits(service: Service) -> None:
    take(service)
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: object) -> None:
            raise OSError("No space left on device")

        patch.setattr(type(service.folders), "finish", refuse)
        finish(service)
    assert service.claimed == ["card"]
    service.look_after(1.1)
    assert tree(service.folders.done / "card") == CARD


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_restart_begins_with_each_video_again(service: Service, after: int) -> None:
    take(service)
    for worker in list(service.workers.started)[:after]:
        service.end(worker)
    service.workers.stop()
    service.folders.release()
    other = Service(service.folders.root, "two")
    other.folders.prepare()
    other.look_after(0.0, 0.1)
    card = other.folders.processing / "two" / "card"
    assert sorted(names(other.workers.started, card)) == sorted(VIDEOS)
    finish(other)
    assert tree(other.folders.done / "card") == CARD
    other.workers.stop()
    other.folders.release()


def test_a_card_that_was_taken_over_is_let_go(service: Service) -> None:
    card = take(service)
    card.rename(service.folders.root / "elsewhere")
    service.look_after(1.0)
    finish(service)
    assert not service.claimed
    assert not list(service.folders.done.iterdir())
    assert not list(service.folders.failed.iterdir())


def test_an_error_within_fails_the_video_and_the_folder_stays_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = service.workers.start

    def start(job: object) -> WorkerHandle:
        if "101" in str(job.path):  # type: ignore[attr-defined]
            raise TypeError("injected")
        return true(job)  # type: ignore[arg-type]

    monkeypatch.setattr(service.workers, "start", start)
    take(service)
    finish(service)
    assert tree(service.folders.failed / "card") == CARD
    note = (service.folders.failed / "card.reason.txt").read_text()
    assert "DCIM/101GOPRO/GX010001.MP4: Ingest itself failed on it" in note


def test_settings_of_the_folder_hold_for_all_and_a_videos_own_over_them(service: Service) -> None:
    beside = service.folders.incoming / "card.toml"
    beside.write_text("quality = 50\nevery_nth = 2\n")
    card = take(service, {**CARD, "DCIM/101GOPRO/GX010001.MP4.toml": "quality = 60\n"})
    chosen = {
        name: (worker.job.choices.quality, worker.job.choices.every_nth)
        for name, worker in zip(
            names(service.workers.started, card), service.workers.started, strict=True
        )
    }
    assert chosen == {name: (60 if "101" in name else 50, 2) for name in VIDEOS}
    finish(service)
    assert (service.folders.done / "card.toml").exists()


def test_nothing_is_claimed_while_intake_is_paused(service: Service) -> None:
    lay(service.folders.incoming / "card", CARD)
    (service.folders.root / ".paused").touch()
    service.look_after(0.0, 6.0, 1.0)
    assert service.claimed == []
    (service.folders.root / ".paused").unlink()
    service.look_after(0.1)
    assert service.claimed == ["card"]


@pytest.mark.parametrize("change", ["grown", "added", "made", "gone"])
def test_a_card_that_is_still_being_copied_waits(service: Service, change: str) -> None:
    card = lay(service.folders.incoming / "card", CARD)
    deep = card / "DCIM" / "101GOPRO"
    for number in range(4):
        service.look_after(0.0, 3.0)
        match change:
            case "grown":
                with (deep / "GX010001.MP4").open("a") as file:
                    file.write("more")
            case "added":
                (deep / f"{len(list(deep.iterdir()))}.txt").touch()
            case "made":
                (deep / f"{len(list(deep.iterdir()))}").mkdir()
            case "gone":
                (card / list(CARD)[number]).unlink()
        service.look_after(2.5)
    assert service.claimed == []
    service.look_after(5.0)
    assert service.claimed == ["card"]


def seen(folder: Path) -> FileState | str:
    files, strange = scan_folder(folder.parent)
    return files.get(str(folder)) or strange[str(folder)]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.txt": "", "b/c.jpg": ""}, "a folder that holds something else than images: 'a.txt'"),
        ({"b/c.jpg": ""}, "a folder that holds something else than images: 'b'"),
        ({"a.mp4": "", "b/c.mp4.part": ""}, "a folder with an unfinished download in it: "),
        ({"/".join("d" * 33) + "/a.mp4": ""}, "a folder of folders, more than 32 deep"),
        ({".a/b.mp4": ""}, "an empty folder"),
    ],
)
def test_other_folders_are_left_alone(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    found = seen(lay(tmp_path / "folder", files))
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = lay(tmp_path / "outside", {"a.mp4": "secret"})
    card = lay(tmp_path / "in" / "card", {"b.mp4": ""})
    (card / "loop").symlink_to(card)
    (card / "outside").symlink_to(outside)
    (card / "c.mp4").symlink_to(outside / "a.mp4")
    os.mkfifo(card / "pipe.mp4")
    found = seen(card)
    assert isinstance(found, FileState)
    assert (found.has_videos, found.entries) == (True, 5)


def test_very_many_files_are_looked_at_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.media.video_folder.MOST_ENTRIES", 20)
    card = lay(tmp_path / "card", {f"{n // 5}/{n}.mp4": "" for n in range(30)})
    assert seen(card) == "a folder of more than 20 files: divide it"


def test_a_card_is_listed_and_retried_as_a_whole(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lay(desk.folders.failed / "card", CARD)
    streams = [
        desk.stream_of(desk.folders.failed / "card" / name, state)
        for name, state in zip(VIDEOS, (State.TRUNCATED, State.COMPLETE, State.FAILED), strict=True)
    ]
    [listed] = desk.ask("GET", "files")["files"]
    assert (listed["name"], listed["state"]) == ("card", "failed")
    desk.ask("POST", "files/card/retry")
    assert tree(desk.folders.incoming / "card") == CARD
    superseded = [desk.marks.superseded(stream.fingerprint) for stream in streams]
    assert superseded == [streams[0].run_id, None, None]


def test_the_folder_of_a_video_that_is_reprocessed_comes_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lay(desk.folders.done / "card", CARD)
    stream = desk.stream_of(desk.folders.done / "card" / VIDEOS[1], State.COMPLETE)
    told = desk.ask("POST", f"streams/{stream.stream_id}/reprocess")
    assert told["name"] == "card"
    assert tree(desk.folders.incoming / "card") == CARD
    assert desk.marks.superseded(stream.fingerprint) == stream.run_id


def test_videos_that_come_while_the_others_are_sent_are_sent_too(service: Service) -> None:
    card = take(service)
    late = lay(card, {"DCIM/102GOPRO/GX010002.MP4": "late"}) / "DCIM/102GOPRO/GX010002.MP4"
    finish(service, rounds=2)
    for _ in range(5):
        with late.open("a") as file:
            file.write(", and more")
        service.look_after(1.0, 3.0)
    assert late not in [worker.job.path for worker in service.workers.started], "it still grows"
    finish(service)
    service.look_after(5.0)
    finish(service)
    assert late in [worker.job.path for worker in service.workers.started]
    assert (service.folders.done / "card" / late.relative_to(card)).read_text().startswith("late")


def test_a_videos_mark_is_kept_until_its_folder_is_moved(service: Service) -> None:
    card, marks = take(service), Marks(service.folders.root)
    states = {card / name: state_of(card / name) for name in VIDEOS}
    for each in states.values():
        marks.begin(Begun("f" * 64, "0" * 32, each))
    first, *others = service.workers.started
    for worker in (first, *others):
        assert marks.begun(states[first.job.path].inode) is not None, "else it repeats itself"
        service.reports.on_report(worker, Opened(str(worker.job.path)))
        end = Ended("id", "run", State.COMPLETE, 1, None, duplicate=False)
        service.reports.on_report(worker, replace(end, file_state=states[worker.job.path]))
    service.look_after(1.0)
    assert tree(service.folders.done / "card") == CARD
    assert [marks.begun(each.inode) for each in states.values()] == [None] * 3


def state_of(path: Path) -> FileState:
    found = current_state(path)
    assert isinstance(found, FileState)
    return found


def test_a_video_that_is_open_for_writing_is_waited_for_unless_its_run_was_begun(
    tmp_path: Path,
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"a film")
    settings = Settings.from_environ({"FRAMELOG_VIDEOS": str(tmp_path)})
    job = Job(path, settings.choices, is_resumed=True)
    whole, source = (
        cast("PictureSource", SimpleNamespace(end=end)) for end in (End.WHOLE, End.UNKNOWN)
    )
    unused = cast("Any", None)
    worker = Worker(settings, job, unused, unused, unused)
    with HeldFile(path) as held:
        worker._check_whole(held, source)
        with path.open("ab"):
            with pytest.raises(Unfinished, match="open for writing"):
                worker._check_whole(held, source)
            worker._check_whole(held, whole)  # its folder has been still for long
            Marks(tmp_path).begin(Begun("f" * 64, "0" * 32, held.state))
            worker._check_whole(held, source)
