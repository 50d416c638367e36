"""Whether the registry still has the schemas by which the log was written.

The setup step keeps them in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives their ids to others: then what ingest writes would be taken for what it is not.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from framelog_service.logs import ClientLog

from ingest.config.settings import Settings
from ingest.kafka.avro_codec import LARGEST_ID
from ingest.kafka.client_configuration import registry_options

_INTERVAL_SECONDS = 10.0
# After a look that failed: what is away may be back.
_AGAIN_SECONDS = 1.0
_RPC_SECONDS = 5.0
_READ_SECONDS = 30.0
_LOOKS_A_READING = 6
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 (public, in spite of its name)
_BEGINS = "Ingest has just been started, and asks whether the registry has the log's schemas."
GUIDE = "'make restore-schemas' puts them back (docs/operations.md#the-registry-lost-its-ids)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One schema of the log, and whose it is."""

    subject: str
    text: str


class LogSchemas:
    """Compares what the log names with what the registry has, every few seconds.

    A context manager, which runs the thread.
    """

    def __init__(self, settings: Settings, tell: Callable[[int], None]) -> None:
        """Tell how many schemas are lost, each time that is known."""
        self._settings = settings
        self._tell = tell
        self._subjects = {
            f"{topic}-value"
            for topic in (settings.frames_topic, settings.index_topic, settings.streams_topic)
        }
        self._entries: Mapping[int, Entry] | None = None
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="log schemas", daemon=True)
        self._has_looked = False
        self.problem: str | None = None
        """A sentence on what the registry has lost; None where it has all, or doesn't answer."""

    @property
    def hold(self) -> str | None:
        """Why no file may be begun with now: what the log has of it would be taken for another's.

        Files that are begun with can go on, by the schemas that they began with.
        """
        return self.problem or (None if self._has_looked else _BEGINS)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Nobody need wait for what is asked just now.
        self._stopping.set()

    def look(self, entries: Mapping[int, Entry]) -> None:
        """Ask the registry for these schemas. Raises SchemaRegistryError, and the client's own."""
        options = {**registry_options(self._settings.registry), "timeout": 5, "max.retries": 0}
        # A client that is kept would remember what a schema was.
        client = SchemaRegistryClient(options)
        try:
            lost = _lost(client, entries)
        finally:
            client.close()
        self._tell(len(lost))
        problem = _sentence(lost) if lost else None
        if problem != self.problem and problem is not None:
            log.error("event=schemas_lost reason=%r", problem)
        elif problem != self.problem:
            log.warning("event=schemas_found schemas=%d", len(entries))
        self.problem = problem

    def _run(self) -> None:
        looks = 0
        while not self._stopping.is_set():
            pause_seconds = _INTERVAL_SECONDS
            try:
                if looks % _LOOKS_A_READING == 0 or self._entries is None:
                    self._entries = self._read()
                self.look(self._entries)
            except Exception as error:
                # Who needs Kafka or the registry says that it is away; what was known stands.
                log.debug("event=schemas_unknown reason=%r", str(error))
                pause_seconds = _AGAIN_SECONDS
            self._has_looked = True
            looks += 1
            self._stopping.wait(pause_seconds)

    def _read(self) -> Mapping[int, Entry]:
        """Return what the topic holds by id; nothing where it is missing, or not ours to read."""
        topic = self._settings.schemas_topic
        consumer = Consumer(
            {
                **self._settings.kafka.client_options,
                # The library asks for a group; an assigned consumer is in none.
                "group.id": "framelog-ingest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                "logger": ClientLog(log),
            }
        )
        with closing(consumer):
            found = consumer.list_topics(topic, _RPC_SECONDS).topics[topic]
            if found.error is not None:
                return {}
            entries: dict[bytes, tuple[int, Entry] | None] = {}
            for partition in found.partitions:
                self._read_partition(consumer, partition, entries)
            return dict(entry for entry in entries.values() if entry is not None)

    def _read_partition(
        self, consumer: Consumer, partition: int, entries: dict[bytes, tuple[int, Entry] | None]
    ) -> None:
        where = TopicPartition(self._settings.schemas_topic, partition, OFFSET_BEGINNING)
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
        raise KafkaException(f"{self._settings.schemas_topic} does not come")

    def _entry(self, key: bytes, value: bytes | None) -> tuple[int, Entry] | None:
        """Return what a record says, None where that is nothing, or not about this log.

        Anybody may have written it: what is not as the setup step writes it is passed by.
        """
        try:
            found = json.loads(value or b"")
            subject, schema_id, text = found["subject"], found["schema_id"], found["schema"]
            if key != f"{subject}/{schema_id}".encode() or subject not in self._subjects:
                return None
            is_ours = type(schema_id) is int and 0 < schema_id <= LARGEST_ID
            return (schema_id, Entry(subject, text)) if is_ours and _is_record(text) else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


def _lost(client: SchemaRegistryClient, entries: Mapping[int, Entry]) -> list[str]:
    """Tell what became of the schemas that are lost."""
    lost = []
    for schema_id, entry in sorted(entries.items()):
        try:
            text = client.get_schema(schema_id).schema_str or ""
        except SchemaRegistryError as error:
            if error.http_status_code != 404:
                raise
            lost.append(f"id {schema_id} ({entry.subject}) is unknown")
        else:
            if _parsed(text) != _parsed(entry.text):
                lost.append(f"id {schema_id} ({entry.subject}) is another's now")
    return lost


def _sentence(lost: list[str]) -> str:
    return (
        "The schema registry has lost schemas by which the log was written: "
        f"{', '.join(lost)}; {GUIDE}."
    )


def _is_record(text: str) -> bool:
    schema = json.loads(text)
    return isinstance(schema, dict) and schema.get("type") == "record"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
