"""A real broker and registry for the whole session, and topics of its own for each test.

Where several processes share the tests (pytest-xdist), they share the broker and registry too.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from framelog_local import ports

from tests.support.cluster import Cluster, Topics, running_cluster, unique_topics
from tests.support.ingest import ingest
from tests.support.needs import is_unit, nothing_installed
from tests.support.secured import SecuredCluster, running_secured_cluster
from tests.support.sharing import ByFile, rank
from tests.support.viewing import browser, context, page, shared_viewer, viewer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from xdist.remote import Producer

# Brokers and registries that live for minutes: compiling them well would cost more than it spares.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# One browser for the session: Playwright runs once in a process.
__all__ = [
    "browser", "cluster", "context", "free_port", "ingest", "page", "secured", "shared_topics",
    "shared_viewer", "topics", "viewer",
]  # fmt: skip

# Hundreds of processes start from this tree, which would each compile all that they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

BOOTSTRAP_SERVERS, REGISTRY_URL = "FRAMELOG_TEST_BOOTSTRAP_SERVERS", "FRAMELOG_TEST_REGISTRY_URL"


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs only Python and run it first, then what takes long."""
    units = {item for item in items if is_unit(item)}
    for item in units:
        item.add_marker("unit")
    items.sort(key=lambda item: (item not in units, rank(item.nodeid)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `unit` start no program that has to be installed."""
    with nothing_installed() if item.get_closest_marker("unit") else nullcontext():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Share the tests by file."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start, in the process that gives out the tests, what all that run them will use."""
    if os.environ.get(BOOTSTRAP_SERVERS) and os.environ.get(REGISTRY_URL):
        return
    if config.option.markexpr == "unit":
        return  # none of those tests has a broker
    stack = ExitStack()
    config.add_cleanup(stack.close)
    directory = Path(stack.enter_context(TemporaryDirectory(prefix="framelog-cluster-")))
    started = stack.enter_context(running_cluster(directory))
    stack.enter_context(
        patch.dict(
            os.environ,
            {BOOTSTRAP_SERVERS: started.bootstrap_servers, REGISTRY_URL: started.registry_url},
        )
    )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield the cluster that two variables name, or one started for this session."""
    bootstrap_servers = os.environ.get(BOOTSTRAP_SERVERS)
    registry_url = os.environ.get(REGISTRY_URL)
    if bootstrap_servers and registry_url:
        yield Cluster(bootstrap_servers, registry_url)
        return
    with running_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="session")
def secured(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredCluster]:
    """Start a broker that asks for SASL over TLS, and put a login before the registry."""
    directory = tmp_path_factory.mktemp("secured")
    with running_secured_cluster(directory, cluster.registry_url) as started:
        yield started


@pytest.fixture
def topics(cluster: Cluster) -> Iterator[Topics]:
    """Give topics of the test's own; delete them after."""
    with unique_topics(cluster) as named:
        yield named


@pytest.fixture(scope="module")
def shared_topics(cluster: Cluster) -> Iterator[Topics]:
    """Give topics of the file's own, for tests that leave each other's streams alone."""
    with unique_topics(cluster) as named:
        yield named


@pytest.fixture
def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    return ports.free_port()
