"""How long the log keeps a frame: the retention settings of the frames topic."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, ResourceType

from viewer.model.errors import TryLaterError

_ASK_AGAIN_SECONDS = 60.0
_RPC_SECONDS = 5.0
# For this long after a failure, callers get the same failure at once.
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits after which the oldest frames expire; None means no limit."""

    retention_ms: int | None
    """From the record's own timestamp. The broker deletes whole segments, so often later."""
    retention_bytes: int | None
    """Of one partition."""


class Retention(Protocol):
    """Provides the retention limits of frames."""

    def limits(self) -> Limits:
        """Return the retention limits. Raises TryLaterError when they can't be read."""


class TopicRetention:
    """Asks the broker for the topic's settings, at most once a minute. Safe to share by threads.

    Concurrent callers share one request. While it is repeated, they get the last answer at once;
    without a last answer, they block for 6 s at most.
    """

    def __init__(
        self, admin: AdminClient, topic: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask about `topic`; `now` gives seconds."""
        self._admin = admin
        self._topic = topic
        self._now = now
        self._lock = threading.Lock()
        self._asked: Future[Limits] | None = None
        self._ask_again_at = 0.0
        self._known: Limits | None = None

    def limits(self) -> Limits:
        """Return the retention limits. Raises TryLaterError when the broker doesn't answer."""
        with self._lock:
            known, asked = self._known, self._asked
            is_due = asked is None or (asked.done() and self._now() >= self._ask_again_at)
            if is_due:
                asked = self._asked = Future()
        assert asked is not None
        if is_due:
            self._ask(asked)
        if known is not None:
            return known
        try:
            return asked.result(_RPC_SECONDS + 1)
        except (KafkaException, TimeoutError) as error:
            raise TryLaterError(
                f"The settings of the topic {self._topic} can't be read now: "
                f"{str(error) or 'no answer in time'}."
            ) from error

    def _ask(self, asked: "Future[Limits]") -> None:
        """Send the request; the answer arrives in the admin client's thread."""
        resource = ConfigResource(ResourceType.TOPIC, self._topic)
        try:
            answer = self._admin.describe_configs([resource], request_timeout=_RPC_SECONDS)
            answer[resource].add_done_callback(partial(self._on_answer, asked))
        except Exception as error:
            self._resolve(asked, None, error)

    def _on_answer(
        self, asked: "Future[Limits]", answer: "Future[Mapping[str, ConfigEntry]]"
    ) -> None:
        try:
            settings = answer.result()
            limits = Limits(
                _limit(settings["retention.ms"].value), _limit(settings["retention.bytes"].value)
            )
        except Exception as error:
            self._resolve(asked, None, error)
        else:
            self._resolve(asked, limits, None)

    def _resolve(
        self, asked: "Future[Limits]", limits: Limits | None, error: Exception | None
    ) -> None:
        """Give all waiting callers the answer, and set when to ask again."""
        with self._lock:
            pause_seconds = _ASK_AGAIN_SECONDS if limits is not None else _RETRY_SECONDS
            self._ask_again_at = self._now() + pause_seconds
            self._known = limits or self._known
        if limits is not None:
            asked.set_result(limits)
        elif isinstance(error, KafkaException):
            asked.set_exception(error)
        else:
            asked.set_exception(KafkaException(repr(error)))


def _limit(value: str | None) -> int | None:
    """Read a setting for which -1 means no limit."""
    return None if value is None or int(value) < 0 else int(value)
