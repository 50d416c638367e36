"""The documents' links lead somewhere, and their prose is wrapped."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "schemas/README.md")),
        ROOT / "deploy/kubernetes/README.md",
    ]
)
# Prose is wrapped at 100; a word that can't be parted may stand out.
LONGEST_LINE = 110


def prose(path: Path) -> Iterator[str]:
    """Yield the lines that are neither code nor a table's, without their code spans."""
    text = path.read_text(encoding="utf-8")
    # What a program writes between its marks is not wrapped.
    text = re.sub(r"<!-- (\w+) -->.*?<!-- end of \1 -->", "", text, flags=re.DOTALL)
    is_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith(("|", "![", "<!--")):
            yield re.sub(r"`[^`]*`", "", line)


def anchors(path: Path) -> set[str]:
    """Return what each heading is called in a link, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    for link in links:
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        there = path.parent / name if name else path
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_wrapped(path: Path) -> None:
    assert [line for line in prose(path) if len(line) > LONGEST_LINE] == []
