"""Checks whether a video could be ingested now: the folder, Kafka and the registry."""

import logging
import stat
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from framelog_service.logs import ClientLog

from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_configuration import registry_options
from ingest.kafka.client_errors import DOORS, ingest_error
from ingest.kafka.topic_properties import no_topic
from ingest.model.errors import Blocked, Unavailable

_ANSWER_SECONDS = 5.0

log = logging.getLogger(__name__)


class Readiness:
    """Checks everything that ingest needs. Each check may take some seconds."""

    def __init__(self, settings: Settings, blocked: Callable[[], str | None]) -> None:
        """Take the settings; blocked returns what a person has to fix before files can proceed."""
        self._settings = settings
        self._blocked = blocked

    def check(self) -> str | None:
        """Return None when all is well, else a sentence on what is wrong."""
        return self._no_folder() or self._no_log() or self._blocked()

    def _no_folder(self) -> str | None:
        videos = self._settings.videos
        incoming = videos / "incoming"
        try:
            if stat.S_ISDIR(incoming.stat().st_mode):
                return None
        except FileNotFoundError:
            return f"The folder {incoming} does not exist: is {videos} mounted?"
        except NotADirectoryError:
            return f"{videos} has to be a folder: move away what lies in its place."
        except OSError as error:
            return f"The folder {incoming} can't be accessed: {error.strerror}."
        return f"{incoming} has to be a folder: move away what lies in its place."

    def _no_log(self) -> str | None:
        settings = self._settings
        topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
        client_errors: list[KafkaError] = []
        answers: dict[str, Any] = {"error_cb": client_errors.append, "logger": ClientLog(log)}
        admin = AdminClient({**settings.kafka.client_options, **answers})
        try:
            present = admin.list_topics(timeout=_ANSWER_SECONDS).topics
            Codec(registry_options(settings.registry), *topics).close()
        except KafkaException as error:
            admin.poll(0)  # to get the reason
            reasons = (DOORS[one.code()] for one in client_errors if one.code() in DOORS)
            reason = next(reasons, f"does not answer: {error.args[0].str()}.")
            return f"Kafka at {settings.kafka.bootstrap_servers} {reason}"
        except (Unavailable, Blocked) as error:
            return str(error)
        missing = [topic for topic in topics if topic not in present]
        if missing:
            return self._hidden(admin, missing[0]) or no_topic(missing[0])
        return None

    def _hidden(self, admin: AdminClient, topic: str) -> str | None:
        """Return the sentence on a topic that ingest may not see; None if it does not exist."""
        try:
            error = admin.list_topics(topic, _ANSWER_SECONDS).topics[topic].error
        except KafkaException as raised:
            error = raised.args[0]
        if error is None or error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return None
        return str(ingest_error(error, f"a request for {topic}"))
