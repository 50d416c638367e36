"""Which tests `make test-unit` runs follows from what their code starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.desk import Desk
from tests.support.cluster import running_cluster
from tests.support.ingest import Ingest
from tests.support.needs import starts
from tests.support.nginx import nginx_before
from tests.support.secured import running_secured_cluster
from tests.support.videos import make_video
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def nested(folder: Path) -> Callable[[], None]:
    """Start a service in a function that another returns."""
    return lambda: Ingest(folder, 0, {}).start()


def program() -> list[str]:
    """Name a program of the system."""
    return ["promtool", "check", "config"]


@pytest.mark.parametrize(
    "what",
    [running_cluster, running_secured_cluster, nginx_before, Ingest, Viewer, nested, program],
)
def test_what_starts_java_a_service_or_a_program_is_no_unit(what: Callable[..., object]) -> None:
    assert starts(what)


@pytest.mark.parametrize("what", [make_video, Desk])
def test_what_only_computes_is_a_unit(what: Callable[..., object]) -> None:
    assert not starts(what)


def test_a_test_of_the_broker_has_no_mark(request: pytest.FixtureRequest) -> None:
    marked = [item for item in request.session.items if item.get_closest_marker("unit")]
    assert not [item for item in marked if "cluster" in getattr(item, "fixturenames", ())]
