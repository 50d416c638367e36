"""The backup of the log's schemas, and which of them the registry has lost.

The setup step keeps the backup in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives the same ids to other schemas, and records would be decoded with a wrong schema.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

LARGEST_ID = (1 << 31) - 1
"""Ids are Java ints; a registry may fail in any way when asked for a larger one."""
GUIDE = "'make restore-schemas' puts them back (docs/operations.md#the-registry-lost-its-ids)"

_RPC_SECONDS = 5.0
_READ_SECONDS = 30.0
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 (public, in spite of its name)


@dataclass(frozen=True, slots=True)
class LogSchema:
    """One schema of the log and its subject."""

    subject: str
    text: str


def read_backup(
    consumer: Consumer,
    topic: str,
    log_topics: Iterable[str],
    is_stopping: Callable[[], bool],
) -> Mapping[int, LogSchema]:
    """Return by id the schemas of the log's topics that the backup's topic holds.

    Empty if the topic is missing or can't be read; incomplete if the caller is stopping. The
    consumer must have `enable.partition.eof`. Blocks for about 30 s for each partition at most.
    Raises KafkaException.
    """
    found = consumer.list_topics(topic, _RPC_SECONDS).topics[topic]
    if found.error is not None:
        return {}
    subjects = {f"{name}-value" for name in log_topics}
    kept: dict[bytes, tuple[int, LogSchema] | None] = {}
    for partition in found.partitions:
        where = TopicPartition(topic, partition, OFFSET_BEGINNING)
        for key, value in _records(consumer, where, is_stopping):
            kept[key] = _kept(key, value, subjects)
    return dict(entry for entry in kept.values() if entry is not None)


def lost_schemas(
    kept: Mapping[int, LogSchema], text_of: Callable[[int], str | None]
) -> Mapping[int, str]:
    """Describe each schema that the registry has lost, by id.

    `text_of` asks the registry for a schema's text; None if the registry doesn't know the id. What
    it raises is passed on.
    """
    lost = {}
    for schema_id, schema in sorted(kept.items()):
        text = text_of(schema_id)
        if text is None:
            lost[schema_id] = f"id {schema_id} ({schema.subject}) is unknown"
        elif _parsed(text) != _parsed(schema.text):
            lost[schema_id] = f"id {schema_id} ({schema.subject}) is now another schema"
    return lost


def sentence_on_lost(lost: Mapping[int, str]) -> str:
    """Say which schemas are lost, and what to do."""
    return (
        "The schema registry has lost schemas by which the log was written: "
        f"{', '.join(lost.values())}; {GUIDE}."
    )


def _records(
    consumer: Consumer, where: TopicPartition, is_stopping: Callable[[], bool]
) -> Iterable[tuple[bytes, bytes | None]]:
    """Yield keys and values of a partition from its beginning to its end."""
    low, end = consumer.get_watermark_offsets(where, _RPC_SECONDS)
    if low >= end:
        return
    consumer.assign([where])
    deadline = time.monotonic() + _READ_SECONDS
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        error = None if message is None else message.error()
        if is_stopping() or (error is not None and error.code() == _END):
            return
        if message is not None and error is None:
            yield message.key() or b"", message.value()
    raise KafkaException(f"{where.topic} can't be read in {_READ_SECONDS:g} s")


def _kept(key: bytes, value: bytes | None, subjects: Iterable[str]) -> tuple[int, LogSchema] | None:
    """Return a record's schema id and schema; None if it is not about this log.

    Any program may have written it: a record that the setup step would not write is skipped.
    """
    try:
        found = json.loads(value or b"")
        subject, schema_id, text = found["subject"], found["schema_id"], found["schema"]
        if key != f"{subject}/{schema_id}".encode() or subject not in subjects:
            return None
        is_ours = type(schema_id) is int and 0 < schema_id <= LARGEST_ID
        return (schema_id, LogSchema(subject, text)) if is_ours and _is_record(text) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_record(text: str) -> bool:
    schema = json.loads(text)
    return isinstance(schema, dict) and schema.get("type") == "record"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
