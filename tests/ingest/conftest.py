"""The log in both its shapes."""

from collections.abc import Iterator

import pytest

from tests.ingest.worlds import Kafka, Memory, World


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a log in memory, and then the same test a real one."""
    if request.param == "memory":
        yield Memory()
        return
    cluster, topics = (request.getfixturevalue(name) for name in ("cluster", "topics"))
    with Kafka(cluster, topics) as kafka:
        yield kafka
