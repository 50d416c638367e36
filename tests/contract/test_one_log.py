"""Both services write their logs in one way: one collector's rules read the lines of either."""

from __future__ import annotations

import ast
import inspect
import io
import json
import logging
import re
from pathlib import Path

import pytest
from ingest.telemetry import log_repeats as ingest_repeats
from ingest.telemetry import logs as ingest_logs
from viewer.telemetry import log_repeats as viewer_repeats
from viewer.telemetry import logs as viewer_logs

SOURCES = Path(viewer_logs.__file__).parents[1]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
GRAMMAR = re.compile(r"event=[a-z_]+( [a-z_]+=(%[rsd]|'[^'%]*'))*")


def lines_of(module: object, style: str) -> list[str]:
    """Return what a service's formatter makes of some records."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(vars(module)["_Json" if style == "json" else "_Text"]())
    logger = logging.Logger("same")
    logger.addHandler(handler)
    whose = {"stream_id": "clip-1", "run_id": "abc", "file": "a.mp4", "left_out": 3}
    logger.warning("event=away reason=%r tries=%d", "it\nis", 7, extra=whose)
    logger.warning("of a library: %s", "words", extra={"stream_id": "clip-1"})
    logger.error("event=failed next='try again'")
    return [
        re.sub(r"\d{4}-\d\d-\d\dT[^ \"]+", "TIME", line) for line in output.getvalue().splitlines()
    ]


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_line_of_one_service_is_that_of_the_other(style: str) -> None:
    ours, theirs = lines_of(ingest_logs, style), lines_of(viewer_logs, style)
    assert ours == theirs
    assert len(ours) == 3
    if style == "json":
        assert json.loads(ours[0])["tries"] == 7


def test_they_agree_on_which_faults_are_the_same() -> None:
    for name in ("_fault", "_present", "fields"):
        ours, theirs = (inspect.getsource(vars(m)[name]) for m in (ingest_logs, viewer_logs))
        assert ours == theirs
    assert vars(ingest_logs)["_DETAILS"] == vars(viewer_logs)["_DETAILS"]
    assert inspect.getsource(ingest_repeats) == inspect.getsource(viewer_repeats)


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: path.stem)
def test_every_line_of_the_viewer_is_an_event(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and getattr(node.func.value, "id", "") in {"logger", "log"}
        ):
            template = ast.literal_eval(node.args[0])
            assert GRAMMAR.fullmatch(template), template
