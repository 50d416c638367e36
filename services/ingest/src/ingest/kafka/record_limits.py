"""The largest record that each topic accepts, as the broker states or its rejections show."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from ingest.kafka.topic_properties import MOST_BYTES, batch_limits
from ingest.model.errors import Blocked
from ingest.model.stream import Stream

# What Kafka's record format (version 2) adds to the value of a record that is alone in its batch:
# 61 bytes of the batch, 21 of the record and, at most, 69 of its header `traceparent`.
_RECORD_BYTES = 160
# Of a frame's Avro record, all but its image and strings: eleven numbers and lengths, the
# schema's id, and what its attributes may say.
_FRAME_BYTES = 1024
# A frame's entry in a segment: its offset and time from the one before, and its size.
_ENTRY_BYTES = 10 + 10 + 5
_SEGMENT_BYTES = 100


@dataclass(frozen=True)
class RecordLimits:
    """The largest batch of records, in bytes, that each topic accepts."""

    frames_bytes: int = MOST_BYTES
    index_bytes: int = MOST_BYTES
    streams_bytes: int = MOST_BYTES

    @property
    def batch_bytes(self) -> int:
        """The size that every topic accepts."""
        return min(self.frames_bytes, self.index_bytes, self.streams_bytes)

    def image_bytes(self, stream: Stream) -> int:
        """Return how large an image of stream may be. Raises Blocked if none fits."""
        names = 2 * len(stream.stream_id) + len(stream.run_id) + len(stream.source_name.encode())
        left = self.frames_bytes - _RECORD_BYTES - _FRAME_BYTES - names
        if left < 1:
            raise Blocked(_too_small("frames", self.frames_bytes, self.frames_bytes - left + 1))
        return left

    def segment_frames(self, stream: Stream) -> int:
        """Return how many frames a segment of stream may have. Raises Blocked if none fits."""
        needed = _RECORD_BYTES + _SEGMENT_BYTES + 2 * len(stream.stream_id) + len(stream.run_id)
        count = (self.index_bytes - needed) // _ENTRY_BYTES
        if count < 1:
            raise Blocked(_too_small("segments", self.index_bytes, needed + _ENTRY_BYTES))
        return count


def record_bytes(key: bytes, value: bytes) -> int:
    """Return an upper bound of a record's size, alone in its batch."""
    return _RECORD_BYTES + len(key) + len(value)


@dataclass(frozen=True)
class Learned:
    """What rejections have shown about limits that the broker does not state.

    most_bytes: by topic. alone: each record goes in a batch of its own.
    """

    most_bytes: Mapping[str, int]
    alone: bool = False


class LearnedLimits:
    """The known limits of record sizes; kept while publishers come and go.

    If a broker rejects a size below its stated limit (or states none, because ingest may not
    describe the topics' configuration), each record is first sent in a batch of its own, and
    then only records of half the rejected size.
    """

    def __init__(self, topics: tuple[str, str, str], learned: Learned | None = None) -> None:
        """Take the topics of frames, index and streams, and what earlier workers learned."""
        self._topics = topics
        self._stated: dict[str, int] = {}
        self._most = dict(learned.most_bytes) if learned else {}
        self._refused: dict[str, int] = {}
        self.alone = learned is not None and learned.alone

    @property
    def learned(self) -> Learned:
        """What rejections have shown so far."""
        return Learned(dict(self._most), self.alone)

    @property
    def limits(self) -> RecordLimits:
        """The known limit of each topic."""
        return RecordLimits(*(self._limit(topic) for topic in self._topics))

    def ask(self, admin: AdminClient, seconds: float) -> None:
        """Ask the broker. Raises KafkaException when it does not answer."""
        before = self.limits
        self._stated = batch_limits(admin, self._topics, seconds)
        refused, self._refused = self._refused, {}
        if self.limits != before:
            return  # that was why
        for topic, size in refused.items():
            if not self.alone:
                self.alone = True
            else:
                self._most[topic] = size // 2

    @property
    def was_refused(self) -> bool:
        """Whether a record was rejected since the broker was asked."""
        return bool(self._refused)

    def refuse(self, topic: str, size: int) -> None:
        """Note that a topic has rejected a record of this size."""
        self._refused[topic] = min(size, self._refused.get(topic, size))

    def _limit(self, topic: str) -> int:
        return min(
            self._stated.get(topic, MOST_BYTES), self._most.get(topic, MOST_BYTES), MOST_BYTES
        )


def _too_small(what: str, limit: int, needed: int) -> str:
    return (
        f"The topic of {what} accepts records of at most {limit} bytes, but the smallest needs "
        f"{needed}: raise its max.message.bytes."
    )
