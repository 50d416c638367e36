"""The lower half of *Viewer*: what the viewer reads, knows and takes of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from framelog_dashboards.panels import (
    Limits,
    graph,
)
from framelog_dashboards.queries import REPLICAS, Query, rate, recent

if TYPE_CHECKING:
    from framelog_dashboards.page import Panels


_PROCESS = f'job="viewer", {REPLICAS}'


def reading() -> Panels:
    """Return what is fetched from Kafka, and what is kept of it."""
    hits, misses = (rate(f"framelog_viewer_cache_{what}_total") for what in ("hits", "misses"))
    return [
        graph(
            "Cache hits",
            "Share of the segments asked for that were in memory or already on their way.",
            Query(
                f"{hits} / ({hits} + {misses})",
                "hits",
            ),
            unit=units.PercentUnit,
            span=8,
        ),
        graph(
            "Cache",
            "Bytes of images kept in memory; FRAMELOG_VIEWER_CACHE_BYTES bounds them.",
            Query(f"framelog_viewer_cache_bytes{{{REPLICAS}}}", "{{instance}}"),
            unit=units.BytesIEC,
            span=8,
        ),
        graph(
            "Fetched",
            "Bytes a second of the segments that are fetched from Kafka.",
            Query(
                rate("framelog_viewer_fetch_bytes_total"),
                "bytes",
            ),
            unit=units.BytesPerSecondIEC,
            span=8,
        ),
        graph(
            "Kafka's round trip",
            "Time to Kafka's slowest broker and back.",
            Query(
                f"max by (quantile) (framelog_viewer_kafka_round_trip_seconds{{{REPLICAS}}})",
                "quantile {{quantile}}",
            ),
            unit=units.Seconds,
        ),
        graph(
            "Faults",
            "Times within five minutes that a fetch, a connection or a request failed, and records "
            "that are none of ours.",
            Query(recent("framelog_viewer_fetch_failures_total"), "fetches"),
            Query(
                recent("framelog_viewer_kafka_errors_total", by="kind"),
                "Kafka: {{kind}}",
            ),
            Query(
                recent("framelog_viewer_foreign_records_total", by="reason"),
                "foreign: {{reason}}",
            ),
            unit=units.Short,
        ),
    ]


def catalogue() -> Panels:
    """Return what the viewer knows, and how far behind it is."""
    return [
        graph(
            "Streams",
            "Streams in the catalogue, and segments in the index, of all runs.",
            Query(f"framelog_viewer_catalogue_streams{{{REPLICAS}}}", "{{instance}} streams"),
            Query(f"framelog_viewer_catalogue_segments{{{REPLICAS}}}", "{{instance}} segments"),
            unit=units.Short,
            span=8,
        ),
        graph(
            "Lag",
            "Age of the oldest record that the catalogue has not taken in. CatalogueLags fires "
            "above 10 s.",
            Query(f"framelog_viewer_catalogue_lag_seconds{{{REPLICAS}}}", "{{instance}}"),
            unit=units.Seconds,
            span=8,
            limits=Limits(bad=10),
        ),
        graph(
            "Positions",
            "Viewers' positions a second that were committed, and that failed to be.",
            Query(
                rate("framelog_viewer_position_commits_total"),
                "committed",
            ),
            Query(
                rate("framelog_viewer_position_failures_total"),
                "failed",
            ),
            unit=units.CountsPerSecond,
            span=8,
        ),
    ]


def process() -> Panels:
    """Return what the process takes of the machine."""
    return [
        graph(
            "CPU",
            "Seconds of CPU a second.",
            Query(rate("process_cpu_seconds_total", _PROCESS, by="instance"), "{{instance}}"),
            unit=units.Seconds,
            span=8,
        ),
        graph(
            "Memory",
            "Memory of the process, and of the index in it.",
            Query(f"process_resident_memory_bytes{{{_PROCESS}}}", "{{instance}}"),
            Query(f"framelog_viewer_catalogue_index_bytes{{{REPLICAS}}}", "{{instance}} index"),
            unit=units.BytesIEC,
            span=8,
        ),
        graph(
            "Files and connections",
            "File descriptors that the process has open.",
            Query(f"process_open_fds{{{_PROCESS}}}", "{{instance}}"),
            unit=units.Short,
            span=8,
        ),
    ]
