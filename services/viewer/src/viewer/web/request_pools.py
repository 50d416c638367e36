"""The thread pools that answer requests: one for each kind, so that no kind delays another."""

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from gunicorn import util  # type: ignore[import-untyped]

from viewer.web.authentication import MOST_WAITING as MOST_DELAYED_LOGINS

# The most complete requests that wait for a thread of their pool. More get 503 at once,
MOST_WAITING = {"streams": 256, "log": 512, "pages": 1024, "probes": 64, "metrics": 16}
# and so does one that has waited this long, as happens while Kafka is away.
_LONGEST_WAIT_SECONDS = 10.0
# Requests that are answered from memory get few threads: more would only compete for the
# interpreter. Threads for delayed logins come on top. Requests that ask Kafka get more, because
# they wait for its answer.
PAGE_THREADS = 4 + MOST_DELAYED_LOGINS
_LOG_THREADS = 16
_PROBE_THREADS = 2
_POOL_PATHS = (
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


class RequestPool:
    """Threads for one kind of requests, with a bounded queue. Only the gate's thread calls it."""

    def __init__(self, name: str, threads: int, now: Callable[[], float] = time.monotonic) -> None:
        """Start up to `threads` threads; the queue's bound goes by `name`. `now` gives seconds."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + MOST_WAITING[name]
        self._now = now
        # The gate's thread adds; the thread that completes a future removes it.
        self._open: set[Future[None]] = set()

    def run(self, work: Callable[[], None], refuse: Callable[[], None]) -> bool:
        """Queue `work`; return False when the queue is full. Does not block.

        A thread of the pool calls `work`, or `refuse` when the request has waited too long.
        """
        if len(self._open) >= self._most:
            return False
        late_at = self._now() + _LONGEST_WAIT_SECONDS
        future = self._pool.submit(lambda: work() if self._now() < late_at else refuse())
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return True

    def close(self) -> None:
        """Start no more work; does not wait for running work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def make_pools(stream_threads: int) -> Mapping[str, RequestPool]:
    """Make the pools, by name."""
    threads = {
        "streams": stream_threads, "log": _LOG_THREADS, "pages": PAGE_THREADS,
        "probes": _PROBE_THREADS, "metrics": 1,
    }  # fmt: skip
    return {name: RequestPool(name, count) for name, count in threads.items()}


def pool_of(target: bytes) -> str:
    """Return the name of the pool for this target, also for percent-encoded paths."""
    try:
        path = util.split_request_uri(target.decode("latin-1")).path
    except ValueError:
        return "pages"  # the parser refuses it
    path = util.unquote_to_wsgi_str(path)
    return next((name for name, paths in _POOL_PATHS if paths.fullmatch(path)), "pages")
