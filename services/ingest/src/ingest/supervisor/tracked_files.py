"""The files that wait or are ingested, and the worker of each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.worker_pool import WorkerHandle, WorkerPool
from ingest.telemetry.spans import Traces
from ingest.worker.messages import Job


class TrackedFiles:
    """Every file that the service tracks, by its path. For the main thread."""

    def __init__(self, pool: WorkerPool, traces: Traces, now: Callable[[], float]) -> None:
        """Take the worker pool, where traces go, and a monotonic clock in seconds."""
        self.now = now
        self.traces = traces
        self._pool = pool
        self._by_path: dict[str, TrackedFile] = {}
        self._by_worker: dict[WorkerHandle, TrackedFile] = {}

    def __iter__(self) -> Iterator[TrackedFile]:
        """Iterate over a copy: files may be added and dropped meanwhile."""
        return iter(list(self._by_path.values()))

    def at(self, path: str, *, claimed: bool, within: Path | None = None) -> TrackedFile:
        """Return the tracked file at path; track it if it is new.

        within: the claimed folder in which it lies.
        """
        known = self._by_path.get(path)
        if known is None:
            known = self._by_path[path] = TrackedFile(
                Path(path), claimed=claimed, since=self.now(), within=within
            )
        return known

    def of(self, running: WorkerHandle) -> TrackedFile | None:
        """Return the file that a worker ingests."""
        return self._by_worker.get(running)

    @property
    def with_worker(self) -> list[TrackedFile]:
        """The files that have a worker."""
        return list(self._by_worker.values())

    def claimed(self, file: TrackedFile, path: Path) -> None:
        """Note that a file was claimed, and where it lies now."""
        del self._by_path[str(file.path)]
        file.path, file.claimed, file.since = path, True, self.now()
        self._by_path[str(path)] = file

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all workers."""
        return self._pool.jobs

    def start(self, file: TrackedFile, job: Job) -> None:
        """Start a worker for a file; the first one begins its trace."""
        file.span = file.span or self.traces.begin()
        if file.within is not None:
            file.since = self.now()  # it was claimed with its folder, and has waited since
        file.worker = self._pool.start(replace(job, span=file.span))
        self._by_worker[file.worker] = file

    def back_off(self, file: TrackedFile, seconds: float) -> None:
        """Stop the file's worker; the next one starts after seconds at the earliest."""
        self.dismiss(file)
        file.fingerprint, file.opened = "", None
        file.is_cluster_away = False
        file.not_before = self.now() + seconds

    def choose_again(self, file: TrackedFile) -> None:
        """Begin anew with a file whose settings have changed."""
        self.back_off(file, 0.0)
        file.choices = file.beside = file.give_up = None

    def begin_again(self, file: TrackedFile) -> None:
        """Begin anew with a claimed file that has changed: what was found in it may be wrong."""
        self.choose_again(file)
        file.ended = file.changed_to = None
        file.changes += 1
        file.crashes = file.frame_count = 0

    def drop(self, file: TrackedFile, result: str = "let go", error: str | None = None) -> None:
        """Stop tracking a file; result and error are for its trace."""
        self.dismiss(file)
        self._by_path.pop(str(file.path), None)
        self.traces.end(file.span, file.traced | {"result": result}, error)

    def dismiss(self, file: TrackedFile) -> None:
        """Stop the file's worker. Does not wait for it."""
        running, file.worker = file.worker, None
        if running is not None:
            del self._by_worker[running]
            self._pool.dismiss(running)
