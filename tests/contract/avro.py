"""The schemas, and Avro with nothing but fastavro and plain HTTP."""

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import requests

FOLDER = Path(__file__).parents[2] / "schemas"
NAMES = ("frame", "segment", "stream")

Record = dict[str, Any]
Schema = dict[str, Any]


def schema(name: str) -> Schema:
    """Return the schema in one of the files."""
    loaded = json.loads((FOLDER / f"{name}.avsc").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def field_names(name: str) -> set[str]:
    """Return the names of a schema's fields."""
    return {field["name"] for field in schema(name)["fields"]}


def written(record: Record, writer: Schema) -> bytes:
    """Return the Avro body of a record; raises when it is none of the schema's."""
    parsed = fastavro.parse_schema(writer)
    fastavro.validate(record, parsed)
    body = BytesIO()
    fastavro.schemaless_writer(body, parsed, record, strict_allow_default=True)
    return body.getvalue()


def read(body: bytes, writer: Schema) -> Record:
    """Return the record of a body, with its times as the integers that they are."""
    record = fastavro.schemaless_reader(BytesIO(body), fastavro.parse_schema(_plain(writer)), None)
    assert isinstance(record, dict)
    return record


def in_wire_format(record: Record, writer: Schema, schema_id: int) -> bytes:
    """Return a record's value as it stands in the log."""
    return struct.pack(">bI", 0, schema_id) + written(record, writer)


def from_wire_format(value: bytes, registry_url: str) -> tuple[int, Record]:
    """Return the schema's id and the record of a value, its schema fetched from the registry."""
    magic, schema_id = struct.unpack_from(">bI", value)
    assert magic == 0
    return schema_id, read(value[5:], json.loads(schema_text(registry_url, schema_id)))


def schema_text(registry_url: str, schema_id: int) -> str:
    """Fetch a schema by its id."""
    answer = requests.get(f"{registry_url}/schemas/ids/{schema_id}", timeout=60)
    answer.raise_for_status()
    return str(answer.json()["schema"])


def register(registry_url: str, subject: str, added: Schema) -> requests.Response:
    """Ask the registry to take a schema as the newest of its subject."""
    return requests.post(
        f"{registry_url}/subjects/{subject}/versions",
        json={"schema": json.dumps(added)},
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        timeout=60,
    )


def newest_id(registry_url: str, subject: str) -> int:
    """Return the id of a subject's newest schema."""
    answer = requests.get(f"{registry_url}/subjects/{subject}/versions/latest", timeout=60)
    answer.raise_for_status()
    return int(answer.json()["id"])


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(item) for key, item in node.items() if key != "logicalType"}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node
