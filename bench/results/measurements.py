"""Measuring side by side: runs that take turns, their spread, and what a figure is held to."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Spread:
    """Values of one quantity, measured again and again."""

    lowest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        lower, middle, upper = (
            quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        )
        return cls(min(values), lower, middle, upper, max(values), len(values))


@dataclass(frozen=True)
class Bound:
    """What a figure is held to: at most a value, or at least."""

    value: float
    is_upper: bool

    def holds(self, figure: float) -> bool:
        return figure <= self.value if self.is_upper else figure >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.is_upper else '≥'} {self.value:g}"


def at_most(value: float) -> Bound:
    return Bound(value, is_upper=True)


def at_least(value: float) -> Bound:
    return Bound(value, is_upper=False)


@dataclass(frozen=True)
class Comparison:
    """One quantity of ours and of a peer, measured in turns.

    The ratio is that of the medians, ours by the peer's; ratios are those of each turn.
    """

    name: str
    unit: str
    ours: Spread
    peer: Spread
    peer_name: str
    ratios: Spread
    target: Bound | None = None
    gate: Bound | None = None
    """What the ratio is held to in CI: wide enough for noise, too narrow for a loss of 1.5."""

    @property
    def ratio(self) -> float:
        return self.ours.median / self.peer.median


@dataclass(frozen=True)
class Figure:
    """One quantity that has no peer, such as a time that a person waits."""

    name: str
    unit: str
    ours: Spread
    target: Bound | None = None


@dataclass(frozen=True)
class Growth:
    """How a quantity grows with a size.

    Its order is the slope between its last two points on scales of logarithms, where what is
    spent at any size counts least: 1 is linear, 0 flat.
    """

    name: str
    size: str
    unit: str
    points: Sequence[tuple[float, float]]
    target: Bound | None = None
    """What the order is held to."""

    @property
    def order(self) -> float:
        (first, low), (last, high) = self.points[-2:]
        return log(high / low) / log(last / first)


Result = Comparison | Figure | Growth


def interleaved(
    contenders: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Run every contender once a round, in an order that turns, and return their values.

    What disturbs the machine for a while disturbs all alike. A first round is not counted.
    """
    names = list(contenders)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            value = contenders[name]()
            if number:
                values[name].append(value)
    return values


def compare(
    name: str,
    unit: str,
    values: Mapping[str, Sequence[float]],
    peer: str,
    *,
    ours: str = "framelog",
    target: Bound | None = None,
    gate: Bound | None = None,
) -> Comparison:
    """Compare two of the contenders whose values interleaved returned."""
    pairs = zip(values[ours], values[peer], strict=True)
    return Comparison(
        name,
        unit,
        Spread.of(values[ours]),
        Spread.of(values[peer]),
        peer,
        Spread.of([mine / theirs for mine, theirs in pairs]),
        target,
        gate,
    )
