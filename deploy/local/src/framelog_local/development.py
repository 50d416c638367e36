"""`make dev`: services of a running stack follow their source files.

A changed template reloads the viewer's worker, which takes a fraction of a second. Any other
changed source restarts the services that use it. Static files need neither: the viewer reads them
at each request.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SERVICES = ("ingest", "viewer")
# A file's time of change and size, by its path.
Snapshot = dict[Path, tuple[int, int]]
# What an editor or Python writes beside the sources.
_IGNORED_FOLDERS = {"__pycache__"}
_SUFFIXES = {".py", ".html", ".yaml", ".js", ".css", ".svg"}


class Step(IntEnum):
    """What brings a change into a service; the larger includes the smaller."""

    NONE = 0
    RELOAD = 1
    RESTART = 2


@dataclass(frozen=True)
class Sources:
    """The source folders of a project's services, and of the libraries that both use."""

    root: Path

    def snapshot(self) -> Snapshot:
        """Return every source file as it is now."""
        found: Snapshot = {}
        for top in (self.root / "services", self.root / "libs"):
            for folder, names, files in os.walk(top):
                names[:] = [name for name in names if name not in _IGNORED_FOLDERS]
                for path in (Path(folder, name) for name in files):
                    if path.suffix not in _SUFFIXES:
                        continue
                    try:
                        stat = path.stat()
                    except FileNotFoundError:  # replaced by an editor just now
                        continue
                    found[path] = (stat.st_mtime_ns, stat.st_size)
        return found

    def steps(self, changed: Iterable[Path]) -> dict[str, Step]:
        """Return what each service needs after these files have changed."""
        steps = dict.fromkeys(SERVICES, Step.NONE)
        for path in changed:
            parts = path.relative_to(self.root).parts
            if "src" not in parts:
                continue
            for service in (parts[1],) if parts[0] == "services" else SERVICES:
                if service in steps:
                    steps[service] = max(steps[service], _step(parts))
        return steps


def changed(before: Snapshot, after: Snapshot) -> list[Path]:
    """Return the files that differ, are new or are gone, in order."""
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


def syntax_error(files: Iterable[Path]) -> str | None:
    """Return what keeps the first unsound Python file from being loaded, None if all are sound."""
    for file in files:
        if file.suffix != ".py" or not file.is_file():
            continue
        try:
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return f"{file}: {error}"
    return None


def follow(
    sources: Sources,
    apply: Callable[[list[Path]], bool],
    pause: Callable[[], None],
) -> None:
    """Call `apply` with the files that have changed, once none has changed for one pause.

    Files that `apply` returns False for are among those of the next change, too. `pause` waits
    between two looks at the files; what it raises ends this.
    """
    applied = tried = last = sources.snapshot()
    while True:
        pause()
        now = sources.snapshot()
        # An editor, or git, may be in the midst of writing.
        if now == last and now != tried:
            tried = now
            if apply(changed(applied, now)):
                applied = now
        last = now


def _step(parts: tuple[str, ...]) -> Step:
    if "static" in parts:
        return Step.NONE
    return Step.RELOAD if "templates" in parts else Step.RESTART
