"""The backup of the log's schemas: whatever else lies in its topic, it is read to its end."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry
from viewer.config.settings import Settings
from viewer.kafka.log_schemas import LogSchemas
from viewer.telemetry.metrics import Metrics

from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Consumer
    from viewer.kafka.wire_format import Registry

ENTRY = {
    "subject": "video.frames-value", "schema_id": 7,
    "schema": '{"type": "record", "name": "Frame", "fields": []}',
}  # fmt: skip
KEY = b"video.frames-value/7"
END = KafkaError(KafkaError._PARTITION_EOF)


def message(key: bytes, value: bytes | None, error: KafkaError | None = None) -> Any:
    return SimpleNamespace(value=lambda: value, error=lambda: error, key=lambda: key)


class FakeConsumer:
    """A topic of one partition, in memory."""

    def __init__(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        told = [message(key, value) for key, value in records]
        self._messages: Iterator[Any] = iter([*told, message(b"", None, END)])
        self._end = len(records)

    def list_topics(self, topic: str, _timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def get_watermark_offsets(self, *_: object) -> tuple[int, int]:
        return 0, self._end

    def assign(self, _where: object) -> None:
        pass

    def poll(self, _timeout: float) -> Any:
        return next(self._messages)

    def close(self) -> None:
        pass


class FakeRegistry:
    """A registry that has lost everything, but for one."""

    def schema(self, _schema_id: int) -> str:
        return str(ENTRY["schema"])

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "stranger",
    [
        b"[" * 4000,
        b"{}",
        b"\xff",
        b"",
        json.dumps(ENTRY | {"schema_id": float("inf")}).encode(),
        json.dumps(ENTRY | {"schema": "[" * 4000, "subject": "video.other-value"}).encode(),
    ],
)
def test_what_strangers_write_there_keeps_nobody_waiting(stranger: bytes) -> None:
    records = [(b"%d" % n, stranger) for n in range(2000)]
    records += [(b"video.frames-value/8", stranger), (KEY, json.dumps(ENTRY).encode())]
    schemas = LogSchemas(
        Settings(),
        consumer=lambda: cast("Consumer", FakeConsumer(records)),
        registry=lambda: cast("Registry", FakeRegistry()),
        metrics=Metrics(CollectorRegistry()),
    )
    schemas.start()
    try:
        wait_for(schemas._was_read.is_set, what="the backup to be read")
        look_up = schemas.guarded(lambda schema_id: f"of {schema_id}")
        assert (look_up(7), look_up(8)) == (ENTRY["schema"], "of 8")
    finally:
        schemas.stop()
