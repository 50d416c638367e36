"""The service without its processes: what its looks do, and what its workers are told."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.folders import Folders
from ingest.model.stream import State
from ingest.supervisor.supervisor import Supervisor
from ingest.supervisor.worker_pool import WorkerHandle, WorkerPool
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.spans import Traces
from ingest.worker.messages import Ended, Job, Opened
from prometheus_client import CollectorRegistry

from tests.ingest.clock import FakeClock


class Workers(WorkerPool):
    """Workers that do nothing, and what they were told."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.started: list[WorkerHandle] = []
        self._lines: dict[WorkerHandle, Connection] = {}

    def start(self, job: Job) -> WorkerHandle:
        """See WorkerPool.start."""
        ours, theirs = multiprocessing.Pipe()
        running = WorkerHandle(job, multiprocessing.Process(), ours, 0.0)
        self._running.append(running)
        self._lines[running] = theirs
        self.started.append(running)
        return running

    def told(self, running: WorkerHandle) -> list[object]:
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

    def __init__(self, videos: Path, replica: str = "one", **environ: str) -> None:
        settings = Settings.from_environ({"FRAMELOG_VIDEOS": str(videos), **environ})
        self.clock = FakeClock()
        self.folders = Folders(videos, replica, 10.0, self.clock)
        self.workers = Workers(settings)
        self.metrics = Metrics(CollectorRegistry(), "0", 4)
        self.hold: str | None = None
        supervisor = Supervisor(
            settings,
            self.folders,
            self.workers,
            Traces(int),
            self.metrics,
            now=self.clock,
            used=float,
            hold=lambda: self.hold,
        )
        self.scheduler, self.reports = supervisor.scheduler, supervisor.reports

    def drop(self, name: str = "film.mp4", content: bytes = b"a film") -> Path:
        path = self.folders.incoming / name
        path.write_bytes(content)
        return path

    def end(self, worker: WorkerHandle) -> None:
        """Have a worker find a film of its own, and bring it to its end."""
        self.reports.on_report(worker, Opened(worker.job.path.name))
        self.reports.on_report(worker, Ended("id", "run", State.COMPLETE, 1, None, duplicate=False))

    def look_after(self, *seconds: float) -> None:
        for each in seconds:
            self.clock.sleep(each)
            self.scheduler.scan()

    @property
    def claimed(self) -> list[str]:
        return [path.name for path in self.folders.claimed()]
