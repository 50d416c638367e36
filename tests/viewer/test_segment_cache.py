"""The cache: its bound, and one load however many ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from viewer.frames.segment_cache import SingleFlightCache
from viewer.telemetry.metrics import Metrics

from tests.support.processes import wait_for
from tests.viewer.world import value


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def test_the_least_recently_used_goes_first(metrics: Metrics) -> None:
    cache = SingleFlightCache[str, bytes](30, len, metrics)
    loads: list[str] = []

    def load(key: str) -> bytes:
        loads.append(key)
        return b"x" * 10

    for key in "abcadabc":
        assert len(cache.get(key, partial(load, key))) == 10
    assert loads == ["a", "b", "c", "d", "b", "c"]
    assert value(metrics, "cache_bytes") == 30


def test_what_is_larger_than_the_cache_is_returned_and_not_kept(metrics: Metrics) -> None:
    cache = SingleFlightCache[str, bytes](5, len, metrics)
    assert cache.get("a", lambda: b"x" * 10) == b"x" * 10
    assert cache.get("a", lambda: b"y" * 10) == b"y" * 10
    assert value(metrics, "cache_bytes") == 0


def test_all_who_ask_meanwhile_share_one_load(metrics: Metrics) -> None:
    cache = SingleFlightCache[str, bytes](100, len, metrics)
    release = threading.Event()
    loads: list[int] = []

    def load() -> bytes:
        loads.append(1)
        assert release.wait(30)
        return b"value"

    with ThreadPoolExecutor(10) as pool:
        results = [pool.submit(cache.get, "key", load) for _ in range(10)]
        wait_for(lambda: value(metrics, "cache_hits_total") == 9)
        release.set()
        assert [result.result(30) for result in results] == [b"value"] * 10
    assert len(loads) == 1
    assert value(metrics, "cache_misses_total") == 1


def test_a_failure_reaches_all_who_wait_and_is_not_kept(metrics: Metrics) -> None:
    cache = SingleFlightCache[str, bytes](100, len, metrics)
    release = threading.Event()

    def fail() -> bytes:
        assert release.wait(30)
        raise OSError("away")

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(cache.get, "key", fail) for _ in range(2)]
        wait_for(lambda: value(metrics, "cache_hits_total") == 1)
        release.set()
        assert [str(result.exception(30)) for result in results] == ["away", "away"]
    assert cache.get("key", lambda: b"back") == b"back"
