"""`python -m bench [--gate] [--rounds N] [--publish] [benchmark ...]`; `make bench`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.benchmark import Benchmark, Context
from bench.ingest.first_frame import INGEST_FIRST_FRAME
from bench.ingest.floor import INGEST_FLOOR
from bench.ingest.growth import INGEST_GROWTH
from bench.ingest.observing import INGEST_OBSERVING
from bench.ingest.passthrough import INGEST_PASSTHROUGH
from bench.ingest.speed import INGEST_SPEED
from bench.results import plots, report
from bench.results.machine import Machine
from bench.results.measurements import Comparison, Growth, Result
from bench.viewer.delivery import VIEWER_DELIVERY
from bench.viewer.exports import VIEWER_EXPORTS
from bench.viewer.growth import VIEWER_PARTITIONS, VIEWER_STREAMS
from bench.viewer.page import PAGE
from bench.viewer.seeking import VIEWER_SEEKING
from bench.viewer.watchers import VIEWER_WATCHERS
from bench.viewer.windows import VIEWER_WINDOWS
from tests.support.cluster import Cluster, running_cluster

ROOT = Path(__file__).parents[1]
STATE = ROOT / ".framelog" / "bench"
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "images" / "performance"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
ROUNDS = 3  # of which all takes less than a quarter of an hour on two cores

BENCHMARKS: tuple[Benchmark, ...] = (
    INGEST_FLOOR,
    INGEST_OBSERVING,
    INGEST_SPEED,
    INGEST_PASSTHROUGH,
    INGEST_FIRST_FRAME,
    INGEST_GROWTH,
    VIEWER_DELIVERY,
    VIEWER_WATCHERS,
    VIEWER_WINDOWS,
    VIEWER_SEEKING,
    VIEWER_EXPORTS,
    VIEWER_STREAMS,
    VIEWER_PARTITIONS,
    PAGE,
)
"""Every benchmark, in the order in which they run."""


def main() -> int:
    """Return the exit code: 1 where the gate finds a loss."""
    chosen = _arguments()
    results = STATE / "results"
    results.mkdir(parents=True, exist_ok=True)
    wanted = [
        benchmark
        for benchmark in BENCHMARKS
        if (benchmark.in_gate or not chosen.gate)
        and (not chosen.names or benchmark.name in chosen.names)
    ]
    losses: list[str] = []
    if wanted:
        with ExitStack() as stack:
            cluster = _cluster(stack)
            for benchmark in wanted:
                if chosen.gate:
                    losses += _gate(benchmark, cluster, chosen.rounds)
                else:
                    report.save(_run(benchmark, cluster, chosen.rounds), results)
    for loss in losses:
        _say(f"LOSS: {loss}")
    if not chosen.gate:
        _write(results, publish=chosen.publish)
    return 1 if losses else 0


def _arguments() -> argparse.Namespace:
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="benchmark")
    parser.add_argument("--gate", action="store_true", help="only what guards CI, quickly")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured")
    parser.add_argument("--publish", action="store_true", help="into docs/performance.md, too")
    parser.epilog = "benchmarks: " + ", ".join(names)
    return parser.parse_args()


def _cluster(stack: ExitStack) -> Cluster:
    """Use the cluster that two variables name, or start one, as the tests do."""
    bootstrap_servers = os.environ.get("FRAMELOG_TEST_BOOTSTRAP_SERVERS")
    registry_url = os.environ.get("FRAMELOG_TEST_REGISTRY_URL")
    if bootstrap_servers and registry_url:
        return Cluster(bootstrap_servers, registry_url)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="framelog-bench-"))
    return stack.enter_context(running_cluster(Path(folder)))


def _run(
    benchmark: Benchmark, cluster: Cluster, rounds: int, *, is_gate: bool = False
) -> report.Run:
    machine, began = Machine.now(), time.monotonic()
    _say(f"{benchmark.name} (load {machine.load:g})")
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="framelog-bench-") as folder:
        context = Context(cluster, Path(folder), STATE / "videos", rounds, is_gate)
        for result in benchmark.run(context):
            results.append(result)
            _say(f"  {report.line(result)}")
    return report.Run(benchmark.name, machine, time.monotonic() - began, results)


def _gate(benchmark: Benchmark, cluster: Cluster, rounds: int) -> list[str]:
    """Return what has become slower; what fails is measured once more, for noise passes."""
    losses: list[str] = []
    for _ in range(2):
        run = _run(benchmark, cluster, rounds, is_gate=True)
        losses = [
            f"{one.name} is {one.ratio:.2f} of {one.peer_name}, and must be {one.gate}"
            for one in run.results
            if isinstance(one, Comparison) and one.gate and not one.gate.holds(one.ratio)
        ]
        if not losses:
            break
    return losses


def _write(results: Path, *, publish: bool) -> None:
    """Write the report of the latest run of each benchmark, and its plots."""
    runs = report.load(results)
    compared = [one for run in runs for one in run.results if isinstance(one, Comparison)]
    drawn = {"ratios.svg": plots.ratios(compared)} if compared else {}
    for run in runs:
        for number, one in enumerate(run.results):
            if isinstance(one, Growth):
                drawn[f"{run.benchmark}-{number}.svg"] = plots.growth(one)
    for name, drawing in drawn.items():
        (results / name).write_text(drawing, encoding="utf-8")
    text = report.markdown(runs)
    (results / "report.md").write_text(
        text + "".join(f"\n![{Path(name).stem}]({name})\n" for name in drawn), encoding="utf-8"
    )
    _say(f"report: {results / 'report.md'}")
    if publish:
        PICTURES.mkdir(parents=True, exist_ok=True)
        for name in drawn:
            shutil.copyfile(results / name, PICTURES / name)
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        shown = "".join(f"\n![{Path(name).stem}](images/performance/{name})\n" for name in drawn)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}{shown}\n{END}{after}", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
