"""Writes streams into the log as the contract says, on its own: bare Kafka and Avro."""

from __future__ import annotations

import json
import struct
import time
import uuid
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import fastavro
import numpy
import requests
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.cluster import Cluster, Topics

SCHEMAS = Path(__file__).parents[2] / "schemas"
FRAME_NS = 40_000_000


def jpeg(number: int, width: int = 160, height: int = 90) -> bytes:
    """Make a small real JPEG with a number painted in it."""
    picture = numpy.full((height, width, 3), 40 + number * 7 % 180, numpy.uint8)
    white = (255, 255, 255)
    cv2.putText(picture, str(number), (8, height - 16), cv2.FONT_HERSHEY_SIMPLEX, 1, white, 2)
    return bytes(cv2.imencode(".jpg", picture)[1])


class Wire:
    """Encodes records in the registry's wire format, as whichever schema is the latest."""

    def __init__(self, cluster: Cluster, topics: Topics) -> None:
        self._schemas = {}
        for topic in (topics.frames, topics.index, topics.streams):
            url = f"{cluster.registry_url}/subjects/{topic}-value/versions/latest"
            answer = requests.get(url, timeout=60).json()
            schema = fastavro.parse_schema(json.loads(answer["schema"]))
            self._schemas[topic] = (answer["id"], schema)

    def schema_id(self, topic: str) -> int:
        return int(self._schemas[topic][0])

    def encode(self, topic: str, record: dict[str, Any]) -> bytes:
        schema_id, schema = self._schemas[topic]
        body = BytesIO()
        fastavro.schemaless_writer(body, schema, record)
        return struct.pack(">bI", 0, schema_id) + body.getvalue()


@dataclass
class StreamWriter:
    """One run of one stream, written batch by batch, each in a transaction of its own."""

    cluster: Cluster
    topics: Topics
    stream_id: str = "clip-0123456789ab"
    partition: int = 0
    encoding: str = "JPEG"
    width: int = 160
    height: int = 90
    frame_ns: int = FRAME_NS
    traceparent: str | None = None
    frames_topic_id: str | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: int = field(default_factory=lambda: time.time_ns() // 1000)

    def __post_init__(self) -> None:
        self.wire = Wire(self.cluster, self.topics)
        self.images: list[bytes] = []
        self.offsets: list[int] = []
        self._segments = 0
        self._producer = Producer(
            {
                "bootstrap.servers": self.cluster.bootstrap_servers,
                "transactional.id": f"test-{self.stream_id}-{self.topics.frames}",
                "transaction.timeout.ms": 60_000,
                "message.max.bytes": 16_777_216,
            }
        )
        self._producer.init_transactions(60)

    def write(
        self,
        images: Sequence[bytes],
        *,
        state: str = "INGESTING",
        claimed_offsets: Sequence[int] | None = None,
    ) -> None:
        """Commit one batch: the frames, their segment and the stream's new state.

        The segment can be made to claim other offsets than the true ones.
        """
        self._producer.begin_transaction()
        first = len(self.images)
        offsets = self._send_frames(images, ended=state != "INGESTING")
        self.images += images
        self.offsets += offsets
        if images:
            self._send_segment(first, images, claimed_offsets or offsets)
        self._send_stream(state)
        self._producer.commit_transaction(60)

    def announce(self, state: str = "INGESTING") -> None:
        """Commit the stream's state alone."""
        self.write([], state=state)

    def _send_frames(self, images: Sequence[bytes], *, ended: bool) -> list[int]:
        offsets: list[int] = []
        for i, image in enumerate(images):
            index = len(self.images) + i
            now = time.time_ns() // 1000
            record = {
                "stream_id": self.stream_id,
                "run_id": self.run_id,
                "frame_index": index,
                "pts_ns": index * self.frame_ns,
                "duration_ns": self.frame_ns,
                "width": self.width,
                "height": self.height,
                "encoding": self.encoding,
                "image": image,
                "is_last": ended and i == len(images) - 1,
                "source_name": "clip.mp4",
                "captured_at": now,
                "ingested_at": now,
                "attributes": {},
            }
            self._send(
                self.topics.frames, self.stream_id, record, self.partition,
                lambda _, message: offsets.append(message.offset()),
            )  # fmt: skip
        self._producer.flush(60)
        return offsets

    def _send_segment(self, first: int, images: Sequence[bytes], offsets: Sequence[int]) -> None:
        count = len(images)
        record = {
            "stream_id": self.stream_id,
            "run_id": self.run_id,
            "segment_number": self._segments,
            "partition": self.partition,
            "first_frame": first,
            "offsets": [
                offsets[0],
                *(b - a for a, b in pairwise(offsets)),
            ],
            "pts_ns": [first * self.frame_ns, *[self.frame_ns] * (count - 1)],
            "sizes_bytes": [len(image) for image in images],
            "end_pts_ns": (first + count) * self.frame_ns,
        }
        key = f"{self.stream_id}/{self._segments:08}"
        self._send(self.topics.index, key, record, self.partition)
        self._segments += 1

    def _send_stream(self, state: str) -> None:
        now = time.time_ns() // 1000
        count = len(self.images)
        record = {
            "stream_id": self.stream_id,
            "run_id": self.run_id,
            "state": state,
            "source_name": "clip.mp4",
            "source_bytes": 1,
            "fingerprint": "0" * 64,
            "container": "mp4",
            "codec": "h264",
            "width": self.width,
            "height": self.height,
            "rotation": 0,
            "frame_rate_num": 25,
            "frame_rate_den": 1,
            "frame_count": count,
            "segment_count": self._segments,
            "duration_ns": count * self.frame_ns,
            "bytes": sum(map(len, self.images)),
            "partition": self.partition if count else None,
            "first_offset": self.offsets[0] if count else None,
            "last_offset": self.offsets[-1] if count else None,
            "frames_topic_id": self.frames_topic_id,
            "pace": "fast",
            "encoding": self.encoding,
            "quality": 90,
            "started_at": self.started_at,
            "updated_at": now,
            "ended_at": None if state == "INGESTING" else now,
        }
        self._send(self.topics.streams, self.stream_id, record, 0)

    def _send(
        self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
    ) -> None:
        value = self.wire.encode(topic, record)
        marks = self.traceparent is not None and topic == self.topics.frames
        headers: list[tuple[str, str | bytes | None]] = [("traceparent", self.traceparent)] * marks
        self._producer.produce(
            topic, key=key.encode(), value=value, partition=partition, on_delivery=done,
            headers=headers,
        )  # fmt: skip


class WrongSizes(StreamWriter):
    """Its index tells other sizes than its pictures have, but for the first segment's."""

    def _send(
        self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
    ) -> None:
        if topic == self.topics.index and record["first_frame"]:
            record = record | {"sizes_bytes": [size + 1 for size in record["sizes_bytes"]]}
        super()._send(topic, key, record, partition, done)


def write_stream(
    cluster: Cluster,
    topics: Topics,
    frames: int = 50,
    *,
    batch: int = 16,
    kind: type[StreamWriter] = StreamWriter,
    **options: Any,
) -> StreamWriter:
    """Write a whole stream of numbered pictures."""
    writer = kind(cluster, topics, **options)
    images = [jpeg(i) for i in range(frames)]
    for start in range(0, frames, batch):
        ended = start + batch >= frames
        writer.write(images[start : start + batch], state="COMPLETE" if ended else "INGESTING")
    return writer
