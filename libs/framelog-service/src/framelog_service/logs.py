"""Setting up the log: one event a line, for people or as JSON.

An event is logged with a template of `event=name` and `key=%r` (or %s, %d) pairs. What it
concerns, its file, stream and run, is given as `extra`, or once for all lines of a process.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from framelog_service.log_repeats import Repeats

CONTEXT = ("file", "stream_id", "run_id")
"""What a line can concern."""

_PAIR = re.compile(r"(\w+)=(%[rsd]|'[^']*'|\S+)")
# What says more of a fault, and differs each time though the fault is the same.
_DETAILS = ("reason", "client", "text", "partition", "offset", "peer", "path")


def about(stream_id: str, run_id: str | None = None) -> Mapping[str, str]:
    """Say what an event concerns, as `extra` of a logging call."""
    return {"stream_id": stream_id} | ({} if run_id is None else {"run_id": run_id})


def set_up(level: str, style: str, repeats: Repeats) -> "Lines":
    """Send the log to standard error; style is 'text' or 'json'."""
    lines = Lines(repeats)
    logging.basicConfig(level=level, handlers=[handler(sys.stderr, style, lines)], force=True)
    for chatty in ("httpx", "httpx2"):  # the registry client's; each request is a line
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    return lines


def handler(output: TextIO, style: str, lines: "Lines") -> logging.Handler:
    """Return what writes lines to the output; style is 'text' or 'json'."""
    made = logging.StreamHandler(output)
    made.setFormatter(_Json() if style == "json" else _Text())
    made.addFilter(lines)
    return made


class Lines(logging.Filter):
    """Adds to each line what all lines of the process concern, and leaves out repeated faults."""

    def __init__(self, repeats: Repeats) -> None:
        super().__init__()
        self._repeats = repeats
        self._lock = threading.Lock()
        self._concern: Mapping[str, str] = {}

    def concern(self, **what: str) -> None:
        """Say what the lines from here on concern: file, stream_id, run_id."""
        self._concern = {**self._concern, **what}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        for name, value in self._concern.items():
            vars(record).setdefault(name, value)
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            left_out = self._repeats.left_out(_fault(record))
        if left_out:
            record.left_out = left_out
        return left_out is not None


class ClientLog:
    """What librdkafka is given as its logger: its lines become events."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def log(self, level: int, _: str, facility: str, client: str, text: str) -> None:
        """Take a line; called by the client in place of logging.Logger.log."""
        self._log.log(
            level, "event=kafka_client facility=%s client=%s text=%r", facility, client, text
        )


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return all that a line says, by name; what is not an event of ours is a `message`."""
    context = _present(record, CONTEXT)
    left_out = _present(record, ("left_out",))
    if not str(record.msg).startswith("event="):
        return {"message": record.getMessage(), **context, **left_out}
    values = iter(record.args if isinstance(record.args, tuple) else ())
    said = {
        name: next(values) if value in {"%r", "%s", "%d"} else value.strip("'")
        for name, value in _PAIR.findall(str(record.msg))
    }
    return {"event": said.pop("event"), **context, **said, **left_out}


def _present(record: logging.LogRecord, names: Iterable[str]) -> dict[str, object]:
    return {name: value for name in names if (value := vars(record).get(name))}


def _fault(record: logging.LogRecord) -> Hashable:
    """Return what two lines have in common that say the same."""
    if not str(record.msg).startswith("event="):
        return record.name, record.msg, *_present(record, CONTEXT).items()
    said = {name: str(value) for name, value in fields(record).items() if name not in _DETAILS}
    return record.name, *said.items()


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event, space, rest = record.getMessage().partition(" ")
        about = "".join(f" {name}={value!r}" for name, value in _present(record, CONTEXT).items())
        left_out = "".join(f" left_out={n}" for n in _present(record, ("left_out",)).values())
        line = f"{event}{about}{space}{rest}{left_out}"
        # A name with a line break in it must not be able to forge a line of the log.
        line = line.replace("\n", "\\n").replace("\r", "\\r")
        text = f"{_when(record)} {record.levelname} {record.name} pid={record.process} {line}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _when(record),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            **fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)
