"""What was measured, as JSON that is kept and as tables to be read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.results.machine import Machine
from bench.results.measurements import Bound, Comparison, Figure, Growth, Result, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_KINDS = {kind.__name__: kind for kind in (Comparison, Figure, Growth)}


@dataclass(frozen=True)
class Run:
    """One benchmark's results, on which machine, and how long it took."""

    benchmark: str
    machine: Machine
    seconds: float
    results: Sequence[Result]


def save(run: Run, folder: Path) -> None:
    """Keep a run, in place of the same benchmark's run before."""
    kept = asdict(run)
    kept["results"] = [{"kind": type(one).__name__, **asdict(one)} for one in run.results]
    text = json.dumps(kept, indent=1)
    (folder / f"{run.benchmark}.json").write_text(f"{text}\n", encoding="utf-8")


def load(folder: Path) -> list[Run]:
    """Return the latest run of each benchmark."""
    runs = []
    for path in sorted(folder.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        results = [_result(one) for one in kept["results"]]
        machine = Machine(**kept["machine"])
        runs.append(Run(kept["benchmark"], machine, kept["seconds"], results))
    return runs


def markdown(runs: Sequence[Run]) -> str:
    """Return tables of all results, and what they were measured on."""
    lines = []
    for run in runs:
        lines += [
            f"### {run.benchmark}",
            "",
            f"{run.machine}; load {run.machine.load:g} before it began, "
            f"{run.machine.began_at}, {run.machine.commit}, {run.seconds:.0f} s.",
            "",
        ]
        compared = [one for one in run.results if isinstance(one, Comparison)]
        if compared:
            lines += [
                "| | Framelog | side by side with | ratio | target | |",
                "|---|---|---|---|---|---|",
                *map(_compared, compared),
                "",
            ]
        others = [one for one in run.results if not isinstance(one, Comparison)]
        if others:
            lines += ["| | measured | target | |", "|---|---|---|---|", *map(_other, others), ""]
    return "\n".join(lines)


def line(result: Result) -> str:
    """Return a result in one line."""
    row = _compared(result) if isinstance(result, Comparison) else _other(result)
    return " · ".join(cell.strip() for cell in row.strip("|").split("|") if cell.strip())


def _compared(one: Comparison) -> str:
    ratio = f"{one.ratio:.2f} ({_range(one.ratios)})"
    return (
        f"| {one.name} | {_spread(one.ours)} {one.unit} | {one.peer_name}: {_spread(one.peer)} "
        f"| {ratio} | {one.target or ''} | {_verdict(one.target, one.ratio)} |"
    )


def _other(one: Figure | Growth) -> str:
    if isinstance(one, Figure):
        measured, figure = f"{_spread(one.ours)} {one.unit}", one.ours.median
    else:
        (first, low), *_, (last, high) = one.points
        measured = f"{_short(low)} {one.unit} at {first:g} {one.size}, {_short(high)} at {last:g}"
        measured, figure = f"{measured}: order {one.order:.2f}", one.order
    return f"| {one.name} | {measured} | {one.target or ''} | {_verdict(one.target, figure)} |"


def _verdict(target: Bound | None, figure: float) -> str:
    if target is None:
        return ""
    return "met" if target.holds(figure) else "**missed**"


def _spread(spread: Spread) -> str:
    return f"{_short(spread.median)} ({_range(spread)})"


def _range(spread: Spread) -> str:
    return f"{_short(spread.lower_quartile)} to {_short(spread.upper_quartile)}"


def _short(value: float) -> str:
    """Write three digits, or all that stand before the point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _result(kept: dict[str, Any]) -> Result:
    fields = dict(kept)
    kind = _KINDS[fields.pop("kind")]
    for name in ("ours", "peer", "ratios"):
        if name in fields:
            fields[name] = Spread(**fields[name])
    for name in ("target", "gate"):
        if fields.get(name) is not None:
            fields[name] = Bound(**fields[name])
    result: Result = kind(**fields)
    return result
