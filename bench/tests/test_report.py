from pathlib import Path
from xml.etree import ElementTree as ET

from bench.results import plots, report
from bench.results.machine import Machine
from bench.results.measurements import Figure, Growth, Result, Spread, at_most, compare

COMPARED = compare(
    "CPU a frame", "ms", {"framelog": [9.0], "floor": [6.0]}, "floor", target=at_most(1.15)
)
GREW = Growth("time", "files", "s", [(1, 0.5), (100_000, 0.5)], at_most(1.0))
RESULTS: list[Result] = [COMPARED, GREW, Figure("first frame", "s", Spread.of([0.9]), at_most(1))]


def test_what_is_kept_reads_back_as_it_was(tmp_path: Path) -> None:
    run = report.Run("ingest", Machine.now(), 12.0, RESULTS)

    report.save(run, tmp_path)

    (found,) = report.load(tmp_path)
    assert report.markdown([found]) == report.markdown([run])


def test_a_missed_target_is_said() -> None:
    text = report.markdown([report.Run("ingest", Machine.now(), 12.0, RESULTS)])

    (row,) = [line for line in text.splitlines() if line.startswith("| CPU a frame")]
    assert "1.50" in row
    assert "missed" in row
    assert text.count("| met |") == 2


def test_plots_are_well_formed() -> None:
    for drawing in (plots.ratios([COMPARED]), plots.growth(GREW)):
        ET.fromstring(drawing)  # noqa: S314  (its own drawing)
