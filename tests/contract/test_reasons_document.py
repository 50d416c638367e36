"""Whatever a file in failed/ is told to lack, docs/operations.md says what to do about it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ingest

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
ERRORS = {"Unreadable", "NotAVideo"}
TELLING = {
    *("shortfall", "sentence", "no_frame", "_damage", "_left_out", "_missing_time", "_missing_end"),
    *("not_a_video", "_unfinished", "_something_else"),
}
REASONS = {"failure", "give_up", "note", "missing", "unreadable", "_CHANGED", "_FEWER", "_NO_KEY"}
GAP = "…"


def reasons() -> set[str]:
    """Return every reason in ingest's source, with a gap for each thing that is filled in."""
    found = set()
    for path in Path(ingest.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {text for part in stated(node) for text in sentences(part)}
    return found


def stated(node: ast.AST) -> Iterator[ast.AST | None]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in ERRORS:
            yield first
        case ast.FunctionDef(name=name) if name in TELLING:
            yield from (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)]) if name in REASONS:
            yield node.value


def sentences(node: ast.AST | None) -> Iterator[str]:
    """Yield a sentence, or both that ingest.wording.worded chooses from."""
    match node:
        case ast.Call(func=ast.Name(id="worded"), args=[_, *wordings]):
            yield from filter(None, map(sentence, wordings))
        case _ if text := sentence(node):
            yield text


def sentence(node: ast.AST | None) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text if text.endswith(".") else None
        case ast.JoinedStr(values=parts):
            texts = [str(p.value) if isinstance(p, ast.Constant) else GAP for p in parts]
            return "".join(texts)
    return None


def explained() -> set[str]:
    """Return what the first column of the table quotes."""
    text = OPERATIONS.read_text(encoding="utf-8")
    section = text.split("### A file is in failed/\n")[1].split("\n### ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| *")]
    return {quote for row in rows for quote in re.findall(r"\*(.+?)\*", row)}


def says(reason: str, quote: str) -> bool:
    return (
        re.search(".*".join(re.escape(part.strip()) for part in quote.split(GAP)), reason)
        is not None
    )


def test_every_reason_is_explained() -> None:
    quotes, found = explained(), reasons()
    assert len(found) > 20
    assert {r for r in found if not any(says(r, quote) for quote in quotes)} == set()


def test_no_reason_is_explained_that_is_never_given() -> None:
    found = reasons()
    assert {q for q in explained() if not any(says(reason, q) for reason in found)} == set()
