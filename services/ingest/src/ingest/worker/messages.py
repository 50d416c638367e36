"""What a worker and the service say to each other."""

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
    """A file to ingest. With give_up, only record that its video ends, and this reason.

    may_grow: where nothing says that the file has its end, more of it may be on its way.
    is_resumed: the file was claimed before, so that a run may have been begun from it. is_final:
    it was changed again and again while it was read, so that what is read now has to do.
    abandoned: run and number of segments of a stream whose worker is taken for lost. after_loss:
    the worker before was lost, so that what this one decodes is to be in the log before it is
    lost too. span: the one in which the worker's spans lie; None when nothing is traced.
    learned: what workers before have learned of how large records may be.
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
    """The file's content is known, and it has a first frame. The worker waits for Proceed."""

    fingerprint: str


@dataclass(frozen=True)
class Lookup:
    """The worker asks where records of the content with this id lie, and waits for Answer."""

    content: str


@dataclass(frozen=True)
class Answer:
    """What the service knows of that; None where it has not read the log yet."""

    known: Known | None


@dataclass(frozen=True)
class Proceed:
    """The file is claimed: ingest it under this name."""

    name: str


@dataclass(frozen=True)
class Begun:
    """The stream is open; of this run, frame_count frames were in the log before.

    estimated_frame_count: how many there will be, None where the file does not say.
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
    """More of the file may be on its way, for this reason. The worker ends."""

    reason: str
    is_being_written: bool = False


@dataclass(frozen=True)
class Busy:
    """Another worker may be sending the same content, in this stream. The worker ends.

    segment_count: how far that one was. is_paced: it keeps a schedule, so that it may stand
    still for a while.
    """

    stream_id: str
    run_id: str
    segment_count: int
    is_paced: bool


@dataclass(frozen=True)
class Changed:
    """The file was changed while it was read; what was sent of it is forgotten. The worker ends."""


@dataclass(frozen=True)
class Waiting:
    """The cluster is away, for this reason; the worker goes on by itself."""

    reason: str


@dataclass(frozen=True)
class Ended:
    """The stream has ended and is committed. The worker ends.

    duplicate: the log had this content before, of a file of the name source_name, and no frame
    was sent. fingerprint: the stream's. file_state: how the file was that all this is said of; None
    where it could not be opened.
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
    """Another worker has taken the stream over. The worker ends."""


@dataclass(frozen=True)
class ClusterRefused:
    """Kafka or the registry refuse, for this reason, what no retry mends. The worker ends."""

    reason: str


@dataclass(frozen=True)
class MustStartOver:
    """What was read can't be sent as it is: another worker begins at what is committed.

    learned: what is known by now of how large records may be. The worker ends.
    """

    reason: str
    learned: Learned | None


@dataclass(frozen=True)
class FileProgress:
    """A claimed file as it is told to people; the stream's id is empty until it is known.

    waits_for: why its worker waits for the cluster, None when it does not. blocked: it is not
    tried all the time, as a person has to mend what waits_for says.
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
