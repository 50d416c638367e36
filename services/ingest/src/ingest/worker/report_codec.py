"""Encodes and decodes the reports of workers. A hostile file may control its worker.

So the service unpickles nothing: a report is a JSON object, and each field must have the type that
the report declares. The length prefix is that of multiprocessing's connections.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ingest.telemetry.spans import SpanContext
from ingest.worker.messages import Report

_LENGTH_BYTES = 4
_MOST_BYTES = 1 << 20
_NAME = "report"
# Counts are 64-bit; only the ids of traces are wider.
_LONGS = range(-(1 << 63), 1 << 63)
_TRACE_IDS = range(1 << 128)
_WRONG = (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError)
_REPORTS = {kind.__name__: kind for kind in get_args(Report)}


class InvalidReport(ValueError):
    """Kill this worker: it sent something that is not a report."""


def encoded(report: Report) -> bytes:
    """Return a report as bytes."""
    named = {_NAME: type(report).__name__, **asdict(report)}
    return json.dumps(named, default=_value).encode()


def decoded(data: bytes) -> Report:
    """Return the report that was sent. Raises Garbled."""
    try:
        named = json.loads(data)
        kind = _REPORTS[named.pop(_NAME)]
        report: Report = _built(kind, named)
    except _WRONG as error:
        raise InvalidReport(str(error)) from error
    return report


class ReportReader:
    """Assembles reports from the bytes that arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> list[Report]:
        """Take further bytes, and return the reports that are whole now. Raises Garbled."""
        self._bytes += data
        reports = []
        while len(self._bytes) >= _LENGTH_BYTES:
            length = int.from_bytes(self._bytes[:_LENGTH_BYTES], "big")
            if length > _MOST_BYTES:
                raise InvalidReport(f"A report has {length} bytes.")
            end = _LENGTH_BYTES + length
            if len(self._bytes) < end:
                break
            reports.append(decoded(bytes(self._bytes[_LENGTH_BYTES:end])))
            del self._bytes[:end]
        return reports


def _value(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{value!r} can't be sent.")


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _built(kind: Any, value: Any, ints: range = _LONGS) -> Any:
    """Return value as the type that kind states, an int if it is one of ints. Raises _WRONG."""
    origin, of = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return _any(of, value)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if type(value) is dict:
            return {name: _built(of[1], each) for name, each in value.items()}
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        if type(value) is list:
            return [_built(of[0], each) for each in value]
    elif is_dataclass(kind):
        types = _types(kind)  # type: ignore[arg-type]
        if type(value) is dict and value.keys() <= types.keys():
            within = _TRACE_IDS if kind is SpanContext else _LONGS
            fields = {name: _built(types[name], each, within) for name, each in value.items()}
            return kind(**fields)  # type: ignore[operator]
    elif issubclass(kind, Enum) or (kind is float and type(value) in (int, float)):
        return kind(value)
    elif (
        kind in (str, int, bool, NoneType)
        and type(value) is kind
        and (kind is not int or value in ints)
    ):
        return value
    raise InvalidReport(f"A value is not of type {kind}.")


def _any(kinds: Sequence[Any], value: Any) -> Any:
    for kind in kinds:
        try:
            return _built(kind, value)
        except (TypeError, ValueError):
            continue
    raise InvalidReport("A value has none of the declared types.")
