"""Logging, set up once: one line an event, as text or as JSON, and few lines of what repeats."""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# What a line may tell beside its message: whose it is, and how many like it were left out.
_EXTRAS = ("stream_id", "run_id", "left_out")


def about(stream_id: str, run_id: str | None = None) -> Mapping[str, str]:
    """Say whose an event is, as `extra` of a logging call."""
    return {"stream_id": stream_id} | ({} if run_id is None else {"run_id": run_id})


def set_up(level: str, log_format: str) -> None:
    """Send all logging to standard error; `log_format` is "text" or "json"."""
    logging.basicConfig(level=level, handlers=[handler(sys.stderr, log_format)], force=True)
    # The registry's client logs every request that it makes.
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def handler(
    output: TextIO, log_format: str, now: Callable[[], float] = time.monotonic
) -> logging.Handler:
    """Make what writes lines there; `now` gives seconds."""
    made = logging.StreamHandler(output)
    made.setFormatter(_Json() if log_format == "json" else _Text())
    made.addFilter(_Repeats(now))
    return made


@dataclass
class _Repeat:
    """An event that was told: when it may be told again, and how many were not since."""

    next_at: float
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    left_out: int = 0


class _Repeats(logging.Filter):
    """Leaves out what is said again and again, whatever its values are.

    An event may repeat after a second, then after twice as long and so on, to a minute; one that
    was quiet for as long again is new. What is no fault is never left out.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        # By the message without its values: as many as there are places that log.
        self._told: dict[tuple[str, str], _Repeat] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be written; it is told how many were not."""
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, str(record.msg)), self._now()
        with self._lock:
            told = self._told.get(key)
            if told is None or now >= told.next_at + told.pause_seconds:
                self._told[key] = _Repeat(now + _FIRST_PAUSE_SECONDS)
            elif now < told.next_at:
                told.left_out += 1
                return False
            else:
                pause_seconds = min(told.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
                self._told[key] = _Repeat(now + pause_seconds, pause_seconds)
            if told is not None and told.left_out:
                record.left_out = told.left_out
        return True


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in _EXTRAS if hasattr(record, name)}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        # A name with a line break in it must not be able to forge a line of the log.
        line = f"{record.getMessage()}{extras}".replace("\n", "\\n").replace("\r", "\\r")
        text = f"{_when(record)} {record.levelname} {record.name} {line}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _when(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
