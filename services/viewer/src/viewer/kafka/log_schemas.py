"""Checks that the registry still has the schemas that the log was written with.

The setup step keeps a copy in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives the same ids to other schemas, and records would be decoded with a wrong schema.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from viewer.config.settings import Settings
from viewer.kafka.wire_format import LARGEST_ID, Registry, RegistryAwayError, UnknownSchemaError
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 10.0
_RPC_SECONDS = 5.0
_READ_SECONDS = 30.0
_CHECKS_PER_READ = 6
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 (public, in spite of its name)
GUIDE = "'make restore-schemas' puts them back (docs/operations.md#the-registry-lost-its-ids)"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One schema of the log and its subject."""

    subject: str
    text: str


class LogSchemas:
    """Compares the log's schemas with the registry's every 10 s, in a thread of its own.

    Other threads read `problem` and call the `guarded` look-up.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        consumer: Callable[[], Consumer],
        registry: Callable[[], Registry],
        metrics: Metrics,
    ) -> None:
        """Read the backup with a new `consumer()`, and ask a new `registry()` each time.

        A registry client that is kept would answer from its cache.
        """
        self._topic = settings.schemas_topic
        self._subjects = {
            f"{topic}-value"
            for topic in (settings.frames_topic, settings.index_topic, settings.streams_topic)
        }
        self._consumer = consumer
        self._registry = registry
        self._metrics = metrics
        self._entries: Mapping[int, _Entry] = {}
        self._was_read = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log schemas", daemon=True)
        self.problem: str | None = None
        """A sentence on the lost schemas; None if none is lost or the registry doesn't answer."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, and return at once; the thread ends after its current request."""
        self._stopping.set()

    def guarded(self, look_up: Callable[[int], str]) -> Callable[[int], str]:
        """Return a schema look-up that never returns another schema than the log was written with.

        For a lost schema it raises RegistryAwayError, so that readers wait. It blocks for up to
        5 s until the backup has been read, and for the registry's answer.
        """

        def schema(schema_id: int) -> str:
            if not self._was_read.wait(_RPC_SECONDS):
                raise RegistryAwayError("the log's schemas have not been read yet")
            entry = self._entries.get(schema_id)
            if entry is None:
                return look_up(schema_id)
            registry = self._registry()
            try:
                lost = _lost(registry, {schema_id: entry})
            finally:
                registry.close()
            if lost:
                raise RegistryAwayError(_sentence(lost))
            return entry.text

        return schema

    def check(self) -> None:
        """Compare each of the log's schemas with the registry's. Raises RegistryAwayError."""
        registry = self._registry()
        try:
            lost = _lost(registry, self._entries)
        finally:
            registry.close()
        self._metrics.schemas_lost.set(len(lost))
        problem = _sentence(lost) if lost else None
        if problem != self.problem:
            if problem is not None:
                logger.error("event=schemas_lost reason=%r", problem)
            else:
                logger.warning("event=schemas_found schemas=%d", len(self._entries))
        self.problem = problem

    def _run(self) -> None:
        looks = 0
        while not self._stopping.is_set():
            try:
                if looks % _CHECKS_PER_READ == 0 or not self._was_read.is_set():
                    self._entries = self._read()
                    self._was_read.set()
                self.check()
            except (KafkaException, RegistryAwayError) as error:
                # Other parts report that Kafka or the registry is unavailable; keep the result.
                logger.debug("event=schemas_unknown reason=%r", str(error))
            except Exception:
                logger.exception("event=schemas_unknown")
            looks += 1
            self._stopping.wait(_INTERVAL_SECONDS if self._was_read.is_set() else 1.0)

    def _read(self) -> Mapping[int, _Entry]:
        """Return the topic's schemas by id; empty if the topic is missing or can't be read."""
        consumer = self._consumer()
        try:
            found = consumer.list_topics(self._topic, _RPC_SECONDS).topics[self._topic]
            if found.error is not None:
                return {}
            entries: dict[bytes, tuple[int, _Entry] | None] = {}
            for partition in found.partitions:
                self._read_partition(consumer, partition, entries)
            return dict(entry for entry in entries.values() if entry is not None)
        finally:
            consumer.close()

    def _read_partition(
        self, consumer: Consumer, partition: int, entries: dict[bytes, tuple[int, _Entry] | None]
    ) -> None:
        where = TopicPartition(self._topic, partition, OFFSET_BEGINNING)
        low, end = consumer.get_watermark_offsets(where, _RPC_SECONDS)
        if low >= end:
            return
        consumer.assign([where])
        deadline = time.monotonic() + _READ_SECONDS
        while time.monotonic() < deadline:
            message = consumer.poll(0.1)
            error = None if message is None else message.error()
            if self._stopping.is_set() or (error is not None and error.code() == _END):
                return
            if message is not None and error is None:
                key = message.key() or b""
                entries[key] = self._entry(key, message.value())
        raise RegistryAwayError(f"{self._topic} can't be read in {_READ_SECONDS:g} s")

    def _entry(self, key: bytes, value: bytes | None) -> tuple[int, _Entry] | None:
        """Return a record's schema id and schema; None if it is not about this log.

        Any program may have written it: a record that the setup step would not write is skipped.
        """
        try:
            found = json.loads(value or b"")
            subject, schema_id, text = found["subject"], found["schema_id"], found["schema"]
            if key != f"{subject}/{schema_id}".encode() or subject not in self._subjects:
                return None
            is_ours = type(schema_id) is int and 0 < schema_id <= LARGEST_ID
            return (schema_id, _Entry(subject, text)) if is_ours and _is_record(text) else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


def _lost(registry: Registry, entries: Mapping[int, _Entry]) -> dict[int, str]:
    """Describe each lost schema, by id. Raises RegistryAwayError."""
    lost = {}
    for schema_id, entry in sorted(entries.items()):
        try:
            text = registry.schema(schema_id)
        except UnknownSchemaError:
            lost[schema_id] = f"id {schema_id} ({entry.subject}) is unknown"
        else:
            if _parsed(text) != _parsed(entry.text):
                lost[schema_id] = f"id {schema_id} ({entry.subject}) is now another schema"
    return lost


def _sentence(lost: Mapping[int, str]) -> str:
    return (
        "The schema registry has lost schemas by which the log was written: "
        f"{', '.join(lost.values())}; {GUIDE}."
    )


def _is_record(text: str) -> bool:
    schema = json.loads(text)
    return isinstance(schema, dict) and schema.get("type") == "record"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
