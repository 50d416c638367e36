"""Writes a batch of frames, its index row and the stream's state in one transaction."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from framelog_service.logs import ClientLog

from ingest.kafka.avro_codec import Codec
from ingest.kafka.avro_records import segment_key
from ingest.kafka.client_errors import BAD_STATE, DOORS, PURGED, TOO_LARGE, ingest_error
from ingest.kafka.record_limits import LearnedLimits, RecordLimits, record_bytes
from ingest.kafka.topic_properties import MOST_BYTES, topic_ids
from ingest.model.errors import (
    Blocked,
    Fenced,
    IngestError,
    LimitsChanged,
    Overdue,
    Replaced,
    StartOver,
    Unavailable,
)
from ingest.model.frame import Frame
from ingest.model.stream import Placement, Stream
from ingest.telemetry.worker_probe import Probe

PARTITION_BY_KEY = -1
_TRANSACTION_SECONDS = 10.0
_GIVE_UP_SECONDS = 2 * _TRANSACTION_SECONDS
# How often a stream checks that its topics were not recreated.
_TOPICS_SECONDS = 10.0
_TOMBSTONES_AT_ONCE = 10_000

T = TypeVar("T")

Headers = list[tuple[str, str | bytes | None]]

log = logging.getLogger(__name__)

Advance = Callable[[Stream, Placement | None], Stream]
"""Returns the stream's next state from the batch's place in the log (None: no frames)."""


class Publisher(Protocol):
    """Commits to the log. Of all publishers of one content, only the newest can."""

    @property
    def limits(self) -> RecordLimits:
        """How large its records may be."""

    def commit(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """Write batch, its segment and the state that advance gives, in one transaction.

        Returns that state. Raises Fenced if a newer publisher has taken over, and Overdue if
        Kafka ended the transaction for that reason or because it was open for too long. After
        these errors, nothing of the transaction is in the log: LimitsChanged; StartOver if a
        frame or the batch's segment is larger than the log accepts; Replaced if the log has lost
        what was committed of the stream before; Blocked if a person has to fix something. After
        any other Unavailable it is unknown whether the transaction was committed. After any
        error, this publisher must not be used again.
        """

    def close(self) -> None:
        """Discard what has not been committed."""


class KafkaPublisher:
    """A transactional producer. Opening it fences every earlier one of the same id.

    Raises Unavailable if the broker is unavailable, and Blocked if it rejects ingest.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: tuple[str, str, str],
        transactional_id: str,
        codec: Codec,
        probe: Probe,
        *,
        book: LearnedLimits | None = None,
    ) -> None:
        """Take what every Kafka client needs; book: what is known of the log's limits."""
        self._topics = topics
        self._frames_topic, self._index_topic, self._streams_topic = topics
        self._codec = codec
        self._probe = probe
        self._book = book or LearnedLimits(topics)
        self._index_partitions: int | None = None
        self._faults: list[KafkaError] = []
        self._connection_error: KafkaError | None = None
        options: dict[str, Any] = {**connection, "logger": ClientLog(log)}
        asking: dict[str, Any] = {**options, "error_cb": self._on_client_error}
        self._admin = AdminClient(asking)
        self._guard("a request", lambda: self._book.ask(self._admin, _TRANSACTION_SECONDS))
        self._producer = Producer(
            {
                **options,
                **probe.kafka.configuration(),
                "error_cb": self._on_producer_error,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(_TRANSACTION_SECONDS * 1000),
                "message.max.bytes": MOST_BYTES,
                "batch.size": 1 if self._book.alone else max(1, self.limits.batch_bytes),
                "linger.ms": 2,
                "partitioner": "murmur2_random",  # the Java clients' default
            }
        )
        self._guard("a request", self._connect)

    @property
    def limits(self) -> RecordLimits:
        """See Publisher.limits."""
        return self._book.limits

    def open(self) -> None:
        """Become the one publisher of this id. Raises as commit does."""
        self._guard(
            "the producer", lambda: self._producer.init_transactions(_TRANSACTION_SECONDS * 3)
        )

    def commit(self, stream: Stream, batch: Sequence[Frame], advance: Advance) -> Stream:
        """See Publisher.commit."""
        headers = _headers(self._probe.traceparent)
        with self._probe.step("serialize"):
            values = [self._codec.frame(frame, stream) for frame in batch]
        self._check_sizes(stream, batch, values)
        return self._transaction(lambda: self._write(stream, batch, values, headers, advance))

    def forget(self, stream_id: str, segments: Iterable[tuple[bytes, int]]) -> None:
        """Take a stream out of the catalogue, and segments (key, partition) out of the index.

        The partition is that of a segment's frames, or of its row, which comes to the same. In
        one transaction. Raises as commit does.
        """
        self._transaction(lambda: self._write_tombstones(stream_id, segments))

    def close(self) -> None:
        """See Publisher.close."""
        with suppress(KafkaException):  # as in _abort
            self._producer.purge()
            self._producer.flush(0)
        self._codec.close()

    def _connect(self) -> None:
        # Without an open connection, init_transactions looks for the coordinator again only after
        # half a second. The first request opens a connection, the second one uses it.
        for _ in range(2):
            self._producer.list_topics(self._frames_topic, _TRANSACTION_SECONDS)
        self._topic_ids = self._ask_topic_ids()

    def _ask_topic_ids(self) -> dict[str, str | None]:
        self._asked = time.monotonic()
        return topic_ids(self._admin, self._topics[:2], _TRANSACTION_SECONDS)

    def _check_sizes(self, stream: Stream, batch: Sequence[Frame], values: Sequence[bytes]) -> None:
        """Raise StartOver if a record of the batch is larger than its topic accepts."""
        key, limits = stream.stream_id.encode(), self.limits
        for frame, value in zip(batch, values, strict=True):
            if record_bytes(key, value) > limits.frames_bytes:
                raise StartOver(
                    f"Frame {frame.frame_index} is too large for {self._frames_topic}, which "
                    f"now accepts records of at most {limits.frames_bytes} bytes."
                )
        if batch and len(batch) > limits.segment_frames(stream):
            raise StartOver(
                f"{self._index_topic} now accepts records of at most {limits.index_bytes} bytes: "
                "batches must be smaller."
            )

    def _write(
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
                self._check_place(stream, placement)
            with step("serialize"):
                after = advance(stream, placement)
                state = self._codec.stream(after)
            with step("commit"):
                if placement is not None:
                    self._index(stream, batch, placement)
                self._check_state(key, state)
                self._produce(self._streams_topic, state, key)
                if after.ended and after.frame_count:
                    self._check_topics()
                self._commit()
        return after

    def _index(self, stream: Stream, batch: Sequence[Frame], placement: Placement) -> None:
        segment = stream.segment(batch, placement)
        self._produce(
            self._index_topic,
            self._codec.segment(segment),
            segment_key(segment).encode(),
            segment.partition % self._index_partition_count(),
        )

    def _write_tombstones(self, stream_id: str, segments: Iterable[tuple[bytes, int]]) -> None:
        self._producer.begin_transaction()
        for number, (key, partition) in enumerate(segments, 1):
            where = partition % self._index_partition_count()
            self._produce(self._index_topic, None, key, where)
            if number % _TOMBSTONES_AT_ONCE == 0:
                self._producer.flush(_TRANSACTION_SECONDS)
        self._produce(self._streams_topic, None, stream_id.encode())
        self._commit()

    def _place(
        self, key: bytes, values: Sequence[bytes], headers: Headers, partition: int | None
    ) -> Placement:
        """Send the frames' values and return where they lie; without partition, by the key."""
        where = PARTITION_BY_KEY if partition is None else partition
        places: list[tuple[int, int]] = []

        def placed(message: Message) -> None:
            places.append((message.offset() or 0, message.partition() or 0))

        for value in values:
            self._produce(self._frames_topic, value, key, where, headers=headers, placed=placed)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while len(places) < len(values):
            self._producer.poll(0.1)
            if fault := self._fault():
                raise KafkaException(fault)
            if time.monotonic() > give_up:
                raise Unavailable("The broker does not acknowledge the frames that it was sent.")
        topic_id = self._topic_ids[self._frames_topic]
        return Placement(places[0][1], [offset for offset, _ in places], topic_id)

    def _check_place(self, stream: Stream, placement: Placement | None) -> None:
        """Raise Replaced if a batch does not follow the stream's frames in the log."""
        if placement is None or not stream.frame_count:
            return
        if stream.last_offset is not None and placement.offsets[0] <= stream.last_offset:
            raise Replaced(
                f"{self._frames_topic} has lost records of partition {placement.partition}, the "
                "stream's among them."
            )
        if stream.frames_topic_id not in (None, placement.topic_id):
            raise Replaced(f"{self._frames_topic} was deleted and recreated.")
        if time.monotonic() - self._asked > _TOPICS_SECONDS:
            self._check_topics()

    def _check_topics(self) -> None:
        """Raise Replaced if a topic of the stream was recreated."""
        now = self._ask_topic_ids()
        for topic, topic_id in self._topic_ids.items():
            if now[topic] != topic_id:
                raise Replaced(f"{topic} was deleted and recreated.")

    def _check_state(self, key: bytes, state: bytes) -> None:
        needed, most = record_bytes(key, state), self.limits.streams_bytes
        if needed > most:
            raise Blocked(
                f"{self._streams_topic} accepts records of at most {most} bytes, but this stream's "
                f"needs {needed}: raise its max.message.bytes."
            )

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes,
        partition: int = PARTITION_BY_KEY,
        *,
        headers: Headers | None = None,
        placed: Callable[[Message], None] = lambda _: None,
    ) -> None:
        """Hand a record to the client. Blocks while the client's queue is full."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                placed(message)
                return
            self._faults.append(error)
            if error.code() in TOO_LARGE:
                self._book.refuse(topic, record_bytes(key, value or b""))

        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, delivered, headers=headers or []
                )
            except BufferError:
                self._producer.poll(0.1)
                if time.monotonic() > give_up:
                    raise Unavailable(
                        "The queue of Kafka's client is full: the broker does not acknowledge the "
                        "records that it was sent."
                    ) from None
            else:
                return

    def _commit(self) -> None:
        """Commit. Repeat the call if the client says that it may be repeated."""
        self._committing = True
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            try:
                self._producer.commit_transaction(max(1.0, give_up - time.monotonic()))
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > give_up:
                    raise
                self._producer.poll(0.1)
            else:
                return

    def _index_partition_count(self) -> int:
        if self._index_partitions is None:
            metadata = self._producer.list_topics(self._index_topic, _TRANSACTION_SECONDS)
            index = metadata.topics[self._index_topic]
            if index.error is not None:
                raise KafkaException(index.error)
            self._index_partitions = max(1, len(index.partitions))
        return self._index_partitions

    def _transaction(self, act: Callable[[], T]) -> T:
        """Run a transaction. If it fails before its commit, abort it."""
        self._faults, self._committing, self._connection_error = [], False, None
        self._began = time.monotonic()
        try:
            return act()
        except KafkaException as error:
            self._fail(error)
        except (Replaced, Blocked, Unavailable):
            if not self._committing:
                self._abort()
            raise

    def _fail(self, error: KafkaException) -> NoReturn:
        """Abort a failed transaction if possible, and raise the error that the failure means."""
        reported: KafkaError = error.args[0]
        with suppress(KafkaException):
            self._producer.poll(0)  # to get the client's other errors
        fault = self._fault()
        # The error of a record says more than that the call came too late.
        cause = fault if fault is not None and reported.code() in {BAD_STATE, *PURGED} else reported
        raised = self._ingest_error(cause, "the transaction")
        open_seconds = time.monotonic() - self._began
        if isinstance(raised, Fenced) and open_seconds > _TRANSACTION_SECONDS:
            # Kafka reports the same error for a transaction that it has ended itself.
            raised = Overdue(
                f"Kafka has ended the transaction: it was open for {open_seconds:.0f} s, and "
                f"the limit is {_TRANSACTION_SECONDS:.0f} s."
            )
        if reported.txn_requires_abort() or not self._committing:
            self._abort()
            if cause.code() in TOO_LARGE and self._book.was_refused:
                raised = LimitsChanged(str(raised))
        raise raised from error

    def _abort(self) -> None:
        """Abort the transaction, so that readers need not wait for its timeout."""
        with suppress(KafkaException):  # it may be fenced, for a second time, or the broker is away
            self._producer.abort_transaction(_TRANSACTION_SECONDS)

    def _fault(self) -> KafkaError | None:
        """Return the error of the first record of the transaction that failed."""
        faults = [fault for fault in self._faults if fault.code() not in PURGED]
        return faults[0] if faults else None

    def _on_client_error(self, error: KafkaError) -> None:
        """Note an error that belongs to no call, such as a connection's."""
        self._connection_error = error if error.code() in DOORS else self._connection_error

    def _on_producer_error(self, error: KafkaError) -> None:
        self._on_client_error(error)
        self._probe.kafka.on_error(error)

    def _ingest_error(self, error: KafkaError, doing: str) -> IngestError:
        raised = ingest_error(error, doing)
        if isinstance(raised, Unavailable) and self._connection_error is not None:
            raised = ingest_error(self._connection_error, "the connection")
        return raised

    def _guard(self, doing: str, act: Callable[[], T]) -> T:
        """Run act outside a transaction, and convert the client's errors to ours."""
        try:
            return act()
        except KafkaException as error:
            with suppress(KafkaException):
                self._admin.poll(0)  # to get the reason
            raise self._ingest_error(error.args[0], doing) from error


def _headers(traceparent: str | None) -> Headers:
    return [] if traceparent is None else [("traceparent", traceparent)]
