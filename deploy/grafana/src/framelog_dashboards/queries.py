"""What panels ask Prometheus: PromQL, with Grafana's own variables for the time."""

from __future__ import annotations

from dataclasses import dataclass

REPLICAS = 'instance=~"$instance"'


@dataclass(frozen=True)
class Query:
    """An expression, and what its series are called: a text with {{label}} in it."""

    expr: str
    legend: str


def rate(counter: str, selector: str = REPLICAS, *, by: str = "") -> str:
    """Return the increase a second of a counter, summed."""
    chosen = f"{{{selector}}}" if selector else ""
    return _sum(f"rate({counter}{chosen}[$__rate_interval])", by)


def recent(counter: str, *, by: str = "", within: str = "5m") -> str:
    """Return a counter's increase within the last minutes, summed."""
    return _sum(f"increase({counter}{{{REPLICAS}}}[{within}])", by)


def quantiles(histogram: str, *wanted: float, by: str = "") -> list[Query]:
    """Return a query for each quantile of a histogram's last minutes."""
    labels, legend = (f"{by}, le", f"{{{{{by}}}}} ") if by else ("le", "")
    buckets = rate(f"{histogram}_bucket", by=labels)
    return [
        Query(f"histogram_quantile({quantile}, {buckets})", f"{legend}p{quantile * 100:g}")
        for quantile in wanted
    ]


def _sum(expr: str, by: str) -> str:
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"
