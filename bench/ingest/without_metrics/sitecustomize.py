"""Loaded by every Python that finds it first: an ingest that measures nothing of itself."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ingest.telemetry.worker_probe import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest.model.frame import Frame
    from ingest.supervisor.scheduler import Scheduler


class Nothing:
    """Takes every question and every call, and does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __getattr__(self, _: str) -> Nothing:
        return self

    def __call__(self, *_: object) -> Nothing:
        return self


class Unwatched:
    """A stopwatch without a hand."""

    def timing(self, _: str, items: Iterable[Any]) -> Iterable[Any]:
        return items

    def during(self, _: str) -> nullcontext[None]:
        return nullcontext()


class Silent:
    """Clients that tell nothing, and spans that are not noted."""

    def configuration(self) -> dict[str, Any]:
        return {}

    def span(self, *_: object) -> nullcontext[None]:
        return nullcontext()

    def take(self) -> None:
        return None


class Unmeasured:
    """What stands in a Probe's place."""

    traceparent = None

    def __init__(self, *_: object) -> None:
        self.pulling = Unwatched()
        self.kafka = self.trace = Silent()

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


def measure_no_scan(self: Scheduler) -> None:
    pass


def measure_nothing() -> None:
    # Before anything that imports it by its name.
    vars(import_module("ingest.telemetry.worker_probe"))["Probe"] = Unmeasured
    vars(import_module("ingest.telemetry.metrics"))["Metrics"] = Nothing
    vars(import_module("ingest.supervisor.scheduler"))["Scheduler"]._measure = measure_no_scan


measure_nothing()
