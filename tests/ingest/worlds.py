"""The two logs over which ingest's publishing must behave alike: in memory, and Kafka."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, Self

from ingest.config.settings import Settings
from ingest.kafka.avro_records import frame_record, segment_record, stream_record
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.connection import connect
from ingest.kafka.publisher import Publisher

from tests.ingest.builders import fresh
from tests.ingest.fakes import FakeLog
from tests.support.cluster import Cluster, Topics
from tests.support.log_reader import LogReader

Record = dict[str, Any]


@dataclass(frozen=True)
class Placed:
    """A committed frame."""

    partition: int
    offset: int
    record: Record


@dataclass(frozen=True)
class Committed:
    """All that a reader of committed records sees."""

    frames: list[Placed]
    segments: dict[str, Record]
    states: list[Record]

    @property
    def nothing(self) -> bool:
        """Whether there is no record at all."""
        return not (self.frames or self.segments or self.states)


class World(Protocol):
    """A log to publish to."""

    def connect(self, fingerprint: str) -> tuple[Publisher, CommittedLog]:
        """Open the one publisher of this content."""

    def committed(self, *, await_open: bool = True) -> Committed:
        """Read the log from its start; see LogReader.read."""


class Memory:
    """A FakeLog."""

    def __init__(self) -> None:
        self.log = FakeLog()

    def connect(self, fingerprint: str) -> tuple[Publisher, CommittedLog]:
        """See World."""
        return self.log.connect(fingerprint)

    def committed(self, *, await_open: bool = True) -> Committed:  # noqa: ARG002
        """See World; a transaction of a log in memory is never half done."""
        frames = []
        for written in self.log.frames:
            stream = fresh(written.run_id, name=written.stream_id.rsplit("-", 1)[0])
            record = {**frame_record(written.frame, stream), "stream_id": written.stream_id}
            frames.append(Placed(written.partition, written.offset, record))
        segments = {key: segment_record(segment) for key, segment in self.log.segments.items()}
        return Committed(frames, segments, [stream_record(state) for state in self.log.states])


class Kafka:
    """A real broker and registry; a context manager, which closes what was connected."""

    def __init__(self, cluster: Cluster, topics: Topics) -> None:
        self._reader = LogReader(cluster)
        self._topics = topics
        self._settings = Settings.from_environ(topics.environment)
        self._opened = ExitStack()

    def connect(self, fingerprint: str) -> tuple[Publisher, CommittedLog]:
        """See World."""
        publisher, committed_log = connect(self._settings, fingerprint)
        self._opened.callback(publisher.close)
        return publisher, committed_log

    def committed(self, *, await_open: bool = True) -> Committed:
        """See World."""
        frames = self._reader.read(self._topics.frames, await_open=await_open)
        assert all(frame.key == frame.value["stream_id"] for frame in frames)
        states = self._reader.read(self._topics.streams, await_open=await_open)
        assert all(state.key == state.value["stream_id"] for state in states)
        segments = self._reader.read(self._topics.index, await_open=await_open)
        return Committed(
            [Placed(frame.partition, frame.offset, _plain(frame.value)) for frame in frames],
            {row.key: row.value for row in segments},
            [_plain(state.value) for state in states],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def _plain(record: Record) -> Record:
    """Return a record with its times in microseconds."""
    return {
        name: round(value.timestamp() * 1_000_000) if hasattr(value, "timestamp") else value
        for name, value in record.items()
    }
