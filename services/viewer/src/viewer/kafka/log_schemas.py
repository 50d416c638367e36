"""Checks that the registry still has the schemas that the log was written with.

The setup step keeps a copy in a topic beside the log (docs/decisions/0019). A registry that was
emptied gives the same ids to other schemas, and records would be decoded with a wrong schema.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial

from confluent_kafka import Consumer, KafkaException
from framelog_service.schema_backup import (
    LogSchema,
    lost_schemas,
    read_backup,
    sentence_on_lost,
)

from viewer.config.settings import Settings
from viewer.kafka.wire_format import Registry, RegistryAwayError, UnknownSchemaError
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 10.0
_RPC_SECONDS = 5.0
_CHECKS_PER_READ = 6


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
        self._log_topics = (
            settings.frames_topic, settings.index_topic, settings.streams_topic,
        )  # fmt: skip
        self._consumer = consumer
        self._registry = registry
        self._metrics = metrics
        self._entries: Mapping[int, LogSchema] = {}
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
                lost = lost_schemas({schema_id: entry}, partial(_text_of, registry))
            finally:
                registry.close()
            if lost:
                raise RegistryAwayError(sentence_on_lost(lost))
            return entry.text

        return schema

    def check(self) -> None:
        """Compare each of the log's schemas with the registry's. Raises RegistryAwayError."""
        registry = self._registry()
        try:
            lost = lost_schemas(self._entries, partial(_text_of, registry))
        finally:
            registry.close()
        self._metrics.schemas_lost.set(len(lost))
        problem = sentence_on_lost(lost) if lost else None
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

    def _read(self) -> Mapping[int, LogSchema]:
        with closing(self._consumer()) as consumer:
            return read_backup(consumer, self._topic, self._log_topics, self._stopping.is_set)


def _text_of(registry: Registry, schema_id: int) -> str | None:
    """Return a schema's text; None if the registry doesn't know the id."""
    try:
        return registry.schema(schema_id)
    except UnknownSchemaError:
        return None
