"""Avro in the registry's wire format."""

import io
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from confluent_kafka.schema_registry import (
    RegisteredSchema,
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from fastavro import parse_schema, schemaless_writer

from ingest.errors import Unavailable
from ingest.frame import Frame
from ingest.records import frame_record, segment_record, stream_from_record, stream_record
from ingest.stream import Segment, Stream

_MAGIC = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Codec:
    """Turns frames, segments and streams into record values, and stream values back.

    Writes with the newest schema of each topic's subject; the subjects are looked up once,
    here, so that the registry may be away later. Raises Unavailable when it is away or a
    subject is missing.
    """

    def __init__(
        self, registry: Mapping[str, Any], frames_topic: str, index_topic: str, streams_topic: str
    ) -> None:
        """Take what the registry's client needs, and the topics."""
        client = SchemaRegistryClient({**registry, "timeout": 10, "max.retries": 0})
        topics = (frames_topic, index_topic, streams_topic)
        try:
            self._frame, self._segment, self._stream = (
                _Writer(_look_up(client, registry["url"], f"{topic}-value")) for topic in topics
            )
        except Unavailable:
            client.close()
            raise
        self._client = client
        self._deserializer = AvroDeserializer(
            client, conf={"subject.name.strategy": topic_subject_name_strategy}
        )
        self._of_frames, self._of_index, self._of_streams = (
            SerializationContext(topic, MessageField.VALUE) for topic in topics
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
        """Return the stream of a record's value."""
        return stream_from_record(self._read(value, self._of_streams))

    def read_segment(self, value: bytes) -> Segment:
        """Return the segment of a record's value."""
        return Segment(**self._read(value, self._of_index))

    def read_frame(self, value: bytes) -> dict[str, Any]:
        """Return the record of a frame, with its times in microseconds."""
        return self._read(value, self._of_frames)

    def close(self) -> None:
        """Close the connections to the registry."""
        self._client.close()

    def _read(self, value: bytes, context: SerializationContext) -> dict[str, Any]:
        try:
            record = cast("dict[str, Any]", self._deserializer(value, context))
        except SerializationError:
            raise
        except Exception as error:  # of the registry, asked for a schema that is not known yet
            raise Unavailable(f"The schema registry does not answer: {error}") from error
        return {name: _plain(field) for name, field in record.items()}


class _Writer:
    """Writes records by one schema.

    The registry's own serializer takes three times as long, as it looks for rules in the schema
    anew for each record.
    """

    def __init__(self, registered: RegisteredSchema) -> None:
        self._schema = parse_schema(json.loads(registered.schema.schema_str or ""))
        self._head = struct.pack(">bI", _MAGIC, registered.schema_id)

    def write(self, record: Mapping[str, Any]) -> bytes:
        """Return the value of a record."""
        value = io.BytesIO()
        value.write(self._head)
        schemaless_writer(value, self._schema, record)
        return value.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def _look_up(client: SchemaRegistryClient, url: str, subject: str) -> RegisteredSchema:
    try:
        return client.get_latest_version(subject)
    except Exception as error:  # the client lets its HTTP library's own errors through
        status = getattr(error, "http_status_code", None)
        if status in {401, 403}:
            raise Unavailable(
                f"The schema registry at {url} refuses ingest's login: check "
                "FRAMELOG_SCHEMA_REGISTRY_USER_INFO."
            ) from error
        if status == 404:
            raise Unavailable(
                f"The registry has no schema for {subject}: run the setup step (make up does)."
            ) from error
        raise Unavailable(f"The schema registry at {url} does not answer: {error}") from error
