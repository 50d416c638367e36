"""Rates and quantiles of the status page, computed from scrapes. Pure; computed nowhere else.

Each scrape is keyed by its service's address. A service that did not answer has no scrape at that
moment and is left out of sums.
"""

from collections.abc import Collection, Mapping, Sequence
from math import inf

from viewer.status.metric_scrapes import Scrape

Scrapes = Mapping[str, Scrape]


def rate(
    name: str, moments: Sequence[Scrapes], seconds: float, **labels: Collection[str]
) -> float | None:
    """Return a counter's increase per second between the last two moments.

    Sums all services that answered at both moments; None if there are none, or no time passed.
    """
    latest, before = moments[-1], moments[-2] if len(moments) > 1 else {}
    grown = [
        increase(new, old)
        for address in latest.keys() & before.keys()
        if (new := latest[address].total(name, **labels)) is not None
        if (old := before[address].total(name, **labels)) is not None
    ]
    return sum(grown) / seconds if grown and seconds > 0 else None


def highest(name: str, latest: Scrapes) -> float | None:
    """Return the highest value of a gauge among the services; None if no service has it."""
    totals = [scrape.total(name) for scrape in latest.values()]
    return max((total for total in totals if total is not None), default=None)


def quantile(q: float, name: str, moments: Sequence[Scrapes]) -> float | None:
    """Estimate a quantile of all services' observations from the first moment to the last."""
    counts: dict[float, float] = {}
    for address, latest in moments[-1].items():
        known = [moment[address] for moment in moments[:-1] if address in moment]
        if not known:
            continue
        old = known[0].buckets(name)
        for bound, count in latest.buckets(name).items():
            counts[bound] = counts.get(bound, 0) + increase(count, old.get(bound, 0))
    return quantile_of(q, counts)


def increase(new: float, old: float) -> float:
    """Return a counter's increase; a counter that decreased was reset to 0."""
    return new - old if new >= old else new


def quantile_of(q: float, counts: Mapping[float, float]) -> float | None:
    """Estimate a quantile of a histogram's counts, which are cumulative by upper bound.

    Linear within a bucket, as PromQL's histogram_quantile; the highest bound stands for all that
    is above it. None if there are no observations.
    """
    total = counts.get(inf, 0)
    if total <= 0:
        return None
    low_bound = low_count = 0.0
    for bound, count in sorted(counts.items()):
        if bound == inf:
            break
        if count >= q * total:
            within = (q * total - low_count) / (count - low_count) if count > low_count else 0
            return low_bound + (bound - low_bound) * within
        low_bound, low_count = bound, count
    return low_bound
