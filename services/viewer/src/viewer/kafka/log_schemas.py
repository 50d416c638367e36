"""Whether the registry still has the schemas by which the log was written.

The setup step keeps them in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives their ids to others: then records would be taken for what they are not.
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
_LOOKS_A_READING = 6
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 (public, in spite of its name)
GUIDE = "'make restore-schemas' puts them back (docs/operations.md#the-registry-lost-its-ids)"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One schema of the log, and whose it is."""

    subject: str
    text: str


class LogSchemas:
    """Compares what the log names with what the registry has, every few seconds."""

    def __init__(
        self,
        settings: Settings,
        *,
        consumer: Callable[[], Consumer],
        registry: Callable[[], Registry],
        metrics: Metrics,
    ) -> None:
        """Read the backup with what `consumer` makes, and ask what `registry` makes each time.

        A client that is kept would remember what a schema was.
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
        """A sentence on what the registry has lost; None where it has all, or doesn't answer."""

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, once what it asks has answered: nobody need wait for that."""
        self._stopping.set()

    def guarded(self, look_up: Callable[[int], str]) -> Callable[[int], str]:
        """Return a look-up that never gives another schema than that by which the log was written.

        It raises RegistryAwayError for one that the registry has lost: whoever reads waits then.
        """

        def schema(schema_id: int) -> str:
            if not self._was_read.wait(_RPC_SECONDS):
                raise RegistryAwayError("which schemas the log needs has not been read yet")
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
        """Ask the registry for each of the log's schemas. Raises RegistryAwayError."""
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
                if looks % _LOOKS_A_READING == 0 or not self._was_read.is_set():
                    self._entries = self._read()
                    self._was_read.set()
                self.check()
            except (KafkaException, RegistryAwayError) as error:
                # Who needs Kafka or the registry says that it is away; what was known stands.
                logger.debug("event=schemas_unknown reason=%r", str(error))
            except Exception:
                logger.exception("event=schemas_unknown")
            looks += 1
            self._stopping.wait(_INTERVAL_SECONDS if self._was_read.is_set() else 1.0)

    def _read(self) -> Mapping[int, _Entry]:
        """Return what the topic holds by id; nothing where it is missing, or not ours to read."""
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
        raise RegistryAwayError(f"{self._topic} does not come")

    def _entry(self, key: bytes, value: bytes | None) -> tuple[int, _Entry] | None:
        """Return what a record says, None where that is nothing, or not about this log.

        Anybody may have written it: what is not as the setup step writes it is passed by.
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
    """Tell, by id, what became of the schemas that are lost. Raises RegistryAwayError."""
    lost = {}
    for schema_id, entry in sorted(entries.items()):
        try:
            text = registry.schema(schema_id)
        except UnknownSchemaError:
            lost[schema_id] = f"id {schema_id} ({entry.subject}) is unknown"
        else:
            if _parsed(text) != _parsed(entry.text):
                lost[schema_id] = f"id {schema_id} ({entry.subject}) is another's now"
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
