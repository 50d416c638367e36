"""The messages between a worker and the service."""

from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.file_state import FileState
from ingest.kafka.record_limits import Learned
from ingest.kafka.stream_lookup import Known
from ingest.model.choices import Choices
from ingest.model.stream import State
from ingest.telemetry.spans import SpanContext
from ingest.telemetry.worker_probe import Progress


@dataclass(frozen=True)
class Job:
    """A file to ingest. With give_up, only end its stream with this reason.

    may_grow: unless the file has its end, it may still be incomplete. is_resumed: the file was
    claimed before, so a run may have been begun from it. is_final: the file was changed
    repeatedly while it was read, so this reading counts. abandoned: run and number of segments
    of a stream whose worker counts as lost. after_loss: the worker before was lost, so this one
    commits each frame of the doubtful range by itself. span: the parent of the worker's spans;
    None if nothing is traced. learned: what earlier workers have learned about record sizes.
    """

    path: Path
    choices: Choices
    give_up: str | None = None
    may_grow: bool = False
    is_resumed: bool = False
    is_final: bool = False
    abandoned: tuple[str, int] | None = None
    after_loss: bool = False
    span: SpanContext | None = None
    learned: Learned | None = None


@dataclass(frozen=True)
class Opened:
    """The content is identified, the first frame decoded. The worker waits for Proceed."""

    fingerprint: str


@dataclass(frozen=True)
class Lookup:
    """The worker asks where the records of this content id are, and waits for Answer."""

    content: str


@dataclass(frozen=True)
class Answer:
    """The reply to Lookup; None if the service has not read the log yet."""

    known: Known | None


@dataclass(frozen=True)
class Proceed:
    """The file is claimed: ingest it under this name."""

    name: str


@dataclass(frozen=True)
class Begun:
    """The stream is open; frame_count frames of this run were in the log before.

    estimated_frame_count: how many there will be; None if the file does not say.
    """

    stream_id: str
    run_id: str
    frame_count: int
    estimated_frame_count: int | None


@dataclass(frozen=True)
class NotAVideo:
    """Nothing in the file can be decoded, for this reason. The worker ends."""

    reason: str


@dataclass(frozen=True)
class FileIncomplete:
    """The file may be incomplete, for this reason. The worker ends."""

    reason: str
    is_being_written: bool = False


@dataclass(frozen=True)
class Busy:
    """Another worker may be sending the same content, in this stream. The worker ends.

    segment_count: the other worker's progress. is_paced: its stream is paced, so it may make no
    progress for a while.
    """

    stream_id: str
    run_id: str
    segment_count: int
    is_paced: bool


@dataclass(frozen=True)
class Changed:
    """The file was changed while it was read; its stream is forgotten. The worker ends."""


@dataclass(frozen=True)
class Waiting:
    """The cluster is unavailable, for this reason; the worker retries by itself."""

    reason: str


@dataclass(frozen=True)
class Ended:
    """The stream has ended and is committed. The worker ends.

    duplicate: the log had this content already, from a file named source_name, and no frame was
    sent. fingerprint: the stream's. file_state: the state of the file that was read; None if it
    could not be opened.
    """

    stream_id: str
    run_id: str
    state: State
    frame_count: int
    error: str | None
    duplicate: bool
    source_name: str = ""
    fingerprint: str = ""
    file_state: FileState | None = None


@dataclass(frozen=True)
class StreamTakenOver:
    """Another worker has taken over the stream. The worker ends."""


@dataclass(frozen=True)
class ClusterRefused:
    """Kafka or the registry rejects ingest, for this reason. The worker ends."""

    reason: str


@dataclass(frozen=True)
class MustStartOver:
    """What was read can't be sent as it is: another worker starts from the committed state.

    learned: what is known now about record sizes. The worker ends.
    """

    reason: str
    learned: Learned | None


@dataclass(frozen=True)
class FileProgress:
    """The progress of a claimed file, for people; the stream id is empty until it is known.

    waits_for: why its worker waits; None if it does not. blocked: a person has to fix what
    waits_for says, so ingest retries rarely.
    """

    path: Path
    stream_id: str
    fingerprint: str
    frame_count: int
    estimated_frame_count: int | None
    waits_for: str | None
    blocked: bool = False


Report = (
    Lookup
    | Opened
    | Begun
    | NotAVideo
    | FileIncomplete
    | Busy
    | Changed
    | Progress
    | Waiting
    | Ended
    | StreamTakenOver
    | ClusterRefused
    | MustStartOver
)
