"""Avro in the registry's wire format."""

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from confluent_kafka.schema_registry import (
    RegisteredSchema,
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from fastavro import parse_schema, schemaless_writer
from framelog_service.schema_backup import LARGEST_ID
from framelog_service.schema_bounds import require_bounded

from ingest.kafka.avro_records import (
    SAMPLES,
    frame_record,
    segment_record,
    stream_from_record,
    stream_record,
)
from ingest.model.errors import Blocked, Foreign, IngestError, Unavailable
from ingest.model.frame import Frame
from ingest.model.stream import Segment, Stream

_MAGIC = 0
_HEADER = struct.Struct(">bI")
# HTTP statuses after which to try again: too early, too many requests, and timeouts.
_TRY_AGAIN = frozenset({408, 425, 429})
_HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def schema_id_of(value: bytes) -> int:
    """Return the id of the schema that a record names. Raises Foreign if it names none."""
    if len(value) < _HEADER.size or value[0] != _MAGIC:
        raise Foreign("It is not in the registry's wire format.")
    return int(_HEADER.unpack_from(value)[1])


class Codec:
    """Turns frames, segments and streams into record values, and stream values back.

    Writes with the newest schema of each topic's subject. The subjects are looked up once,
    here, so that the registry may be unavailable later. Raises Unavailable if it is unavailable
    or a subject is missing, and Blocked if it rejects ingest or a schema can't be written with.
    """

    def __init__(
        self, registry: Mapping[str, Any], frames_topic: str, index_topic: str, streams_topic: str
    ) -> None:
        """Take the options of the registry's client, and the topics."""
        self._url = registry["url"]
        client = SchemaRegistryClient({**registry, "timeout": 10, "max.retries": 0})
        topics = (frames_topic, index_topic, streams_topic)
        try:
            self._frame, self._segment, self._stream = (
                _Writer(_look_up(client, registry["url"], f"{topic}-value"), sample)
                for topic, sample in zip(topics, SAMPLES, strict=True)
            )
        except IngestError:
            client.close()
            raise
        self._client = client
        self._names: dict[int, str | None] = {}
        self._deserializer = AvroDeserializer(
            client, conf={"subject.name.strategy": topic_subject_name_strategy}
        )
        self._of_frames, self._of_index, self._of_streams = (
            _Kind(SerializationContext(topic, MessageField.VALUE), f"{topic}-value", writer.name)
            for topic, writer in zip(
                topics, (self._frame, self._segment, self._stream), strict=True
            )
        )

    def frame(self, frame: Frame, stream: Stream) -> bytes:
        """Return the value of a frame of stream."""
        return self._frame.write(frame_record(frame, stream))

    def segment(self, segment: Segment) -> bytes:
        """Return the value of a segment."""
        return self._segment.write(segment_record(segment))

    def stream(self, stream: Stream) -> bytes:
        """Return the value of a stream."""
        return self._stream.write(stream_record(stream))

    def read_stream(self, value: bytes) -> Stream:
        """Return the stream of a record's value. Raises Foreign, and Unavailable.

        The other read methods do the same: they ask the registry for schemas not known yet.
        """
        record = self._read(value, self._of_streams)
        try:
            return stream_from_record(record)
        except (LookupError, ValueError, TypeError) as error:
            raise Foreign(f"It is not a stream: {error!r}.") from error

    def read_segment(self, value: bytes) -> Segment:
        """Return the segment of a record's value."""
        record = self._read(value, self._of_index)
        try:
            return Segment(**{name: record[name] for name in Segment.__dataclass_fields__})
        except LookupError as error:
            raise Foreign(f"It is not a segment: {error!r}.") from error

    def read_frame(self, value: bytes) -> dict[str, Any]:
        """Return the record of a frame, with its times in microseconds."""
        record = self._read(value, self._of_frames)
        if lacking := SAMPLES[0].keys() - {"attributes"} - record.keys():
            raise Foreign(f"It is not a frame: it lacks {min(lacking)}.")
        return record

    def close(self) -> None:
        """Close the connections to the registry."""
        self._client.close()

    def _read(self, value: bytes, kind: "_Kind") -> dict[str, Any]:
        schema_id = schema_id_of(value)
        if schema_id > LARGEST_ID:
            raise Foreign("Its schema id is larger than any registry's ids.")
        try:
            # Do not decode foreign records: by a foreign schema, a few bytes may expand beyond the
            # memory, or nest so deeply that the process crashes.
            if self._name_of(schema_id, kind.subject) != kind.name:
                raise Foreign(f"Its schema does not describe {kind.name}.")
            record = cast("object", self._deserializer(value, kind.context))
        except Foreign:
            raise
        except SerializationError as error:
            raise Foreign(f"It is not in the registry's wire format: {error}.") from error
        except SchemaRegistryError as error:
            if error.http_status_code in {400, 404}:
                raise Foreign(f"The registry does not know its schema: {error}.") from error
            raise _of_registry(error, self._url, "the schema of a record") from error
        except OSError as error:
            raise _of_registry(error, self._url, "the schema of a record") from error
        except Exception as error:
            if _of_network(error):
                raise _of_registry(error, self._url, "the schema of a record") from error
            raise Foreign(f"It can't be decoded: {error!r}.") from error
        if not isinstance(record, dict):
            raise Foreign("It is not an Avro record.")
        return {name: _plain(field) for name, field in record.items()}

    def _name_of(self, schema_id: int, subject: str) -> str | None:
        """Return the record name of a schema; None if no record can be read with it."""
        if schema_id not in self._names:
            text = self._client.get_schema(schema_id, subject).schema_str or ""
            self._names[schema_id] = _readable_name(text)
        return self._names[schema_id]


@dataclass(frozen=True)
class _Kind:
    """The subject of one topic's values, and the name of their record."""

    context: SerializationContext
    subject: str
    name: str | None


class _Writer:
    """Writes records by one schema.

    The registry's own serializer takes three times as long: it searches the schema for rules
    for each record.
    """

    def __init__(self, registered: RegisteredSchema, sample: Mapping[str, Any]) -> None:
        """Take the schema, and a sample record. Raises Blocked."""
        self._head = struct.pack(">bI", _MAGIC, registered.schema_id)
        try:
            schema = json.loads(registered.schema.schema_str or "")
            self.name = _full_name(schema)
            self._schema = parse_schema(schema)
            self.write(sample)
        except Exception as error:  # fastavro lets through whatever a schema leads to
            raise Blocked(
                f"Records can't be written with the registry's newest schema for "
                f"{registered.subject} ({error!r}). If the schema is of a newer version, upgrade "
                "ingest; if it is foreign, register the one in schemas/ again."
            ) from error

    def write(self, record: Mapping[str, Any]) -> bytes:
        """Return the value of a record."""
        value = io.BytesIO()
        value.write(self._head)
        schemaless_writer(value, self._schema, record)
        return value.getvalue()


def _readable_name(text: str) -> str | None:
    try:
        schema = json.loads(text)
        require_bounded(schema)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return _full_name(schema)


def _full_name(schema: object) -> str | None:
    """Return the name of a record's schema with its namespace; None for any other schema."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return None
    name, space = str(schema.get("name")), schema.get("namespace")
    return name if "." in name or not space else f"{space}.{name}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def _look_up(client: SchemaRegistryClient, url: str, subject: str) -> RegisteredSchema:
    try:
        return client.get_latest_version(subject)
    except Exception as error:  # the client lets its HTTP library's own errors through
        raise _of_registry(error, url, subject) from error


def _of_registry(error: Exception, url: str, subject: str) -> IngestError:
    """Return the error to raise if the registry did not return a subject's schema."""
    status = getattr(error, "http_status_code", None)
    if status in {401, 403}:
        return Blocked(
            f"The schema registry at {url} rejected ingest's login: check "
            "FRAMELOG_SCHEMA_REGISTRY_USER_INFO."
        )
    if status == 404:
        return Unavailable(
            f"The registry has no schema for {subject}: run the setup step (make up does)."
        )
    if isinstance(status, int) and 400 <= status < 500 and status not in _TRY_AGAIN:
        return Blocked(
            f"The schema registry at {url} rejected a request for {subject}: {error}. Check "
            "FRAMELOG_SCHEMA_REGISTRY_URL, including its path."
        )
    return Unavailable(f"The schema registry at {url} does not answer: {error}")


def _of_network(error: Exception) -> bool:
    """Whether the HTTP library raised it: its errors have no common base class."""
    return type(error).__module__.partition(".")[0] in _HTTP_LIBRARIES
