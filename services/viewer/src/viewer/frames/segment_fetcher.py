"""Fetches segments from Kafka by offset: the one module that reads the frames topic."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from viewer.catalogue.frame_index import SegmentLocation
from viewer.kafka.foreign_records import ForeignRecords
from viewer.kafka.wire_format import Decoder, ForeignRecordError, RegistryAwayError, body_of
from viewer.model.records import Frame, ImpossibleRecordError, Record, frame_from
from viewer.telemetry.metrics import Metrics
from viewer.telemetry.spans import Attributes, Traces

_POLL_SECONDS = 0.1
# A consumer that doesn't know a partition's leader needs a second to find it, and it forgets
# leaders after some minutes. So metadata is requested this often.
_METADATA_MAX_AGE_SECONDS = 60.0


class LogAwayError(Exception):
    """Kafka or the registry doesn't answer in time: retry later."""


class FramesGoneError(Exception):
    """The log doesn't have these frames: they expired, or other records lie in their place."""


@dataclass
class _Fetcher:
    """A consumer, and when it last requested the partitions' metadata."""

    consumer: Consumer
    metadata_at: float = -inf
    partitions: frozenset[int] | None = None
    """The topic's partitions then; None if the request failed."""


class SegmentFetcher:
    """Reads segments with a pool of consumers. Safe to share by threads.

    `fetch`, `fetch_records` and `low_watermark` run in the caller's thread. They block for a free
    consumer and for Kafka, for `timeout_seconds` in total.
    """

    def __init__(
        self,
        consumers: Sequence[Consumer],
        topic: str,
        decoder: Decoder,
        metrics: Metrics,
        traces: Traces,
        *,
        foreign: ForeignRecords,
        now: Callable[[], float] = time.monotonic,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Read `topic` with these consumers; count foreign records. `now` gives seconds."""
        self._topic = topic
        self._decoder = decoder
        self._metrics = metrics
        self._traces = traces
        self._foreign = foreign
        self._now = now
        self._timeout_seconds = timeout_seconds
        self._idle: queue.LifoQueue[_Fetcher] = queue.LifoQueue()
        for consumer in consumers:
            self._idle.put(_Fetcher(consumer))

    def fetch(self, stream_id: str, run_id: str, location: SegmentLocation) -> tuple[Frame, ...]:
        """Return all frames of the segment at this location, in order.

        Raises FramesGoneError if one of them isn't in the log, and LogAwayError if Kafka doesn't
        answer in time. It never returns other frames than the requested ones.
        """
        return tuple(frame for frame, _ in self._fetch(stream_id, run_id, location))

    def fetch_records(self, stream_id: str, run_id: str, location: SegmentLocation) -> list[Record]:
        """Return the same frames as they are in the log. Raises as `fetch` does."""
        return [
            Record(frame.frame_index, frame.schema_id, body_of(message.value() or b""))
            for frame, message in self._fetch(stream_id, run_id, location)
        ]

    def _fetch(
        self, stream_id: str, run_id: str, location: SegmentLocation
    ) -> list[tuple[Frame, Message]]:
        deadline = self._now() + self._timeout_seconds
        attributes: Attributes = {
            "stream_id": stream_id,
            "run_id": run_id,
            "partition": location.partition,
            "first_offset": location.offsets[0],
            "frames": len(location.offsets),
        }
        with self._metrics.fetch_seconds.time(), self._traces.span("fetch", attributes) as span:
            try:
                with self._borrow(deadline, location.partition) as consumer:
                    messages = self._read(consumer, stream_id, location, deadline)
                self._metrics.fetch_bytes.inc(sum(len(message) for message in messages))
                span.add_links(_traceparents(messages))
                return [
                    (self._frame(message, stream_id, run_id, location.first_frame + i), message)
                    for i, message in enumerate(messages)
                ]
            except (FramesGoneError, LogAwayError):
                self._metrics.fetch_failures.inc()
                raise
            except KafkaException as error:
                self._metrics.fetch_failures.inc()
                raise LogAwayError(str(error)) from error

    def low_watermark(self, partition: int) -> int:
        """Ask the broker for a partition's first available offset. Raises LogAwayError."""
        where = TopicPartition(self._topic, partition)
        try:
            with self._borrow(self._now() + self._timeout_seconds, partition) as consumer:
                low, _ = consumer.get_watermark_offsets(where, self._timeout_seconds)
        except (KafkaException, FramesGoneError) as error:
            raise LogAwayError(str(error)) from error
        return low

    def close(self) -> None:
        """Close the idle consumers."""
        while True:
            try:
                self._idle.get_nowait().consumer.close()
            except queue.Empty:
                return

    @contextmanager
    def _borrow(self, deadline: float, partition: int) -> Iterator[Consumer]:
        """Lend a consumer that knows the partition. Raises FramesGoneError if it does not exist.

        Kafka's client would wait silently for a partition that does not exist.
        """
        try:
            fetcher = self._idle.get(timeout=max(deadline - self._now(), 0))
        except queue.Empty:
            raise LogAwayError("all fetchers are busy") from None
        try:
            is_new = partition not in (fetcher.partitions or {partition})
            if is_new or self._now() - fetcher.metadata_at > _METADATA_MAX_AGE_SECONDS:
                seconds = max(deadline - self._now(), 0)
                found = fetcher.consumer.list_topics(self._topic, seconds).topics[self._topic]
                fetcher.partitions = None if found.error else frozenset(found.partitions)
                fetcher.metadata_at = self._now()
            if partition not in (fetcher.partitions or {partition}):
                raise FramesGoneError(f"there is no partition {partition}")
            yield fetcher.consumer
        finally:
            self._idle.put(fetcher)

    def _read(
        self, consumer: Consumer, stream_id: str, location: SegmentLocation, deadline: float
    ) -> list[Message]:
        consumer.assign([TopicPartition(self._topic, location.partition, location.offsets[0])])
        try:
            return list(self._messages(consumer, stream_id, location, deadline))
        finally:
            # Otherwise it reads ahead, which delays the next fetch (docs/decisions/0002).
            consumer.unassign()

    def _messages(
        self, consumer: Consumer, stream_id: str, location: SegmentLocation, deadline: float
    ) -> Iterator[Message]:
        """Yield the messages at the location's offsets, without other streams' between them."""
        key, missing = stream_id.encode(), set(location.offsets)
        while missing:
            message = consumer.poll(_POLL_SECONDS)
            if self._now() > deadline:
                raise LogAwayError(f"no answer in {self._timeout_seconds:g} s")
            error = None if message is None else message.error()
            if message is None or error is not None:
                if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 (public in effect)
                    raise FramesGoneError(f"offset {location.offsets[0]} is out of range")
                # Other errors concern connections, which the client restores.
                continue
            offset = message.offset() or 0
            if offset in missing and message.key() == key:
                missing.remove(offset)
                yield message
            elif offset >= location.offsets[-1]:
                raise FramesGoneError(f"{len(missing)} frames are not in the log")

    def _frame(self, message: Message, stream_id: str, run_id: str, frame_index: int) -> Frame:
        try:
            schema_id, record = self._decoder.decode(message.value() or b"", "Frame")
            frame = frame_from(
                record,
                partition=message.partition() or 0,
                offset=message.offset() or 0,
                kafka_timestamp_ms=message.timestamp()[1],
                schema_id=schema_id,
            )
        except RegistryAwayError as error:
            raise LogAwayError(f"the schema registry is away: {error}") from error
        except ForeignRecordError as error:
            self._foreign.note(message, error.reason)
            raise FramesGoneError("a foreign record lies in a frame's place") from error
        except ImpossibleRecordError as error:
            self._foreign.note(message, "impossible")
            raise FramesGoneError("a foreign record lies in a frame's place") from error
        except TypeError as error:
            self._foreign.note(message, "malformed")
            raise FramesGoneError("a foreign record lies in a frame's place") from error
        if (frame.stream_id, frame.run_id, frame.frame_index) != (stream_id, run_id, frame_index):
            raise FramesGoneError("another frame lies in a frame's place")
        return frame


def _traceparents(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the `traceparent` header of each batch of these messages."""
    found = {dict(message.headers() or ()).get("traceparent") for message in messages}
    for value in found:
        if isinstance(value, bytes):
            yield value.decode("ascii", "replace")
