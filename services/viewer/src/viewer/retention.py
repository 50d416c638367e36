"""How long the log keeps a frame, as the frames topic's settings say."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from viewer.errors import TryLaterError

_ASK_AGAIN_SECONDS = 60.0
_RPC_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What lets frames expire, the oldest first; None where nothing does."""

    retention_ms: int | None
    """Since the record's own timestamp. The broker deletes many at once, so often later."""
    retention_bytes: int | None
    """Of one partition."""


class Retention(Protocol):
    """Knows how long frames are kept."""

    def limits(self) -> Limits:
        """Return what lets frames expire. Raises TryLaterError when that can't be known."""


class TopicRetention:
    """Asks the broker for the topic's settings, at most once a minute. Safe to share by threads."""

    def __init__(
        self, admin: AdminClient, topic: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask about `topic`; `now` gives seconds."""
        self._admin = admin
        self._topic = topic
        self._now = now
        self._lock = threading.Lock()
        self._known: tuple[float, Limits] | None = None

    def limits(self) -> Limits:
        """Return what lets frames expire. Raises TryLaterError when the broker doesn't say."""
        with self._lock:
            if self._known is None or self._now() - self._known[0] > _ASK_AGAIN_SECONDS:
                self._known = (self._now(), self._ask())
            return self._known[1]

    def _ask(self) -> Limits:
        resource = ConfigResource(ResourceType.TOPIC, self._topic)
        try:
            answer = self._admin.describe_configs([resource], request_timeout=_RPC_SECONDS)
            settings = answer[resource].result()
        except KafkaException as error:
            raise TryLaterError(
                f"The settings of the topic {self._topic} can't be read at the moment: {error}."
            ) from error
        return Limits(
            _limit(settings["retention.ms"].value), _limit(settings["retention.bytes"].value)
        )


def _limit(value: str) -> int | None:
    """Read a setting that is -1 where there is no limit."""
    return int(value) if int(value) >= 0 else None
