"""The backup of the schemas: a compacted topic beside the log that needs them.

It lives as long as the log does, and wherever that is copied or mirrored to, and whoever reads
the log can read it: so the services can tell when the registry has lost a schema, too.
"""

from __future__ import annotations

import json
import struct
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from framelog_service.schema_backup import LARGEST_ID

from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

RPC_SECONDS = 15.0
READ_SECONDS = 30.0
# How far before a partition's end its last record is looked for: transactions end with markers.
TAIL_OFFSETS = 8
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001  (public, in spite of its name)
_NO_LEADER_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}
RETRY_SECONDS = 0.1
_WIRE_HEAD = struct.Struct(">bI")


@dataclass(frozen=True)
class Entry:
    """One version of a subject, as it was registered."""

    subject: str
    version: int
    schema_id: int
    schema: str
    """As the registry's Confluent API gives it."""
    source: str
    """As it was handed in, byte for byte: the registry knows a schema again by that."""

    @property
    def key(self) -> str:
        """Its key in the topic."""
        return f"{self.subject}/{self.schema_id}"


def read(kafka: Mapping[str, str], topic: str) -> list[Entry]:
    """Return all that the topic holds, none where it is missing. Raises SetupError."""
    entries: dict[str, Entry | None] = {}
    with _consumer(kafka) as consumer:
        for message in _records(consumer, topic):
            key = (message.key() or b"").decode(errors="replace")
            entries[key] = _entry(key, message.value())
    return [entry for entry in entries.values() if entry is not None]


def write(
    kafka: Mapping[str, str], topic: str, entries: Sequence[Entry], gone: Sequence[Entry]
) -> None:
    """Have the topic hold these entries too, and those that are gone no longer.

    Raises SetupError.
    """
    if not entries and not gone:
        return
    failed: list[str] = []
    # A record that is sent twice says the same: to have none twice would take half a second.
    producer = Producer({**kafka, "acks": "all", "compression.type": "gzip"})
    kept = {entry.key for entry in entries}
    for entry in (*entries, *(each for each in gone if each.key not in kept)):
        producer.produce(
            topic,
            json.dumps(asdict(entry)).encode() if entry.key in kept else None,
            entry.key.encode(),
            on_delivery=lambda error, _: failed.append(error.str()) if error else None,
        )
    left = producer.flush(RPC_SECONDS)
    if failed or left:
        reason = failed[0] if failed else "Kafka did not take it in time"
        raise SetupError(
            f"The schemas can't be kept in {topic} ({reason}): let the setup's user write it."
        )


def log_ids(kafka: Mapping[str, str], topics: Sequence[str]) -> dict[str, set[int]]:
    """Return the ids of schemas by which each topic's first and last records were written.

    Topics without records are left out. Raises SetupError.
    """
    found: dict[str, set[int]] = {}
    with _consumer(kafka) as consumer:
        for topic in topics:
            for partition in _partitions(consumer, topic):
                ids = _ends(consumer, topic, partition)
                if ids is not None:
                    found.setdefault(topic, set()).update(ids)
    return found


def _ends(consumer: Consumer, topic: str, partition: int) -> set[int] | None:
    """Return the ids at both ends of a partition, None where it holds nothing."""
    where = TopicPartition(topic, partition)
    low, high = _bounds(consumer, where)
    if low >= high:
        return None
    ids = set()
    for begin in {low, max(low, high - TAIL_OFFSETS)}:
        for message in _from(consumer, TopicPartition(topic, partition, begin), high):
            value = message.value() or b""
            if len(value) > _WIRE_HEAD.size:
                magic, schema_id = _WIRE_HEAD.unpack_from(value)
                if magic == 0:
                    ids.add(schema_id)
            if begin == low:
                break
    return ids


def _records(consumer: Consumer, topic: str) -> Iterator[Message]:
    for partition in _partitions(consumer, topic):
        low, high = _bounds(consumer, TopicPartition(topic, partition))
        yield from _from(consumer, TopicPartition(topic, partition, low), high)


def _bounds(consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
    """Return where a partition begins and ends. One that was just made has no leader at first."""
    deadline = time.monotonic() + RPC_SECONDS
    while True:
        try:
            low, high = consumer.get_watermark_offsets(where, RPC_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return low, high


def _from(consumer: Consumer, where: TopicPartition, end: int) -> Iterator[Message]:
    """Yield the records from there on to the end, which need not be reached by one."""
    if where.offset >= end:
        return
    deadline = time.monotonic() + READ_SECONDS
    consumer.assign([where])
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is None:
            continue
        error = message.error()
        if error is not None and error.code() == _END_OF_PARTITION:
            return
        if error is None:
            if (message.offset() or 0) >= end:
                return
            yield message
    raise SetupError(
        f"Kafka does not give the records of {where.topic} within {READ_SECONDS:g} s: "
        "see that every broker is up, then run the setup again."
    )


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    known = consumer.list_topics(timeout=RPC_SECONDS).topics
    return sorted(known[topic].partitions) if topic in known else []


@contextmanager
def _consumer(kafka: Mapping[str, str]) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            **kafka,
            # The library asks for a group; an assigned consumer is in none.
            "group.id": "framelog-setup",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "fetch.message.max.bytes": 1 << 20,
            "log_level": 0,
        }
    )
    try:
        yield consumer
    except KafkaException as error:
        raise SetupError(f"The log can't be read: {error.args[0].str()}.") from error
    finally:
        consumer.close()


def _entry(key: str, value: bytes | None) -> Entry | None:
    """Return what a record says, None where that is nothing, or no entry of ours.

    Anybody may have written it: what is not as `write` writes it is passed by.
    """
    try:
        entry = Entry(**json.loads(value or b""))
        is_ours = (
            all(isinstance(text, str) for text in (entry.subject, entry.schema, entry.source))
            and all(
                type(number) is int and 0 < number <= LARGEST_ID
                for number in (entry.version, entry.schema_id)
            )
            and entry.key == key
            and _is_record(entry.schema)
            and _is_record(entry.source)
        )
    except (ValueError, TypeError, RecursionError):
        return None
    return entry if is_ours else None


def _is_record(text: str) -> bool:
    schema = json.loads(text)
    return isinstance(schema, dict) and schema.get("type") == "record"
