"""Removes the measuring from ingest. Every Python that finds this module first imports it."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ingest.telemetry.worker_probe import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest.model.frame import Frame
    from ingest.supervisor.file_scheduler import FileScheduler


class NoMetrics:
    """Stands in for Metrics: every attribute and every call returns this object again."""

    def __init__(self, *_: object) -> None:
        pass

    def __getattr__(self, _: str) -> NoMetrics:
        return self

    def __call__(self, *_: object) -> NoMetrics:
        return self


class NoStopwatch:
    """Stands in for a Stopwatch."""

    def timing(self, _: str, items: Iterable[Any]) -> Iterable[Any]:
        return items

    def during(self, _: str) -> nullcontext[None]:
        return nullcontext()


class NoStatistics:
    """Stands in for the statistics of Kafka's clients and for the trace."""

    def configuration(self) -> dict[str, Any]:
        return {}

    def span(self, *_: object) -> nullcontext[None]:
        return nullcontext()

    def take(self) -> None:
        return None


class NoProbe:
    """Stands in for Probe."""

    traceparent = None

    def __init__(self, *_: object) -> None:
        self.pulling = NoStopwatch()
        self.kafka = self.trace = NoStatistics()

    def step(self, _: str) -> nullcontext[None]:
        return nullcontext()

    def transaction(self) -> nullcontext[None]:
        return nullcontext()

    def pulled(self, _: float | None) -> None:
        return None

    def batch(self, *_: object) -> nullcontext[None]:
        return nullcontext()

    def committed(self, batch: Sequence[Frame], _: None) -> Progress:
        return Progress(len(batch), sum(len(frame.image) for frame in batch))


def measure_no_scan(self: FileScheduler) -> None:
    pass


def patch_out_metrics() -> None:
    # Before anything that imports it by its name.
    vars(import_module("ingest.telemetry.worker_probe"))["Probe"] = NoProbe
    vars(import_module("ingest.telemetry.metrics"))["Metrics"] = NoMetrics
    vars(import_module("ingest.supervisor.file_scheduler"))[
        "FileScheduler"
    ]._measure = measure_no_scan


patch_out_metrics()
