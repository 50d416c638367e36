"""The routes, on a viewer without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from viewer.app import create_app
from viewer.http_positions import COOKIE

from tests.viewer.builders import (
    FRAME_NS,
    RUN,
    STREAM_ID,
    World,
    picture,
    segment,
    stream,
    value,
    world,
)

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

NOW_MS = 1 << 60
API = f"/api/streams/{STREAM_ID}"
FRAMES = f"/streams/{STREAM_ID}/frames"


@pytest.fixture
def viewer() -> World:
    made = world()
    made.catalogue.put_stream(stream(12))
    for first in (0, 4, 8):
        made.catalogue.put_segments([(segment(first, 4), NOW_MS)])
    return made


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return create_app(viewer.parts).test_client()


def json_of(response: TestResponse) -> Any:
    assert response.json is not None
    return response.json


def expire_before(viewer: World, frame: int) -> None:
    viewer.fetcher.low = frame
    viewer.catalogue.set_low_watermarks({2: 100 + frame})


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
        expire_before(viewer, 5)
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


class TestFrame:
    def test_a_frame_is_its_bytes_and_where_they_lie(self, client: FlaskClient) -> None:
        response = client.get(f"{FRAMES}/5")
        assert (response.data, response.mimetype) == (b"picture 5", "image/jpeg")
        names = ("Frame-Index", "Frame-Pts-Ns", "Kafka-Partition", "Kafka-Offset", "Schema-Id")
        values = [response.headers[f"X-{name}"] for name in names]
        assert values == ["5", str(5 * FRAME_NS), "2", "105", "7"]
        assert response.headers["X-Kafka-Topic"] == "video.frames"
        assert response.headers["X-Stream-Run-Id"] == RUN
        assert "immutable" in response.headers["Cache-Control"]

    def test_a_head_has_no_body(self, client: FlaskClient) -> None:
        response = client.head(f"{FRAMES}/5")
        assert (response.data, response.headers["Content-Length"]) == (b"", "9")

    def test_a_client_that_has_it_gets_304_without_a_fetch(
        self, viewer: World, client: FlaskClient
    ) -> None:
        headers = {"If-None-Match": f'"{RUN}-5"'}
        response = client.get(f"{FRAMES}/5", headers=headers)
        assert (response.status_code, response.data) == (304, b"")
        assert viewer.fetcher.fetches == []

    @pytest.mark.parametrize(
        ("asked", "status", "data", "told"),
        [
            ("bytes=0-3", 206, b"pict", "bytes 0-3/9"),
            ("bytes=4-", 206, b"ure 5", "bytes 4-8/9"),
            ("bytes=-1", 206, b"5", "bytes 8-8/9"),
            ("bytes=8-99", 206, b"5", "bytes 8-8/9"),
            ("bytes=0-0,2-3", 200, b"picture 5", None),
            ("lines=0-1", 200, b"picture 5", None),
            ("nonsense", 200, b"picture 5", None),
        ],
    )
    def test_a_range_is_a_part(
        self, client: FlaskClient, asked: str, status: int, data: bytes, told: str | None
    ) -> None:
        response = client.get(f"{FRAMES}/5", headers={"Range": asked})
        assert (response.status_code, response.data) == (status, data)
        assert response.headers.get("Content-Range") == told
        assert response.headers["Content-Length"] == str(len(data))

    def test_a_range_of_what_is_not_there_is_416(self, client: FlaskClient) -> None:
        response = client.get(f"{FRAMES}/5", headers={"Range": "bytes=9-"})
        assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */9")

    def test_a_range_of_another_picture_is_the_whole(self, client: FlaskClient) -> None:
        headers = {"Range": "bytes=0-3", "If-Range": '"another"'}
        assert client.get(f"{FRAMES}/5", headers=headers).data == b"picture 5"
        headers["If-Range"] = client.get(f"{FRAMES}/5").headers["ETag"]
        assert client.get(f"{FRAMES}/5", headers=headers).data == b"pict"
        assert client.get(f"{FRAMES}/5").headers["Accept-Ranges"] == "bytes"

    def test_frames_of_one_segment_are_fetched_once(
        self, viewer: World, client: FlaskClient
    ) -> None:
        assert client.get(f"{FRAMES}?from=4").status_code == 200
        fetched = len(viewer.fetcher.fetches)
        for n in (4, 5, 6, 7, 4):
            assert client.get(f"{FRAMES}/{n}").status_code == 200
        assert len(viewer.fetcher.fetches) == fetched

    def test_a_seek_fetches_only_what_it_asks_for_and_going_on_the_rest(
        self, viewer: World, client: FlaskClient
    ) -> None:
        assert client.get(f"{FRAMES}/5").data == picture(5)
        assert client.get(f"{FRAMES}?from=2&count=1").status_code == 200
        for n in (5, 6, 7, 4):
            assert client.get(f"{FRAMES}/{n}").data == picture(n)
        fetched = [(each.first_frame, len(each.offsets)) for each in viewer.fetcher.fetches]
        assert fetched == [(5, 1), (2, 1), (4, 4)]

    @pytest.mark.parametrize(("word", "frame"), [("latest", 11), ("first", 0), ("-2", 10)])
    def test_words_lead_to_numbers(self, client: FlaskClient, word: str, frame: int) -> None:
        response = client.get(f"{FRAMES}/{word}")
        assert (response.status_code, response.headers["Cache-Control"]) == (307, "no-store")
        assert response.headers["Location"] == f"{FRAMES}/{frame}"

    def test_what_has_expired_is_410_with_the_earliest(
        self, viewer: World, client: FlaskClient
    ) -> None:
        expire_before(viewer, 5)
        response = client.get(f"{FRAMES}/4")
        assert (response.status_code, json_of(response)["first_available_frame"]) == (410, 5)
        assert client.get(f"{FRAMES}/5").status_code == 200

    def test_what_expired_unnoticed_is_410_too(self, viewer: World, client: FlaskClient) -> None:
        viewer.fetcher.low = 6
        response = client.get(f"{FRAMES}/1")
        assert (response.status_code, json_of(response)["first_available_frame"]) == (410, 6)

    def test_what_is_left_of_a_segment_is_served(self, viewer: World, client: FlaskClient) -> None:
        viewer.fetcher.low = 6
        assert client.get(f"{FRAMES}?from=7").data[88:].startswith(b"picture 7")
        assert client.get(f"{FRAMES}/6").data == b"picture 6"
        assert [place.first_frame for place in viewer.fetcher.fetches] == [4, 6, 8]


class TestWindow:
    def test_records_follow_one_another(self, client: FlaskClient) -> None:
        response = client.get(f"{FRAMES}?from=1&count=3&stride=3")
        assert response.mimetype == "application/vnd.framelog.frames"
        assert response.data.count(b"FLF1") == 3
        assert [b"picture %d" % n in response.data for n in (1, 4, 7, 10)] == [True] * 3 + [False]

    def test_a_window_of_what_has_expired_is_410(self, viewer: World, client: FlaskClient) -> None:
        expire_before(viewer, 5)
        assert client.get(f"{FRAMES}?from=4").status_code == 410
        assert client.get(FRAMES).data.startswith(b"FLF1")

    def test_a_window_at_the_end_is_empty(self, client: FlaskClient) -> None:
        assert client.get(f"{FRAMES}?from=12").data == b""
        assert client.get(f"{FRAMES}?from=13").status_code == 404

    def test_the_last_frame_of_a_video_is_sent_twice(self, client: FlaskClient) -> None:
        data = client.get(f"/streams/{STREAM_ID}/video.mjpg?speed=16").data
        assert data.count(b"--frame\r\n") == 13
        assert data.count(b"X-Frame-Index: 11\r\n") == 2
        assert data.endswith(b"picture 11\r\n")

    def test_a_video_from_live_begins_at_the_newest(self, client: FlaskClient) -> None:
        data = client.get(f"/streams/{STREAM_ID}/video.mjpg?from=live").data
        assert data.count(b"X-Frame-Index: 11\r\n") == 2
        assert data.count(b"X-Frame-Index") == 2

    def test_streams_are_capped_and_closing_one_makes_room(
        self, viewer: World, client: FlaskClient
    ) -> None:
        open_streams = [client.get("/api/events"), client.get(FRAMES)]
        assert value(viewer.metrics, "watchers", route="events") == 1
        refused = client.get(FRAMES)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert client.get(f"{FRAMES}/1").status_code == 200
        open_streams[0].close()
        assert client.get(FRAMES).status_code == 200
        open_streams[1].close()


class TestPosition:
    def test_a_position_is_remembered_by_cookie(self, client: FlaskClient) -> None:
        assert client.get(f"{API}/position").json == {"frame": None}
        put = client.put(f"{API}/position", json={"frame": 7})
        assert put.json == {"frame": 7}
        cookie = put.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=31536000"):
            assert attribute in cookie
        assert client.get(f"{API}/position").json == {"frame": 7}

    def test_a_page_on_its_way_out_can_post(self, client: FlaskClient) -> None:
        client.post(f"{API}/position", data='{"frame": 3}', content_type="text/plain")
        assert client.get(f"{API}/position").json == {"frame": 3}

    def test_viewers_do_not_share_places(self, client: FlaskClient) -> None:
        client.put(f"{API}/position?viewer=ann", json={"frame": 7})
        client.put(f"{API}/position?viewer=ben", json={"frame": 2})
        assert client.get(f"{API}/position?viewer=ann").json == {"frame": 7}
        assert client.get(f"{API}/position?viewer=ben").json == {"frame": 2}

    def test_the_end_is_a_place(self, client: FlaskClient) -> None:
        client.put(f"{API}/position?viewer=ann", json={"frame": 12})
        assert client.get(f"{API}/position?viewer=ann").json == {"frame": 12}

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"frame": -1}', '{"frame": true}', "x" * 99])
    def test_a_body_that_is_no_place_is_refused(self, client: FlaskClient, body: str) -> None:
        assert client.put(f"{API}/position", data=body).status_code == 400

    def test_a_place_outside_of_the_stream_never_was(self, client: FlaskClient) -> None:
        assert client.put(f"{API}/position", json={"frame": 13}).status_code == 404


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
        client = create_app(viewer.parts).test_client()
        response = client.get(f"{FRAMES}/latest", headers=prefix)
        assert response.headers["Location"] == location


def test_metrics_say_what_was_delivered(client: FlaskClient) -> None:
    client.get(f"{FRAMES}/5")
    text = client.get("/metrics").text
    assert 'framelog_viewer_frames_delivered_total{route="frame"} 1.0' in text
    assert 'framelog_viewer_build_info{version="' in text
