"""A real broker and registry for the whole session, and topics of its own for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from framelog_local import ports

from tests.support.cluster import Cluster, Topics, running_cluster, unique_topics
from tests.support.secured import SecuredCluster, running_secured_cluster
from tests.support.viewing import browser, context, page, viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

# One browser for the session: Playwright runs once in a process.
__all__ = [
    "browser", "cluster", "context", "free_port", "page", "secured", "topics", "viewer",
]  # fmt: skip


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield the cluster that two variables name, or one started for this session."""
    bootstrap_servers = os.environ.get("FRAMELOG_TEST_BOOTSTRAP_SERVERS")
    registry_url = os.environ.get("FRAMELOG_TEST_REGISTRY_URL")
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


@pytest.fixture
def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    return ports.free_port()
