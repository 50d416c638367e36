"""Setting up the log: one event a line, for people or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime


def set_up(level: str, style: str) -> None:
    """Send the log to standard error; style is 'text' or 'json'."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpx2"):  # the registry client's; each request is a line
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # A name with a line break in it must not be able to forge a line of the log.
        line = record.getMessage().replace("\n", "\\n").replace("\r", "\\r")
        text = f"{_when(record)} {record.levelname} {record.name} pid={record.process} {line}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _when(record),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
