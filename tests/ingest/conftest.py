"""What tests of several modules begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.desk import Desk
from tests.ingest.worlds import Kafka, Memory, World


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.cluster)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a log in memory, and then the same test a real one."""
    if request.param == "memory":
        yield Memory()
        return
    cluster, topics = (request.getfixturevalue(name) for name in ("cluster", "topics"))
    with Kafka(cluster, topics) as kafka:
        yield kafka


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a control over folders of the test's own."""
    return Desk(tmp_path / "videos")
