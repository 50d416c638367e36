"""When a worker begins with a file, and when the file is claimed for it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ingest.worker.messages import FileIncomplete, NotAVideo, Opened, Proceed

from tests.ingest.service import Service

FOUND = Opened("ab" * 32)
TOML = "quality = 50\n"


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service; a parameter says how many workers it may have."""
    one = Service(tmp_path, FRAMELOG_INGEST_WORKERS=str(getattr(request, "param", 4)))
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
    service.reports.on_report(worker, FOUND)
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
    service.reports.on_report(worker, FOUND)
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
    service.reports.on_report(early, FOUND)
    change(path)
    service.look_after(0.2, 0.2)
    assert service.claimed == []
    assert service.workers.told(early) == ["the end"]
    assert service.workers.started == [early]
    service.look_after(0.4)
    for worker in service.workers.started[1:]:
        service.reports.on_report(worker, FOUND)
    assert service.claimed == ([] if change is Path.unlink else [path.name])


@CHANGES
def test_a_change_after_the_latest_look_is_noticed_at_the_claim(
    service: Service, change: Callable[[Path], None]
) -> None:
    path = service.drop()
    service.look_after(0.0, 0.1, 0.4)
    (worker,) = service.workers.started
    change(path)
    service.reports.on_report(worker, FOUND)
    assert service.claimed == []
    assert service.workers.told(worker) == ["the end"]


@pytest.mark.parametrize(
    "found", [NotAVideo("No moov atom."), FileIncomplete("Its end is missing.")]
)
def test_that_a_file_can_not_be_opened_says_nothing_before_it_has_been_still_for_long(
    service: Service, found: NotAVideo | FileIncomplete
) -> None:
    service.drop()
    service.look_after(0.0, 0.1)
    service.reports.on_report(service.workers.started[0], found)
    service.look_after(0.5, 4.0)
    assert len(service.workers.started) == 1
    service.look_after(1.0)
    again = service.workers.started[1]
    assert again.job.give_up is None
    service.reports.on_report(again, FOUND)
    assert service.claimed == ["film.mp4"]


def test_settings_that_come_while_a_file_settles_hold(service: Service) -> None:
    path = service.drop()
    service.look_after(0.0, 0.1)
    (early,) = service.workers.started
    service.reports.on_report(early, FOUND)
    path.with_name("film.mp4.toml").write_text(TOML, encoding="utf-8")
    service.look_after(0.4)
    assert service.claimed == []
    again = service.workers.started[1]
    assert (again.job.choices.quality, again.job.give_up) == (50, None)
    service.reports.on_report(again, FOUND)
    assert service.claimed == ["film.mp4"]


@pytest.mark.parametrize("service", [1], indirect=True)
def test_the_next_file_is_begun_without_another_look(service: Service) -> None:
    for name in ("1.mp4", "2.mp4", "3.mp4"):
        service.drop(name)
    service.look_after(0.0, 0.1, 0.4)
    (first,) = service.workers.started
    service.end(first)
    service.scheduler.fill()
    assert [running.job.path.name for running in service.workers.started[1:]] == ["2.mp4"]


@pytest.mark.parametrize("service", [1], indirect=True)
def test_the_oldest_files_are_the_first_however_many_wait(service: Service) -> None:
    for age in range(20):
        os.utime(service.drop(f"{age}.mp4"), ns=(0, 10**18 - age * 10**9))
    service.look_after(0.0, 0.5)
    for _ in range(19):
        service.end(service.workers.started[-1])
        service.scheduler.fill()
    begun = [running.job.path.name for running in service.workers.started]
    assert begun == [f"{age}.mp4" for age in reversed(range(20))]


@pytest.mark.parametrize("service", [2], indirect=True)
def test_there_is_a_backlog_while_more_files_wait_than_may_be_begun_with(service: Service) -> None:
    for number in range(5):
        service.drop(f"{number}.mp4")
    service.look_after(0.0, 0.5)
    seen = [service.scheduler.has_backlog]
    service.end(service.workers.started[0])
    seen.append(service.scheduler.has_backlog)
    service.scheduler.fill()
    seen.append(service.scheduler.has_backlog)
    assert seen == [True, True, False]


def test_nothing_is_begun_while_intake_is_paused(service: Service) -> None:
    service.drop()
    (service.folders.root / ".paused").touch()
    service.look_after(0.0, 0.1, 0.4)
    service.scheduler.fill()
    assert service.workers.started == []
    (service.folders.root / ".paused").unlink()
    service.look_after(0.0)
    assert len(service.workers.started) == 1


def test_nothing_is_begun_while_the_log_can_not_be_told_from_others(service: Service) -> None:
    """What is claimed waits too, with the reason; what is at work goes on."""
    service.drop("at-work.mp4")
    service.look_after(0.0, 0.1)
    (worker,) = service.workers.started
    service.hold = "The schema registry has lost schemas."
    service.drop("new.mp4")
    (service.folders.processing / "one" / "claimed.mp4").write_bytes(b"a claimed film")
    service.look_after(0.0, 0.1, 0.4)
    service.reports.on_report(worker, FOUND)
    assert service.workers.started == [worker]
    assert service.claimed == ["at-work.mp4", "claimed.mp4"]
    waits = {work.path.name: work.waits_for for work in service.scheduler.at_work}
    assert waits == {"new.mp4": service.hold, "claimed.mp4": service.hold}
    service.hold = None
    service.look_after(0.0)
    assert len(service.workers.started) == 3
    assert [work.waits_for for work in service.scheduler.at_work] == [None, None]
