"""Files that wait: for their writer, for a twin at work, or to be still after a change."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ingest.inbox.file_state import FileState, current_state
from ingest.inbox.marker_files import Begun as RunMark
from ingest.inbox.marker_files import Marks
from ingest.model.stream import State
from ingest.supervisor.worker_pool import WorkerHandle
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import (
    Begun,
    Busy,
    Changed,
    ClusterRefused,
    Ended,
    FileIncomplete,
    FileProgress,
    Opened,
    StreamTakenOver,
)

from tests.ingest.service import Service

FOUND = Opened("ab" * 32)
OPEN = FileIncomplete("A program has it open for writing.", is_being_written=True)
TWIN = Busy("film-abababababab", "1" * 32, 4, is_paced=False)
NOW_BEGUN = Begun("id", "run", 0, None)
TAKEOVER_SECONDS = 10.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    one = Service(tmp_path, FRAMELOG_INGEST_TAKEOVER_SECONDS=f"{TAKEOVER_SECONDS}")
    one.folders.prepare()
    yield one
    one.workers.stop()
    one.folders.release()


def latest(service: Service) -> WorkerHandle:
    return service.workers.started[-1]


def begun(service: Service, name: str = "film.mp4") -> WorkerHandle:
    """Drop a file, and return its worker once the file is claimed for it."""
    service.drop(name, f"content of {name}".encode())
    service.look_after(0.0, 0.1, 0.5)
    worker = latest(service)
    service.reports.on_report(worker, Opened(name))
    assert name in service.claimed
    return worker


def wait_for_another(service: Service, worker: WorkerHandle, most_seconds: float) -> float:
    """Look every tenth of a second; return after how many another worker began."""
    count = len(service.workers.started)
    for tenths in range(round(most_seconds * 10) + 1):
        if len(service.workers.started) > count:
            assert latest(service) is not worker
            return tenths / 10
        service.look_after(0.1)
    raise AssertionError(f"no worker within {most_seconds} s")


def test_an_open_file_is_looked_into_soon_at_first_and_then_now_and_then(service: Service) -> None:
    service.drop()
    service.look_after(0.0, 0.1)
    pauses = []
    for _ in range(14):
        worker = latest(service)
        service.reports.on_report(worker, OPEN)
        pauses.append(wait_for_another(service, worker, 6))
    assert pauses[0] <= 0.7, "it may be closed any moment"
    assert pauses[-1] >= 4.9, "nobody knows when it is closed"
    assert service.claimed == []
    assert [(work.waits_for, work.stream_id) for work in service.scheduler.at_work] == [
        (OPEN.reason, "")
    ]


def test_a_twin_at_work_is_looked_at_less_and_less_often_while_it_moves(service: Service) -> None:
    worker = begun(service)
    pauses = []
    for moved in range(6):
        service.reports.on_report(worker, replace(TWIN, segment_count=moved // 3))
        pauses.append(wait_for_another(service, worker, TAKEOVER_SECONDS + 1))
        worker = latest(service)
        assert worker.job.abandoned is None
        assert worker.job.is_resumed
        service.reports.on_report(worker, FOUND)
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[3] < pauses[2], "it has moved"


@pytest.mark.parametrize(("is_paced", "times"), [(False, 1), (True, 6)])
def test_a_twin_that_does_not_move_for_long_is_taken_for_lost(
    service: Service, is_paced: bool, times: int
) -> None:
    worker, waited = begun(service), 0.0
    busy = replace(TWIN, is_paced=is_paced)
    while worker.job.abandoned is None:
        service.reports.on_report(worker, busy)
        waited += wait_for_another(service, worker, times * TAKEOVER_SECONDS + 1)
        worker = latest(service)
        service.reports.on_report(worker, FOUND)
        assert waited < 3 * times * TAKEOVER_SECONDS
    assert waited >= times * TAKEOVER_SECONDS
    assert worker.job.abandoned == (busy.run_id, busy.segment_count)


def test_a_run_that_another_file_has_taken_over_is_not_its_own_any_more(service: Service) -> None:
    worker = begun(service)
    (path,) = service.folders.claimed()
    state, marks = current_state(path), Marks(service.folders.root)
    assert isinstance(state, FileState)
    marks.begin(RunMark("ab" * 32, "1" * 32, state))
    service.reports.on_report(worker, StreamTakenOver())
    assert marks.begun(state.inode) is None
    assert wait_for_another(service, worker, TAKEOVER_SECONDS + 1) >= TAKEOVER_SECONDS - 0.2


def test_a_twin_of_this_replica_costs_no_worker(service: Service) -> None:
    first = begun(service, "one.mp4")
    service.drop("two.mp4", b"the same, as its worker finds")
    service.look_after(0.0, 0.5)
    second = latest(service)
    service.reports.on_report(second, Opened("one.mp4"))
    service.look_after(*[1.0] * 20)
    assert latest(service) is second, "it was not begun with again while the first is at work"
    service.reports.on_report(
        first, Ended("id", "run", State.COMPLETE, 1, None, duplicate=False, fingerprint="one.mp4")
    )
    service.look_after(1.0)
    assert latest(service).job.path.name == "two.mp4"


def test_a_file_that_was_changed_is_begun_again_once_it_has_been_still(service: Service) -> None:
    worker = begun(service)
    (path,) = service.folders.claimed()
    service.reports.on_report(worker, Progress(3))
    service.reports.on_report(worker, Changed())
    for _ in range(4):
        service.look_after(1.0, 1.0, 1.0)
        with path.open("ab") as file:
            file.write(b"and more")
    assert latest(service) is worker, "it has not been still"
    assert wait_for_another(service, worker, 12) >= 4.9
    again = latest(service).job
    assert (again.path, again.is_resumed, again.is_final) == (path, True, False)


def test_a_file_that_is_changed_again_and_again_is_read_to_its_end_at_last(
    service: Service,
) -> None:
    worker = begun(service)
    finals = []
    for _ in range(3):
        service.reports.on_report(worker, Changed())
        wait_for_another(service, worker, 12)
        worker = latest(service)
        finals.append(worker.job.is_final)
        service.reports.on_report(worker, Opened("film.mp4"))
    assert finals == [False, False, True]


def ended(path: Path, **changes: object) -> Ended:
    state = current_state(path)
    assert isinstance(state, FileState)
    made = Ended("id", "run", State.COMPLETE, 1, None, duplicate=False, file_state=state)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_file_that_has_grown_since_its_stream_ended_is_not_moved(service: Service) -> None:
    worker = begun(service)
    (path,) = service.folders.claimed()
    end = ended(path)
    with path.open("ab") as file:
        file.write(b"and more")
    service.reports.on_report(worker, end)
    assert service.claimed == ["film.mp4"]
    wait_for_another(service, worker, 12)
    service.reports.on_report(latest(service), Opened("film.mp4"))
    service.reports.on_report(latest(service), ended(path))
    assert [p.name for p in service.folders.done.iterdir()] == ["film.mp4"]


def test_a_file_that_is_gone_by_its_end_is_no_changed_one(service: Service) -> None:
    worker = begun(service)
    (path,) = service.folders.claimed()
    end = ended(path)
    path.unlink()
    service.reports.on_report(worker, end)
    service.look_after(0.1)
    assert len(service.workers.started) == 1
    assert list(service.folders.failed.iterdir()) == []


def test_a_file_that_grows_for_ever_is_put_away_with_a_note(service: Service) -> None:
    worker = begun(service)
    (path,) = service.folders.claimed()
    for _ in range(4):
        end = ended(path)
        with path.open("ab") as file:
            file.write(b"and more")
        service.reports.on_report(worker, end)
        if not path.exists():
            break
        wait_for_another(service, worker, 12)
        worker = latest(service)
        service.reports.on_report(worker, Opened("film.mp4"))
    note = service.folders.failed / "film.mp4.reason.txt"
    assert note.read_text(encoding="utf-8").startswith("The file was changed repeatedly ")
    counted = service.metrics.files
    assert {name: counted.labels(name)._value.get() for name in ("complete", "truncated")} == {
        "complete": 0,
        "truncated": 1,
    }


@pytest.mark.parametrize(
    "then",
    [TWIN, FileIncomplete("Its end is missing."), NOW_BEGUN],
    ids=lambda then: type(then).__name__,
)
def test_a_file_that_was_blocked_and_waits_for_another_thing_is_not_blocked(
    service: Service, then: Busy | FileIncomplete | Begun
) -> None:
    worker = begun(service)
    service.reports.on_report(worker, ClusterRefused("Kafka refuses to write to the topic."))
    service.scheduler.scan()
    assert service.scheduler.blocked == "Kafka refuses to write to the topic."
    wait_for_another(service, worker, 5)
    service.reports.on_report(latest(service), Opened("film.mp4"))
    service.reports.on_report(latest(service), then)
    service.scheduler.scan()
    assert not any(work.blocked for work in service.scheduler.at_work)
    assert service.scheduler.blocked is None


def test_what_is_blocked_without_a_reason_hides_no_reason(service: Service) -> None:
    nameless = FileProgress(Path("a.mp4"), "", "", 0, None, waits_for=None, blocked=True)
    service.scheduler.at_work = [nameless, replace(nameless, waits_for="why")]
    assert service.scheduler.blocked == "why"
