"""A service's metrics at one moment, read from a registry or from Prometheus text."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Scrape:
    """A service's metrics at one moment: the series of each name, as labels and value."""

    series: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]

    def total(self, name: str, **labels: Collection[str]) -> float | None:
        """Sum the series with one of these values for each label; None if there is none."""
        values = [
            value
            for has, value in self.series.get(name, ())
            if all(has.get(label) in allowed for label, allowed in labels.items())
        ]
        return sum(values) if values else None

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's cumulative counts by upper bound."""
        found = self.series.get(f"{name}_bucket", ())
        return {float(labels["le"]): value for labels, value in found}

    def label(self, name: str, label: str) -> str | None:
        """Return a label's value in the first series of this name."""
        return next((labels.get(label) for labels, _ in self.series.get(name, ())), None)


def scrape_of(families: Iterable[Metric], names: Collection[str]) -> Scrape:
    """Collect the samples with these names."""
    series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            if sample.name in names:
                series.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Scrape(series)


def parse_scrape(text: str, names: Collection[str]) -> Scrape:
    """Parse the samples with these names from a Prometheus text. Raises ValueError."""
    wanted = tuple(names)
    # Parsing is slow, and most lines have other names.
    lines = [line for line in text.splitlines() if line.startswith(wanted)]
    try:
        return scrape_of(text_string_to_metric_families("\n".join(lines) + "\n"), names)
    # The parser raises many exception types for invalid text.
    except Exception as error:
        raise ValueError(str(error)) from error
