"""What a browser, or a cache between it and the viewer, may keep."""

from __future__ import annotations

import pytest
from viewer.app import create_app
from viewer.environ import Secret

from tests.viewer.builders import RUN, STREAM_ID, segment, stream
from tests.viewer.world import World, world

FRAMES = f"/streams/{STREAM_ID}/frames"
TOKEN = "a-token-of-some-length"  # noqa: S105 (only here)


def viewer_of(made: World) -> World:
    made.catalogue.put_stream(stream(12, state="INGESTING"))
    for first in (0, 4, 8):
        made.catalogue.put_segments([(segment(first, 4), 1 << 60)])
    return made


@pytest.mark.parametrize("query", ["from=2&count=10", "from=0&count=4&stride=3", "count=1"])
def test_a_window_of_committed_frames_is_for_good(query: str) -> None:
    viewer = viewer_of(world())
    client = create_app(viewer.parts).test_client()

    response = client.get(f"{FRAMES}?{query}")
    assert response.headers["Cache-Control"] == "public, max-age=3600, immutable"
    assert RUN in response.headers["ETag"]
    fetched = len(viewer.fetcher.fetches)
    again = client.get(f"{FRAMES}?{query}", headers={"If-None-Match": response.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert len(viewer.fetcher.fetches) == fetched


@pytest.mark.parametrize(
    "query", ["from=2", "from=2&count=11", "from=0&count=5&stride=3", "from=12&count=1"]
)
def test_a_window_that_may_grow_is_not_kept(query: str) -> None:
    client = create_app(viewer_of(world()).parts).test_client()

    response = client.get(f"{FRAMES}?{query}")

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in response.headers


def test_windows_that_differ_have_different_etags() -> None:
    client = create_app(viewer_of(world()).parts).test_client()
    queries = ("from=2&count=3", "from=1&count=3", "from=2&count=2", "from=2&count=3&stride=2")

    etags = set()
    for query in queries:
        with client.get(f"{FRAMES}?{query}") as response:
            etags.add(response.headers["ETag"])

    assert len(etags) == 4


@pytest.mark.parametrize("path", [f"{FRAMES}/3", f"{FRAMES}?from=2&count=3"])
def test_what_asks_for_a_login_is_not_for_caches_that_others_share(path: str) -> None:
    closed = create_app(viewer_of(world(token=Secret(TOKEN))).parts).test_client()

    response = closed.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    assert response.headers["Cache-Control"] == "private, max-age=3600, immutable"
