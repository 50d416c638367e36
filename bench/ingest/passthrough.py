"""Motion JPEG, sent as it is, beside Kafka's own producer benchmark with as large records."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Context
from bench.ingest.service import IngestService, running_ingest
from bench.load.films import Film, film
from bench.peers.kafka_producer_perf import megabytes_a_second
from bench.results.measurements import Result, at_least, compare, interleaved
from tests.support.log_reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cluster import Topics

# Long enough for what a stream takes to begin not to matter.
_FILM = Film(720, 250, codec="mjpeg", repeats=24)
_TRANSACTION_MS = 250  # as long as ingest's at most, FRAMELOG_INGEST_BATCH_SECONDS


def _passthrough(context: Context) -> Iterator[Result]:
    path = film(context.cache, _FILM)
    with running_ingest(context) as service, context.topics() as topics:
        values = interleaved(
            {
                "framelog": partial(_ours, context, service, path),
                "kafka-producer-perf-test": partial(
                    megabytes_a_second,
                    context.cache,
                    topics,
                    records=_FILM.length,
                    record_bytes=path.stat().st_size // _FILM.length,
                    transaction_ms=_TRANSACTION_MS,
                ),
            },
            context.rounds,
        )
    yield compare(
        "Motion JPEG as it is", "MB/s", values, "kafka-producer-perf-test", target=at_least(0.9)
    )


def _ours(context: Context, service: IngestService, path: Path) -> float:
    """Return the images' megabytes a second from the stream's beginning to its last commit."""
    service.send([path])
    topics: Topics = service.topics
    state = LogReader(context.cluster).read(topics.streams)[-1].value
    seconds: float = (state["ended_at"] - state["started_at"]).total_seconds()
    assert state["frame_count"] == _FILM.length
    return float(state["bytes"]) / 1e6 / seconds


INGEST_PASSTHROUGH = Benchmark("ingest-passthrough", _passthrough)
