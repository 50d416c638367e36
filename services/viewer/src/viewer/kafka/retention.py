"""How long the log keeps a frame, as the frames topic's settings say."""

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
# So long after no answer, whoever asks is told at once that there was none.
_RETRY_SECONDS = 5.0


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
    """Asks the broker for the topic's settings, at most once a minute. Safe to share by threads.

    Nobody waits for another: one question is asked for all who want its answer, and what was
    known before is given at once while it is asked again.
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
        """Return what lets frames expire. Raises TryLaterError when the broker doesn't say."""
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
                f"The settings of the topic {self._topic} can't be read at the moment: "
                f"{str(error) or 'no answer in time'}."
            ) from error

    def _ask(self, asked: "Future[Limits]") -> None:
        """Ask; the answer comes on the admin client's own thread."""
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
        """Let all who wait have the answer, which is dated now that it is here."""
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
    """Read a setting that is -1 where there is no limit."""
    return None if value is None or int(value) < 0 else int(value)
