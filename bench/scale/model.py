"""`python -m bench.scale.model`: how large a system must be for so many cameras and watchers.

Multiplies what was measured on one machine, and simulates what chance decides: how streams fall on
partitions. Its tables are those of docs/scale.md; a test holds them together.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COPIES = 3
# Of a broker with 16 cores, 25 Gbit/s and 20 TB of disk that takes 2 GB/s: half of the first, six
# tenths of the speeds, eight of the space.
BROKER_CORES, BROKER_NETWORK, BROKER_DISK, BROKER_STORAGE = 8.0, 1.9e9, 1.2e9, 16e12
REPLICA_CORES = 3.0
SEED, DRAWS = 7, 20


@dataclass(frozen=True)
class Measured:
    """What one thing costs, as docs/scale.md says: CPU in seconds of one core, sizes in bytes."""

    frame_bytes: float = 117_000.0
    ingest_cpu: float = 0.0044
    delivery_cpu: float = 28e-6
    transaction_cpu: float = 1.7e-3
    written_cpu: float = 2.5e-9
    read_cpu: float = 0.8e-9
    index_bytes_a_frame: float = 10.0


@dataclass(frozen=True)
class Demand:
    """What is asked of the system."""

    cameras: int
    watchers: int
    fps: float = 25.0
    batch_seconds: float = 0.25
    kept_hours: float = 168.0
    local_hours: float | None = None
    """How long frames stay on the brokers' disks; then they are in an object store."""
    watchers_an_answer: int = 1
    """More than one with caches in front of the viewer."""


@dataclass(frozen=True)
class Plan:
    """What the demand takes; bytes and bytes a second."""

    written: float
    transactions: float
    ingest_cores: float
    brokers: int
    limit: str
    on_brokers: float
    in_store: float
    sent: float
    viewer_cores: float
    viewer_memory: float


def plan(demand: Demand, cost: Measured) -> Plan:
    """Return what the demand takes, with a partition for each camera."""
    frames = demand.cameras * demand.fps
    written = frames * cost.frame_bytes
    kept_seconds = demand.kept_hours * 3600
    local_seconds = kept_seconds if demand.local_hours is None else demand.local_hours * 3600
    transactions = demand.cameras / demand.batch_seconds
    deliveries = demand.watchers * demand.fps / demand.watchers_an_answer
    # A stream is read by the replicas that show it, two at most when watchers are led to them by
    # stream, and each reads what else lies in its partition.
    replicas = ceil(deliveries * cost.delivery_cpu / REPLICA_CORES)
    watched = min(demand.cameras, demand.watchers) * demand.fps * cost.frame_bytes
    read = min(replicas, 2) * watched * read_for_one(demand.cameras, demand.cameras)
    cores = (
        transactions * cost.transaction_cpu
        + written * COPIES * cost.written_cpu
        + (read + written * (COPIES - 1)) * cost.read_cpu
    )
    needs = {
        "processors": cores / BROKER_CORES,
        "network": (written * (COPIES - 1) + read) / BROKER_NETWORK,
        "disk speed": written * COPIES / BROKER_DISK,
        "disk space": written * local_seconds * COPIES / BROKER_STORAGE,
        "copies": COPIES,
    }
    limit = max(needs, key=lambda name: needs[name])
    return Plan(
        written=written,
        transactions=transactions,
        ingest_cores=frames * cost.ingest_cpu,
        brokers=ceil(needs[limit]),
        limit=limit,
        on_brokers=written * local_seconds * COPIES,
        in_store=0 if demand.local_hours is None else written * kept_seconds,
        sent=deliveries * cost.frame_bytes,
        viewer_cores=deliveries * cost.delivery_cpu,
        viewer_memory=frames * kept_seconds * cost.index_bytes_a_frame,
    )


def read_for_one(streams: int, partitions: int) -> float:
    """Simulate how many streams share a stream's partition, itself included, on average.

    Keys fall on partitions by their hash, as if by chance. Who reads one stream's stretch of a
    partition reads the others' frames that lie between.
    """
    chance = Random(SEED)  # noqa: S311 (a simulation)
    total = 0.0
    for _ in range(DRAWS):
        counts = [0] * partitions
        places = [chance.randrange(partitions) for _ in range(streams)]
        for place in places:
            counts[place] += 1
        total += sum(counts[place] for place in places) / streams
    return total / DRAWS


DEMANDS = {
    "10 cameras, 20 watchers, 7 days kept": Demand(10, 20),
    "1,000 cameras, 300 watchers, 7 days kept": Demand(1_000, 300),
    "the same with tiered storage, 2 hours on disks": Demand(1_000, 300, local_hours=2),
    "and batches of 1 s": Demand(1_000, 300, local_hours=2, batch_seconds=1),
    "and 5 fps, a day kept: a cell": Demand(
        1_000, 300, fps=5, local_hours=2, batch_seconds=1, kept_hours=24
    ),
    "100 cameras, 100,000 watchers, a day kept": Demand(100, 100_000, kept_hours=24),
    "the same behind caches, 500 to an answer": Demand(
        100, 100_000, kept_hours=24, watchers_an_answer=500
    ),
}
PARTITIONS_A_STREAM = (0.5, 1, 2, 4, 8)


def plans() -> str:
    """Return the plans as a Markdown table."""
    head = (
        *("demand", "written", "transactions a second", "ingest cores", "brokers", "for their"),
        *("on their disks", "in the store", "sent", "viewer cores", "index in a viewer"),
    )
    rows = [
        (
            name,
            f"{size(found.written)}/s",
            f"{found.transactions:,.0f}",
            f"{found.ingest_cores:,.0f}",
            f"{found.brokers:,}",
            found.limit,
            size(found.on_brokers),
            size(found.in_store) if found.in_store else "",
            f"{size(found.sent)}/s",
            f"{max(1, found.viewer_cores):,.0f}",
            size(found.viewer_memory),
        )
        for name, demand in DEMANDS.items()
        for found in [plan(demand, Measured())]
    ]
    return table(head, rows)


def shares() -> str:
    """Return how many streams share a partition as a Markdown table."""
    rows = [
        (f"{ratio:g}", *(f"{read_for_one(n, round(n * ratio)):.1f}×" for n in (10, 1_000)))
        for ratio in PARTITIONS_A_STREAM
    ]
    return table(("partitions a stream", "10 streams", "1,000 streams"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table."""
    rule = "|---" * len(head) + "|"
    lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    first, *others = lines
    return "\n".join((first, rule, *others)) + "\n"


def size(count: float) -> str:
    """Write bytes for people."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB"


if __name__ == "__main__":
    sys.stdout.write(f"{plans()}\n{shares()}")
