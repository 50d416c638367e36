"""What every installer of packages does: run with its output in a log, and leave a stamp."""

from __future__ import annotations

import subprocess
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_STAMP = "framelog.stamp"


def is_current(directory: Path, fingerprint: str) -> bool:
    """Whether all was installed in the directory, from what the fingerprint was made of."""
    stamp = directory / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == fingerprint


def mark_current(directory: Path, fingerprint: str) -> None:
    """Say so; to be called once all is installed."""
    (directory / _STAMP).write_text(fingerprint, encoding="ascii")


def succeeds(command: Sequence[str | Path], output: IO[str], **options: Any) -> bool:
    """Run a command that asks nothing, with its output and errors in a file; tell how it ended."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        check=False,
        **options,
    )
    return result.returncode == 0
