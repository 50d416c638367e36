"""Fetches segments from Kafka by offset: the one place that reads the frames topic."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from viewer.index import SegmentPlace
from viewer.metrics import Metrics
from viewer.records import Frame, frame_from
from viewer.wire import Decoder, ForeignRecordError, RegistryAwayError

_POLL_SECONDS = 0.1


class LogAwayError(Exception):
    """Kafka or the registry doesn't answer in time: try again later."""


class FramesGoneError(Exception):
    """The log doesn't hold these frames: retention took them, or others lie in their place."""


@dataclass
class _Fetcher:
    """A consumer, and where it would read on: its partition and the next offset."""

    consumer: Consumer
    partition: int = -1
    next_offset: int = -1


class SegmentFetcher:
    """Reads segments with a pool of consumers. Safe to share by threads."""

    def __init__(
        self,
        consumers: Sequence[Consumer],
        topic: str,
        decoder: Decoder,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.monotonic,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Read `topic` with these consumers; `now` gives seconds."""
        self._topic = topic
        self._decoder = decoder
        self._metrics = metrics
        self._now = now
        self._timeout_seconds = timeout_seconds
        self._idle = [_Fetcher(consumer) for consumer in consumers]
        self._returned = threading.Condition()

    def fetch(self, stream_id: str, run_id: str, place: SegmentPlace) -> tuple[Frame, ...]:
        """Return all frames of the segment at this place, in order.

        Raises FramesGoneError when one of them isn't there, LogAwayError when that can't be
        known in time. Whatever it returns is what was asked for: never another picture.
        """
        deadline = self._now() + self._timeout_seconds
        with self._metrics.fetch_seconds.time():
            try:
                with self._borrow(place, deadline) as fetcher:
                    messages = self._read(fetcher, stream_id, place, deadline)
                return tuple(
                    self._frame(message, stream_id, run_id, place.first_frame + i)
                    for i, message in enumerate(messages)
                )
            except (FramesGoneError, LogAwayError):
                self._metrics.fetch_failures.inc()
                raise
            except KafkaException as error:
                self._metrics.fetch_failures.inc()
                raise LogAwayError(str(error)) from error

    def low_watermark(self, partition: int) -> int:
        """Ask the broker for the first offset that it still holds. Raises LogAwayError."""
        where = TopicPartition(self._topic, partition)
        try:
            with self._borrow(None, self._now() + self._timeout_seconds) as fetcher:
                low, _ = fetcher.consumer.get_watermark_offsets(where, self._timeout_seconds)
        except KafkaException as error:
            raise LogAwayError(str(error)) from error
        return low

    def close(self) -> None:
        """Close the consumers that nobody uses."""
        with self._returned:
            for fetcher in self._idle:
                fetcher.consumer.close()
            self._idle.clear()

    @contextmanager
    def _borrow(self, place: SegmentPlace | None, deadline: float) -> Iterator[_Fetcher]:
        """Lend the fetcher that would read on at this place, or else the longest idle one."""
        with self._returned:
            if not self._returned.wait_for(lambda: self._idle, deadline - self._now()):
                raise LogAwayError("all fetchers are busy")
            fitting = (
                i
                for i, idle in enumerate(self._idle)
                if place
                and (idle.partition, idle.next_offset) == (place.partition, place.offsets[0])
            )
            fetcher = self._idle.pop(next(fitting, 0))
        try:
            yield fetcher
        finally:
            with self._returned:
                self._idle.append(fetcher)
                self._returned.notify()

    def _read(
        self, fetcher: _Fetcher, stream_id: str, place: SegmentPlace, deadline: float
    ) -> list[Message]:
        where = TopicPartition(self._topic, place.partition, place.offsets[0])
        if (fetcher.partition, fetcher.next_offset) != (place.partition, place.offsets[0]):
            fetcher.consumer.assign([where])
        # Until all is well, nobody is to read on from here.
        fetcher.partition = fetcher.next_offset = -1
        key, wanted, found = stream_id.encode(), set(place.offsets), []
        while self._now() < deadline:
            message = fetcher.consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                # Others tell of connections, which the client restores by itself.
                if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 (its public name)
                    raise FramesGoneError(f"offset {place.offsets[0]} is out of range")
                continue
            offset = message.offset()
            if offset in wanted and message.key() == key:
                found.append(message)
            if offset is not None and offset >= place.offsets[-1]:
                break
        else:
            raise LogAwayError(f"no answer in {self._timeout_seconds:g} s")
        if len(found) < len(place.offsets):
            raise FramesGoneError(f"{len(place.offsets) - len(found)} frames are not in the log")
        fetcher.partition, fetcher.next_offset = place.partition, place.offsets[-1] + 1
        return found

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
            self._metrics.foreign.labels(error.reason).inc()
            raise FramesGoneError("a foreign record lies in a frame's place") from error
        except TypeError as error:
            self._metrics.foreign.labels("malformed").inc()
            raise FramesGoneError("a foreign record lies in a frame's place") from error
        if (frame.stream_id, frame.run_id, frame.frame_index) != (stream_id, run_id, frame_index):
            raise FramesGoneError("another frame lies in a frame's place")
        return frame
