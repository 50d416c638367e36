"""`python -m bench.scale.broker_cost`: what a broker spends on a transaction, and on a byte.

The figures of docs/scale.md: CPU seconds of the broker's process, so that others on the machine
don't count; transactions of two sizes tell what each costs and what its bytes cost.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.cluster import running_servers

FRAMES = 6
SMALL_BYTES, LARGE_BYTES = 1_000, 100_000
TRANSACTIONS = 400
ROUNDS, WARM_UP = 5, 10


def main() -> int:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder, running_servers(Path(folder)) as servers:
        assert servers.broker.process is not None
        process = psutil.Process(servers.broker.process.pid)
        small, large, read = costs(servers.cluster.bootstrap_servers, process)
    a_byte = (large - small) / (FRAMES * (LARGE_BYTES - SMALL_BYTES))
    a_transaction = small - a_byte * FRAMES * SMALL_BYTES
    sys.stdout.write(
        f"a transaction {a_transaction * 1e3:.2f} ms, a GB written {a_byte * 1e9:.2f} s, "
        f"a GB read {read * 1e9:.2f} s of the broker's CPU\n"
    )
    return 0


def costs(bootstrap_servers: str, broker: psutil.Process) -> tuple[float, float, float]:
    """Return the broker's CPU seconds of a small transaction, a large one, and a byte read."""
    topic = f"cost-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    config = {"max.message.bytes": "16777216"}
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result()
    producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": topic})
    producer.init_transactions()

    def writing(frame_bytes: int) -> float:
        image = os.urandom(frame_bytes)
        before = cpu_seconds(broker)
        for _ in range(TRANSACTIONS):
            producer.begin_transaction()
            for _ in range(FRAMES):
                producer.produce(topic, image, b"stream", 0)
            producer.commit_transaction()
        return (cpu_seconds(broker) - before) / TRANSACTIONS

    def reading() -> float:
        consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "cost"})
        consumer.assign([TopicPartition(topic, 0, 0)])
        before, read_bytes, until = cpu_seconds(broker), 0, time.monotonic() + 10
        while time.monotonic() < until and read_bytes < 400_000_000:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                read_bytes += len(message.value() or b"")
        consumer.close()
        return (cpu_seconds(broker) - before) / read_bytes

    for _ in range(WARM_UP):  # Java compiles what it does often
        writing(SMALL_BYTES)
    writing(LARGE_BYTES)
    return (
        median(writing(SMALL_BYTES) for _ in range(ROUNDS)),
        median(writing(LARGE_BYTES) for _ in range(ROUNDS)),
        median(reading() for _ in range(ROUNDS)),
    )


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    sys.exit(main())
