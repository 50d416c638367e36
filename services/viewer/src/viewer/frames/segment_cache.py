"""A cache bounded in bytes; concurrent requests for one key share one load."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from viewer.telemetry.metrics import Metrics

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlightCache(Generic[K, V]):
    """Values by key; drops the least recently used first. Safe to share by threads.

    The lock is not held while a value is loaded.
    """

    def __init__(self, limit_bytes: int, size_of: Callable[[V], int], metrics: Metrics) -> None:
        """Keep values of at most `limit_bytes` in total, measured by `size_of`."""
        self._limit_bytes = limit_bytes
        self._size_of = size_of
        self._metrics = metrics
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._loading: dict[K, Future[V]] = {}
        self._bytes = 0

    def get(self, key: K, load: Callable[[], V]) -> V:
        """Return the value; call `load` if it isn't cached.

        `load` runs in the caller's thread. Other callers with the same key block until it returns,
        and raise what it raises. The next call after an error loads again.
        """
        with self._lock:
            if key in self._values:
                self._metrics.cache_hits.inc()
                self._values.move_to_end(key)
                return self._values[key]
            loading = self._loading.get(key)
            if loading is None:
                mine = self._loading[key] = Future[V]()
        if loading is not None:
            self._metrics.cache_hits.inc()
            return loading.result()
        self._metrics.cache_misses.inc()
        return self._load(key, load, mine)

    def __contains__(self, key: K) -> bool:
        """Whether the value is cached or being loaded."""
        with self._lock:
            return key in self._values or key in self._loading

    def _load(self, key: K, load: Callable[[], V], mine: "Future[V]") -> V:
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._loading[key]
            self._store(key, value)
        mine.set_result(value)
        return value

    def _store(self, key: K, value: V) -> None:
        size = self._size_of(value)
        if size > self._limit_bytes:
            return
        self._values[key] = value
        self._bytes += size
        while self._bytes > self._limit_bytes:
            _, dropped = self._values.popitem(last=False)
            self._bytes -= self._size_of(dropped)
        self._metrics.cache_bytes.set(self._bytes)
