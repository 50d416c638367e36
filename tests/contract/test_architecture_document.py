"""docs/architecture.md names modules and packages that there are, and every package."""

import re
from pathlib import Path

import framelog_service
import ingest
import viewer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
SOURCES = {
    "ingest's package": Path(ingest.__file__).parent,
    "the viewer's package": Path(viewer.__file__).parent,
}
ROOTS = [*SOURCES.values(), SOURCES["the viewer's package"] / "static"]


def test_every_module_that_is_named_is_there() -> None:
    named = set(re.findall(r"`([a-z_/]+\.(?:py|js))`", DOCUMENT))

    assert len(named) > 50
    assert {name for name in named if not any((root / name).is_file() for root in ROOTS)} == set()


def test_every_package_is_explained() -> None:
    for title, source in SOURCES.items():
        table = DOCUMENT.split(f"| {title} | owns |\n")[1].split("\n\n")[0]
        explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        there = {path.parent.name for path in source.glob("*/__init__.py")}
        assert set(explained) == there


def test_every_module_of_the_library_is_explained() -> None:
    table = DOCUMENT.split("| the library's module | owns |\n")[1].split("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    there = {path.stem for path in Path(str(framelog_service.__file__)).parent.glob("[!_]*.py")}
    assert set(explained) == there
