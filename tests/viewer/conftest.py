"""Viewers of a test's own topics."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from viewer.config.settings import Settings
from viewer.wiring import assemble

from tests.support.processes import Process, wait_for
from tests.viewer.builders import segment, stream
from tests.viewer.running import Viewer, answers
from tests.viewer.world import World, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from tests.support.cluster import Topics


@pytest.fixture
def start(topics: Topics) -> Iterator[Callable[..., Viewer]]:
    """Start viewers of the test's topics, one for each call."""
    closers = []

    def started(*, wait: bool = True) -> Viewer:
        settings = Settings.from_environ(
            {**topics.environment, "FRAMELOG_VIEWER_RETENTION_POLL_SECONDS": "1"}
        )
        viewer = assemble(settings)
        closers.append(viewer.close)
        client = viewer.app.test_client()
        if wait:
            wait_for(lambda: client.get("/readyz").status_code == 200, what="readiness")
        return Viewer(viewer.metrics, client)

    yield started
    for close in closers:
        close()


@pytest.fixture
def serve(topics: Topics, tmp_path: Path, free_port: int) -> Iterator[Callable[..., Process]]:
    """Start `python -m viewer` on a free port with more settings, and wait until it answers."""
    with ExitStack() as stack:

        def started(*, until: str = "readyz", **settings: str) -> Process:
            env = {
                **os.environ,
                **topics.environment,
                **settings,
                "FRAMELOG_VIEWER_PORT": str(free_port),
            }
            command = [sys.executable, "-m", "viewer"]
            process = Process("viewer", command, log=tmp_path / "viewer.log", env=env)
            stack.enter_context(process)
            url = f"http://127.0.0.1:{free_port}/{until}"
            wait_for(lambda: answers(url), alive=process, what=f"the viewer's {until}")
            return process

        yield started


@pytest.fixture
def base(free_port: int) -> str:
    return f"http://127.0.0.1:{free_port}"


@pytest.fixture
def viewer() -> World:
    """Make a viewer of twelve frames in three segments, without a broker."""
    made = world()
    made.catalogue.put_stream(stream(12))
    for first in (0, 4, 8):
        made.catalogue.put_segments([(segment(first, 4), 1 << 60)])
    return made


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return viewer.app.test_client()
