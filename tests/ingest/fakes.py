"""A log in memory, which can fail wherever a real one can."""

import enum
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.publisher import Advance
from ingest.kafka.record_limits import RecordLimits
from ingest.model.errors import (
    Blocked,
    Broken,
    Fenced,
    IngestError,
    LimitsChanged,
    Overdue,
    Replaced,
    Unavailable,
)
from ingest.model.frame import Frame
from ingest.model.stream import Placement, Segment, Stream

T = TypeVar("T")

PARTITION = 3


class Fault(enum.Enum):
    """What becomes of one call to the log."""

    LOST = "not done, and Unavailable"
    UNANSWERED = "done, but Unavailable"
    REFUSED = "not done, and LimitsChanged"
    BROKEN = "not done, and Broken"
    OVERDUE = "not done, and Overdue: or another has taken over"
    FENCED = "not done, and Fenced"
    BLOCKED = "not done, and Blocked"
    DIED_BEFORE = "not done, and the process is gone"
    DIED_AFTER = "done, but the process is gone"


_RAISED: dict[Fault | None, type[IngestError]] = {
    Fault.LOST: Unavailable,
    Fault.REFUSED: LimitsChanged,
    Fault.BROKEN: Broken,
    Fault.OVERDUE: Overdue,
    Fault.FENCED: Fenced,
    Fault.BLOCKED: Blocked,
}


class Died(BaseException):
    """The process is gone: nothing catches this but a test."""


@dataclass(frozen=True)
class Written:
    """A frame in the log, and the stream that it was written for."""

    partition: int
    offset: int
    stream_id: str
    run_id: str
    frame: Frame


@dataclass
class FakeLog:
    """What is committed, and what is to go wrong: faults gives a fault by the call's number."""

    faults: dict[int, Fault] = field(default_factory=dict)
    frames: list[Written] = field(default_factory=list)
    segments: dict[str, Segment] = field(default_factory=dict)
    states: list[Stream] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    topic_id: str = "the first frames topic"
    limits: RecordLimits = field(default_factory=RecordLimits)
    _end: int = 0
    _newest: dict[str, int] = field(default_factory=dict)

    def connect(self, fingerprint: str) -> tuple["FakePublisher", "FakeCommittedLog"]:
        """Open the one publisher of this content, as connect does."""
        return self.call("open", lambda: (self._open(fingerprint), FakeCommittedLog(self)))

    def call(self, what: str, act: Callable[[], T]) -> T:
        """Do act, unless a fault is due."""
        fault = self.faults.get(len(self.calls))
        self.calls.append(what)
        if fault in _RAISED:
            raise _RAISED[fault](what)
        if fault is Fault.DIED_BEFORE:
            raise Died
        done = act()
        if fault is Fault.UNANSWERED:
            raise Unavailable(what)
        if fault is Fault.DIED_AFTER:
            raise Died
        return done

    def is_newest(self, fingerprint: str, epoch: int) -> bool:
        """Whether no later publisher of this content has been opened."""
        return self._newest[fingerprint] == epoch

    def write(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """Commit what one transaction holds; a marker follows, which takes an offset too."""
        if batch and stream.frame_count and stream.frames_topic_id != self.topic_id:
            raise Replaced("The topic was deleted and recreated.")
        offsets = list(range(self._end, self._end + len(batch)))
        placement = Placement(PARTITION, offsets, self.topic_id) if batch else None
        after = advance(stream, placement)
        if placement is not None:
            self.frames += [
                Written(PARTITION, offset, stream.stream_id, stream.run_id, frame)
                for offset, frame in zip(offsets, batch, strict=True)
            ]
            segment = stream.segment(batch, placement)
            self.segments[f"{segment.stream_id}/{segment.segment_number:08}"] = segment
            self._end = offsets[-1] + 2
        self.states.append(after)
        return after

    def _open(self, fingerprint: str) -> "FakePublisher":
        epoch = self._newest.get(fingerprint, 0) + 1
        self._newest[fingerprint] = epoch
        return FakePublisher(self, fingerprint, epoch)


@dataclass
class FakePublisher:
    """A publisher into a FakeLog."""

    log: FakeLog
    fingerprint: str
    epoch: int
    has_failed: bool = False

    @property
    def limits(self) -> RecordLimits:
        """See ingest.publisher.Publisher."""
        return self.log.limits

    def commit(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """See ingest.publisher.Publisher."""
        assert not self.has_failed, "after an error, another publisher is to be used"
        self.has_failed = True
        if not self.log.is_newest(self.fingerprint, self.epoch):
            raise Fenced("A newer publisher was opened.")
        after = self.log.call("commit", lambda: self.log.write(stream, batch, advance))
        self.has_failed = False
        return after

    def close(self) -> None:
        """See ingest.publisher.Publisher."""


class FakeCommittedLog(CommittedLog):
    """Reads a FakeLog."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log

    def has_lost(self, stream: Stream) -> bool:
        """See CommittedLog."""
        if not stream.frame_count:
            return False
        last = (stream.run_id, stream.last_offset)
        held = any((written.run_id, written.offset) == last for written in self._log.frames)
        return not held or stream.frames_topic_id != self._log.topic_id

    def find(self, fingerprint: str) -> list[Stream]:
        """See CommittedLog."""
        latest: dict[str, Stream] = {}
        for state in self._log.states:
            latest.pop(state.stream_id, None)
            latest[state.stream_id] = state
        found = [state for state in latest.values() if state.fingerprint == fingerprint]
        return self._log.call("find", lambda: found)

    def holds_all(self, stream: Stream) -> bool:
        """See CommittedLog."""
        held = [written for written in self._log.frames if written.run_id == stream.run_id]
        whole = len(held) == stream.frame_count
        return whole and stream.frames_topic_id in (None, self._log.topic_id)

    def frames_topic_id(self) -> str | None:
        """See CommittedLog."""
        return self._log.topic_id

    def hash_images(self, stream: Stream) -> "hashlib._Hash | None":
        """See CommittedLog."""
        images = [
            written.frame.image
            for written in self._log.frames
            if (written.stream_id, written.run_id) == (stream.stream_id, stream.run_id)
        ]
        known = len(images) == stream.frame_count
        digest = hashlib.sha256(b"".join(images)) if known else None
        return self._log.call("hash", lambda: digest)
