"""The schemas say, field by field, what a stranger needs to read the log."""

import re
from typing import Any

import fastavro
import pytest

from tests.contract.avro import NAMES, schema

# What the doc of a number must say, by the field's name: its unit, or what it counts or places.
# The first pattern that fits the name decides.
UNITS = (
    (r"pts_ns|.*_ns", r"\bnanoseconds\b"),
    (r".*_at", r"\bmicroseconds since 1970-01-01 UTC\b"),
    (r"(.*_)?bytes", r"\b[Bb]ytes\b"),
    (r"width|height", r"\bpixels\b"),
    (r"rotation", r"\bdegrees\b"),
    (r"sample_aspect_.*", r"\brelative to sample_aspect_"),
    (r"frame_rate_num", r"\bframes per frame_rate_den seconds\b"),
    (r"frame_rate_den", r"\bSeconds\b"),
    (r".*frame_count", r"\bFrames\b"),
    (r"segment_count", r"\bSegments\b"),
    (r"(.*_)?offsets?", r"\bKafka offset\b"),
    (r"partition", r"\bPartition of the frames topic\b"),
    (r"quality", r"\b1 to 100\b"),
    (r"frame_index|segment_number", r"\b0, 1, 2\b"),
    (r"first_frame", r"\bframe_index of\b"),
)


FIELDS = [
    pytest.param(field, id=f"{name}.{field['name']}")
    for name in NAMES
    for field in schema(name)["fields"]
]


def primitives(kind: Any) -> set[str]:
    if isinstance(kind, list):
        return set().union(*(primitives(branch) for branch in kind))
    if isinstance(kind, dict):
        inner = kind.get("items") or kind.get("values") or kind["type"]
        return primitives(inner)
    return {str(kind)}


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_avro_and_says_what_its_records_are(name: str) -> None:
    described = schema(name)
    fastavro.parse_schema(described)
    assert (described["namespace"], described["name"]) == ("framelog", name.capitalize())
    assert "key: the stream id" in described["doc"]
    assert f"Topic video.{'index' if name == 'segment' else name + 's'}" in described["doc"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_says_what_it_is(field: dict[str, Any]) -> None:
    doc = field.get("doc", "")
    assert re.fullmatch(r"([A-Z]|frame_index).{9,}\.", doc), f"no sentence: {doc!r}"


@pytest.mark.parametrize("field", FIELDS)
def test_a_number_says_its_unit(field: dict[str, Any]) -> None:
    if not primitives(field["type"]) & {"int", "long", "float", "double"}:
        return
    wanted = next((unit for name, unit in UNITS if re.fullmatch(name, field["name"])), None)
    assert wanted is not None, "a new quantity: add what its doc must say to UNITS"
    assert re.search(wanted, field["doc"])


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_may_be_null_is_null_by_default(field: dict[str, Any]) -> None:
    kind = field["type"]
    if isinstance(kind, list):
        assert kind[0] == "null"
        assert field["default"] is None


@pytest.mark.parametrize("field", FIELDS)
def test_a_time_of_day_has_avros_own_type(field: dict[str, Any]) -> None:
    kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
    is_time = isinstance(kind, dict) and kind.get("logicalType") == "timestamp-micros"
    assert is_time == field["name"].endswith("_at")
