"""The routes, on a viewer without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.viewer.builders import FRAME_NS, STREAM_ID, segment, stream
from tests.viewer.world import World, json_of, world

if TYPE_CHECKING:
    from flask.testing import FlaskClient

NOW_MS = 1 << 60
API = f"/api/streams/{STREAM_ID}"
FRAMES = f"/streams/{STREAM_ID}/frames"


class TestCatalogue:
    def test_streams_are_listed_newest_first(self, viewer: World, client: FlaskClient) -> None:
        viewer.catalogue.put_stream(
            stream(0, stream_id="later", started_at=1_800_000_000_000_000, state="FAILED")
        )
        streams = json_of(client.get("/api/streams"))["streams"]
        assert [entry["stream_id"] for entry in streams] == ["later", STREAM_ID]
        assert streams[1] == client.get(API).json

    def test_an_unchanged_list_is_not_sent_again(self, viewer: World, client: FlaskClient) -> None:
        etag = client.get("/api/streams").headers["ETag"]
        assert etag.startswith("W/")
        assert client.get("/api/streams", headers={"If-None-Match": etag}).status_code == 304
        viewer.catalogue.put_stream(stream(12, state="TRUNCATED"))
        assert client.get("/api/streams", headers={"If-None-Match": etag}).status_code == 200

    def test_the_index_lists_times_and_sizes(self, viewer: World, client: FlaskClient) -> None:
        answer = json_of(client.get(f"{API}/index?from=3&count=3&stride=4"))
        assert answer["from"] == 3
        assert answer["frames"] == [[n * FRAME_NS, 1000 + n] for n in (3, 7, 11)]
        assert viewer.fetcher.fetches == []

    def test_the_index_begins_at_what_is_available(
        self, viewer: World, client: FlaskClient
    ) -> None:
        viewer.expire_before(5)
        assert json_of(client.get(f"{API}/index"))["from"] == 5
        assert client.get(f"{API}/index?from=4").status_code == 410
        assert json_of(client.get(f"{API}/index?from=12"))["frames"] == []

    def test_a_time_finds_its_frame(self, client: FlaskClient) -> None:
        answer = client.get(f"{API}/at?pts_ns={3 * FRAME_NS + 1}").json
        assert answer == {"frame": 3, "pts_ns": 3 * FRAME_NS}

    def test_events_begin_with_the_list_and_go_on_with_changes(
        self, viewer: World, client: FlaskClient
    ) -> None:
        response = client.get("/api/events")
        assert response.mimetype == "text/event-stream"
        chunks = response.iter_encoded()
        assert read_event(next(chunks)) == ("streams", client.get("/api/streams").json)
        viewer.catalogue.put_stream(stream(12, state="TRUNCATED"))
        name, data = read_event(next(chunks))
        assert (name, data["streams"][0]["state"]) == ("streams", "TRUNCATED")
        viewer.catalogue.remove_stream(STREAM_ID)
        assert read_event(next(chunks)) == ("gone", {"stream_ids": [STREAM_ID]})
        response.close()


def read_event(chunk: bytes) -> tuple[str, Any]:
    fields = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if line)
    return fields["event"], json.loads(fields["data"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/streams/nobody", 404),
        ("/streams/nobody/frames/0", 404),
        (f"{FRAMES}/12", 404),
        (f"{FRAMES}/-13", 404),
        (f"{FRAMES}/1.5", 400),
        (f"{FRAMES}/99999999999999999999", 400),
        (f"{FRAMES}/%C2%B2", 400),
        (f"{FRAMES}?count=0", 400),
        (f"{FRAMES}?stride=0", 400),
        (f"{FRAMES}?from=-1", 400),
        (f"{FRAMES}?follow=yes", 400),
        (f"/streams/{STREAM_ID}/video.mjpg?speed=17", 400),
        (f"/streams/{STREAM_ID}/video.mjpg?speed=nan", 400),
        (f"{API}/index?count=10001", 400),
        (f"{API}/at?pts_ns=x", 400),
        (f"{API}/position?viewer=a/b", 400),
        ("/nowhere", 404),
    ],
)
def test_what_cannot_be_answered_is_told_in_a_sentence(
    client: FlaskClient, path: str, status: int
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert json_of(response)["error"].endswith(".")


def test_before_the_catalogue_is_read_nothing_is_claimed(
    viewer: World, client: FlaskClient
) -> None:
    viewer.waiting_for.append("Kafka can't be reached.")
    for path in ("/readyz", "/api/streams", "/api/streams/new", f"{FRAMES}/0", f"{API}/position"):
        response = client.get(path)
        assert (response.status_code, response.json) == (503, {"error": "Kafka can't be reached."})
        assert response.headers["Retry-After"] == "2"
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", f"/streams/{STREAM_ID}", f"{FRAMES}/0", f"{FRAMES}/99", "/nowhere", "/metrics"]
)
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_prefix_is_believed_only_behind_a_proxy() -> None:
    prefix = {"X-Forwarded-Prefix": "/video"}
    for behind_proxy, location in ((True, f"/video{FRAMES}/3"), (False, f"{FRAMES}/3")):
        viewer = world(behind_proxy=behind_proxy)
        viewer.catalogue.put_stream(stream(4))
        viewer.catalogue.put_segments([(segment(0, 4), NOW_MS)])
        client = viewer.app.test_client()
        response = client.get(f"{FRAMES}/latest", headers=prefix)
        assert response.headers["Location"] == location


def test_metrics_say_what_was_delivered(client: FlaskClient) -> None:
    client.get(f"{FRAMES}/5")
    text = client.get("/metrics").text
    assert 'framelog_viewer_frames_delivered_total{route="frame"} 1.0' in text
    assert 'framelog_viewer_build_info{version="' in text
