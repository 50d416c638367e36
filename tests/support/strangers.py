"""What anybody may write into the topics: strategies for records of each schema, and for others."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMES = ("frame", "segment", "stream")
_PARSED = {
    name: fastavro.parse_schema(json.loads((SCHEMAS / f"{name}.avsc").read_text("utf-8")))
    for name in NAMES
}


class Written(NamedTuple):
    """A record: of which topic ("frame", "segment", "stream"), its key, and its value."""

    topic: str
    key: bytes
    value: bytes | None


def _integers(bits: int) -> SearchStrategy[int]:
    lowest, highest = -(1 << bits - 1), (1 << bits - 1) - 1
    edges = st.sampled_from([lowest, lowest + 1, -1, 0, 1, highest - 1, highest])
    return st.integers(0, 40) | edges | st.integers(lowest, highest)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["", "/", "..", "a\nb", "a\r\nSet-Cookie: x=y", "\0", "é", "<script>", "a" * 300, "b" * 32]
)


_PLAIN: Mapping[str, SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": _integers(32),
    "long": _integers(64),
    "string": _TEXTS,
    "bytes": st.binary(max_size=40),
}


def of_type(schema: Any) -> SearchStrategy[Any]:
    """Make values of an Avro type, with the extremes that it has."""
    match schema:
        case str():
            return _PLAIN[schema]
        case list():
            return st.one_of([of_type(branch) for branch in schema])
        case {"type": "array"}:
            return st.lists(of_type(schema["items"]), max_size=5)
        case {"type": "map"}:
            return st.dictionaries(_TEXTS, of_type(schema["values"]), max_size=3)
        case {"type": "enum"}:
            return st.sampled_from(schema["symbols"])
        case _:
            return of_type(schema["type"])


def records(schema: Any, **given: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    """Make records of a schema; some of their fields can be given."""
    made = {field["name"]: of_type(field["type"]) for field in schema["fields"]}
    return st.fixed_dictionaries(made | given)


def encoded(name: str, record: dict[str, Any], schema_id: int) -> bytes:
    """Write a record in the registry's wire format."""
    body = io.BytesIO()
    # Times are integers in the schema's unit, of any size: not all have a date.
    fastavro.schemaless_writer(body, _without_logical_types(_PARSED[name]), record)
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


def written(
    schema_ids: Mapping[str, int],
    stream_ids: SearchStrategy[str],
    run_ids: SearchStrategy[str] = _TEXTS,
) -> SearchStrategy[Written]:
    """Make records for any of the topics, of ids that are random or that the caller's streams have.

    schema_ids: under which id the registry has the schema of each.
    """
    ids, runs = stream_ids | _TEXTS, run_ids | _TEXTS

    def valid_of(name: str) -> SearchStrategy[Written]:
        made = records(_PARSED[name], stream_id=ids, run_id=runs)
        return st.builds(
            lambda record, right, other: Written(
                name,
                _key(name, record) if right else other.encode(),
                encoded(name, record, schema_ids[name]),
            ),
            made,
            st.booleans(),
            ids,
        )

    valid = st.one_of([valid_of(name) for name in NAMES])
    topics, keys = st.sampled_from(NAMES), ids.map(str.encode) | st.binary(max_size=20)
    crossed = st.builds(lambda topic, one: Written(topic, one.key, one.value), topics, valid)
    heads = st.sampled_from([struct.pack(">bI", 0, n) for n in schema_ids.values()])
    bodies = st.builds(
        lambda head, body: head + body,
        heads | st.binary(min_size=5, max_size=5),
        st.binary(max_size=60),
    )
    bare = st.builds(Written, topics, keys, bodies | st.binary(max_size=8))
    # Whose key has a stream of the caller's has it forgotten: that is no stranger's record.
    tombstones = st.builds(Written, topics, _TEXTS.map(str.encode), st.none())
    return valid | crossed | bare | tombstones


def _key(name: str, record: Mapping[str, Any]) -> bytes:
    """Return the key that a record of such content has."""
    number = f"/{record['segment_number']:08}" if name == "segment" else ""
    return f"{record['stream_id']}{number}".encode()


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {k: _without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    return schema
