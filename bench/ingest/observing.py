"""What ingest's metrics cost: CPU seconds a frame, beside an ingest that measures nothing.

The one has its stopwatches, librdkafka's statistics and its metrics, which are read as often as
the stack's Prometheus does. In the other all of that is taken out; see without_metrics/.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from bench.benchmark import Benchmark, Place
from bench.ingest.service import Intake, ingesting
from bench.load.films import Film, film
from bench.results.measurements import Result, at_most, compare, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNMEASURED = Path(__file__).parent / "without_metrics"
_FILMS = (Film(720, 750), Film(180, 3000))
_SCRAPE_SECONDS = 5.0


def _cpu_a_frame(place: Place) -> Iterator[Result]:
    with ExitStack() as stack:
        measured = stack.enter_context(ingesting(place))
        plain = stack.enter_context(ingesting(place, PYTHONPATH=str(_UNMEASURED)))
        for wanted in _FILMS:
            path = film(place.cache, wanted)

            def milliseconds(intake: Intake, path: Path = path, wanted: Film = wanted) -> float:
                return intake.send([path]).cpu_seconds / wanted.frames * 1000

            def scraped(of: Intake = measured) -> float:
                with _scraped(of):
                    return milliseconds(of)

            values = interleaved(
                {"framelog": scraped, "measuring nothing": lambda: milliseconds(plain)},
                place.rounds,
            )
            yield compare(
                f"CPU a frame with metrics, {wanted.height}p",
                "ms",
                values,
                "measuring nothing",
                target=at_most(1.02),
            )


@contextmanager
def _scraped(intake: Intake) -> Iterator[None]:
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(_SCRAPE_SECONDS):
            requests.get(f"{intake.ingest.url}/metrics", timeout=30).raise_for_status()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


INGEST_OBSERVING = Benchmark("ingest-observing", _cpu_a_frame)
