"""*Viewer*: who watches, how well, and how quickly a seek is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from framelog_dashboards.page import page
from framelog_dashboards.panels import (
    FRAMES_PER_SECOND,
    Limits,
    graph,
    number,
)
from framelog_dashboards.queries import REPLICAS, Query, quantiles, rate, recent
from framelog_dashboards.viewer_parts import catalogue, process, reading

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

    from framelog_dashboards.page import Panels


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return page(
        "viewer",
        "Viewer",
        "Who watches, how well, and how quickly. Runbooks are in docs/operations.md.",
        {
            "Now": _now(),
            "Watching": _watching(),
            "How quickly": _latency(),
            "Reading the log": reading(),
            "Catalogue and positions": catalogue(),
            "Process": process(),
        },
        job="viewer",
    )


def _now() -> Panels:
    return [
        number(
            "Watchers",
            "Streaming responses that are open.",
            f"sum(framelog_viewer_watchers{{{REPLICAS}}})",
            unit=units.Short,
        ),
        number(
            "Frames",
            "Frames a second that are handed to clients.",
            rate("framelog_viewer_frames_delivered_total"),
            unit=FRAMES_PER_SECOND,
        ),
        number(
            "Bytes",
            "Bytes of images a second that are handed to clients.",
            rate("framelog_viewer_image_bytes_delivered_total"),
            unit=units.BytesPerSecondIEC,
        ),
        number(
            "Skipped",
            "Share of the last five minutes' frames that slow clients missed, of all replicas.",
            "job:framelog_viewer_frames_skipped_slow:ratio5m",
            unit=units.PercentUnit,
            limits=Limits(middling=0.02, bad=0.1),
        ),
        number(
            "Seek",
            "Time to answer for one exact frame: 95 in 100 are as quick, of all replicas.",
            "job:framelog_viewer_seek_seconds:p95_5m",
            unit=units.Seconds,
            limits=Limits(middling=0.1, bad=0.5),
        ),
        number(
            "Live latency",
            "From capture to the live edge's watchers: 95 in 100 are as quick, of all replicas.",
            "job:framelog_viewer_live_latency_seconds:p95_5m",
            unit=units.Seconds,
            limits=Limits(middling=2, bad=5),
        ),
    ]


def _watching() -> Panels:
    return [
        graph(
            "Watchers",
            "Streaming responses that are open, by route.",
            Query(f"sum by (route) (framelog_viewer_watchers{{{REPLICAS}}})", "{{route}}"),
            unit=units.Short,
            stacked=True,
        ),
        graph(
            "Frames",
            "Frames a second that are handed to clients, by route.",
            Query(
                rate("framelog_viewer_frames_delivered_total", by="route"),
                "{{route}}",
            ),
            unit=FRAMES_PER_SECOND,
            stacked=True,
        ),
        graph(
            "Skipped frames",
            "Frames a second left out of a response: the client was slow, they had expired, or the "
            "speed asked for shows only some.",
            Query(
                rate("framelog_viewer_frames_skipped_total", by="reason"),
                "{{reason}}",
            ),
            unit=FRAMES_PER_SECOND,
        ),
        graph(
            "Turned away",
            "Clients within five minutes that found the viewer full, that were dropped because "
            "they took no byte, and that were refused because of who asked.",
            Query(recent("framelog_viewer_streams_refused_total"), "full"),
            Query(recent("framelog_viewer_clients_dropped_total"), "stalled"),
            Query(
                recent("framelog_viewer_requests_denied_total", by="reason"),
                "denied: {{reason}}",
            ),
            unit=units.Short,
        ),
    ]


def _latency() -> Panels:
    return [
        graph(
            "Seek",
            "Time to answer for one exact frame, from the request to its last byte. SeeksSlow "
            "fires when the 95th percentile is above 0.5 s.",
            *quantiles("framelog_viewer_seek_seconds", 0.5, 0.95, 0.99),
            unit=units.Seconds,
            span=8,
            limits=Limits(bad=0.5),
        ),
        graph(
            "Live latency",
            "From the capture of a frame to when it is handed to those who watch the live edge.",
            *quantiles("framelog_viewer_live_latency_seconds", 0.5, 0.95, 0.99),
            unit=units.Seconds,
            span=8,
        ),
        graph(
            "Fetch",
            "Time to fetch one segment from Kafka, the wait for a free fetcher included.",
            *quantiles("framelog_viewer_fetch_seconds", 0.5, 0.95, 0.99),
            unit=units.Seconds,
            span=8,
        ),
    ]
