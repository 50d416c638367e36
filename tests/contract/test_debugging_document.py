"""docs/debugging.md: its programs run, and the modules and metrics that it names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.videos import Recipe, make_video

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"```python\n# (\w+\.py): [^\n]*\n(.*?)```", DOCUMENT, re.DOTALL))
SERVICES = (ROOT / "services/ingest/src/ingest", ROOT / "services/viewer/src/viewer")


def test_the_programs_are_found() -> None:
    assert set(PROGRAMS) == {"decode.py", "ends.py", "edge.py"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_can_be_loaded(name: str) -> None:
    compile(PROGRAMS[name], name, "exec")


def test_decoding_by_hand_prints_every_picture(tmp_path: Path) -> None:
    program = tmp_path / "decode.py"
    program.write_text(PROGRAMS["decode.py"], encoding="utf-8")
    video = make_video(tmp_path / "film.mp4", Recipe(frames=5))

    result = subprocess.run(
        [sys.executable, program, video], check=True, capture_output=True, text=True
    )

    first, *pictures, shortfall = result.stdout.splitlines()
    assert first.startswith("End.WHOLE Description(")
    assert [line.split()[0] for line in pictures] == list("01234")
    assert shortfall == "None"


def test_modules_and_packages_exist() -> None:
    named = {
        name.removeprefix("services/viewer/src/").removeprefix("viewer/").removeprefix("ingest/")
        for name in re.findall(r"[\w/]+/\w+\.py\b", DOCUMENT)
        if not name.startswith(("concurrent/", "tests/"))
    }

    assert len(named) > 8
    for name in named:
        assert any((service / name).is_file() for service in SERVICES), name
    for name in re.findall(r"tests/[\w/]+\.py", DOCUMENT):
        assert (ROOT / name).is_file(), name


def test_metrics_exist() -> None:
    metrics = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(framelog_(?:ingest|viewer)_\w+)", DOCUMENT))

    assert len(named) > 4
    assert {name for name in named if f"`{name}`" not in metrics} == set()
