"""Putting the log's schemas back into a registry that lost them, whichever way the stack runs."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Protocol

from framelog_local.console import say
from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What `python -m framelog_setup restore` exits with where the registry must be emptied first.
NOT_EMPTY = 3


class RunSetup(Protocol):
    """Runs the setup step with a command and what it reads."""

    def __call__(self, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Return how it ended, and what it wrote."""


def restore_schemas(setup: RunSetup, begin_anew: Callable[[], None], archives: Path) -> None:
    """Restore what the registry has lost, and say what was done. Raises LocalError.

    begin_anew: empties the registry and has it answer again, keeping its old data somewhere. What
    it had is kept as an archive in the folder first.
    """
    restored = setup("restore")
    if restored.returncode == NOT_EMPTY:
        say(restored.stderr.decode(errors="replace").strip())
        archive = setup("archive")
        _require(archive)
        archives.mkdir(parents=True, exist_ok=True)
        kept = archives / f"{time.strftime('%Y%m%dT%H%M%S')}.zip"
        kept.write_bytes(archive.stdout)
        say(f"registry: what it has is kept in {kept}; it begins anew")
        begin_anew()
        restored = setup("restore", "--emptied", given=archive.stdout)
        for line in archive.stderr.decode(errors="replace").splitlines():
            say(f"registry: {line}")
    _require(restored)
    for line in restored.stdout.decode(errors="replace").splitlines():
        say(f"registry: {line}")


def set_aside(data: Path, folder: Path) -> None:
    """Move a folder of data away, to where nothing is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"data-{time.time_ns()}"
    data.rename(target)
    data.mkdir()
    say(f"registry: its old data is kept in {target}")


def _require(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode != 0:
        raise LocalError(done.stderr.decode(errors="replace").strip())
