"""Knows where the latest record of each content is; a thread follows the streams topic."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from framelog_service.logs import ClientLog

_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001  (public, in spite of its name)
_ANSWER_SECONDS = 15.0
_PAUSE_SECONDS = 1.0
_AT_ONCE = 500
_CONTENT_ID = re.compile(rb"-([0-9a-f]{12})\Z")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """Where the records of one content are, up to some offset of each partition.

    places: partition and offset of each stream's latest record. ends: by partition, the first
    offset that has not been read.
    """

    places: tuple[tuple[int, int], ...]
    ends: Mapping[int, int]


@dataclass
class _Partition:
    """By content id, each stream's key and its latest record's offset; few have two streams."""

    end: int = 0
    streams: dict[bytes, tuple[tuple[bytes, int], ...]] = field(default_factory=dict)


class StreamLookup:
    """Reads the streams topic's keys, so that no worker has to read all of it at its start.

    Needs about 400 bytes a stream. A context manager, which runs the thread.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topic: str,
        is_foreign: Callable[[int, int, bytes, bytes], bool] = lambda *_: False,
    ) -> None:
        """Take what every Kafka client needs.

        is_foreign says of each record (partition, offset, key, value) whether it is foreign: a
        foreign record hides no earlier one.
        """
        self._is_foreign = is_foreign
        self._connection: dict[str, Any] = {**connection, "logger": ClientLog(log)}
        self._topic = topic
        self._lock = threading.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="lookup", daemon=True)

    def __enter__(self) -> StreamLookup:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.thread.join(_ANSWER_SECONDS)

    def known(self, content: str) -> Known:
        """Return where the records of the content with this id are, as far as was read."""
        wanted = content.encode()
        with self._lock:
            return Known(
                tuple(
                    (number, offset)
                    for number, partition in self._partitions.items()
                    for _, offset in partition.streams.get(wanted, ())
                ),
                {number: partition.end for number, partition in self._partitions.items()},
            )

    def note(
        self,
        partition: int,
        offset: int,
        key: bytes,
        *,
        is_tombstone: bool,
        is_foreign: bool = False,
    ) -> None:
        """Take in a record; called in the order of offsets."""
        with self._lock:
            known = self._partitions.setdefault(partition, _Partition())
            if offset < known.end:  # the topic was recreated
                known.streams.clear()
            known.end = offset + 1
            match = _CONTENT_ID.search(key)
            if match is None or is_foreign:
                return
            others = tuple(one for one in known.streams.get(match[1], ()) if one[0] != key)
            kept = others if is_tombstone else (*others, (key, offset))
            if kept:
                known.streams[match[1]] = kept
            else:
                known.streams.pop(match[1], None)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception:
                # Workers can do without it: they then read more of the topic themselves.
                log.exception("event=lookup_failed next='try again'")
            self._stopping.wait(_PAUSE_SECONDS)

    def _follow(self) -> None:
        with closing(self._consumer()) as consumer:
            try:
                metadata = consumer.list_topics(self._topic, _ANSWER_SECONDS).topics[self._topic]
            except KafkaException as error:
                log.debug("event=lookup_waits reason=%r", str(error))
                return
            if not metadata.partitions:
                return
            with self._lock:
                starts = {n: self._partitions.get(n, _Partition()).end for n in metadata.partitions}
            consumer.assign([TopicPartition(self._topic, n, end) for n, end in starts.items()])
            while not self._stopping.is_set():
                for message in consumer.consume(_AT_ONCE, 0.5):
                    self._take(message)

    def _take(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            key, value = message.key() or b"", message.value()
            if isinstance(key, bytes):
                is_foreign = value is not None and self._is_foreign(partition, offset, key, value)
                self.note(partition, offset, key, is_tombstone=value is None, is_foreign=is_foreign)
        elif error is not None and error.code() != _END_OF_PARTITION:
            log.debug("event=lookup_waits reason=%r", error.str())

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **self._connection,
                "group.id": "framelog-ingest",  # required, but never joined: see assign
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 4096,
            }
        )
