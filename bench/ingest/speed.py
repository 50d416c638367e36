"""Frames a second from the rename into incoming/ to done/, for one, two and four films at once."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Context
from bench.ingest.service import AS_WORKERS, IngestService, running_ingest
from bench.load.films import Film, film
from bench.peers.ffmpeg import jpegs_a_second
from bench.results.measurements import Result, at_least, compare, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cluster import Topics

_FILM = Film(720, 375, repeats=2)
_TUTORIAL_FRAMES = 60  # its rate is the same from the first second to the last


def _speed(context: Context) -> Iterator[Result]:
    path = film(context.cache, _FILM)
    with running_ingest(context) as service, context.topics() as topics:
        for count in [1] if context.is_gate else [1, 2, 4]:
            films = [path] * count
            values = interleaved(
                {
                    "framelog": partial(_ours, service, films),
                    "the tutorial": partial(_tutorial, context, topics, films),
                    "ffmpeg to files": partial(jpegs_a_second, films, _FILM.length, context.folder),
                },
                context.rounds,
            )
            name = f"720p, {count} at once"
            yield compare(name, "fps", values, "the tutorial", target=at_least(8), gate=at_least(3))
            yield compare(name, "fps", values, "ffmpeg to files", target=at_least(1))


def _ours(service: IngestService, films: list[Path]) -> float:
    return len(films) * _FILM.length / service.send(films).seconds


def _tutorial(context: Context, topics: Topics, films: list[Path]) -> float:
    command = [*AS_WORKERS, sys.executable, "-m", "bench.peers.opencv_producer"]
    running = [
        subprocess.Popen(
            [
                *(*command, str(film), str(_TUTORIAL_FRAMES)),
                *(topics.frames, context.cluster.bootstrap_servers),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for film in films
    ]
    times = [process.communicate()[0].split() for process in running]
    began, ended = min(float(t[0]) for t in times), max(float(t[1]) for t in times)
    return len(films) * _TUTORIAL_FRAMES / (ended - began)


INGEST_SPEED = Benchmark("ingest-speed", _speed)
