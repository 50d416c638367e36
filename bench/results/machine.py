"""What the figures of a run were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Machine:
    """A machine, and how busy it was when a run began: figures under load are slower."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    commit: str
    began_at: str
    load: float
    """Processes that ran or waited to, on average over the minute before."""

    @classmethod
    def now(cls) -> Machine:
        return cls(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            memory_bytes=psutil.virtual_memory().total,
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            commit=_commit(),
            began_at=datetime.now(UTC).isoformat(timespec="minutes"),
            load=round(os.getloadavg()[0], 1),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_bytes / 2**30:.0f} GiB, "
            f"{self.system}, Python {self.python}"
        )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True
    )
    return asked.stdout.strip() or "unknown"
