"""Lanes: the threads that answer requests, by what is asked, so that no kind holds up another."""

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from gunicorn import util  # type: ignore[import-untyped]

from viewer.web.access import MOST_WAITING as MOST_WHO_GUESS

# Whole requests that may wait for a thread of their lane; more are answered 503 at once,
MOST_WAITING = {"streams": 256, "log": 512, "pages": 1024, "probes": 64, "metrics": 16}
# and so is one that has waited for so long, as many do where each waits for a Kafka that is away.
_LONGEST_WAIT_SECONDS = 10.0
# What is answered from memory has few threads, for they would only wait for each other: with
# hundreds that want to run, each waits for all the others' turns. Those that let somebody who
# guesses passwords wait are besides. What asks Kafka has more.
PAGE_THREADS = 4 + MOST_WHO_GUESS
_LOG_THREADS = 16
_PROBE_THREADS = 2
_LANES = (
    ("probes", re.compile(r"/(healthz|readyz)")),
    ("metrics", re.compile(r"/metrics")),
    ("streams", re.compile(
        r"/api/(events|rooms/(.*/)?events)|/streams/[^/]*/(frames|video\.mjpg|export\..*)",
        re.DOTALL,
    )),
    ("log", re.compile(
        r"/api/(rooms|streams/[^/]*/(position|retention)).*|/streams/.*/frames/.*", re.DOTALL
    )),
)  # fmt: skip


class Lane:
    """Threads for one kind of requests, and how many may be with them."""

    def __init__(self, name: str, threads: int, now: Callable[[], float] = time.monotonic) -> None:
        """Have so many threads for requests of a kind; `now` gives seconds."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + MOST_WAITING[name]
        self._now = now
        # One thread counts up, many down: by the futures, which know.
        self._open: set[Future[None]] = set()

    def run(self, work: Callable[[], None], refuse: Callable[[], None]) -> bool:
        """Have work done, unless there is too much of it; what has waited for long is refused."""
        if len(self._open) >= self._most:
            return False
        late_at = self._now() + _LONGEST_WAIT_SECONDS
        future = self._pool.submit(lambda: work() if self._now() < late_at else refuse())
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return True

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def lanes_for(stream_threads: int) -> Mapping[str, Lane]:
    """Make the lanes, by name."""
    threads = {
        "streams": stream_threads, "log": _LOG_THREADS, "pages": PAGE_THREADS,
        "probes": _PROBE_THREADS, "metrics": 1,
    }  # fmt: skip
    return {name: Lane(name, count) for name, count in threads.items()}


def lane_of(target: bytes) -> str:
    """Tell whose threads answer a request for this, however its path is spelled."""
    try:
        path = util.split_request_uri(target.decode("latin-1")).path
    except ValueError:
        return "pages"  # the parser refuses it
    path = util.unquote_to_wsgi_str(path)
    return next((name for name, paths in _LANES if paths.fullmatch(path)), "pages")
