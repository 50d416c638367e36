"""Faults are caused for real: in processes, on a real broker and registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Servers
    from tests.support.ingest import Ingest

pytest.register_assert_rewrite("tests.faults.checks")


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    """Start it."""
    ingest.start()
    return ingest


@pytest.fixture(scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Run a broker and a registry for a module alone, by its BROKER_PROPERTIES if it has some.

    Who wants topics there overrides `cluster`.
    """
    properties = getattr(request.module, "BROKER_PROPERTIES", "")
    with running_servers(tmp_path_factory.mktemp("servers"), properties) as started:
        yield started
