"""What a browser, or a cache between it and the viewer, may keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from framelog_service.environment import Secret

from tests.viewer.builders import RUN, STREAM_ID, picture, segment, stream
from tests.viewer.world import World, json_of, world

if TYPE_CHECKING:
    from flask.testing import FlaskClient

API = f"/api/streams/{STREAM_ID}"
FRAMES = f"/streams/{STREAM_ID}/frames"
OTHER_RUN = "b" * 32
TOKEN = "a-token-of-some-length"  # noqa: S105 (only here)
LASTING = "public, max-age=3600, s-maxage=10, immutable"


def viewer_of(made: World) -> World:
    made.catalogue.put_stream(stream(12, state="INGESTING"))
    for first in (0, 4, 8):
        part = segment(first, 4, size_of=lambda n: len(picture(n)))
        made.catalogue.put_segments([(part, 1 << 60)])
    return made


@pytest.fixture
def viewer() -> World:
    return viewer_of(world())


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return viewer.app.test_client()


@pytest.mark.parametrize(
    "path",
    [
        f"{FRAMES}?from=2&count=10",
        f"{FRAMES}?from=0&count=4&stride=3",
        f"{FRAMES}/3?",
        f"{API}/index?from=2&count=10",
    ],
)
def test_what_names_its_run_is_for_good(viewer: World, client: FlaskClient, path: str) -> None:
    named = f"{path}&run={RUN}"
    with client.get(named) as response:
        assert response.headers["Cache-Control"] == LASTING
        etag = response.headers["ETag"]
        assert RUN in etag
        assert int(response.headers["Content-Length"]) == len(response.data)
        assert "X-Accel-Buffering" not in response.headers
    fetched = len(viewer.fetcher.fetches)
    again = client.get(named, headers={"If-None-Match": etag})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == LASTING
    assert len(viewer.fetcher.fetches) == fetched


@pytest.mark.parametrize(
    "path",
    [
        f"{FRAMES}?from=2&count=10",
        f"{FRAMES}?from=2",
        f"{FRAMES}?from=12&count=1",
        FRAMES,
        f"{FRAMES}/3",
        # These name the run, but what is there decides where they begin or end.
        f"{FRAMES}?run={RUN}&from=2",
        f"{FRAMES}?run={RUN}&from=2&count=11",
        f"{FRAMES}?run={RUN}&from=0&count=5&stride=3",
        f"{FRAMES}?run={RUN}&from=live&count=1",
        f"{FRAMES}?run={RUN}&count=1",
        f"{API}/index?run={RUN}&from=2&count=11",
        f"{API}/index?run={RUN}&count=2",
        f"{API}/index?from=2&count=2",
        API,
        "/api/streams",
        f"{API}/at?pts_ns=1",
        f"{API}/retention",
        "/",
        "/api/openapi.json",
    ],
)
def test_all_else_is_asked_for_again_each_time(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-cache")
        etag = response.headers["ETag"]

    again = client.get(path, headers={"If-None-Match": etag})

    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path", [f"{FRAMES}/latest", f"{FRAMES}/99", "/nothing", "/api/events", "/healthz", "/metrics"]
)
def test_what_tells_of_a_moment_is_not_kept(client: FlaskClient, path: str) -> None:
    with client.get(path, buffered=False) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers


@pytest.mark.parametrize("query", ["from=2&follow=1", "from=2&count=2&follow=1", "follow=live"])
def test_what_goes_on_passes_caches_and_proxies_as_it_comes(
    client: FlaskClient, query: str
) -> None:
    with client.get(f"{FRAMES}?{query}&run={RUN}", buffered=False) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert not {"ETag", "Content-Length"} & set(response.headers.keys())


def test_answers_that_differ_have_different_etags(viewer: World, client: FlaskClient) -> None:
    queries = ["from=2", "from=2&count=3", "from=1&count=3", "from=2&count=3&stride=2"]

    def etags() -> set[str]:
        found = set()
        for query in queries:
            with client.get(f"{FRAMES}?{query}") as response:
                found.add(response.headers["ETag"])
        return found

    before = etags()
    assert len(before) == 4
    viewer.catalogue.put_segments([(segment(12, 4), 1 << 60)])
    viewer.catalogue.put_stream(stream(16))
    assert len(etags() - before) == 1, "the one that goes on to the end has grown"
    viewer.catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), 1 << 60)])
    viewer.catalogue.put_stream(stream(4, run_id=OTHER_RUN))
    queries[:] = ["from=2&count=2"]
    assert etags().isdisjoint(before)


@pytest.mark.parametrize(
    "path", [f"{FRAMES}/3", FRAMES, f"/streams/{STREAM_ID}/video.mjpg", f"{API}/index"]
)
def test_a_run_that_is_not_there_is_said(viewer: World, client: FlaskClient, path: str) -> None:
    viewer.catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), 1 << 60)])
    viewer.catalogue.put_stream(stream(4, run_id=OTHER_RUN))

    response = client.get(f"{path}?run={RUN}")

    assert response.status_code == 410
    assert response.headers["Cache-Control"] == "no-store"
    assert json_of(response)["run_id"] == OTHER_RUN
    # Who doesn't name one gets what is there, though it has the other.
    with client.get(path, headers={"If-None-Match": f'"{RUN}-3", "{RUN}-0-4-1"'}) as there:
        assert there.status_code == 200


def test_what_is_forgotten_is_not_confirmed(viewer: World, client: FlaskClient) -> None:
    path = f"{FRAMES}?from=2&count=3&run={RUN}"
    with client.get(path) as response:
        etag = response.headers["ETag"]
    viewer.catalogue.remove_stream(STREAM_ID)
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 404


def test_what_has_expired_is_not_confirmed(viewer: World, client: FlaskClient) -> None:
    path = f"{FRAMES}?from=2&count=3&run={RUN}"
    with client.get(path) as response:
        etag = response.headers["ETag"]
    viewer.expire_before(4)
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 410


@pytest.mark.parametrize(
    "path", [f"{FRAMES}/3?", f"{FRAMES}?from=2&count=3", f"{API}/index?from=2&count=3"]
)
def test_what_asks_for_a_login_is_not_for_caches_that_others_share(path: str) -> None:
    closed = viewer_of(world(token=Secret(TOKEN))).app.test_client()
    login = {"Authorization": f"Bearer {TOKEN}"}

    with closed.get(path, headers=login) as response:
        assert response.headers["Cache-Control"] == "private, no-cache"
    with closed.get(f"{path}&run={RUN}", headers=login) as response:
        assert response.headers["Cache-Control"] == "private, max-age=3600, immutable"
