"""A cache that many share, before the viewer: what it hands out is what is true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from framelog_local.ports import free_port

from tests.support.log_writer import WrongSizes, write_stream
from tests.support.nginx import nginx_before
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Cluster, Topics
    from tests.support.ingest import Ingest
    from tests.support.viewing import Viewer

FRAMES = 60
LIMIT_SECONDS = 120


@pytest.fixture
def cache(viewer: Viewer, tmp_path: Path) -> Iterator[str]:
    with nginx_before(viewer.port, free_port(), tmp_path / "nginx") as address:
        yield address


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=60, **options)


def came(response: requests.Response) -> tuple[int, str]:
    """Tell an answer's status, and whether nginx had it (HIT) or not."""
    return response.status_code, response.headers["X-Cache"]


def steer(ingest: Ingest, method: str, path: str) -> None:
    """Ask ingest for something, as its command line does."""
    url, headers = f"{ingest.url}/api/streams/{path}", {"Content-Type": "application/json"}
    requests.request(method, url, headers=headers, timeout=60).raise_for_status()


def entry(address: str, stream_id: str) -> dict[str, Any]:
    answer = get(f"{address}/api/streams/{stream_id}")
    return dict(answer.json()) if answer.ok else {}


def wait_for_run(cache: str, stream_id: str, other_than: str = "") -> str:
    """Wait, through the cache, until a run of a stream is whole; return its id."""

    def whole() -> str | None:
        found = entry(cache, stream_id)
        ended = found.get("state") == "COMPLETE" and found["frame_count"] == FRAMES
        return found["run_id"] if ended and found["run_id"] != other_than else None

    return wait_for(whole, LIMIT_SECONDS, what="a run to be whole")


def test_windows_are_shared_and_nothing_is_stale(
    ingest: Ingest, viewer: Viewer, cache: str, tmp_path: Path
) -> None:
    ingest.start()
    ingest.drop(make_video(tmp_path / "film.mkv", Recipe(frames=FRAMES)))
    ingest.wait_for_file("done/film.mkv")
    stream_id = wait_for(
        lambda: [found["stream_id"] for found in get(f"{cache}/api/streams").json()["streams"]],
        LIMIT_SECONDS,
        what="the stream to be listed",
    )[0]
    run_id = wait_for_run(cache, stream_id)
    frames = f"/streams/{stream_id}/frames"
    whole, kept = f"{frames}?from=0&count=32", f"{frames}?from=0&count=32&run={run_id}"
    direct = get(viewer.url + kept).content

    # Whoever comes second is served without the viewer; what doesn't name the run never is.
    for path in (kept, f"{frames}/7?run={run_id}", f"{frames}?from=32&count=28&run={run_id}"):
        assert came(get(cache + path)) == (200, "MISS")
        assert came(get(cache + path)) == (200, "HIT")
    assert get(cache + kept).content == direct
    for path in (whole, f"{frames}/7"):
        assert [came(get(cache + path)) for _ in range(2)] == [(200, "MISS")] * 2
    # Once its time is over, it is confirmed without being sent again.
    wait_for(lambda: get(cache + kept).headers["X-Cache"] == "REVALIDATED", LIMIT_SECONDS)
    assert get(cache + kept).content == direct

    steer(ingest, "POST", f"{stream_id}/reprocess")
    newer = wait_for_run(cache, stream_id, other_than=run_id)
    for path in (whole, f"{frames}/7", f"{frames}?from=0&count=32&run={newer}"):
        answer = get(cache + path)
        assert (answer.status_code, answer.headers["X-Stream-Run-Id"]) == (200, newer)
    wait_for(lambda: get(cache + kept).status_code == 410, LIMIT_SECONDS, what="the old run to go")

    now_kept = f"{frames}?from=0&count=32&run={newer}"
    assert get(cache + now_kept).headers["X-Cache"] in {"HIT", "REVALIDATED"}
    ingest.wait_for_file("done/film.mkv")
    steer(ingest, "DELETE", stream_id)
    wait_for(lambda: not entry(viewer.url, stream_id), LIMIT_SECONDS, what="it to be forgotten")
    for path in (whole, f"{frames}/7", f"/api/streams/{stream_id}"):
        assert get(cache + path).status_code == 404
    wait_for(lambda: get(cache + now_kept).status_code == 404, LIMIT_SECONDS, what="all to go")


def test_an_answer_that_was_cut_is_not_kept(
    cluster: Cluster, topics: Topics, viewer: Viewer, cache: str
) -> None:
    writer = write_stream(cluster, topics, 12, batch=4, kind=WrongSizes)
    viewer.wait_for_frames(writer.stream_id, 12)
    window = f"{cache}/streams/{writer.stream_id}/frames?from=2&count=10&run={writer.run_id}"
    for _ in range(2):
        with get(window, stream=True) as answer:
            assert came(answer) == (200, "MISS")
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                assert answer.content


def test_what_goes_on_comes_through_at_once(
    cluster: Cluster, topics: Topics, viewer: Viewer, cache: str
) -> None:
    writer = write_stream(cluster, topics, 4)
    writer.announce("INGESTING")
    viewer.wait_for_frames(writer.stream_id, 4)
    with get(f"{cache}/streams/{writer.stream_id}/frames?from=3&follow=1", stream=True) as live:
        # Nothing ends it: what has come has come by itself.
        assert live.raw.read(4) == b"FLF1"
        assert live.headers["Cache-Control"] == "no-store"
    with get(f"{cache}/api/events", stream=True) as events:
        assert events.raw.read(6) == b"retry:"


def test_what_a_client_says_of_itself_is_not_believed(
    cluster: Cluster, topics: Topics, viewer: Viewer, cache: str
) -> None:
    """Its address and the name that it asks for are what nginx sees of it."""
    viewer.stop()
    viewer.environment = {**viewer.environment, "FRAMELOG_VIEWER_BEHIND_PROXY": "1"}
    viewer.start()
    writer = write_stream(cluster, topics, 4)
    viewer.wait_for_frames(writer.stream_id, 4)
    position = f"{cache}/api/streams/{writer.stream_id}/position"
    kept = [
        requests.put(
            f"{position}?viewer=guest-{n}",
            json={"frame": 1},
            headers={"X-Forwarded-For": f"203.0.113.{n}"},
            timeout=60,
        ).status_code
        for n in range(110)
    ]
    assert kept.count(429) >= 1
    assert set(kept) == {200, 429}
    for headers, status in (
        ({"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "//evil.example"}, 200),
        ({"Host": "evil.example", "X-Forwarded-Host": "localhost"}, 421),
    ):
        answer = get(f"{cache}/", headers=headers)
        assert answer.status_code == status
        assert "//evil.example" not in answer.text
