"""CPU seconds that ingest needs a frame, beside the floor: the same pictures, nothing sent."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.ingesting import ingesting
from tests.bench.measure import Result, at_most, compare, interleaved
from tests.bench.place import Benchmark, Place
from tests.bench.videos import Film, film

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DECODER_THREADS = 2
_FILMS = (Film(720, 750), Film(1080, 400))
_GATE_FILM = Film(720, 375)


def _cpu_a_frame(place: Place) -> Iterator[Result]:
    for wanted in [_GATE_FILM] if place.is_gate else _FILMS:
        path = film(place.cache, wanted)
        threads = str(_DECODER_THREADS)
        with ingesting(place, FRAMELOG_INGEST_DECODER_THREADS=threads) as intake:
            values = interleaved(
                {
                    "framelog": lambda p=path, w=wanted: _milliseconds(  # type: ignore[misc]
                        intake.send([p]).cpu_seconds, w
                    ),
                    "floor": lambda p=path, w=wanted: _milliseconds(_floor(p), w),  # type: ignore[misc]
                },
                place.rounds,
            )
        yield compare(
            f"CPU a frame, {wanted.height}p",
            "ms",
            values,
            "floor",
            target=at_most(1.15),
            gate=at_most(1.45),
        )


def _floor(path: Path) -> float:
    """Return the CPU seconds of a process that does what it must and no more."""
    command = [sys.executable, "-m", "tests.bench.floor", str(path), str(_DECODER_THREADS)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _milliseconds(seconds: float, wanted: Film) -> float:
    return seconds / wanted.frames * 1000


INGEST_FLOOR = Benchmark("ingest-floor", _cpu_a_frame, in_gate=True)
