"""Everything that the ingest service measures."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from ingest.messages import Progress

STAGES = ("decode", "pace", "encode", "commit")
RESULTS = ("complete", "truncated", "failed", "duplicate")
RESTARTS = ("crash", "fenced")


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self.registry = registry
        self.frames = Counter(
            "framelog_ingest_frames_committed", "Frames committed to the log.", registry=registry
        )
        self.bytes = Counter(
            "framelog_ingest_bytes_committed",
            "Bytes of the images committed to the log.",
            registry=registry,
        )
        self.files = Counter(
            "framelog_ingest_files",
            "Files that are done with, by what became of them.",
            ["result"],
            registry=registry,
        )
        self.files_waiting = Gauge(
            "framelog_ingest_files_waiting",
            "Files that are ready and wait for a worker.",
            registry=registry,
        )
        self.workers_active = Gauge(
            "framelog_ingest_workers_active", "Worker processes running.", registry=registry
        )
        self.paused = Gauge(
            "framelog_ingest_paused", "Whether no new file is taken: 1 or 0.", registry=registry
        )
        self.restarts = Counter(
            "framelog_ingest_worker_restarts",
            "Workers that ended before their video did, by reason.",
            ["reason"],
            registry=registry,
        )
        self.waits = Counter(
            "framelog_ingest_cluster_waits",
            "Times that a worker waited because Kafka or the registry was away.",
            registry=registry,
        )
        self.stage_seconds = Counter(
            "framelog_ingest_stage_seconds",
            "Seconds that workers spent in each stage of the pipeline.",
            ["stage"],
            registry=registry,
        )
        self.late_seconds = Histogram(
            "framelog_ingest_late_seconds",
            "How late frames of paced streams were sent: the latest of each batch.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        Info("framelog_ingest_build", "Version of the service.", registry=registry).info(
            {"version": version}
        )
        for counter, values in (
            (self.files, RESULTS),
            (self.restarts, RESTARTS),
            (self.stage_seconds, STAGES),
        ):
            for value in values:
                counter.labels(value)  # a series that starts at 0 can be alerted on

    def progress(self, report: Progress) -> None:
        """Count what a worker has committed."""
        self.frames.inc(report.frames)
        self.bytes.inc(report.bytes)
        if report.late_seconds is not None:
            self.late_seconds.observe(report.late_seconds)
        for stage, seconds in report.seconds.items():
            self.stage_seconds.labels(stage).inc(seconds)
