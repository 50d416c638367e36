"""What the registry answers, and records that nobody of ours has written."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from framelog_local.ports import free_port
from ingest.kafka.avro_codec import Codec
from ingest.model.errors import Blocked, Foreign, IngestError, Unavailable

from tests.contract.avro import in_wire_format, register, schema
from tests.ingest.builders import frame, fresh
from tests.support.cluster import Cluster, Topics
from tests.support.serving import Quiet, serving

TOPICS = ("frames", "index", "streams")


@contextmanager
def registry(status: int, body: bytes) -> Iterator[str]:
    """Answer every question in one way. Yields the address."""

    class Door(Quiet):
        def do_GET(self) -> None:  # noqa: N802 (the server's name)
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Door) as url:
        yield url


def raised(url: str) -> IngestError:
    with pytest.raises(IngestError) as caught:
        Codec({"url": url}, *TOPICS).close()
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Blocked), (401, Blocked), (403, Blocked), (405, Blocked), (422, Blocked),
        (404, Unavailable), (408, Unavailable), (429, Unavailable),
        (500, Unavailable), (502, Unavailable), (503, Unavailable), (504, Unavailable),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b'{"error_code": 1, "message": "No."}', b"<html>No.</html>"])
def test_a_registry_that_refuses_is_told_from_one_that_is_away(
    status: int, kind: type[IngestError], body: bytes
) -> None:
    with registry(status, body) as url:
        error = raised(url)
    assert type(error) is kind, error


def test_a_registry_that_is_not_there_is_away() -> None:
    assert type(raised(f"http://127.0.0.1:{free_port()}")) is Unavailable


def _registered(text: str) -> bytes:
    return json.dumps({"subject": "x-value", "id": 7, "version": 1, "schema": text}).encode()


def _changed(**changes: Any) -> str:
    described = schema("frame")
    described["fields"].append({"name": "weather", **changes})
    return json.dumps(described)


@pytest.mark.parametrize(
    "text",
    [
        _changed(type="string"),
        '{"type": "record", "name": "Frame", "fields": [{"name": "image", "type": "int"}]}',
        '"string"',
        "no JSON",
        '{"type": "what"}',
    ],
    ids=["a field without a default", "another type", "no record", "no JSON", "no schema"],
)
def test_a_schema_that_frames_can_not_be_written_by_is_said(text: str) -> None:
    with registry(200, _registered(text)) as url:
        error = raised(url)
    assert type(error) is Blocked, error
    assert "upgrade ingest" in str(error)


@pytest.fixture
def codec(cluster: Cluster, topics: Topics) -> Iterator[Codec]:
    registry_url = {"url": cluster.registry_url}
    with closing(Codec(registry_url, topics.frames, topics.index, topics.streams)) as made:
        yield made


def foreign_values(cluster: Cluster, topics: Topics, codec: Codec) -> dict[str, bytes]:
    """Return values that are neither frames nor segments nor streams."""
    other = {"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]}
    other_id = register(cluster.registry_url, f"{topics.frames}-other", other).json()["id"]
    text: Any = "string"
    text_id = register(cluster.registry_url, f"{topics.frames}-text", text).json()["id"]
    whole = codec.stream(fresh())
    return {
        "empty": b"",
        "no Avro": b"Is this a frame?",
        "JSON": b'{"stream_id": "film"}',
        "a schema that nobody knows": b"\0\x7f\xff\xff\xff" + whole[5:],
        "another record": in_wire_format({"x": 3}, other, other_id),
        "a string": b"\0" + text_id.to_bytes(4, "big") + b"\x06abc",
        "cut off": whole[:40],
        "a stream's head alone": whole[:5],
        "bytes of another schema": whole[:5] + b"\xff" * 100,
    }


def test_a_foreign_record_is_told_as_one(cluster: Cluster, topics: Topics, codec: Codec) -> None:
    for value in foreign_values(cluster, topics, codec).values():
        for read in (codec.read_stream, codec.read_segment, codec.read_frame):
            with pytest.raises(Foreign):
                read(value)
    for read in (codec.read_segment, codec.read_stream):
        with pytest.raises(Foreign):
            read(codec.frame(frame(0), fresh()))
