"""docs/metrics.md names every metric, as the code explains it, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import viewer.metrics
from prometheus_client import CollectorRegistry

if TYPE_CHECKING:
    from prometheus_client import Metric

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
SUFFIXES = {"counter": "_total"}
OF_THE_LIBRARY = {"le"}


def row(family: Metric) -> str:
    """Write the row that a metric has in the document."""
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label in sample.labels.keys() - OF_THE_LIBRARY:
            values.setdefault(label, {})[sample.labels[label]] = None
    labels = "; ".join(
        f"{label}: {', '.join(f'`{v}`' for v in found) if label != 'version' else '…'}"
        for label, found in values.items()
    )
    name = family.name + SUFFIXES.get(family.type, "")
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def test_the_viewers_metrics_are_those_in_the_document() -> None:
    registry = CollectorRegistry()
    viewer.metrics.Metrics(registry)
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    documented = [line for line in lines if line.startswith("| `framelog_viewer_")]
    assert documented == [row(family) for family in registry.collect()]
