"""Whatever is raised while one file is handled fails that file, and nothing else."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import ingest
import pytest
from ingest.inbox.folders import Folders
from ingest.model.stream import State
from ingest.supervisor.fault_barrier import FaultBarrier
from ingest.supervisor.finishing import Finisher
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.supervisor.worker_pool import WorkerPool
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import Begun, Ended, Opened

from tests.ingest.service import Service

SOURCE = str(Path(ingest.__file__).parent)
OURS = "Ingest itself failed on it"


class Injector:
    """Raises at the n-th call that is made while a file of this name is handled."""

    def __init__(self, name: str, number: int, error: type[Exception]) -> None:
        self._name, self._number, self._error = name, number, error
        self.calls = 0
        self.place = ""

    @contextmanager
    def around(self, file: TrackedFile) -> Iterator[None]:
        if not file.path.name.startswith(self._name):
            yield
            return
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(None)

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SOURCE):
            self.calls += 1
            if self.calls == self._number:
                self.place = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
                raise self._error("injected")


def live(service: Service, rounds: int = 60) -> None:
    """Have all files go through their lives."""
    answered: set[int] = set()
    for _ in range(rounds):
        service.look_after(0.2)
        for worker in list(service.workers.started):
            job = worker.job
            content = job.path.name[0] * 64
            if id(worker) not in answered:
                answered.add(id(worker))
                service.reports.on_report(worker, Opened(content.replace("m", "c")))
            told = service.workers.told(worker)
            if told and told != ["the end"]:
                service.reports.on_report(worker, Begun("id", "run", 0, 2))
                service.reports.on_report(worker, Progress(2, 3, {"decode": 0.1}, 0.1, 0.1))
                state = State.FAILED if job.give_up else State.COMPLETE
                service.reports.on_report(
                    worker, Ended("id", "run", state, 2, job.give_up, duplicate=False)
                )


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("ingest.supervisor.fault_barrier"), "disabled", True)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("error", [TypeError, OSError, RecursionError, MemoryError])
def test_an_error_at_any_step_fails_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    original = FaultBarrier.around
    number = 0
    while True:
        number += 1
        injector = Injector("a", number, error)

        @contextmanager
        def around(
            barrier: FaultBarrier, file: TrackedFile, injector: Injector = injector
        ) -> Iterator[None]:
            with original(barrier, file), injector.around(file):
                yield

        monkeypatch.setattr(FaultBarrier, "around", around)
        service = Service(tmp_path / str(number))
        service.folders.prepare()
        (service.folders.incoming / "a.mp4.toml").write_text("quality = 50\n")
        service.drop("a.mp4")
        service.drop("b.mp4")
        live(service)
        service.workers.stop()
        service.folders.release()
        if not injector.place:
            break
        done, failed = (
            {path.name: path for path in folder.iterdir()}
            for folder in (service.folders.done, service.folders.failed)
        )
        assert "b.mp4" in done, injector.place
        assert ("a.mp4" in done) != ("a.mp4" in failed), injector.place
        if "a.mp4" in failed:
            note = failed["a.mp4.reason.txt"].read_text()
            expected = OURS if error is TypeError else "Its settings in 'a.mp4.toml' can't be used"
            assert expected in note or (OURS in note and error is RecursionError), injector.place
        assert not list(service.folders.incoming.iterdir()), injector.place
    assert number > 60


PERSISTENT = [
    (WorkerPool, "start"),
    (WorkerPool, "dismiss"),
    (Folders, "claim"),
    (Folders, "finish"),
    (Finisher, "finish"),
    (TrackedFiles, "start"),
    (TrackedFiles, "back_off"),
    (TrackedFiles, "drop"),
    (TrackedFiles, "claimed"),
    (TrackedFiles, "dismiss"),
]


@pytest.mark.parametrize(("kind", "method"), PERSISTENT)
def test_an_error_that_stays_keeps_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type, method: str
) -> None:
    service = Service(tmp_path)
    service.folders.prepare()
    of = type(service.workers) if kind is WorkerPool and method == "start" else kind
    true = getattr(of, method)

    def raising(self: object, first: Any, *rest: Any, **named: Any) -> Any:
        path = getattr(first, "path", None) or getattr(getattr(first, "job", None), "path", first)
        if Path(path).name == "a.mp4":
            raise TypeError("injected")
        return true(self, first, *rest, **named)

    monkeypatch.setattr(of, method, raising)
    service.drop("a.mp4")
    service.drop("b.mp4")
    live(service)
    service.workers.stop()
    service.folders.release()
    assert (service.folders.done / "b.mp4").exists()
    everywhere = [path for path in tmp_path.rglob("a.mp4*") if "reason" not in path.name]
    assert len(everywhere) == 1


@pytest.mark.usefixtures("quiet")
def test_a_file_that_is_put_away_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> None:
        raise TypeError("injected")

    service = Service(tmp_path)
    service.folders.prepare()
    monkeypatch.setattr(Finisher, "finish", raising)
    service.drop("a.mp4")
    live(service)
    service.workers.stop()
    service.folders.release()
    assert (service.folders.failed / "a.mp4").exists()
    assert service.metrics.files.labels("failed")._value.get() == 1
