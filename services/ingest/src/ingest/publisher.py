"""Writing to the log: a batch of frames, its index row and the stream's state, or none of them."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from ingest.codec import Codec
from ingest.errors import Fenced, Unavailable
from ingest.frame import Frame
from ingest.logs import ClientLog
from ingest.probe import Probe
from ingest.records import segment_key
from ingest.stream import Placement, Segment, Stream
from ingest.topics import topic_ids

_FENCED = (
    KafkaError._FENCED,  # noqa: SLF001  (the client's public constant, in spite of its name)
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
)
PARTITION_BY_KEY = -1
_MESSAGE_BYTES = 16 << 20
_TRANSACTION_SECONDS = 10.0
_TOMBSTONES_AT_ONCE = 10_000

T = TypeVar("T")

Headers = list[tuple[str, str | bytes | None]]

log = logging.getLogger(__name__)

Advance = Callable[[Stream, Placement | None], Stream]
"""Gives the stream's next state, once it is known where the batch lies (None: no frames)."""


class Publisher(Protocol):
    """Commits to the log; of all publishers of one content, the newest alone can."""

    def commit(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """Write batch, its segment and the state that advance gives, in one transaction.

        Returns that state. Raises Fenced when a newer publisher has taken over, and
        Unavailable when the broker is away: then it is not known whether it was committed,
        and this publisher must not be used again.
        """

    def close(self) -> None:
        """Give up what has not been committed."""


class KafkaPublisher:
    """A transactional producer. Opening it fences every earlier one of the same id.

    Raises Unavailable when the broker is away.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: tuple[str, str, str],
        transactional_id: str,
        codec: Codec,
        probe: Probe,
    ) -> None:
        self._frames_topic, self._index_topic, self._streams_topic = topics
        self._codec = codec
        self._probe = probe
        self._index_partitions: int | None = None
        self._producer = Producer(
            {
                **connection,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(_TRANSACTION_SECONDS * 1000),
                "message.max.bytes": _MESSAGE_BYTES,
                "batch.size": _MESSAGE_BYTES,
                "linger.ms": 2,
                "partitioner": "murmur2_random",  # the Java clients' default
                "logger": ClientLog(log),
                **probe.kafka.configuration(),
            }
        )
        options: dict[str, Any] = {**connection, "logger": ClientLog(log)}
        self._admin = AdminClient(options)
        self._guard(self._reach)

    def open(self) -> None:
        """Become the one publisher of this id. Raises Unavailable."""
        self._guard(lambda: self._producer.init_transactions(_TRANSACTION_SECONDS * 3))

    def commit(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """See Publisher.commit."""
        headers = _headers(self._probe.traceparent)
        with self._probe.step("serialize"):
            values = [self._codec.frame(frame, stream) for frame in batch]
        return self._guard(lambda: self._transact(stream, batch, values, headers, advance))

    def forget(self, stream_id: str, segments: Iterable[tuple[bytes, int]]) -> None:
        """Take a stream out of the catalogue, and segments (key, partition) out of the index.

        In one transaction. Raises Fenced and Unavailable, as commit does.
        """
        self._guard(lambda: self._bury(stream_id, segments))

    def close(self) -> None:
        """See Publisher.close."""
        with suppress(KafkaException):  # as in _guard
            self._producer.purge()
            self._producer.flush(0)
        self._codec.close()

    def _reach(self) -> None:
        # Without a connection that is up, init_transactions looks for the coordinator again only
        # after half a second. The first answer makes one, the second comes over it.
        for _ in range(2):
            self._producer.list_topics(self._frames_topic, _TRANSACTION_SECONDS)
        self._topic_ids = self._ask_topic_ids()

    def _ask_topic_ids(self) -> dict[str, str | None]:
        topics = (self._frames_topic, self._index_topic)
        return topic_ids(self._admin, topics, _TRANSACTION_SECONDS)

    def _transact(
        self,
        stream: Stream,
        batch: Sequence[Frame],
        values: Sequence[bytes],
        headers: Headers,
        advance: Advance,
    ) -> Stream:
        step, key = self._probe.step, stream.stream_id.encode()
        with self._probe.transaction():
            self._producer.begin_transaction()
            with step("flush"):
                placement = self._place(key, values, headers, stream.partition) if values else None
            with step("serialize"):
                after = advance(stream, placement)
                state = self._codec.stream(after)
            with step("commit"):
                if placement is not None:
                    self._index(stream.segment(batch, placement))
                self._producer.produce(self._streams_topic, state, key)
                self._producer.commit_transaction(_TRANSACTION_SECONDS * 2)
        return after

    def _index(self, segment: Segment) -> None:
        self._producer.produce(
            self._index_topic,
            self._codec.segment(segment),
            segment_key(segment).encode(),
            segment.partition % self._index_partition_count(),
        )

    def _bury(self, stream_id: str, segments: Iterable[tuple[bytes, int]]) -> None:
        self._producer.begin_transaction()
        for number, (key, partition) in enumerate(segments, 1):
            self._producer.produce(self._index_topic, None, key, partition)
            if number % _TOMBSTONES_AT_ONCE == 0:
                self._producer.flush(_TRANSACTION_SECONDS)
        self._producer.produce(self._streams_topic, None, stream_id.encode())
        self._producer.commit_transaction(_TRANSACTION_SECONDS * 2)

    def _place(
        self, key: bytes, values: Sequence[bytes], headers: Headers, partition: int | None
    ) -> Placement:
        """Send the frames' values and return where they lie; without partition, by the key."""
        reports: list[Message | KafkaError] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            reports.append(error or message)

        where = PARTITION_BY_KEY if partition is None else partition
        for value in values:
            self._producer.produce(
                self._frames_topic, value, key, where, delivered, headers=headers
            )
        give_up = time.monotonic() + _TRANSACTION_SECONDS * 2
        while len(reports) < len(values):
            self._producer.poll(0.1)
            if time.monotonic() > give_up:
                raise Unavailable("The broker does not confirm the frames that it was sent.")
        messages = []
        for report in reports:
            if isinstance(report, KafkaError):
                raise KafkaException(report)
            messages.append((report.offset() or 0, report.partition() or 0))
        topic_id = self._topic_ids[self._frames_topic]
        return Placement(messages[0][1], [offset for offset, _ in messages], topic_id)

    def _index_partition_count(self) -> int:
        if self._index_partitions is None:
            metadata = self._producer.list_topics(self._index_topic, _TRANSACTION_SECONDS)
            self._index_partitions = max(1, len(metadata.topics[self._index_topic].partitions))
        return self._index_partitions

    def _guard(self, act: Callable[[], T]) -> T:
        """Run act, and turn the client's errors into ours."""
        try:
            return act()
        except KafkaException as error:
            with suppress(KafkaException):  # that this publisher was fenced, for a second time
                self._producer.poll(0)  # what else the client has to tell of it
            reason: KafkaError = error.args[0]
            if reason.code() in _FENCED:
                raise Fenced("Another worker has taken the stream over.") from error
            raise Unavailable(f"Kafka did not take a transaction: {reason.str()}.") from error


def _headers(traceparent: str | None) -> Headers:
    return [] if traceparent is None else [("traceparent", traceparent)]
