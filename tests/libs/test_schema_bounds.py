"""Services read by the schemas of this tree, and by none that no reader survives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from framelog_service.schema_bounds import require_bounded

OURS = sorted((Path(__file__).parents[2] / "schemas").glob("*.avsc"))


def record(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "Stream", "namespace": "framelog", "fields": [*fields]}


def field(kind: Any) -> dict[str, Any]:
    return {"name": "it", "type": kind}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.mark.parametrize("path", OURS, ids=[path.stem for path in OURS])
def test_ours_are_read_by(path: Path) -> None:
    require_bounded(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "schema",
    [
        record(field(["null", "Stream"])),
        record(field(["null", "framelog.Stream"])),
        record(field(array("Stream"))),
        record(field({"type": "map", "values": "Stream"})),
        record(field(array("null"))),
        record(field(array({"type": "null"}))),
        record(field(array({"type": "fixed", "name": "F", "size": 0}))),
        record(field(array(record()))),
        record(field(array(record(field("null"))))),
        record(field(record(field(record(field(record(field(record(field("int")))))))))),
    ],
    ids=json.dumps,
)
def test_what_no_reader_survives_is_not(schema: Any) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        require_bounded(schema)
