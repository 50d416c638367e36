"""The log: one event a line, with what it concerns, for people and as JSON."""

import ast
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ingest
import pytest
from confluent_kafka import Producer
from ingest.telemetry.logs import ClientLog, Lines, set_up

from tests.ingest.clock import FakeClock
from tests.support.processes import wait_for

ABOUT = {"file": "a film.mp4", "stream_id": "film-0123456789ab", "run_id": "r" * 32}
GRAMMAR = re.compile(r"event=[a-z_]+( [a-z_]+=(%[rsd]|'[^'%]*'))*")

log = logging.getLogger("ingest.test")


class Output:
    """A log that has been set up, and what it has written."""

    def __init__(self, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self._written = io.StringIO()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", self._written)
            self.lines: Lines = set_up("INFO", style, self.clock)

    def take(self) -> list[str]:
        """Return the lines since the last call."""
        written = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return written.splitlines()

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.take()]


@pytest.fixture
def root() -> Iterator[None]:
    """Give the log back as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    logger.handlers.clear()  # those would be closed
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def text(root: None, monkeypatch: pytest.MonkeyPatch) -> Output:
    return Output("text", monkeypatch)


@pytest.fixture
def as_json(root: None, monkeypatch: pytest.MonkeyPatch) -> Output:
    return Output("json", monkeypatch)


def test_a_line_tells_its_event_and_what_it_concerns(text: Output) -> None:
    log.info("event=ended result=%s frames=%d reason=%r", "truncated", 3, "Cut off.", extra=ABOUT)
    (line,) = text.take()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 INFO ingest\.test pid=\d+ "
        r"event=ended file='a film\.mp4' stream_id='film-0123456789ab' run_id='r{32}' "
        r"result=truncated frames=3 reason='Cut off\.'",
        line,
    )


def test_json_has_every_field_as_a_key_of_its_own_type(as_json: Output) -> None:
    log.info(
        "event=ended frames=%d moved_to=%r note=%r next='try again'",
        *(3, None, 'He said "no".\nTwice.'),
        extra=ABOUT,
    )
    (entry,) = as_json.entries()
    assert entry.pop("time").endswith("+00:00")
    assert isinstance(entry.pop("pid"), int)
    assert entry == {
        **ABOUT,
        "level": "INFO",
        "logger": "ingest.test",
        "event": "ended",
        "frames": 3,
        "moved_to": None,
        "note": 'He said "no".\nTwice.',
        "next": "try again",
    }


def test_what_is_not_known_is_left_out(as_json: Output) -> None:
    log.info("event=started", extra={"file": "a.mp4", "stream_id": "", "run_id": ""})
    (entry,) = as_json.entries()
    assert entry["file"] == "a.mp4"
    assert not entry.keys() & {"stream_id", "run_id"}


def test_all_lines_of_a_worker_concern_its_stream(as_json: Output) -> None:
    as_json.lines.concern(file="a.mp4")
    as_json.lines.concern(stream_id="a-0123456789ab", run_id="r")
    log.info("event=worker_left")
    logging.getLogger("elsewhere").warning("Something of a library's: %s", 7)
    first, second = as_json.entries()
    assert [first[name] for name in ABOUT] == ["a.mp4", "a-0123456789ab", "r"]
    assert (second["message"], second["run_id"]) == ("Something of a library's: 7", "r")


def test_a_fault_that_repeats_is_counted_and_not_said_each_time(as_json: Output) -> None:
    for number in range(30):
        log.warning("event=waiting reason=%r", f"no answer in {number} s", extra=ABOUT)
        as_json.clock.seconds += 1
    entries = as_json.entries()
    assert [entry.get("left_out") for entry in entries] == [None, 9]
    assert [entry["reason"] for entry in entries] == ["no answer in 0 s", "no answer in 10 s"]


def test_the_same_fault_of_another_film_and_another_fault_are_said(text: Output) -> None:
    for name in ("a.mp4", "b.mp4"):
        log.warning("event=waiting reason=%r", "away", extra={"file": name})
        log.error("event=worker_lost crashes=%d", 1, extra={"file": name})
        log.error("event=worker_lost crashes=%d", 2, extra={"file": name})
    assert len(text.take()) == 6


def test_what_is_no_fault_is_always_said(text: Output) -> None:
    for _ in range(3):
        log.info("event=started")
    assert len(text.take()) == 3


def test_kafkas_client_logs_events_too(as_json: Output, free_port: int) -> None:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{free_port}", "logger": ClientLog(log)})

    def heard() -> list[dict[str, Any]]:
        producer.poll(0.1)
        return [entry for entry in as_json.entries() if entry.get("event") == "kafka_client"]

    entry = wait_for(heard, what="the client's complaint")[0]
    assert entry["facility"] in {"FAIL", "ERROR"}
    assert entry["client"].startswith("rdkafka#producer")
    assert "refused" in entry["text"]


def templates() -> list[tuple[str, str]]:
    """Return where the service logs something, and its template."""
    found = []
    for path in sorted(Path(ingest.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="log"),
                        attr="debug" | "info" | "warning" | "error" | "critical" | "exception",
                    ),
                    args=[ast.Constant(value=str(template)), *_],
                ):
                    found.append((f"{path.name}:{node.lineno}", template))
    assert len(found) > 10
    return found


@pytest.mark.parametrize(("place", "template"), templates())
def test_every_line_of_the_service_is_an_event(place: str, template: str) -> None:
    assert GRAMMAR.fullmatch(template)
