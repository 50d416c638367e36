"""What the browser's tests have in common besides the browser.

The tests of a file share topics and a viewer; one that changes what others see has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.videos import write_video
from tests.support.cluster import unique_topics
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.videos import Recorder, Video
    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer


@pytest.fixture(scope="module")
def topics(shared_topics: Topics) -> Topics:
    return shared_topics


@pytest.fixture(scope="module")
def viewer(shared_viewer: Viewer) -> Viewer:
    return shared_viewer


@pytest.fixture
def own_topics(cluster: Cluster) -> Iterator[Topics]:
    """Give topics of the test's own; delete them after."""
    with unique_topics(cluster) as named:
        yield named


@pytest.fixture
def own_viewer(own_topics: Topics, tmp_path: Path) -> Iterator[Viewer]:
    """Run a viewer on the test's own topics."""
    with running_viewer(own_topics, tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def record(cluster: Cluster, topics: Topics, viewer: Viewer) -> Recorder:
    """Return a function that writes a video into the file's topics."""

    def recorded(frames: int, **options: Any) -> Video:
        video = write_video(cluster, topics, frames, **options)
        viewer.wait_for_frames(video.stream_id, frames)
        return video

    return recorded


@pytest.fixture
def run(viewer: Viewer, page: Page) -> Callable[[str, str], Any]:
    """Return a function that evaluates an expression with a module as `m`."""
    page.goto(viewer.url)

    def evaluate(module: str, body: str) -> Any:
        url = f"{viewer.url}/static/{module}"
        return page.evaluate(f"async () => {{ const m = await import('{url}'); {body} }}")

    return evaluate
