"""What is known of one file while it is waited for or worked on."""

from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.arrival import FileState, Still
from ingest.inbox.sidecars import Beside
from ingest.kafka.record_limits import Learned
from ingest.model.choices import Choices
from ingest.supervisor.worker_pool import Running
from ingest.telemetry.client_statistics import ClientReport
from ingest.telemetry.snapshot import FileSnapshot
from ingest.telemetry.spans import SpanContext
from ingest.worker.messages import AtWork, Ended, Opened


@dataclass(frozen=True)
class Elsewhere:
    """A stream that another worker may be sending, and since when it has not moved.

    state: its run and how many segments it has. pause_seconds: until it is looked at again.
    """

    state: tuple[str, int]
    since: float
    checked_at: float
    pause_seconds: float
    is_abandoned: bool = False


@dataclass(eq=False)
class TrackedFile:
    """A file that is being looked at or ingested."""

    path: Path
    claimed: bool
    since: float
    """When it was first seen or, once it is claimed, when it last moved on; monotonic seconds."""
    within: Path | None = None
    """The claimed folder in which it lies, and which is moved in its place."""
    is_late: bool = False
    """Whether it came there after the folder was claimed, so that it has to be still first."""
    running: Running | None = None
    fingerprint: str = ""
    choices: Choices | None = None
    beside: Beside | None = None
    """The settings from which its choices are."""
    give_up: str | None = None
    crashes: int = 0
    faults: int = 0
    """How often something was raised that nobody had thought of, while it was handled."""
    not_before: float = 0.0
    still: Still | None = None
    """How it lay in incoming/ at the latest look, which was made at looked_at."""
    scanned_at: float = 0.0
    content: str = ""
    """Its content's fingerprint since a worker has found it; see fingerprint for one at work."""
    changes: int = 0
    """How many times it was changed while it was read, or before it could be moved."""
    lay: FileState | str | None = None
    """After such a change, how it lay since when it is waited for to be still."""
    elsewhere: Elsewhere | None = None
    """How far another worker is that sends the same content."""
    opened: Opened | None = None
    """What its worker has found, while that waits to be told to go on."""
    stream_id: str = ""
    run_id: str = ""
    span: SpanContext | None = None
    """The file's own, in which all that is done for it lies; None when nothing is traced."""
    frame_count: int = 0
    estimated_frame_count: int | None = None
    waits_for: str | None = None
    is_cluster_away: bool = False
    is_held: bool = False
    """Whether it waits because no file may be begun with."""
    kafka: ClientReport | None = None
    learned: Learned | None = None
    """What its workers have learned of how large records may be."""
    refusals: int = 0
    """How often in a row it was refused what no retry mends."""
    is_blocked: bool = False
    """Whether it was, when its worker last told of the log."""
    fresh_starts: int = 0
    """How often what had been read could not be sent as it was."""
    ended: Ended | None = None
    """How its stream ended, when the file is only to be moved any more."""

    @property
    def name(self) -> str:
        """What it is called: of one in a folder that was dropped, the path from there on."""
        if self.within is None:
            return self.path.name
        return str(self.path.relative_to(self.within.parent))

    @property
    def settled(self) -> bool:
        """Whether it is taken for whole."""
        return self.claimed or (self.still is not None and self.scanned_at >= self.still.settles_at)

    @property
    def abandoned(self) -> tuple[str, int] | None:
        """The state of a stream of its content whose worker is taken for lost."""
        there = self.elsewhere
        return there.state if there is not None and there.is_abandoned else None

    def still_seconds(self, now: float) -> float:
        """For how long it has not been seen to change, while it lies in incoming/."""
        return 0.0 if self.still is None else now - self.still.since

    @property
    def at_work(self) -> AtWork:
        """How far it is, for people."""
        return AtWork(
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
        """What a line of the log on it concerns."""
        return {"file": self.name, "stream_id": self.stream_id, "run_id": self.run_id}

    @property
    def traced(self) -> dict[str, str | int]:
        """What its span tells of it."""
        return {
            "file": self.name,
            "stream_id": self.stream_id,
            "run_id": self.run_id,
            "frames": self.frame_count,
            "crashes": self.crashes,
        }

    def snapshot(self, now: float) -> FileSnapshot:
        """How it stands once it is claimed or has a worker; now in monotonic seconds."""
        return FileSnapshot(
            key=self,
            claimed=self.claimed,
            has_worker=self.running is not None,
            idle_seconds=now - self.since,
            frame_count=self.frame_count,
            estimated_frame_count=self.estimated_frame_count,
            waits_for_cluster=self.running is not None and self.is_cluster_away,
            kafka=self.kafka if self.running is not None else None,
        )
