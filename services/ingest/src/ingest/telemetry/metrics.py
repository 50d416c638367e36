"""Everything that the ingest service measures."""

from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.telemetry.client_statistics import ERRORS
from ingest.telemetry.snapshot import FileSnapshot, InboxSnapshot, Slots
from ingest.telemetry.worker_probe import Progress

STAGES = ("read", "decode", "pace", "encode", "serialize", "flush", "commit")
RESULTS = ("complete", "truncated", "failed", "duplicate")
RESTARTS = ("crash", "hung", "fenced")
DROPPED = ("idle", "head", "body", "answer", "crowd")
QUANTILES = ("0.5", "0.99")
FOREIGN_REASONS = ("no_magic", "malformed", "other_key")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_FRAMES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BYTES = (1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 26)

M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    """The service's metrics, in a registry of their own.

    slots: how many workers there can be. Every series is there from the start, since what
    begins at 0 can be alerted on.
    """

    def __init__(
        self, registry: CollectorRegistry, version: str, slots: int, restarts: int = 0
    ) -> None:
        self.registry = registry
        self._slots = Slots()
        self._numbers = range(1, slots + 1)
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self._frames = counter("framelog_ingest_frames_committed", "Frames committed to the log.")
        self._bytes = counter(
            "framelog_ingest_bytes_committed", "Bytes of the images committed to the log."
        )
        self.files = _with(
            counter(
                "framelog_ingest_files",
                "Files that are done with, by what became of them.",
                ["result"],
            ),
            RESULTS,
        )
        self._files_waiting = gauge(
            "framelog_ingest_files_waiting", "Files that are ready and wait for a worker."
        )
        self._oldest_waiting = gauge(
            "framelog_ingest_oldest_waiting_seconds",
            "How long the file of incoming/ that waits longest for a worker has waited; 0: none.",
        )
        self._workers = gauge("framelog_ingest_workers_active", "Workers that are at a file.")
        self._waiting_workers = gauge(
            "framelog_ingest_waiting_workers",
            "Workers that wait now because Kafka or the registry is away.",
        )
        self.waits = counter(
            "framelog_ingest_cluster_waits",
            "Times that a worker waited because Kafka or the registry was away.",
        )
        self.restarts = _with(
            counter(
                "framelog_ingest_worker_restarts",
                "Workers that ended before their video did: lost, silent for too long, or fenced.",
                ["reason"],
            ),
            RESTARTS,
        )
        self._paused = gauge("framelog_ingest_paused", "Whether no new file is taken: 1 or 0.")
        self._longest_without_frame = gauge(
            "framelog_ingest_longest_without_frame_seconds",
            "Of the files at work, the longest time since one last committed a frame; 0: none.",
        )
        self._progress = _with(
            gauge(
                "framelog_ingest_worker_progress_ratio",
                "Frames committed of those estimated, of the file at each worker; 0: none.",
                ["slot"],
            ),
            self._numbers,
        )
        self._worker_frames = _with(
            gauge(
                "framelog_ingest_worker_frames_committed",
                "Frames committed so far of the file at each worker; 0: none.",
                ["slot"],
            ),
            self._numbers,
        )
        self._stage_seconds = _with(
            histogram(
                "framelog_ingest_stage_seconds",
                "Seconds that one batch spent in each stage itself, not in those before it.",
                ["stage"],
                buckets=_SECONDS,
            ),
            STAGES,
        )
        self._commit_seconds = histogram(
            "framelog_ingest_commit_seconds",
            "Seconds of one transaction, begin to committed.",
            buckets=_SECONDS,
        )
        self._batch_frames = histogram(
            "framelog_ingest_batch_frames", "Frames of a committed batch.", buckets=_FRAMES
        )
        self._batch_bytes = histogram(
            "framelog_ingest_batch_bytes",
            "Bytes of the images of a committed batch.",
            buckets=_BYTES,
        )
        self._late_seconds = histogram(
            "framelog_ingest_late_seconds",
            "How late frames of paced streams were sent: the latest of each batch.",
            buckets=_SECONDS[3:],
        )
        self._disk_free = gauge(
            "framelog_ingest_disk_free_bytes",
            "Room that ingest may still fill on the videos' file system.",
        )
        self._disk_size = gauge(
            "framelog_ingest_disk_size_bytes",
            "Size of the videos' file system: what is used and what ingest may still fill, without "
            "what is reserved for root.",
        )
        self._round_trip = _with(
            gauge(
                "framelog_ingest_kafka_round_trip_seconds",
                "Round trip to a broker, of the worker where it is slowest; 0: none is at work.",
                ["quantile"],
            ),
            QUANTILES,
        )
        self._queued = gauge(
            "framelog_ingest_kafka_queued_messages",
            "Records that workers hold and no broker has taken yet.",
        )
        self._errors = _with(
            counter(
                "framelog_ingest_kafka_errors",
                "Failed connections (lost, or failed in DNS, TLS or login), requests that "
                "timed out, and requests sent again.",
                ["kind"],
            ),
            ERRORS,
        )
        self._connections_dropped = _with(
            counter(
                "framelog_ingest_connections_dropped",
                "Clients' connections that were ended, by what took them too long, or because "
                "there were too many.",
                ["reason"],
            ),
            DROPPED,
        )
        counter(
            "framelog_ingest_restarts",
            "Times that the supervisor of `make up` has started the service again after it ended; "
            "0 where another supervises it.",
        ).inc(restarts)
        self.foreign = _with(
            counter(
                "framelog_ingest_foreign_records",
                "Records among the streams that were passed by as others', by reason.",
                ["reason"],
            ),
            FOREIGN_REASONS,
        )
        self.schemas_lost = gauge(
            "framelog_ingest_schemas_lost",
            "Schemas by which the log was written that the registry doesn't know, or knows as "
            "another's.",
        )
        build = gauge(
            "framelog_ingest_build_info", "Always 1; the label tells the version.", ["version"]
        )
        build.labels(version).set(1)

    def progress(self, report: Progress) -> None:
        """Count what a worker tells."""
        self._frames.inc(report.frames)
        self._bytes.inc(report.bytes)
        if report.frames:
            self._batch_frames.observe(report.frames)
            self._batch_bytes.observe(report.bytes)
        for stage, seconds in report.seconds.items():
            self._stage_seconds.labels(stage).observe(seconds)
        if report.commit_seconds is not None:
            self._commit_seconds.observe(report.commit_seconds)
        if report.late_seconds is not None:
            self._late_seconds.observe(report.late_seconds)
        if report.kafka is not None:
            for kind, count in report.kafka.errors.items():
                self._errors.labels(kind).inc(count)

    def dropped(self, reason: str) -> None:
        """Count a connection that was ended."""
        self._connections_dropped.labels(reason).inc()

    def on_scan(self, snapshot: InboxSnapshot) -> None:
        """Show how things stand."""
        files = snapshot.files
        self._files_waiting.set(snapshot.waiting + sum(not file.has_worker for file in files))
        self._oldest_waiting.set(snapshot.longest_seconds)
        self._longest_without_frame.set(_longest(file for file in files if file.claimed))
        self._workers.set(sum(file.has_worker for file in files))
        self._waiting_workers.set(sum(file.waits_for_cluster for file in files))
        self._paused.set(snapshot.paused)
        self._disk_free.set(snapshot.disk_free_bytes)
        self._disk_size.set(snapshot.disk_size_bytes)
        self._show_workers({file.key: file for file in files if file.has_worker})

    def _show_workers(self, files: Mapping[Hashable, FileSnapshot]) -> None:
        numbered = {number: files[key] for key, number in self._slots.assign(files).items()}
        for number in self._numbers:
            file = numbered.get(number)
            self._progress.labels(number).set(file.progress_ratio if file else 0)
            self._worker_frames.labels(number).set(file.frame_count if file else 0)
        clients = [file.kafka for file in files.values() if file.kafka is not None]
        self._queued.set(sum(client.queued_messages for client in clients))
        for quantile in QUANTILES:
            trips = [client.round_trip_seconds.get(quantile, 0.0) for client in clients]
            self._round_trip.labels(quantile).set(max(trips, default=0.0))


def _with(metric: M, values: Iterable[object]) -> M:
    """Begin a series for each value of the metric's label."""
    for value in values:
        metric.labels(value)
    return metric


def _longest(files: Iterable[FileSnapshot]) -> float:
    return max((file.idle_seconds for file in files), default=0.0)
