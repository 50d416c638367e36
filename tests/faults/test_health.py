"""Health, while what ingest needs is away or frozen: true within 30 s, and answered at once."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from framelog_local.ports import free_port

from tests.support.cluster import Cluster, Server, Servers, Topics
from tests.support.ingest import Ingest
from tests.support.processes import wait_for

# Callers at once; before, each waited for the one before, and the first for Kafka.
CALLERS = 16
# What ingest asks gives up after 5 s and later; 0.1 s is what it takes on a machine at rest.
AT_ONCE_SECONDS = 4.0
TRUE_WITHIN_SECONDS = 30.0


@pytest.fixture(scope="module")
def cluster(servers: Servers) -> Cluster:
    return servers.cluster


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(tmp_path, free_port(), topics.environment)
    made.start()
    yield made
    made.stop()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


@contextmanager
def away(server: Server) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


def answer_seconds(url: str) -> float:
    began = time.monotonic()
    requests.get(url, timeout=60)
    return time.monotonic() - began


def slowest_seconds(ingest: Ingest) -> float:
    """Ask all three routes at once, many times each, and return how long the slowest took."""
    urls = [f"{ingest.url}/{route}" for route in ("healthz", "readyz", "metrics")] * CALLERS
    with ThreadPoolExecutor(len(urls)) as callers:
        return max(callers.map(answer_seconds, urls))


@pytest.mark.parametrize("happening", [frozen, away])
@pytest.mark.parametrize("what", ["broker", "registry"])
def test_what_is_gone_is_told_soon_and_holds_no_caller_up(
    servers: Servers, ingest: Ingest, what: str, happening: type
) -> None:
    with happening(getattr(servers, what)):
        began = time.monotonic()
        while ingest.is_ready():
            assert time.monotonic() - began < TRUE_WITHIN_SECONDS, "it still says that it is ready"
            assert slowest_seconds(ingest) < AT_ONCE_SECONDS
        for _ in range(3):
            assert slowest_seconds(ingest) < AT_ONCE_SECONDS
        sentence = requests.get(f"{ingest.url}/readyz", timeout=60).text
        assert ("Kafka" if what == "broker" else "registry") in sentence
        assert requests.get(f"{ingest.url}/healthz", timeout=60).text == "ok\n"
    wait_for(ingest.is_ready, alive=ingest.process, what="it to be ready again")
