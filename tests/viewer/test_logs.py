"""The viewer's log: one line an event, whose it is, and few lines of a fault that repeats."""

from __future__ import annotations

import io
import json
import logging

import pytest
from viewer.telemetry.logs import about, handler

from tests.viewer.world import FakeClock


class Log:
    """A logger whose lines a test can read, under a clock that the test moves."""

    def __init__(self, log_format: str) -> None:
        self.clock = FakeClock()
        self.output = io.StringIO()
        self.logger = logging.Logger("viewer.test")
        self.logger.addHandler(handler(self.output, log_format, self.clock))

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()

    @property
    def entries(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def text() -> Log:
    return Log("text")


@pytest.fixture
def as_json() -> Log:
    return Log("json")


def test_an_event_is_one_line_and_says_whose_it_is(text: Log, as_json: Log) -> None:
    for log in (text, as_json):
        forged = "a\n2026-01-01 ERROR viewer all=lost\r"
        log.logger.warning("event=frames_unread reason=%s", forged, extra=about("clip-1", "abc"))
        log.logger.warning("event=position_failed doing=%s", "kept", extra=about("clip-2"))
        log.logger.info("event=catalogue_ready")
    assert len(text.lines) == 3
    assert " event=frames_unread stream_id='clip-1' run_id='abc' reason=a\\n2026" in text.lines[0]
    assert text.lines[1].endswith("event=position_failed stream_id='clip-2' doing=kept")
    whose = [(entry.get("stream_id"), entry.get("run_id")) for entry in as_json.entries]
    assert whose == [("clip-1", "abc"), ("clip-2", None), (None, None)]
    assert as_json.entries[0]["event"] == "frames_unread"
    assert as_json.entries[0]["reason"] == forged


def test_the_same_fault_of_three_streams_is_told_of_each(as_json: Log) -> None:
    for reason in ("once", "and again"):
        for n in range(3):
            whose = about(f"clip-{n}")
            as_json.logger.warning("event=frames_unread reason=%r", reason, extra=whose)
            as_json.logger.warning("no event of ours", extra=whose)
    assert [entry["stream_id"] for entry in as_json.entries] == [
        f"clip-{n}" for n in range(3) for _ in "ab"
    ]


def test_a_flood_of_records_is_told_by_its_kind(as_json: Log) -> None:
    for offset in range(1000):
        as_json.logger.warning(
            "event=record_foreign kind=%s topic=%s partition=%s offset=%s",
            ("no_magic", "malformed")[offset % 2], "video.streams", offset % 6, offset,
        )  # fmt: skip
    assert [entry["kind"] for entry in as_json.entries] == ["no_magic", "malformed"]


def test_a_fault_that_repeats_is_told_ever_more_seldom_and_how_often_it_was(as_json: Log) -> None:
    told: list[int] = []
    for second in range(300):
        as_json.clock.seconds = second
        for n in range(10):
            as_json.logger.warning("waiting=%d", n)
        if len(as_json.lines) > len(told):
            told.append(second)
    assert told == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    left_out = [int(str(entry.get("left_out", 0))) for entry in as_json.entries]
    # None is lost: each line that was left out is counted by the next that was not.
    assert sum(left_out) + len(told) == 243 * 10 + 1


def test_a_fault_that_was_over_is_new(as_json: Log) -> None:
    for second in (0, 0.5, 10, 10.5, 11):
        as_json.clock.seconds = second
        as_json.logger.warning("waiting")
    assert [entry.get("left_out") for entry in as_json.entries] == [None, 1, 1]


def test_another_fault_and_what_is_no_fault_are_not_left_out(text: Log) -> None:
    for _ in range(5):
        text.logger.info("topic=%s", "one")
    text.logger.warning("waiting")
    text.logger.error("waiting for something else")
    assert len(text.lines) == 7


def test_a_trace_is_a_field_of_its_line(as_json: Log) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        as_json.logger.exception("status=unknown")
    [entry] = as_json.entries
    assert str(entry["exception"]).endswith("ValueError: broken")
