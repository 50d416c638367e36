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

from bench.benchmark import Benchmark, Context
from bench.ingest.service import IngestService, running_ingest
from bench.load.films import Film, film
from bench.results.measurements import Result, at_most, compare, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITHOUT_METRICS = Path(__file__).parent / "without_metrics"
_FILMS = (Film(720, 750), Film(180, 3000))
_SCRAPE_SECONDS = 5.0


def _cpu_a_frame(context: Context) -> Iterator[Result]:
    with ExitStack() as stack:
        measured = stack.enter_context(running_ingest(context))
        plain = stack.enter_context(running_ingest(context, PYTHONPATH=str(_WITHOUT_METRICS)))
        for wanted in _FILMS:
            path = film(context.cache, wanted)

            def milliseconds(
                service: IngestService, path: Path = path, wanted: Film = wanted
            ) -> float:
                return service.send([path]).cpu_seconds / wanted.frames * 1000

            def scraped(of: IngestService = measured) -> float:
                with _scraped(of):
                    return milliseconds(of)

            values = interleaved(
                {"framelog": scraped, "measuring nothing": lambda: milliseconds(plain)},
                context.rounds,
            )
            yield compare(
                f"CPU a frame with metrics, {wanted.height}p",
                "ms",
                values,
                "measuring nothing",
                target=at_most(1.02),
            )


@contextmanager
def _scraped(service: IngestService) -> Iterator[None]:
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(_SCRAPE_SECONDS):
            requests.get(f"{service.ingest.url}/metrics", timeout=30).raise_for_status()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


INGEST_OBSERVING = Benchmark("ingest-observing", _cpu_a_frame)
