"""CPU seconds that ingest needs a frame, beside the floor: the same pictures, nothing sent."""

from __future__ import annotations

import resource
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Context
from bench.ingest.service import IngestService, running_ingest
from bench.load.films import Film, film
from bench.results.measurements import Result, at_most, compare, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DECODER_THREADS = "2"
_FILMS = (Film(720, 375, repeats=2), Film(1080, 250))
_GATE_FILM = Film(720, 375)
# A film as short as the gate's stands at 1.2 and 0.77, its worker's start included.
_GATE, _SWSCALE_GATE = at_most(1.7), at_most(1.0)


def _cpu_a_frame(context: Context) -> Iterator[Result]:
    for wanted in [_GATE_FILM] if context.is_gate else _FILMS:
        path = film(context.cache, wanted)
        with running_ingest(context, FRAMELOG_INGEST_DECODER_THREADS=_DECODER_THREADS) as service:
            seconds = interleaved(
                {
                    "framelog": partial(_ours, service, path),
                    "the floor": partial(_floor, path, "ingest"),
                    "swscale's floor": partial(_floor, path, "swscale"),
                },
                context.rounds,
            )
        values = {
            name: [each / wanted.length * 1000 for each in spent] for name, spent in seconds.items()
        }
        name = f"CPU a frame, {wanted.height}p"
        # The floor shares ingest's conversion: a loss in there shows beside swscale's alone.
        yield compare(name, "ms", values, "the floor", target=at_most(1.15), gate=_GATE)
        yield compare(name, "ms", values, "swscale's floor", gate=_SWSCALE_GATE)


def _ours(service: IngestService, path: Path) -> float:
    return service.send([path]).cpu_seconds


def _floor(path: Path, converter: str) -> float:
    """Return the CPU seconds of a process that does what it must and no more."""
    command = [
        sys.executable,
        "-m",
        "bench.peers.decode_and_encode",
        str(path),
        _DECODER_THREADS,
        converter,
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


INGEST_FLOOR = Benchmark("ingest-floor", _cpu_a_frame, in_gate=True)
