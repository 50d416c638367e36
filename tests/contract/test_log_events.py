"""Every line of a log is an event: one collector's rules read the lines of both services."""

import ast
import re
from pathlib import Path

import framelog_service
import ingest
import pytest
import viewer

PACKAGES = (framelog_service, ingest, viewer)
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
GRAMMAR = re.compile(r"event=[a-z_]+( [a-z_]+=(%[rsd]|'[^'%]*'))*")


def templates() -> list[tuple[str, str]]:
    """Return where something is logged, and its template."""
    found = []
    for package in PACKAGES:
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=level),
                        args=[template, *_],
                    ) if level in LEVELS:
                        place = f"{path.relative_to(folder.parent)}:{node.lineno}"
                        found.append((place, ast.literal_eval(template)))
    assert {place.partition("/")[0] for place, _ in found} >= {"ingest", "viewer"}
    return found


@pytest.mark.parametrize(("place", "template"), templates())
def test_every_line_is_an_event(place: str, template: str) -> None:
    assert GRAMMAR.fullmatch(template)
