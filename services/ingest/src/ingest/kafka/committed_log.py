"""Reads the committed state back: the only memory that a worker has."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from framelog_service.logs import ClientLog

from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_errors import ingest_error
from ingest.kafka.stream_lookup import Known
from ingest.kafka.topic_properties import topic_ids
from ingest.media.fingerprint import content_id
from ingest.model.errors import Blocked, Foreign, IngestError, Unavailable
from ingest.model.stream import Stream

_ANSWER_SECONDS = 15.0
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001  (public, in spite of its name)

log = logging.getLogger(__name__)


class CommittedLog:
    """The committed streams and frames. Raises Unavailable if the broker is unavailable."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        frames_topic: str,
        streams_topic: str,
        codec: Codec,
        now: Callable[[], float],
        *,
        lookup: Callable[[str], Known | None] = lambda _: None,
        foreign: Callable[[bytes, Foreign], None] | None = None,
    ) -> None:
        """Take what every Kafka client needs, and a monotonic clock in seconds.

        lookup returns where the records of a content id are; None if that is unknown. foreign
        is called with the key of each foreign record that is skipped, and the reason.
        """
        self._foreign = foreign or self._log_foreign
        self._connection: dict[str, Any] = {**connection, "logger": ClientLog(log)}
        self._frames_topic = frames_topic
        self._streams_topic = streams_topic
        self._codec = codec
        self._now = now
        self._lookup = lookup

    def find(self, fingerprint: str) -> list[Stream]:
        """Return the latest state of every stream with this content, oldest change first.

        Includes everything committed before the call, even while other transactions are open.
        """
        content = content_id(fingerprint)
        suffix = f"-{content}".encode()
        wanted, known = (lambda key: key.endswith(suffix)), self._lookup(content)
        found = self._latest(wanted, known, lambda stream: stream.fingerprint == fingerprint)
        return [stream for stream in found if stream.fingerprint == fingerprint]

    def streams(self, wanted: Callable[[bytes], bool]) -> list[Stream]:
        """Return the latest state of every stream whose key is wanted, oldest change first."""
        return self._latest(wanted, None, _names_its_content)

    def _latest(
        self,
        wanted: Callable[[bytes], bool],
        known: Known | None,
        is_preferred: Callable[[Stream], bool],
    ) -> list[Stream]:
        """Return the latest state of every stream whose key is wanted, oldest change first.

        known: where the wanted records are; only later records are read besides them.
        is_preferred: which states win if one key has several. A foreign record does not hide the
        stream's own record, as long as the topic has both.
        """
        latest: dict[bytes, bytes | None] = {}
        for message in self._states(known):
            key = message.key() or b""
            if wanted(key):
                latest.pop(key, None)
                latest[key] = message.value()
        read = {key: self._own(key, value) for key, value in latest.items() if value}
        hidden = {key for key, stream in read.items() if stream is None or not is_preferred(stream)}
        if hidden:
            read |= self._last_meant(hidden, is_preferred)
        return [stream for stream in read.values() if stream is not None]

    def _last_meant(
        self, keys: set[bytes], is_preferred: Callable[[Stream], bool]
    ) -> dict[bytes, Stream]:
        """Read the whole topic; return the last preferred state of each of these keys.

        If a key has none, return the last state that can be read.
        """
        found: dict[bytes, Stream] = {}
        for message in self._states(None):
            key, value = message.key() or b"", message.value()
            if key not in keys:
                continue
            if value is None:
                found.pop(key, None)
                continue
            with suppress(Foreign):
                stream = self._decoded(key, value)
                if is_preferred(stream) or key not in found or not is_preferred(found[key]):
                    found[key] = stream
        return found

    def _own(self, key: bytes, value: bytes) -> Stream | None:
        """Return the stream of a record. Log a foreign record and return None."""
        try:
            return self._decoded(key, value)
        except Foreign as error:
            self._foreign(key, error)
            return None

    def _decoded(self, key: bytes, value: bytes) -> Stream:
        stream = self._codec.read_stream(value)
        if stream.stream_id.encode() != key:
            raise Foreign(f"It belongs to {stream.stream_id}.")
        return stream

    def _states(self, known: Known | None) -> Iterator[Message]:
        """Yield the records of the streams topic: all, or the known ones and later ones."""
        topic, ranges = self._streams_topic, self.whole(self._streams_topic)
        ends = {} if known is None else known.ends
        if known is None or any(ends.get(p.partition, 0) > end for p, end in ranges.items()):
            yield from self.records(topic, ranges)  # the topic was recreated since it was read
            return
        begins = {place.partition: place.offset for place in ranges}
        for partition, offset in sorted(known.places):
            if offset >= begins.get(partition, offset):
                place = TopicPartition(topic, partition, offset)
                # If it was compacted away, a later record of its stream follows below.
                yield from self.records(topic, {place: offset + 1})
        behind = {
            TopicPartition(topic, p.partition, max(p.offset, ends.get(p.partition, 0))): end
            for p, end in ranges.items()
        }
        yield from self.records(topic, behind)

    def _log_foreign(self, key: bytes, error: Foreign) -> None:
        log.warning(
            "event=foreign_record topic=%s key=%r reason=%r next='skip it'",
            self._streams_topic, key.decode(errors="replace"), str(error),
        )  # fmt: skip

    def hash_images(self, stream: Stream) -> "hashlib._Hash | None":
        """Return SHA-256 over the images committed so far; None when some have expired."""
        digest = hashlib.sha256()
        if stream.partition is None or stream.first_offset is None or stream.last_offset is None:
            return digest
        place = TopicPartition(self._frames_topic, stream.partition, stream.first_offset)
        expected = 0
        for message in self.records(self._frames_topic, {place: stream.last_offset + 1}):
            value = message.value()
            if message.key() != stream.stream_id.encode() or not value:
                continue
            try:
                frame = self._codec.read_frame(value)
            except Foreign:
                continue
            if (frame["stream_id"], frame["run_id"]) == (stream.stream_id, stream.run_id):
                if frame["frame_index"] != expected:
                    return None
                digest.update(frame["image"])
                expected += 1
        return digest if expected == stream.frame_count else None

    def holds_all(self, stream: Stream) -> bool:
        """Return whether every frame of an ended stream can be read from the log now.

        Checks the first and the last frame: they must be the run's own, at the offsets and in
        the topic that the stream names. A stream without frames is readable.
        """
        if not stream.frame_count:
            return True
        first, last = stream.first_offset, stream.last_offset
        if stream.partition is None or first is None or last is None:
            return False
        if stream.frames_topic_id not in (None, self.frames_topic_id()):
            return False
        ends = {(0, first), (stream.frame_count - 1, last)}
        return all(self._has_frame(stream, index, offset) for index, offset in ends)

    def has_lost(self, stream: Stream) -> bool:
        """Return whether the log has lost frames of an unended stream, other than by expiry.

        That is so if the frames topic was recreated, or if a partition has lost its newest
        records. The next frames would then leave a gap.
        """
        first, last = stream.first_offset, stream.last_offset
        if stream.partition is None or first is None or last is None:
            return False
        if stream.frames_topic_id not in (None, self.frames_topic_id()):
            return True
        ends = {(0, first), (stream.frame_count - 1, last)}
        missing = [offset for i, offset in ends if not self._has_frame(stream, i, offset)]
        if not missing:
            return False
        # Asked afterwards: one that has expired by now is not lost.
        begins = {p.partition: p.offset for p in self.whole(self._frames_topic, stream.partition)}
        return max(missing) >= begins.get(stream.partition, 0)

    def frames_topic_id(self) -> str | None:
        """Return Kafka's id of the frames topic; None if the broker has no ids."""
        topic = self._frames_topic
        try:
            return topic_ids(AdminClient(self._connection), [topic], _ANSWER_SECONDS)[topic]
        except KafkaException as error:
            raise _no_answer(topic, error) from error

    def _has_frame(self, stream: Stream, frame_index: int, offset: int) -> bool:
        """Return whether this frame of the stream is at offset."""
        assert stream.partition is not None
        topic, partition = self._frames_topic, stream.partition
        whole = self.whole(topic, partition)
        reach = {p.partition: (p.offset, end) for p, end in whole.items()}
        begin, end = reach.get(partition, (0, 0))
        if not begin <= offset < end:
            return False
        place = TopicPartition(topic, partition, offset)
        for message in self.records(topic, {place: offset + 1}):
            try:
                frame = self._codec.read_frame(message.value() or b"")
            except Foreign:
                return False
            found = (message.key(), frame.get("run_id"), frame.get("frame_index"))
            return found == (stream.stream_id.encode(), stream.run_id, frame_index)
        return False

    def partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        admin = AdminClient(self._connection)
        try:
            found = admin.list_topics(topic, _ANSWER_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
        except KafkaException as error:
            raise _no_answer(topic, error) from error
        return len(found.partitions)

    def whole(self, topic: str, only: int | None = None) -> dict[TopicPartition, int]:
        """Return each partition of a topic with its first offset, and its true end.

        The end is the high watermark, not the last stable offset: another worker's open
        transaction would hold that back, and hide committed states of the wanted stream.
        only: return just this partition, or nothing if it does not exist.
        """
        admin = AdminClient(self._connection)
        try:
            metadata = admin.list_topics(topic, _ANSWER_SECONDS).topics[topic]
            if metadata.error is not None:
                raise KafkaException(metadata.error)
            asked = [p for p in metadata.partitions if only in (None, p)]
            if not asked:
                return {}
            first = self._offsets(admin, topic, asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            end = self._offsets(admin, topic, asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        except KafkaException as error:
            raise _no_answer(topic, error) from error
        return {TopicPartition(topic, p, first[p]): end[p] for p in asked}

    def _offsets(
        self, admin: AdminClient, topic: str, partitions: Iterable[int], spec: OffsetSpec
    ) -> dict[int, int]:
        answers = admin.list_offsets(
            {TopicPartition(topic, partition): spec for partition in partitions},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=_ANSWER_SECONDS,
        )
        return {place.partition: answer.result().offset for place, answer in answers.items()}

    def records(self, topic: str, ranges: dict[TopicPartition, int]) -> Iterator[Message]:
        """Yield the committed records of each range, up to its end."""
        consumer = Consumer(
            {
                **self._connection,
                "group.id": "framelog-ingest",  # required, but never joined: see assign
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                # An empty response marks the end of the partition: do not wait long for it.
                "fetch.wait.max.ms": 10,
            }
        )
        waiting = {p.partition: end for p, end in ranges.items() if end > max(0, p.offset)}
        reached = {place.partition: max(0, place.offset) for place in ranges}
        with closing(consumer):
            consumer.assign([place for place in ranges if place.partition in waiting])
            last_message_at = self._now()
            while waiting:
                message = consumer.poll(1.0)
                error = None if message is None else message.error()
                at_end = error is not None and error.code() == _END_OF_PARTITION
                if error is not None and not at_end:
                    _raise_if_blocked(error, topic)
                if message is None or (error is not None and not at_end):
                    if self._now() - last_message_at > _ANSWER_SECONDS:
                        raise _undelivered(topic, reached, waiting)
                    continue
                last_message_at = self._now()
                partition, offset = message.partition() or 0, message.offset() or 0
                reached[partition] = offset if at_end else offset + 1
                end = waiting.get(partition)
                if end is None:
                    continue
                if not at_end and offset < end:
                    yield message
                if reached[partition] >= end:
                    del waiting[partition]


def _names_its_content(stream: Stream) -> bool:
    """Return whether a stream's id ends with the id of its content."""
    return stream.stream_id.endswith(f"-{content_id(stream.fingerprint)}")


def _undelivered(topic: str, reached: Mapping[int, int], waiting: Mapping[int, int]) -> Unavailable:
    """Return the error for records that do not arrive: how far reading came, and its goal."""
    missing = ", ".join(
        f"partition {partition} was read up to offset {reached[partition]}, not up to {end}"
        for partition, end in sorted(waiting.items())
    )
    return Unavailable(
        f"Kafka does not deliver the records of {topic}: {missing}. "
        "An open transaction may hold them back."
    )


def _no_answer(topic: str, error: KafkaException) -> IngestError:
    """Return the error for a request on a topic that Kafka does not answer."""
    raised = ingest_error(error.args[0], f"a request for the state of {topic}")
    if isinstance(raised, Blocked):
        return raised
    return Unavailable(f"Kafka does not return the state of {topic}: {error.args[0].str()}.")


def _raise_if_blocked(error: KafkaError, topic: str) -> None:
    """Raise Blocked if a consumer's error means that no records will arrive."""
    raised = ingest_error(error, f"a request for the records of {topic}")
    if isinstance(raised, Blocked):
        raise raised
