"""The state of one file while it waits or a worker has it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ingest.inbox.file_state import FileState
from ingest.inbox.incoming_scan import SteadyFile
from ingest.inbox.sidecars import Beside
from ingest.kafka.record_limits import Learned
from ingest.model.choices import Choices
from ingest.supervisor.worker_pool import WorkerHandle
from ingest.telemetry.client_statistics import ClientReport
from ingest.telemetry.snapshot import FileSnapshot
from ingest.telemetry.spans import SpanContext
from ingest.worker.messages import Busy, Ended, FileProgress, Opened

_FIRST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class OtherWorker:
    """A stream that another worker may be sending, and since when it has made no progress.

    state: its run and how many segments it has. pause_seconds: until it is checked again.
    """

    state: tuple[str, int]
    since: float
    checked_at: float
    pause_seconds: float
    is_abandoned: bool = False

    @classmethod
    def after(cls, before: Self | None, busy: Busy, now: float, limit_seconds: float) -> Self:
        """Return what is known after one more check, now, on a monotonic clock.

        To check costs the start of a worker: the pauses double. A stream that has made no
        progress for limit_seconds is abandoned.
        """
        state = (busy.run_id, busy.segment_count)
        planned_seconds = 0.0 if before is None else before.pause_seconds + limit_seconds
        if (
            before is None
            or before.state != state
            or now - before.checked_at > planned_seconds  # this service itself was suspended
        ):
            return cls(state, now, now, min(_FIRST_PAUSE_SECONDS, limit_seconds))
        return replace(
            before,
            checked_at=now,
            pause_seconds=min(2 * before.pause_seconds, limit_seconds),
            is_abandoned=now - before.since >= limit_seconds,
        )


@dataclass(eq=False)
class TrackedFile:
    """A file that waits or is ingested. Changed by the main thread alone."""

    path: Path
    claimed: bool
    since: float
    """When it was first scanned or, once claimed, when it last made progress; monotonic seconds."""
    within: Path | None = None
    """The claimed folder in which it lies; that folder is moved, not the file."""
    is_late: bool = False
    """Whether it arrived after the folder was claimed: it has to settle first."""
    worker: WorkerHandle | None = None
    fingerprint: str = ""
    choices: Choices | None = None
    beside: Beside | None = None
    """The settings file from which its choices were read."""
    give_up: str | None = None
    crashes: int = 0
    faults: int = 0
    """How often an unexpected exception was raised while it was handled."""
    not_before: float = 0.0
    steady: SteadyFile | None = None
    """Its state in incoming/ at the latest scan, which was made at scanned_at."""
    scanned_at: float = 0.0
    content: str = ""
    """Its content's fingerprint, once a worker has found it; fingerprint: of a worker that runs."""
    changes: int = 0
    """How often it was changed while it was read, or before it could be moved."""
    changed_to: FileState | str | None = None
    """Its state after such a change; it has to keep that for a while."""
    elsewhere: OtherWorker | None = None
    """The progress of another worker that sends the same content."""
    opened: Opened | None = None
    """What its worker has found, while the worker waits for Proceed."""
    stream_id: str = ""
    run_id: str = ""
    span: SpanContext | None = None
    """The parent of all spans of this file; None when nothing is traced."""
    frame_count: int = 0
    estimated_frame_count: int | None = None
    waits_for: str | None = None
    is_cluster_away: bool = False
    is_held: bool = False
    """Whether it waits because no file may be started."""
    kafka: ClientReport | None = None
    learned: Learned | None = None
    """What its workers have learned about the largest records that the topics take."""
    refusals: int = 0
    """How often in a row it was refused something that no retry fixes."""
    is_blocked: bool = False
    """Whether that was the worker's latest report about the log."""
    fresh_starts: int = 0
    """How often it was begun anew because what had been read could not be sent."""
    ended: Ended | None = None
    """How its stream ended; then the file only has to be moved."""

    @property
    def name(self) -> str:
        """Its name; for a video in a dropped folder, the path from that folder on."""
        if self.within is None:
            return self.path.name
        return str(self.path.relative_to(self.within.parent))

    @property
    def settled(self) -> bool:
        """Whether it counts as whole: it is claimed, or has not changed for long enough."""
        return self.claimed or (
            self.steady is not None and self.scanned_at >= self.steady.settles_at
        )

    @property
    def abandoned(self) -> tuple[str, int] | None:
        """The state of a stream of the same content whose worker counts as lost."""
        there = self.elsewhere
        return there.state if there is not None and there.is_abandoned else None

    def unchanged_seconds(self, now: float) -> float:
        """For how long no scan has shown a change, while it lies in incoming/."""
        return 0.0 if self.steady is None else now - self.steady.since

    @property
    def at_work(self) -> FileProgress:
        """Its progress, for people."""
        return FileProgress(
            self.path,
            self.stream_id,
            self.fingerprint,
            self.frame_count,
            self.estimated_frame_count,
            self.waits_for,
            self.is_blocked,
        )

    @property
    def about(self) -> dict[str, str]:
        """The fields of its log lines."""
        return {"file": self.name, "stream_id": self.stream_id, "run_id": self.run_id}

    @property
    def traced(self) -> dict[str, str | int]:
        """The attributes of its span."""
        return {
            "file": self.name,
            "stream_id": self.stream_id,
            "run_id": self.run_id,
            "frames": self.frame_count,
            "crashes": self.crashes,
        }

    def snapshot(self, now: float) -> FileSnapshot:
        """Return its state for the metrics; now in monotonic seconds."""
        return FileSnapshot(
            key=self,
            claimed=self.claimed,
            has_worker=self.worker is not None,
            idle_seconds=now - self.since,
            frame_count=self.frame_count,
            estimated_frame_count=self.estimated_frame_count,
            waits_for_cluster=self.worker is not None and self.is_cluster_away,
            kafka=self.kafka if self.worker is not None else None,
        )
