"""Whether a schema that anybody may have registered can be read by: a rule alone."""

from typing import Any

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
# Of records within records; ours have none.
_MOST_DEPTH = 4


def require_bounded(schema: Any) -> None:
    """Raise ValueError for a schema whose values may nest without end, or take time and no bytes.

    The reader follows a record within itself until the stack is gone, which ends the process, and
    counts an array of nothing to any number. Ours have neither. What is no schema raises
    ValueError, LookupError or TypeError.
    """
    _require(schema, set(_PRIMITIVES), 0)


def _require(schema: Any, known: set[str], depth: int) -> None:
    """Go through a type.

    known: the names that it may refer to; those that it gives are added.
    """
    match schema:
        case str():
            if schema not in known:
                raise ValueError(f"a reference to {schema}")
        case list():
            for branch in schema:
                _require(branch, known, depth)
        case {"type": "record", "fields": [*fields]} if depth < _MOST_DEPTH:
            for field in fields:
                _require(field["type"], known, depth + 1)
        case {"type": "array", "items": contained}:
            if not _takes_bytes(contained):
                raise ValueError("an array of nothing")
            _require(contained, known, depth)
        case {"type": "map", "values": contained}:
            _require(contained, known, depth)
        case {"type": "enum" | "fixed", "name": name}:
            known |= {name, f"framelog.{name}"}
        case {"type": str() | list() | dict() as kind} if kind != "record":
            _require(kind, known, depth)
        case _:
            raise ValueError("a type that no record of ours has")


def _takes_bytes(schema: Any) -> bool:
    """Whether each value of a type takes a byte at least."""
    match schema:
        case {"type": "fixed", "size": size}:
            return bool(size)
        case {"type": "record", "fields": [*fields]}:
            return any(_takes_bytes(field["type"]) for field in fields)
        case {"type": kind}:
            return kind in {"enum", "array", "map"} or _takes_bytes(kind)
        case _:
            return bool(schema != "null")
