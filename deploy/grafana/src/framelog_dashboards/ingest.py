"""*Ingest*: how far each file is, and where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from framelog_dashboards.page import page
from framelog_dashboards.panels import (
    FRAMES_PER_SECOND,
    Limits,
    bars,
    graph,
    number,
)
from framelog_dashboards.queries import REPLICAS, Query, quantiles, rate, recent

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

    from framelog_dashboards.page import Panels

_PROCESS = f'job="ingest", {REPLICAS}'


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return page(
        "ingest",
        "Ingest",
        "How far each file is, and where the time goes. Runbooks are in docs/operations.md.",
        {
            "Now": _now(),
            "Files": _files(),
            "Where the time goes": _time(),
            "Kafka, as the workers see it": _kafka(),
            "Machine": _machine(),
        },
        job="ingest",
    )


def _now() -> Panels:
    return [
        number(
            "Frames",
            "Frames a second that are committed.",
            rate("framelog_ingest_frames_committed_total"),
            unit=FRAMES_PER_SECOND,
        ),
        number(
            "Bytes",
            "Bytes of images a second that are committed.",
            rate("framelog_ingest_bytes_committed_total"),
            unit=units.BytesPerSecondIEC,
        ),
        number(
            "Files waiting",
            "Files in incoming/ that are ready and wait for a worker.",
            f"max(framelog_ingest_files_waiting{{{REPLICAS}}})",
            unit=units.Short,
        ),
        number(
            "Workers at files",
            "Workers that are at a file.",
            f"sum(framelog_ingest_workers_active{{{REPLICAS}}})",
            unit=units.Short,
        ),
        number(
            "Workers that wait",
            "Workers that wait because Kafka or the registry is away.",
            f"sum(framelog_ingest_waiting_workers{{{REPLICAS}}})",
            unit=units.Short,
            limits=Limits(bad=1),
        ),
        number(
            "Paused",
            "1 while no new file is taken; framelog-ingest resume ends it.",
            f"max(framelog_ingest_paused{{{REPLICAS}}})",
            unit=units.Short,
            limits=Limits(middling=1),
        ),
    ]


def _files() -> Panels:
    return [
        bars(
            "Progress",
            "Frames committed of those estimated, of the file at each worker.",
            Query(
                f"framelog_ingest_worker_progress_ratio{{{REPLICAS}}} > 0",
                "{{instance}} worker {{slot}}",
            ),
            unit=units.PercentUnit,
        ),
        graph(
            "Frames of each file",
            "Frames committed so far, of the file at each worker.",
            Query(
                f"framelog_ingest_worker_frames_committed{{{REPLICAS}}} > 0",
                "{{instance}} worker {{slot}}",
            ),
            unit=units.Short,
        ),
        graph(
            "Waiting",
            "The age of the file that waits longest for a worker, and of the files at work the "
            "longest time since one last committed a frame. FileStuck fires at 90 s of the latter.",
            Query(
                f"max(framelog_ingest_oldest_waiting_seconds{{{REPLICAS}}})",
                "oldest file that waits",
            ),
            Query(
                f"max(framelog_ingest_longest_without_frame_seconds{{{REPLICAS}}})",
                "longest without a frame",
            ),
            unit=units.Seconds,
        ),
        graph(
            "Files done with",
            "Files that ended within the range shown, by what became of them.",
            Query(
                recent("framelog_ingest_files_total", by="result", within="$__range"),
                "{{result}}",
            ),
            unit=units.Short,
        ),
    ]


def _time() -> Panels:
    return [
        graph(
            "Stages",
            "Seconds a second that workers spend in each stage: what they are busy with. Pace is "
            "waiting by choice, for videos that are sent as they play.",
            Query(
                rate("framelog_ingest_stage_seconds_sum", by="stage"),
                "{{stage}}",
            ),
            unit=units.Seconds,
            stacked=True,
        ),
        graph(
            "Stages of one batch",
            "Seconds that one batch spent in each stage: 95 in 100 as many or fewer.",
            *quantiles("framelog_ingest_stage_seconds", 0.95, by="stage"),
            unit=units.Seconds,
        ),
        graph(
            "Transactions",
            "Seconds from a transaction's begin until it is committed. CommitsSlow fires when the "
            "99th percentile is above 1 s.",
            *quantiles("framelog_ingest_commit_seconds", 0.5, 0.95, 0.99),
            unit=units.Seconds,
            limits=Limits(bad=1),
        ),
        graph(
            "Lateness",
            "How late frames of paced streams were sent. StreamsLate fires when the 99th "
            "percentile is above 1 s.",
            *quantiles("framelog_ingest_late_seconds", 0.5, 0.99),
            unit=units.Seconds,
            limits=Limits(bad=1),
        ),
        graph(
            "Frames of one batch",
            "Frames that one transaction commits.",
            *quantiles("framelog_ingest_batch_frames", 0.5, 0.95),
            unit=units.Short,
        ),
        graph(
            "Bytes of one batch",
            "Bytes of images that one transaction commits.",
            *quantiles("framelog_ingest_batch_bytes", 0.5, 0.95),
            unit=units.BytesIEC,
        ),
    ]


def _kafka() -> Panels:
    return [
        graph(
            "Round trip",
            "Time to a broker and back, of the worker where it takes longest.",
            Query(
                f"max by (quantile) (framelog_ingest_kafka_round_trip_seconds{{{REPLICAS}}})",
                "quantile {{quantile}}",
            ),
            unit=units.Seconds,
            span=8,
        ),
        graph(
            "Queue",
            "Records that workers hold and no broker has taken yet.",
            Query(f"sum(framelog_ingest_kafka_queued_messages{{{REPLICAS}}})", "records"),
            unit=units.Short,
            span=8,
        ),
        graph(
            "Faults",
            "Times within five minutes that a connection or request failed, that a worker waited "
            "for Kafka or the registry, and that a worker was lost. Fencings are harmless.",
            Query(
                recent("framelog_ingest_kafka_errors_total", by="kind"),
                "Kafka: {{kind}}",
            ),
            Query(recent("framelog_ingest_cluster_waits_total"), "waits"),
            Query(
                recent("framelog_ingest_worker_restarts_total", by="reason"),
                "worker: {{reason}}",
            ),
            unit=units.Short,
            span=8,
        ),
    ]


def _machine() -> Panels:
    return [
        graph(
            "Free disk",
            "Room left on the file system under videos/.",
            Query(f"framelog_ingest_disk_free_bytes{{{REPLICAS}}}", "{{instance}} free"),
            Query(f"framelog_ingest_disk_size_bytes{{{REPLICAS}}}", "{{instance}} size"),
            unit=units.BytesIEC,
            span=8,
        ),
        graph(
            "Memory",
            "Memory of the service's main process; its workers are not counted.",
            Query(f"process_resident_memory_bytes{{{_PROCESS}}}", "{{instance}}"),
            unit=units.BytesIEC,
            span=8,
        ),
        graph(
            "CPU",
            "Seconds of CPU a second of the service's main process; its workers are not counted.",
            Query(rate("process_cpu_seconds_total", _PROCESS, by="instance"), "{{instance}}"),
            unit=units.Seconds,
            span=8,
        ),
    ]
