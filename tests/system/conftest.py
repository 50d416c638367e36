"""The whole path: ingest and viewer as processes, on a real broker and registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from framelog_local.ports import free_port

from tests.support.cluster import Topics
from tests.support.ingest import Ingest


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    """Run ingest on the test's topics, on a folder of its own."""
    started = Ingest(tmp_path, free_port(), topics.environment)
    started.start()
    yield started
    started.stop()
