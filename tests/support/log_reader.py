"""Reads the log as anyone's own program would: bare Kafka and Avro, nothing of the services."""

import json
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro
import requests
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.support.cluster import Cluster

LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Record:
    """One committed record."""

    key: str
    value: dict[str, Any]
    partition: int
    offset: int
    schema_id: int
    headers: dict[str, bytes]


class LogReader:
    """A consumer in a group of its own."""

    def __init__(self, cluster: Cluster, group: str = "test-reader") -> None:
        self._cluster = cluster
        self._group = group
        self._schemas: dict[int, Any] = {}

    def read(self, topic: str, *, await_open: bool = True) -> list[Record]:
        """Return everything that is committed to topic now, partition by partition.

        A transaction that is open, or whose end is still being written, is waited for, or else
        what comes after its beginning is left out.
        """
        isolation = IsolationLevel.READ_UNCOMMITTED if await_open else IsolationLevel.READ_COMMITTED
        records = list(self._records(topic, isolation))
        assert all(isinstance(record, Record) for record in records), "there is a tombstone"
        return [record for record in records if isinstance(record, Record)]

    def latest(self, topic: str) -> dict[str, Record]:
        """Return the latest record of each key; none of a key whose latest is a tombstone."""
        latest: dict[str, Record] = {}
        for record in self._records(topic, IsolationLevel.READ_UNCOMMITTED):
            if isinstance(record, Record):
                latest[record.key] = record
            else:
                latest.pop(record, None)
        return latest

    def frames(self, topic: str, stream_id: str) -> list[Record]:
        """Return the frames of one stream in the log's order."""
        return [record for record in self.read(topic) if record.key == stream_id]

    def _records(self, topic: str, isolation: IsolationLevel) -> Iterator[Record | str]:
        """Yield records, and of a tombstone its key."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._cluster.bootstrap_servers,
                "group.id": self._group,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        with closing(consumer):
            ends = self._ends(topic, isolation)
            consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
            unread = {partition for partition, end in ends.items() if end}
            while unread:
                message = consumer.poll(LIMIT_SECONDS)
                assert message is not None, f"nothing more of {topic} within {LIMIT_SECONDS:g} s"
                error = message.error()
                partition, offset = message.partition() or 0, message.offset() or 0
                if error is None:
                    key, value = message.key(), message.value()
                    assert key is not None
                    if value is None:
                        yield key.decode()
                        continue
                    schema_id, body = self._body(value)
                    headers: Any = message.headers() or []
                    yield Record(key.decode(), body, partition, offset, schema_id, dict(headers))
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    # Before the end, it is that of a transaction whose marker is still to come.
                    if offset >= ends[partition]:
                        unread.discard(partition)

    def _ends(self, topic: str, isolation: IsolationLevel) -> dict[int, int]:
        """Return the high watermark, or the last stable offset, of each partition."""
        admin = AdminClient({"bootstrap.servers": self._cluster.bootstrap_servers})
        partitions = admin.list_topics(topic, LIMIT_SECONDS).topics[topic].partitions
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}  # type: ignore[no-untyped-call]
        answers = admin.list_offsets(asked, isolation_level=isolation)
        return {place.partition: answer.result().offset for place, answer in answers.items()}

    def _body(self, value: bytes) -> tuple[int, dict[str, Any]]:
        magic, schema_id = struct.unpack_from(">bI", value)
        assert magic == 0
        if schema_id not in self._schemas:
            url = f"{self._cluster.registry_url}/schemas/ids/{schema_id}"
            schema = requests.get(url, timeout=60).json()["schema"]
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(schema))
        body = fastavro.schemaless_reader(BytesIO(value[5:]), self._schemas[schema_id], None)
        assert isinstance(body, dict)
        return schema_id, body
