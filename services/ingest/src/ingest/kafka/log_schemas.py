"""Whether the registry still has the schemas by which the log was written.

The setup step keeps them in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives their ids to others: then what ingest writes would be taken for what it is not.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Self

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from framelog_service.logs import ClientLog
from framelog_service.schema_backup import (
    LogSchema,
    lost_schemas,
    read_backup,
    sentence_on_lost,
)

from ingest.config.settings import Settings
from ingest.kafka.client_configuration import registry_options

_INTERVAL_SECONDS = 10.0
# After a look that failed: what is away may be back.
_AGAIN_SECONDS = 1.0
_LOOKS_A_READING = 6
_BEGINS = "Ingest has just been started, and asks whether the registry has the log's schemas."

log = logging.getLogger(__name__)


class LogSchemas:
    """Compares what the log names with what the registry has, every few seconds.

    A context manager, which runs the thread.
    """

    def __init__(self, settings: Settings, tell: Callable[[int], None]) -> None:
        """Tell how many schemas are lost, each time that is known."""
        self._settings = settings
        self._tell = tell
        self._entries: Mapping[int, LogSchema] | None = None
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

    def look(self, entries: Mapping[int, LogSchema]) -> None:
        """Ask the registry for these schemas. Raises SchemaRegistryError, and the client's own."""
        options = {**registry_options(self._settings.registry), "timeout": 5, "max.retries": 0}
        # A client that is kept would remember what a schema was.
        client = SchemaRegistryClient(options)
        try:
            lost = lost_schemas(entries, partial(_text_of, client))
        finally:
            client.close()
        self._tell(len(lost))
        problem = sentence_on_lost(lost) if lost else None
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

    def _read(self) -> Mapping[int, LogSchema]:
        settings = self._settings
        consumer = Consumer(
            {
                **settings.kafka.client_options,
                # The library asks for a group; an assigned consumer is in none.
                "group.id": "framelog-ingest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                "logger": ClientLog(log),
            }
        )
        log_topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
        with closing(consumer):
            return read_backup(consumer, settings.schemas_topic, log_topics, self._stopping.is_set)


def _text_of(client: SchemaRegistryClient, schema_id: int) -> str | None:
    """Return a schema's text; None if the registry doesn't know the id."""
    try:
        return client.get_schema(schema_id).schema_str or ""
    except SchemaRegistryError as error:
        if error.http_status_code != 404:
            raise
        return None
