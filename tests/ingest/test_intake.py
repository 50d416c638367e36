"""When a worker begins with a file, and when the file is claimed for it."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from ingest.candidates import Candidates
from ingest.claims import Claims
from ingest.endings import Endings
from ingest.folders import Folders
from ingest.intake import Intake
from ingest.messages import Ended, Job, NotAVideo, NotYet, Opened, Proceed
from ingest.metrics import Metrics
from ingest.pool import Pool, Running
from ingest.reports import Reports
from ingest.settings import Settings
from ingest.stream import State
from ingest.traces import Traces
from prometheus_client import CollectorRegistry

from tests.ingest.clock import FakeClock

FOUND = Opened("ab" * 32)
TOML = "quality = 50\n"


class Workers(Pool):
    """Workers that do nothing, and what they were told."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.started: list[Running] = []
        self._lines: dict[Running, Connection] = {}

    def start(self, job: Job) -> Running:
        """See Pool.start."""
        ours, theirs = multiprocessing.Pipe()
        running = Running(job, multiprocessing.Process(), ours, 0.0)
        self._running.append(running)
        self._lines[running] = theirs
        self.started.append(running)
        return running

    def told(self, running: Running) -> list[object]:
        line, told = self._lines[running], []
        while line.poll():
            try:
                told.append(line.recv())
            except EOFError:
                told.append("the end")
                break
        return told


class Service:
    """The service, but for its processes; time passes only when a test says so."""

    def __init__(self, videos: Path, **environ: str) -> None:
        settings = Settings.from_environ({"FRAMELOG_VIDEOS": str(videos), **environ})
        self.clock = FakeClock()
        self.folders = Folders(videos, "one", 10.0, self.clock)
        self.workers = Workers(settings)
        candidates = Candidates(self.workers, Traces(int), self.clock)
        metrics = Metrics(CollectorRegistry(), "0", 4)
        endings = Endings(settings, self.folders, candidates, metrics)
        claims = Claims(settings, self.folders, candidates)
        self.intake = Intake(
            settings, self.folders, candidates, claims=claims, endings=endings, metrics=metrics
        )
        self.reports = Reports(
            settings, self.folders, candidates, claims=claims, endings=endings, metrics=metrics
        )

    def drop(self, name: str = "film.mp4", content: bytes = b"a film") -> Path:
        path = self.folders.incoming / name
        path.write_bytes(content)
        return path

    def look_after(self, *seconds: float) -> None:
        for each in seconds:
            self.clock.sleep(each)
            self.intake.look()

    @property
    def claimed(self) -> list[str]:
        return [path.name for path in self.folders.claimed()]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    one = Service(tmp_path)
    one.folders.prepare()
    yield one
    one.workers.stop()
    one.folders.release()


def test_a_file_is_opened_while_it_settles_and_claimed_when_it_has(service: Service) -> None:
    service.drop()
    service.look_after(0.0)
    assert service.workers.started == []
    service.look_after(0.1)
    (worker,) = service.workers.started
    service.reports.hear(worker, FOUND)
    service.look_after(0.2)
    assert (service.claimed, service.workers.told(worker)) == ([], [])
    service.look_after(0.2)
    assert service.claimed == ["film.mp4"]
    assert service.workers.told(worker) == [Proceed("film.mp4")]


def test_a_file_that_is_opened_after_it_has_settled_is_claimed_at_once(service: Service) -> None:
    service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (worker,) = service.workers.started
    assert service.claimed == []
    service.reports.hear(worker, FOUND)
    assert service.claimed == ["film.mp4"]


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" and more")


def rewrite(path: Path) -> None:
    path.write_bytes(b"b film")
    os.utime(path, ns=(1, 1))


def replace(path: Path) -> None:
    before = path.stat()
    other = path.with_name(".other")
    other.write_bytes(b"b film")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


CHANGES = pytest.mark.parametrize("change", [grow, rewrite, replace, Path.unlink])


@CHANGES
def test_what_was_found_in_a_file_that_has_changed_means_nothing(
    service: Service, change: Callable[[Path], None]
) -> None:
    path = service.drop()
    service.look_after(0.0, 0.1)
    (early,) = service.workers.started
    service.reports.hear(early, FOUND)
    change(path)
    service.look_after(0.2, 0.2)
    assert service.claimed == []
    assert service.workers.told(early) == ["the end"]
    assert service.workers.started == [early]
    service.look_after(0.4)
    for worker in service.workers.started[1:]:
        service.reports.hear(worker, FOUND)
    assert service.claimed == ([] if change is Path.unlink else [path.name])


@CHANGES
def test_a_change_after_the_latest_look_is_noticed_at_the_claim(
    service: Service, change: Callable[[Path], None]
) -> None:
    path = service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (worker,) = service.workers.started
    change(path)
    service.reports.hear(worker, FOUND)
    assert service.claimed == []
    assert service.workers.told(worker) == ["the end"]


@pytest.mark.parametrize("found", [NotAVideo("No moov atom."), NotYet()])
def test_that_a_file_can_not_be_opened_says_nothing_before_it_has_been_still_for_long(
    service: Service, found: NotAVideo | NotYet
) -> None:
    service.drop()
    service.look_after(0.0, 0.1)
    service.reports.hear(service.workers.started[0], found)
    service.look_after(0.5, 4.0)
    assert len(service.workers.started) == 1
    service.look_after(1.0)
    again = service.workers.started[1]
    assert again.job.give_up is None
    service.reports.hear(again, FOUND)
    assert service.claimed == ["film.mp4"]


def test_settings_that_come_while_a_file_settles_hold(service: Service) -> None:
    path = service.drop()
    service.look_after(0.0, 0.1)
    (early,) = service.workers.started
    service.reports.hear(early, FOUND)
    path.with_name("film.mp4.toml").write_text(TOML, encoding="utf-8")
    service.look_after(0.4)
    assert service.claimed == []
    again = service.workers.started[1]
    assert (again.job.choices.quality, again.job.give_up) == (50, None)
    service.reports.hear(again, FOUND)
    assert service.claimed == ["film.mp4"]


def test_the_next_file_is_begun_without_another_look(tmp_path: Path) -> None:
    service = Service(tmp_path, FRAMELOG_INGEST_WORKERS="1")
    service.folders.prepare()
    for name in ("1.mp4", "2.mp4", "3.mp4"):
        service.drop(name)
    service.look_after(0.0, 0.1, 0.4)
    (first,) = service.workers.started
    service.reports.hear(first, FOUND)
    service.reports.hear(first, Ended("id", "run", State.COMPLETE, 1, None, duplicate=False))
    service.intake.fill()
    assert [running.job.path.name for running in service.workers.started[1:]] == ["2.mp4"]
    service.workers.stop()
    service.folders.release()


def test_the_oldest_files_are_the_first_however_many_wait(tmp_path: Path) -> None:
    service = Service(tmp_path, FRAMELOG_INGEST_WORKERS="1")
    service.folders.prepare()
    for age in range(20):
        os.utime(service.drop(f"{age}.mp4"), ns=(0, 10**18 - age * 10**9))
    service.look_after(0.0, 0.5)
    for _ in range(19):
        worker = service.workers.started[-1]
        service.reports.hear(worker, Opened(worker.job.path.name))
        service.reports.hear(worker, Ended("id", "run", State.COMPLETE, 1, None, duplicate=False))
        service.intake.fill()
    begun = [running.job.path.name for running in service.workers.started]
    assert begun == [f"{age}.mp4" for age in reversed(range(20))]
    service.workers.stop()
    service.folders.release()


def test_there_is_a_backlog_while_more_files_wait_than_may_be_begun_with(tmp_path: Path) -> None:
    service = Service(tmp_path, FRAMELOG_INGEST_WORKERS="2")
    service.folders.prepare()
    for number in range(5):
        service.drop(f"{number}.mp4")
    service.look_after(0.0, 0.5)
    seen = [service.intake.has_backlog]
    service.reports.hear(service.workers.started[0], FOUND)
    service.reports.hear(
        service.workers.started[0], Ended("id", "run", State.COMPLETE, 1, None, duplicate=False)
    )
    seen.append(service.intake.has_backlog)
    service.intake.fill()
    seen.append(service.intake.has_backlog)
    assert seen == [True, True, False]
    service.workers.stop()
    service.folders.release()


def test_nothing_is_begun_while_intake_is_paused(service: Service) -> None:
    service.drop()
    (service.folders.root / ".paused").touch()
    service.look_after(0.0, 0.1, 0.4)
    service.intake.fill()
    assert service.workers.started == []
    (service.folders.root / ".paused").unlink()
    service.look_after(0.0)
    assert len(service.workers.started) == 1
