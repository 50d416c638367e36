"""A real broker and registry for the whole session, and topics of its own for each test."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import framelog_setup
import pytest
from confluent_kafka.admin import AdminClient
from framelog_local import ports

from tests.support.cluster import Cluster, Topics, running_cluster
from tests.support.viewing import browser, context, page, viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

# One browser for the session: Playwright runs once in a process.
__all__ = ["browser", "cluster", "context", "free_port", "page", "topics", "viewer"]


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


@pytest.fixture
def topics(cluster: Cluster) -> Iterator[Topics]:
    """Create three topics with unique names, their schemas registered; delete the topics after."""
    unique = uuid.uuid4().hex[:12]
    names = {part: f"test-{unique}.{part}" for part in ("frames", "index", "streams")}
    environment = {
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": cluster.registry_url,
        **{f"FRAMELOG_{part.upper()}_TOPIC": name for part, name in names.items()},
    }
    framelog_setup.set_up(framelog_setup.from_environment(environment))
    yield Topics(**names, environment=environment)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for deleted in admin.delete_topics(list(names.values())).values():
        deleted.result()


@pytest.fixture
def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    return ports.free_port()
