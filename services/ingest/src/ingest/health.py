"""Whether the service lives, and whether it could ingest a video now."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ingest.codec import Codec
from ingest.errors import Unavailable
from ingest.logs import ClientLog
from ingest.settings import Settings

_ANSWER_SECONDS = 5.0
_FRESH_SECONDS = 5.0
_LOOP_SECONDS = 60.0

log = logging.getLogger(__name__)


class Health:
    """Answers for /healthz and /readyz: None when all is well, else a sentence."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._settings = settings
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
        if not incoming.is_dir():
            return f"The folder {incoming} does not exist: is {settings.videos} mounted?"
        topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
        try:
            servers = settings.bootstrap_servers
            answers: dict[str, Any] = {"bootstrap.servers": servers, "logger": ClientLog(log)}
            admin = AdminClient(answers)
            present = admin.list_topics(timeout=_ANSWER_SECONDS).topics
            Codec(settings.registry_url, *topics).close()
        except KafkaException as error:
            return f"Kafka at {settings.bootstrap_servers} does not answer: {error.args[0].str()}."
        except Unavailable as error:
            return str(error)
        missing = [topic for topic in topics if topic not in present]
        if missing:
            return f"Kafka has no topic {missing[0]}: run the setup step (make up does)."
        return None
