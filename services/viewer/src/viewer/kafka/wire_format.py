"""The registry's wire format: a zero byte, the schema's id in four bytes, the Avro body."""

import io
import json
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, cast

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro.types import Schema
from framelog_service.schema_backup import LARGEST_ID
from framelog_service.schema_bounds import require_bounded

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size
_FORGET_UNKNOWN_SECONDS = 30.0

# The most unknown ids to remember; each unknown id costs a request to the registry.
_MOST_UNKNOWN = 10_000

ForeignReason = Literal[
    "no_magic", "unknown_schema", "other_record", "malformed", "other_key", "impossible",
    "contradiction",
]  # fmt: skip


class ForeignRecordError(Exception):
    """A record that another program wrote: skip and count it."""

    def __init__(self, reason: ForeignReason) -> None:
        super().__init__(reason)
        self.reason: ForeignReason = reason


class RegistryAwayError(Exception):
    """The registry doesn't answer, so a record can't be decoded yet: wait and retry."""


class UnknownSchemaError(Exception):
    """The registry has no schema of this id."""


class Registry:
    """The schema registry."""

    def __init__(
        self, url: str, user_info: str | None = None, ssl_ca_location: str | None = None
    ) -> None:
        """Use the registry at this URL, without retries: callers retry.

        `user_info` is `name:password`. Without `ssl_ca_location`, the system's certificates are
        trusted.
        """
        given = {"basic.auth.user.info": user_info, "ssl.ca.location": ssl_ca_location}
        options = {name: value for name, value in given.items() if value is not None}
        self._client = SchemaRegistryClient(
            {"url": url, "timeout": 5.0, "max.retries": 0, **options}
        )

    def schema(self, schema_id: int) -> str:
        """Return a schema's text. Raises UnknownSchemaError or RegistryAwayError."""
        try:
            text = self._client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            # 400: this registry never assigns such an id.
            if error.http_status_code in {400, 404}:
                raise UnknownSchemaError(schema_id) from error
            if error.http_status_code in {401, 403}:
                raise RegistryAwayError(
                    "it rejects the viewer's login; check FRAMELOG_SCHEMA_REGISTRY_USER_INFO"
                ) from error
            raise RegistryAwayError(str(error)) from error
        # The client passes on every exception of its HTTP library.
        except Exception as error:
            raise RegistryAwayError(f"{type(error).__name__}: {error}") from error
        if text is None:
            raise UnknownSchemaError(schema_id)
        return text

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


class Decoder:
    """Decodes each record with the schema it was written with. Safe to share by threads.

    `decode` blocks on the registry for the first record of each schema; no lock is held then.
    """

    def __init__(
        self, look_up: Callable[[int], str], now: Callable[[], float] = time.monotonic
    ) -> None:
        """Decode with schemas from `look_up`; `now` gives seconds."""
        self._look_up = look_up
        self._now = now
        self._schemas: dict[int, tuple[str, Schema]] = {}
        self._unknown_since: dict[int, float] = {}
        self._lock = threading.Lock()

    def decode(self, value: bytes, name: str) -> tuple[int, dict[str, Any]]:
        """Return the schema's id and the fields of a record of the type `framelog.<name>`.

        Timestamps stay integers in the schema's unit. Raises ForeignRecordError for any other
        record, and RegistryAwayError while the registry doesn't answer.
        """
        if len(value) < HEADER_BYTES:
            raise ForeignRecordError("no_magic")
        magic, schema_id = _HEADER.unpack_from(value)
        if magic != 0:
            raise ForeignRecordError("no_magic")
        if schema_id > LARGEST_ID:
            raise ForeignRecordError("unknown_schema")
        known = self._schemas.get(schema_id) or self._learn(schema_id)
        if known[0] != f"framelog.{name}":
            raise ForeignRecordError("other_record")
        body = io.BytesIO(value)
        body.seek(HEADER_BYTES)
        try:
            record = fastavro.schemaless_reader(body, known[1], None)
        # A body that doesn't match its schema raises a different exception for each type.
        except Exception as error:
            raise ForeignRecordError("malformed") from error
        return schema_id, cast("dict[str, Any]", record)

    def layout(self, schema_id: int) -> list[tuple[str, str]]:
        """Return the name and type of each field of a schema that `decode` has used.

        All integers are "long", because Avro encodes them alike; "[long]" is an array.
        """
        _, schema = self._schemas[schema_id]
        fields = schema.get("fields", []) if isinstance(schema, dict) else []
        return [(field["name"], _type_name(field["type"])) for field in fields]

    def schema_text(self, schema_id: int) -> str:
        """Return a schema's registered text. Raises UnknownSchemaError or RegistryAwayError."""
        return self._look_up(schema_id)

    def _learn(self, schema_id: int) -> tuple[str, Schema]:
        with self._lock:
            since = self._unknown_since.get(schema_id)
        if since is not None and self._now() - since < _FORGET_UNKNOWN_SECONDS:
            raise ForeignRecordError("unknown_schema")
        try:
            plain = _plain(json.loads(self._look_up(schema_id)))
            require_bounded(plain)
            schema = fastavro.parse_schema(plain)
        except RegistryAwayError:
            raise
        # Unknown to the registry, not Avro, or too large to parse: a foreign record.
        except Exception as error:
            with self._lock:
                if len(self._unknown_since) >= _MOST_UNKNOWN:
                    del self._unknown_since[next(iter(self._unknown_since))]
                self._unknown_since[schema_id] = self._now()
            raise ForeignRecordError("unknown_schema") from error
        name = str(schema.get("name", "")) if isinstance(schema, dict) else ""
        known = (name, schema)
        with self._lock:
            self._schemas[schema_id] = known
        return known


def body_of(value: bytes) -> bytes:
    """Return a value without the wire format's header."""
    return value[HEADER_BYTES:]


def _type_name(schema: Any) -> str:
    if isinstance(schema, dict) and schema.get("type") == "array":
        return f"[{_type_name(schema['items'])}]"
    return "long" if schema == "int" else str(schema)


def _plain(schema: Any) -> Any:
    """Remove the logical types, so that times are decoded as integers."""
    if isinstance(schema, dict):
        return {key: _plain(item) for key, item in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    return schema
