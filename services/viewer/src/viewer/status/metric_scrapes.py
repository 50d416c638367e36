"""A service's metrics at one moment, as numbers: read from its registry or from its text."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Scrape:
    """A service's metrics at one moment: each name's series, as labels and value."""

    series: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]

    def total(self, name: str, **labels: Collection[str]) -> float | None:
        """Sum the series whose labels are among these; None when there is none."""
        values = [
            value
            for has, value in self.series.get(name, ())
            if all(has.get(label) in allowed for label, allowed in labels.items())
        ]
        return sum(values) if values else None

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's counts by upper bound, each with all that are below it."""
        found = self.series.get(f"{name}_bucket", ())
        return {float(labels["le"]): value for labels, value in found}

    def label(self, name: str, label: str) -> str | None:
        """Return a label's value of the first series of this name."""
        return next((labels.get(label) for labels, _ in self.series.get(name, ())), None)


def scrape_of(families: Iterable[Metric], names: Collection[str]) -> Scrape:
    """Keep what has one of these names."""
    series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            if sample.name in names:
                series.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Scrape(series)


def parse_scrape(text: str, names: Collection[str]) -> Scrape:
    """Read what has one of these names of what a service serves for Prometheus.

    Raises ValueError when that can't be read.
    """
    wanted = tuple(names)
    # Most of it isn't, and parsing takes its time.
    lines = [line for line in text.splitlines() if line.startswith(wanted)]
    try:
        return scrape_of(text_string_to_metric_families("\n".join(lines) + "\n"), names)
    # The parser fails in as many ways as a text can be wrong.
    except Exception as error:
        raise ValueError(str(error)) from error
