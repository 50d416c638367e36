"""*Overview*: whether video flows, from the folder through the log to those who watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from framelog_dashboards.page import page
from framelog_dashboards.panels import (
    BAD,
    FRAMES_PER_SECOND,
    GOOD,
    MIDDLING,
    Limits,
    graph,
    number,
    states,
)
from framelog_dashboards.queries import Query, rate

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

    from framelog_dashboards.page import Panels

# Not Kafka's own topics.
OURS = 'topic!~"__.+"'


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return page(
        "overview",
        "Overview",
        "Does video flow? What an alert means and what to do then is in docs/operations.md.",
        {"Now": _now(), "Video": _video(), "Parts": _parts(), "The log": _log()},
    )


def _now() -> Panels:
    return [
        number(
            "Alerts",
            "Alerts that fire now. Each names its runbook in docs/operations.md.",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            unit=units.Short,
            limits=Limits(bad=1),
        ),
        number(
            "Files waiting",
            "Files in incoming/ that are ready and wait for a worker.",
            "max(framelog_ingest_files_waiting)",
            unit=units.Short,
        ),
        number(
            "Files at work",
            "Workers that are at a file, of all replicas.",
            "sum(framelog_ingest_workers_active)",
            unit=units.Short,
        ),
        number(
            "Committed",
            "Frames a second that ingest commits to the log.",
            "job:framelog_ingest_frames_committed:rate1m",
            unit=FRAMES_PER_SECOND,
        ),
        number(
            "Watchers",
            "Streaming responses that are open, of all replicas and routes.",
            "sum(framelog_viewer_watchers)",
            unit=units.Short,
        ),
        number(
            "Delivered",
            "Frames a second that are handed to clients.",
            "job:framelog_viewer_frames_delivered:rate1m",
            unit=FRAMES_PER_SECOND,
        ),
    ]


def _video() -> Panels:
    return [
        graph(
            "Frames",
            "Frames a second that go into the log, and that come out of it to clients.",
            Query("job:framelog_ingest_frames_committed:rate1m", "committed"),
            Query("job:framelog_viewer_frames_delivered:rate1m", "delivered"),
            unit=FRAMES_PER_SECOND,
        ),
        graph(
            "Waiting",
            "The age of the file that waits longest for a worker, and of the files at work the "
            "longest time since one last committed a frame. FileStuck fires at 90 s of the latter.",
            Query("max(framelog_ingest_oldest_waiting_seconds)", "oldest file that waits"),
            Query("max(framelog_ingest_longest_without_frame_seconds)", "longest without a frame"),
            unit=units.Seconds,
        ),
        graph(
            "Live latency",
            "From the capture of a frame to when it is handed to those who watch the live edge: "
            "95 in 100 are as quick or quicker.",
            Query("job:framelog_viewer_live_latency_seconds:p95_5m", "p95"),
            unit=units.Seconds,
        ),
        graph(
            "Files done with",
            "Files that ended within five minutes, by what became of them.",
            Query("sum by (result) (increase(framelog_ingest_files_total[5m]))", "{{result}}"),
            unit=units.Short,
        ),
    ]


def _parts() -> Panels:
    return [
        states(
            "Up",
            "Whether Prometheus reaches each part.",
            Query("up", "{{job}} {{instance}}"),
            words={"1": ("up", GOOD), "0": ("down", BAD)},
        ),
        states(
            "Alerts",
            "Alerts that were pending or fired. What to do is in docs/operations.md.",
            Query(
                'max by (alertname) (ALERTS{alertstate="firing"} * 2'
                ' or ALERTS{alertstate="pending"})',
                "{{alertname}}",
            ),
            words={"2": ("firing", BAD), "1": ("pending", MIDDLING)},
        ),
        graph(
            "Kafka's requests",
            "How long the requests took that a frame's way through the log consists of: 99 in 100 "
            "as quick or quicker. FetchConsumer waits for new frames by design, for up to half a "
            "second.",
            Query('kafka_network_requestmetrics_totaltime_seconds{quantile="0.99"}', "{{request}}"),
            unit=units.Seconds,
        ),
        graph(
            "The registry's requests",
            "Requests a second, by the kind of their answer.",
            Query(
                rate("rest_requests_seconds_count", "", by="status_code_group") + " > 0",
                "{{status_code_group}}",
            ),
            unit=units.CountsPerSecond,
        ),
        graph(
            "Java's memory",
            "Heap that Kafka and the registry have in use; their limits are set in .env.",
            Query('sum by (job) (jvm_memory_used_bytes{area="heap"})', "{{job}}"),
            unit=units.BytesIEC,
        ),
        graph(
            "Kafka's idle threads",
            "Share of their time that Kafka's threads have nothing to do. Near 0 it is overloaded.",
            Query("kafka_server_kafkarequesthandlerpool_idle_ratio", "request handlers"),
            Query("kafka_network_socketserver_idle_ratio", "network"),
            unit=units.PercentUnit,
        ),
    ]


def _log() -> Panels:
    return [
        graph(
            "Size on disk",
            "Bytes that each topic takes on Kafka's disk. "
            "Retention is set in deploy/setup/topics.toml.",
            Query("topic:kafka_log_log_size_bytes:sum", "{{topic}}"),
            unit=units.BytesIEC,
            stacked=True,
        ),
        graph(
            "Traffic",
            "Bytes a second into each topic and out of it.",
            Query(
                rate("kafka_server_brokertopicmetrics_topic_bytesin_total", OURS, by="topic"),
                "{{topic}} in",
            ),
            Query(
                rate("kafka_server_brokertopicmetrics_topic_bytesout_total", OURS, by="topic"),
                "{{topic}} out",
            ),
            unit=units.BytesPerSecondIEC,
        ),
        graph(
            "The videos' disk",
            "Share of the file system under videos/ that is free. DiskFilling fires below a tenth, "
            "or when it would be full in four hours.",
            Query("instance:framelog_ingest_disk_free:ratio", "{{instance}}"),
            unit=units.PercentUnit,
        ),
        graph(
            "Kafka's failures",
            "Produce and fetch requests a second that failed, and partitions that are offline or "
            "lack a copy: all are 0 when all is well.",
            Query(
                rate("kafka_server_brokertopicmetrics_failedproducerequests_total", ""),
                "produce requests a second",
            ),
            Query(
                rate("kafka_server_brokertopicmetrics_failedfetchrequests_total", ""),
                "fetch requests a second",
            ),
            Query("kafka_controller_kafkacontroller_offlinepartitionscount", "offline partitions"),
            Query(
                "kafka_server_replicamanager_underreplicatedpartitions",
                "partitions short of copies",
            ),
            unit=units.Short,
        ),
    ]
