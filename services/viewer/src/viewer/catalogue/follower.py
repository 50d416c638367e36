"""Feeds the catalogue: one thread reads the streams and the index topics from their start."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.expiry import Expiry, topic_ids
from viewer.catalogue.record_handler import RecordHandler
from viewer.config.settings import Settings
from viewer.kafka.foreign_records import ForeignRecords
from viewer.kafka.wire_format import Decoder, RegistryAwayError
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_PARTITIONS_SECONDS = 5.0
_RPC_SECONDS = 5.0
_MAX_MESSAGES = 5000
# No call of the thread takes a fifth of this.
_SILENT_SECONDS = 120.0
_AWAY = "Kafka can't be reached"
_REFUSALS = {
    KafkaError._AUTHENTICATION: (  # noqa: SLF001 (its public name)
        "Kafka rejects the viewer's login; check FRAMELOG_KAFKA_SASL_USERNAME and "
        "FRAMELOG_KAFKA_SASL_PASSWORD"
    ),
    KafkaError._SSL: (  # noqa: SLF001
        "Kafka can't be reached by TLS; check FRAMELOG_KAFKA_SSL_CA_LOCATION"
    ),
}


class _StartOverError(Exception):
    """The topics hold other records than before: clear the catalogue and read them again."""


class _NoTopicError(Exception):
    """A topic does not exist yet: wait and retry."""


class ConsumerLag:
    """How far the catalogue lags behind the log. One thread writes, all threads may read."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """`wall` gives seconds since 1970."""
        self._wall = wall
        self._latest_ms: dict[tuple[str | None, int | None], int] = {}

    def on_record(self, topic: str | None, partition: int | None, timestamp_ms: int) -> None:
        """Note the record that is handled now; later records are not older."""
        self._latest_ms[topic, partition] = timestamp_ms

    def on_partition_end(self, topic: str | None, partition: int | None) -> None:
        """Note that all records of a partition have been handled."""
        self._latest_ms.pop((topic, partition), None)

    @property
    def age_seconds(self) -> float:
        """The age of the oldest record that has not been handled; 0 if there is none."""
        # An atomic copy: the other thread may write at the same time.
        behind = list(self._latest_ms.values())
        return max(self._wall() - min(behind) / 1000, 0.0) if behind else 0.0


class Follower:
    """Keeps a catalogue up to date with the log, through outages of the broker and the registry.

    Its thread owns the consumer. It blocks on Kafka for 5 s at most in each call, and retries each
    second while Kafka or the registry is away. Other threads read the properties.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        consumer: Callable[[Callable[[KafkaError], None]], Consumer],
        admin: AdminClient,
        decoder: Decoder,
        catalogue: Catalogue,
        metrics: Metrics,
        foreign: ForeignRecords | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`consumer` creates the consumer; its argument is the callback for connection errors.

        `admin` asks what has expired. Foreign records are counted in `foreign`. `now` gives
        seconds.
        """
        self._settings = settings
        self._make_consumer = partial(consumer, self._on_connection_error)
        self._consumer = self._make_consumer()
        self._admin = admin
        self._expiry = Expiry(admin, catalogue, settings.frames_topic)
        self._record_handler = RecordHandler(
            settings, decoder, catalogue, foreign or ForeignRecords(metrics)
        )
        self._catalogue = catalogue
        self._metrics = metrics
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._alive_at = now()
        self._lag = ConsumerLag()
        self._is_following = False
        self._partitions_at = self._retention_at = now()
        self._counts: dict[str, int] = {}
        self._topic_ids: dict[str, str | None] = {}
        self._behind: set[tuple[str, int]] = set()
        self._refusal = _AWAY
        self._waiting_for: str | None = "The catalogue has not been read yet."

    @property
    def alive(self) -> bool:
        """Whether the thread runs and its loop made progress in the last two minutes."""
        return self._thread.is_alive() and self._now() - self._alive_at < _SILENT_SECONDS

    @property
    def waiting_for(self) -> str | None:
        """A sentence on why the catalogue isn't ready; None once it has caught up."""
        return self._waiting_for

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest record that has not been handled; 0 if there is none."""
        return self._lag.age_seconds

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the consumer."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_RPC_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._alive_at = self._now()
            try:
                if not self._is_following:
                    self._start_reading()
                self._follow()
            except _StartOverError:
                logger.warning("event=catalogue_reset reason='other records'")
                # A client that knows a deleted log's leader epochs reads nothing of the new log.
                self._consumer.close()
                self._consumer = self._make_consumer()
                self._start_over()
            except _NoTopicError as error:
                self._wait("The cluster has not been set up", error)
            except KafkaException as error:
                # The client reports connection errors only while it is polled.
                self._consumer.poll(0)
                self._wait(self._refusal, error)
            except Exception:
                # Polled records may not have been applied: read the topics again.
                logger.exception("event=follower_failed next='read the topics again'")
                self._is_following = False
                self._stopping.wait(_RETRY_SECONDS)
        self._consumer.close()

    def _on_connection_error(self, error: KafkaError) -> None:
        self._refusal = _REFUSALS.get(error.code(), self._refusal)

    def _start_over(self) -> None:
        """Clear the catalogue and become unready: it does not know all streams."""
        self._is_following = False
        self._waiting_for = "The catalogue is being read again: its topics were replaced."
        self._catalogue.clear()

    def _start_reading(self) -> None:
        """Assign both topics from their start. Raises KafkaException without a broker."""
        self._counts, self._behind, self._refusal = {}, set(), _AWAY
        # Clients report errors when they are polled; without an assignment they return no records.
        self._consumer.unassign()
        self._consumer.poll(0)
        self._admin.poll(0)
        topics = [self._settings.streams_topic, self._settings.index_topic]
        for topic in topics:
            self._assign_new_partitions(topic)
        self._topic_ids = topic_ids(self._admin, topics)
        self._partitions_at = self._retention_at = self._now()
        self._is_following = True

    def _follow(self) -> None:
        """Handle the available records, then the periodic tasks that are due."""
        first = self._consumer.poll(0.25)
        # `is not None`: a message without a value is falsy, and counts.
        self._admin.poll(0)
        if first is not None:
            self._handle_all([first, *self._consumer.consume(_MAX_MESSAGES, 0)])
        if self._now() >= self._retention_at:
            self._retention_at = self._now() + self._settings.retention_poll_seconds
            self._try_step(self._expiry.ask)
            self._try_step(self._measure)
        if self._now() >= self._partitions_at + _PARTITIONS_SECONDS:
            self._partitions_at = self._now()
            self._check_partitions()

    def _try_step(self, step: Callable[[], None]) -> None:
        """Run a step whose failure does no harm; it runs again later."""
        try:
            step()
        except KafkaException as error:
            logger.warning("event=follower_unanswered step=%s reason=%r", step.__name__, str(error))
        except Exception:
            logger.exception("event=follower_step_failed step=%s next='try again'", step.__name__)

    def _assign_new_partitions(self, topic: str) -> None:
        """Assign the topic's new partitions from their beginning."""
        known = self._counts.get(topic, 0)
        found = self._consumer.list_topics(topic, _RPC_SECONDS).topics[topic]
        if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise _NoTopicError(f"there is no topic {topic}")
        if found.error is not None:
            raise KafkaException(found.error)
        new = range(known, len(found.partitions))
        if new:
            self._behind |= {(topic, partition) for partition in new}
            self._consumer.incremental_assign(
                [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in new]
            )
            self._counts[topic] = len(found.partitions)
            logger.info("event=topic_found topic=%s partitions=%d", topic, len(found.partitions))

    def _check_partitions(self) -> None:
        try:
            for topic in (self._settings.streams_topic, self._settings.index_topic):
                self._assign_new_partitions(topic)
            if topic_ids(self._admin, list(self._topic_ids)) != self._topic_ids:
                # A topic was created again: other records, if any, lie at the offsets read so far.
                raise _StartOverError
        except (KafkaException, _NoTopicError) as error:
            logger.warning("event=partitions_unknown reason=%r", str(error))

    def _handle_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.error() is None:
                self._handle(message)
            else:
                self._record_handler.flush()
                self._on_event(message)
        self._record_handler.flush()

    def _handle(self, message: Message) -> None:
        """Handle one record; block while the registry is unavailable."""
        self._lag.on_record(message.topic(), message.partition(), message.timestamp()[1])
        while not self._stopping.is_set():
            self._alive_at = self._now()
            try:
                self._record_handler.handle(message)
            except RegistryAwayError as error:
                self._record_handler.flush()
                self._wait("The schema registry can't be read", error)
            else:
                return

    def _on_event(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its public name)
            self._lag.on_partition_end(message.topic(), message.partition())
            self._on_partition_end(str(message.topic()), message.partition() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise _StartOverError
        else:
            # The client restores its connections by itself.
            logger.warning("event=consumer_error reason=%r", error.str())

    def _on_partition_end(self, topic: str, partition: int) -> None:
        self._behind.discard((topic, partition))
        complete = {self._settings.streams_topic, self._settings.index_topic} <= self._counts.keys()
        if complete and not self._behind and self._waiting_for is not None:
            # Encode now, so that the first request for the list does not wait.
            for view in self._catalogue.changes_since(0).streams:
                view.json  # noqa: B018
            self._waiting_for = None
            streams, segments, _ = self._catalogue.size
            logger.info("event=catalogue_ready streams=%d segments=%d", streams, segments)

    def _wait(self, sentence: str, error: Exception) -> None:
        logger.warning("event=waiting for=%r reason=%r", sentence, str(error))
        if self._waiting_for is not None:
            self._waiting_for = f"{sentence}: {error}."
        self._stopping.wait(_RETRY_SECONDS)

    def _measure(self) -> None:
        streams, segments, index_bytes = self._catalogue.size
        self._metrics.catalogue_streams.set(streams)
        self._metrics.catalogue_segments.set(segments)
        self._metrics.catalogue_bytes.set(index_bytes)
        lag = 0
        for where in self._consumer.position(self._consumer.assignment()):
            high = self._consumer.get_watermark_offsets(where, cached=True)[1]
            lag += max(high - max(where.offset, 0), 0) if high > 0 else 0
        self._metrics.catalogue_lag.set(lag)
