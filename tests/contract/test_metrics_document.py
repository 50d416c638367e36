"""docs/metrics.md names every metric, as the code explains it, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ingest.telemetry.metrics
import pytest
import viewer.telemetry.metrics
from prometheus_client import CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Metric

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
SUFFIXES = {"counter": "_total"}
OF_THE_LIBRARY = {"le"}
OPEN = {"version", "slot"}


def row(family: Metric) -> str:
    """Write the row that a metric has in the document."""
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label in sample.labels.keys() - OF_THE_LIBRARY:
            values.setdefault(label, {})[sample.labels[label]] = None
    labels = "; ".join(
        f"{label}: {', '.join(f'`{v}`' for v in found) if label not in OPEN else '…'}"
        for label, found in values.items()
    )
    name = family.name + SUFFIXES.get(family.type, "")
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def of_ingest() -> list[Metric]:
    registry = CollectorRegistry()
    ingest.telemetry.metrics.Metrics(registry, "1.2.3", slots=2)
    return list(registry.collect())


def of_the_viewer() -> list[Metric]:
    registry = CollectorRegistry()
    viewer.telemetry.metrics.Metrics(registry)
    return list(registry.collect())


@pytest.mark.parametrize(
    ("service", "families"), [("ingest", of_ingest), ("viewer", of_the_viewer)]
)
def test_the_metrics_are_those_in_the_document(
    service: str, families: Callable[[], list[Metric]]
) -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    documented = [line for line in lines if line.startswith(f"| `framelog_{service}_")]
    assert documented == [row(family) for family in families()]
