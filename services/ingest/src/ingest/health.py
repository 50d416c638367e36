"""Whether the service lives, and whether it could ingest a video now."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from ingest.codec import Codec
from ingest.doors import kafka_options, registry_options
from ingest.errors import Blocked, Unavailable
from ingest.kafka_errors import DOORS, judged
from ingest.logs import ClientLog
from ingest.settings import Settings
from ingest.topics import no_topic

_ANSWER_SECONDS = 5.0
_FRESH_SECONDS = 5.0
_LOOP_SECONDS = 60.0

log = logging.getLogger(__name__)


class Health:
    """Answers for /healthz and /readyz: None when all is well, else a sentence."""

    def __init__(
        self, settings: Settings, now: Callable[[], float], blocked: Callable[[], str | None]
    ) -> None:
        """Take a monotonic clock in seconds, and why a file can't be ingested, if one can't.

        Only what a person has to mend of Kafka or the registry counts as that.
        """
        self._settings = settings
        self._blocked = blocked
        self._now = now
        self._ticked = now()
        self._lock = threading.Lock()
        self._checked: tuple[float, str | None] | None = None

    def tick(self) -> None:
        """Note that the main loop goes round."""
        self._ticked = self._now()

    def alive(self) -> str | None:
        """Tell what is wrong with the process itself."""
        silent_seconds = self._now() - self._ticked
        if silent_seconds > _LOOP_SECONDS:
            return f"The main loop has not gone round for {silent_seconds:.0f} s: restart ingest."
        return None

    def ready(self) -> str | None:
        """Tell what is wrong with the folder, the broker or the registry; asked rarely."""
        with self._lock:
            if self._checked is None or self._now() - self._checked[0] > _FRESH_SECONDS:
                self._checked = (self._now(), self._check())
            return self._checked[1]

    def _check(self) -> str | None:
        settings = self._settings
        incoming = settings.videos / "incoming"
        if incoming.exists() and not incoming.is_dir():
            return f"{incoming} has to be a folder: move away what lies in its place."
        if not incoming.is_dir():
            return f"The folder {incoming} does not exist: is {settings.videos} mounted?"
        topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
        told: list[KafkaError] = []
        answers: dict[str, Any] = {"error_cb": told.append, "logger": ClientLog(log)}
        admin = AdminClient({**kafka_options(settings), **answers})
        try:
            present = admin.list_topics(timeout=_ANSWER_SECONDS).topics
            Codec(registry_options(settings), *topics).close()
        except KafkaException as error:
            admin.poll(0)  # to be told why
            reasons = (DOORS[one.code()] for one in told if one.code() in DOORS)
            reason = next(reasons, f"does not answer: {error.args[0].str()}.")
            return f"Kafka at {settings.bootstrap_servers} {reason}"
        except (Unavailable, Blocked) as error:
            return str(error)
        missing = [topic for topic in topics if topic not in present]
        if missing:
            return self._hidden(admin, missing[0]) or no_topic(missing[0])
        return self._blocked()

    def _hidden(self, admin: AdminClient, topic: str) -> str | None:
        """Tell of a topic that ingest may not see; None where there is none of this name."""
        try:
            error = admin.list_topics(topic, _ANSWER_SECONDS).topics[topic].error
        except KafkaException as raised:
            error = raised.args[0]
        if error is None or error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return None
        return str(judged(error, f"to show {topic}"))
