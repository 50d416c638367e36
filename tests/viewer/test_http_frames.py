"""Frames by number, and windows of them, on a viewer without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.viewer.builders import FRAME_NS, RUN, STREAM_ID, picture
from tests.viewer.world import World, json_of, value

if TYPE_CHECKING:
    from flask.testing import FlaskClient

API = f"/api/streams/{STREAM_ID}"
FRAMES = f"/streams/{STREAM_ID}/frames"


class TestFrame:
    def test_a_frame_is_its_bytes_and_where_they_lie(self, client: FlaskClient) -> None:
        response = client.get(f"{FRAMES}/5")
        assert (response.data, response.mimetype) == (b"picture 5", "image/jpeg")
        names = ("Frame-Index", "Frame-Pts-Ns", "Kafka-Partition", "Kafka-Offset", "Schema-Id")
        values = [response.headers[f"X-{name}"] for name in names]
        assert values == ["5", str(5 * FRAME_NS), "2", "105", "7"]
        assert response.headers["X-Kafka-Topic"] == "video.frames"
        assert response.headers["X-Stream-Run-Id"] == RUN

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
        viewer.expire_before(5)
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
        viewer.expire_before(5)
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
