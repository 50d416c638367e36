"""The files that are waited for or worked on, and the worker of each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ingest.supervisor.tracked_file import Candidate
from ingest.supervisor.worker_pool import Pool, Running
from ingest.telemetry.spans import Traces
from ingest.worker.messages import Job


class Candidates:
    """Every file that the service has to do with, by its path."""

    def __init__(self, pool: Pool, traces: Traces, now: Callable[[], float]) -> None:
        """Take where the workers come from, and a monotonic clock in seconds."""
        self.now = now
        self.traces = traces
        self._pool = pool
        self._by_path: dict[str, Candidate] = {}
        self._by_worker: dict[Running, Candidate] = {}

    def __iter__(self) -> Iterator[Candidate]:
        """Iterate over those there are now; they may be changed meanwhile."""
        return iter(list(self._by_path.values()))

    def at(self, path: str, *, claimed: bool, within: Path | None = None) -> Candidate:
        """Return the candidate at path, which is a new one where none is known.

        within: the claimed folder in which it lies.
        """
        known = self._by_path.get(path)
        if known is None:
            known = self._by_path[path] = Candidate(
                Path(path), claimed=claimed, since=self.now(), within=within
            )
        return known

    def of(self, running: Running) -> Candidate | None:
        """Return the candidate that a worker works on."""
        return self._by_worker.get(running)

    @property
    def running(self) -> list[Candidate]:
        """Those that a worker works on."""
        return list(self._by_worker.values())

    def claimed(self, candidate: Candidate, path: Path) -> None:
        """Note that a candidate was claimed, and where it lies now."""
        del self._by_path[str(candidate.path)]
        candidate.path, candidate.claimed, candidate.since = path, True, self.now()
        self._by_path[str(path)] = candidate

    @property
    def jobs(self) -> list[Job]:
        """What the workers are at."""
        return self._pool.jobs

    def start(self, candidate: Candidate, job: Job) -> None:
        """Set a worker to work on a candidate; the first one begins its trace."""
        candidate.span = candidate.span or self.traces.begin()
        if candidate.within is not None:
            candidate.since = self.now()  # it had waited, claimed as it was, for its turn
        candidate.running = self._pool.start(replace(job, span=candidate.span))
        self._by_worker[candidate.running] = candidate

    def rest(self, candidate: Candidate, seconds: float) -> None:
        """End the candidate's worker; another is started after seconds at the earliest."""
        self.dismiss(candidate)
        candidate.fingerprint, candidate.opened = "", None
        candidate.is_cluster_away = False
        candidate.not_before = self.now() + seconds

    def choose_again(self, candidate: Candidate) -> None:
        """Begin anew with a candidate whose settings are not what they were."""
        self.rest(candidate, 0.0)
        candidate.choices = candidate.beside = candidate.give_up = None

    def begin_again(self, candidate: Candidate) -> None:
        """Begin anew with a claimed file that was changed: what was found in it may not hold."""
        self.choose_again(candidate)
        candidate.ended = candidate.lay = None
        candidate.changes += 1
        candidate.crashes = candidate.frame_count = 0

    def drop(self, candidate: Candidate, result: str = "let go", error: str | None = None) -> None:
        """Have no more to do with a candidate; result and error are for its trace."""
        self.dismiss(candidate)
        self._by_path.pop(str(candidate.path), None)
        self.traces.end(candidate.span, candidate.traced | {"result": result}, error)

    def dismiss(self, candidate: Candidate) -> None:
        """End the candidate's worker."""
        running, candidate.running = candidate.running, None
        if running is not None:
            del self._by_worker[running]
            self._pool.dismiss(running)
