"""A viewer that runs, in this process or as its own, and what tests do to the log under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from confluent_kafka import Producer

from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient
    from viewer.telemetry.metrics import Metrics

    from tests.support.cluster import Cluster


@dataclass
class Viewer:
    """A viewer in this process, and a client of it."""

    metrics: Metrics
    client: FlaskClient

    def entry(self, stream_id: str) -> dict[str, object]:
        found = self.client.get(f"/api/streams/{stream_id}").json
        return found if isinstance(found, dict) else {}

    def shows(self, stream_id: str, **expected: object) -> None:
        """Wait until the catalogue says this of the stream."""
        wait_for(
            lambda: expected.items() <= self.entry(stream_id).items(),
            what=f"{stream_id} to show {expected}",
        )

    def follow(self, stream_id: str) -> Iterator[bytes]:
        """Open a stream from its first frame on, and return its images as they come."""
        response = self.client.get(f"/streams/{stream_id}/frames?from=0&follow=1")
        return (record[88:] for record in response.iter_encoded() if record)


def has_partitions(producer: Producer, topic: str, count: int) -> bool:
    return len(producer.list_topics(topic, 60).topics[topic].partitions) == count


def produce(cluster: Cluster, *records: tuple[str, bytes, bytes | None]) -> None:
    """Write bare (topic, key, value) records to partition 0."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for topic, key, body in records:
        producer.produce(topic, key=key, value=body, partition=0)
    assert producer.flush(60) == 0


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=60).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def metric(base: str, name: str) -> float:
    lines = requests.get(f"{base}/metrics", timeout=60).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
