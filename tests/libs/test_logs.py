"""The log: one event a line, with what it concerns, for people and as JSON."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from framelog_service.log_repeats import Repeats
from framelog_service.logs import ClientLog, Lines, about, set_up

from tests.ingest.clock import FakeClock
from tests.support.processes import wait_for

ABOUT = {"file": "a film.mp4", "stream_id": "film-0123456789ab", "run_id": "r" * 32}

log = logging.getLogger("service.test")


class Output:
    """A log that has been set up, and what it has written."""

    def __init__(
        self,
        style: str,
        monkeypatch: pytest.MonkeyPatch,
        *,
        level: str = "INFO",
        **pauses: float,
    ) -> None:
        self.clock = FakeClock()
        self._written = io.StringIO()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", self._written)
            self.lines: Lines = set_up(level, style, Repeats(self.clock, **pauses))

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
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 INFO service\.test pid=\d+ "
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
        "logger": "service.test",
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


def test_a_name_can_forge_no_line(text: Output) -> None:
    forged = "a\n2026-01-01 ERROR viewer all=lost\r"
    log.warning("event=frames_unread reason=%s", forged, extra=about("clip-1", "abc"))
    (line,) = text.take()
    assert " event=frames_unread stream_id='clip-1' run_id='abc' reason=a\\n2026" in line


def test_what_concerns_a_stream_says_its_run_where_it_is_known(as_json: Output) -> None:
    log.warning("event=position_failed doing=%s", "kept", extra=about("clip-2"))
    log.warning("event=frames_unread reason=%s", "a\nb", extra=about("clip-1", "abc"))
    entries = as_json.entries()
    whose = [(entry.get("stream_id"), entry.get("run_id")) for entry in entries]
    assert whose == [("clip-2", None), ("clip-1", "abc")]
    assert entries[1]["reason"] == "a\nb"


def test_the_same_fault_of_three_streams_is_told_of_each(as_json: Output) -> None:
    for reason in ("once", "and again"):
        for n in range(3):
            whose = about(f"clip-{n}")
            log.warning("event=frames_unread reason=%r", reason, extra=whose)
            log.warning("no event of ours", extra=whose)
    assert [entry["stream_id"] for entry in as_json.entries()] == [
        f"clip-{n}" for n in range(3) for _ in "ab"
    ]


def test_a_flood_of_records_is_told_by_its_kind(as_json: Output) -> None:
    for offset in range(1000):
        log.warning(
            "event=record_foreign kind=%s topic=%s partition=%s offset=%s",
            ("no_magic", "malformed")[offset % 2], "video.streams", offset % 6, offset,
        )  # fmt: skip
    assert [entry["kind"] for entry in as_json.entries()] == ["no_magic", "malformed"]


def test_no_fault_is_lost_each_is_counted_by_the_next_line_that_is_told(
    root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output("json", monkeypatch, shortest_seconds=1.0, longest_seconds=60.0)
    told: list[int] = []
    left_out = 0
    for second in range(300):
        output.clock.seconds = second
        for n in range(10):
            log.warning("waiting=%d", n)
        for entry in output.entries():
            told.append(second)
            left_out += entry.get("left_out", 0)
    assert told == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert left_out + len(told) == 243 * 10 + 1


def test_a_trace_is_a_field_of_its_line(as_json: Output) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("status=unknown")
    [entry] = as_json.entries()
    assert str(entry["exception"]).endswith("ValueError: broken")


@pytest.mark.parametrize(("level", "heard"), [("INFO", 1), ("DEBUG", 1), ("ERROR", 0)])
def test_the_registrys_client_says_no_more_than_is_asked_for(
    root: None, monkeypatch: pytest.MonkeyPatch, level: str, heard: int
) -> None:
    output = Output("text", monkeypatch, level=level)
    logging.getLogger("httpx").info("a request")
    logging.getLogger("httpx").warning("a warning")
    assert len(output.take()) == heard
