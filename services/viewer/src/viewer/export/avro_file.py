"""Avro object container files of records as they are in the log.

After "Object Container Files" of the Avro 1.12 specification, without compression: pictures don't
get smaller.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import fastavro

from viewer.kafka.avro_varints import encoded
from viewer.model.records import Record


def written(
    records: Iterable[list[Record]], schema_text: Callable[[int], str], identity: str
) -> Iterator[bytes]:
    """Yield a file of the records, a block for each list, with the schema of the first.

    The bodies are copied; one that another schema wrote is converted to the first. `identity`
    distinguishes files: the marker between blocks is derived from it. Raises ValueError if a record
    can't be converted, and what `schema_text` raises.
    """
    marker = hashlib.sha256(identity.encode()).digest()[:16]
    schema_id = None
    for block in records:
        if schema_id is None:
            schema_id = block[0].schema_id
            yield _head(schema_text(schema_id), marker)
        bodies = [
            record.body
            if record.schema_id == schema_id
            else _converted(record.body, schema_text(record.schema_id), schema_text(schema_id))
            for record in block
        ]
        size = sum(map(len, bodies))
        yield b"".join((encoded(len(bodies)), encoded(size), *bodies, marker))


def _head(schema_text: str, marker: bytes) -> bytes:
    meta = {"avro.schema": schema_text.encode(), "avro.codec": b"null"}
    entries = (_bytes(key.encode()) + _bytes(value) for key, value in meta.items())
    return b"".join((b"Obj\1", encoded(len(meta)), *entries, encoded(0), marker))


def _converted(body: bytes, writer_text: str, reader_text: str) -> bytes:
    reader: Any = fastavro.parse_schema(json.loads(reader_text))
    writer: Any = fastavro.parse_schema(json.loads(writer_text))
    try:
        record: Any = fastavro.schemaless_reader(io.BytesIO(body), writer, reader)
        converted = io.BytesIO()
        fastavro.schemaless_writer(converted, reader, record)
    except fastavro.read.SchemaResolutionError as error:
        raise ValueError("a record of another schema can't be converted") from error
    return converted.getvalue()


def _bytes(value: bytes) -> bytes:
    return encoded(len(value)) + value
