"""`make dev` and `make restart`: what a change of a file does, and to which service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from framelog_local.development import Sources, Step, changed, follow, syntax_error

SERVICE = Path("services/viewer/src/viewer")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a file of each kind."""
    for path in (
        *(SERVICE / name for name in ("app.py", "openapi.yaml", "static/a.js", "templates/a.html")),
        Path("services/viewer/tsconfig.json"),
        Path("services/ingest/src/ingest/app.py"),
        Path("libs/framelog-service/src/framelog_service/logs.py"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "ingest", "viewer"),
    [
        ("services/ingest/src/ingest/app.py", Step.RESTART, Step.NONE),
        ("services/viewer/src/viewer/app.py", Step.NONE, Step.RESTART),
        ("services/viewer/src/viewer/openapi.yaml", Step.NONE, Step.RESTART),
        ("services/viewer/src/viewer/templates/a.html", Step.NONE, Step.RELOAD),
        ("services/viewer/src/viewer/static/a.js", Step.NONE, Step.NONE),
        ("services/viewer/eslint.config.js", Step.NONE, Step.NONE),
        ("libs/framelog-service/src/framelog_service/logs.py", Step.RESTART, Step.RESTART),
    ],
)
def test_a_change_reaches_the_services_that_use_the_file(
    root: Path, path: str, ingest: Step, viewer: Step
) -> None:
    assert Sources(root).steps([root / path]) == {"ingest": ingest, "viewer": viewer}


def test_a_template_and_a_module_together_restart(root: Path) -> None:
    files = [root / SERVICE / name for name in ("app.py", "templates/a.html", "static/a.js")]

    assert Sources(root).steps(files)["viewer"] is Step.RESTART


def test_changes_are_files_that_differ_are_new_or_are_gone(root: Path) -> None:
    sources = Sources(root)
    before = sources.snapshot()
    (root / SERVICE / "app.py").write_text("x = 1\n", encoding="utf-8")
    (root / SERVICE / "static/a.js").unlink()
    (root / SERVICE / "new.py").touch()
    (root / SERVICE / ".app.py.swp").touch()
    (root / SERVICE / "__pycache__").mkdir()
    (root / SERVICE / "__pycache__" / "app.py").touch()

    assert changed(before, sources.snapshot()) == [
        root / SERVICE / name for name in ("app.py", "new.py", "static/a.js")
    ]


def test_a_file_that_is_saved_with_the_same_size_has_changed(root: Path) -> None:
    sources = Sources(root)
    before = sources.snapshot()
    file = root / SERVICE / "app.py"
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1))

    assert changed(before, sources.snapshot()) == [file]


def test_a_syntax_error_is_named_with_its_file(root: Path) -> None:
    good, bad = root / SERVICE / "app.py", root / SERVICE / "bad.py"
    bad.write_text("def (:\n", encoding="utf-8")

    assert syntax_error([good, root / SERVICE / "gone.py", root / SERVICE / "static/a.js"]) is None
    assert str(syntax_error([good, bad])).startswith(f"{bad}: invalid syntax")


class Day:
    """What happens between the looks at the files, and what is applied."""

    def __init__(self, *happenings: dict[Path, str], accepts: bool = True) -> None:
        self._happenings = list(happenings)
        self._accepts = accepts
        self.applied: list[list[str]] = []

    def pause(self) -> None:
        if not self._happenings:
            raise KeyboardInterrupt
        for file, text in self._happenings.pop(0).items():
            file.write_text(text, encoding="utf-8")

    def apply(self, files: list[Path]) -> bool:
        self.applied.append([file.name for file in files])
        return self._accepts

    def follow(self, root: Path) -> list[list[str]]:
        with pytest.raises(KeyboardInterrupt):
            follow(Sources(root), self.apply, self.pause)
        return self.applied


def test_a_change_is_applied_once_and_only_when_writing_has_ended(root: Path) -> None:
    app, logs = root / SERVICE / "app.py", root / "libs/framelog-service/src/logs.py"

    # Each is longer than the one before: a clock may be too coarse to tell them apart.
    day = Day({app: "1"}, {app: "22"}, {logs: "333"}, {}, {}, {app: "4444"}, {}, {})

    assert day.follow(root) == [["logs.py", "app.py"], ["app.py"]]


def test_a_change_that_was_not_accepted_comes_with_the_next(root: Path) -> None:
    app, other = root / SERVICE / "app.py", root / SERVICE / "other.py"

    day = Day({app: "def"}, {}, {}, {other: "1"}, {}, {}, accepts=False)

    assert day.follow(root) == [["app.py"], ["app.py", "other.py"]]
