"""Where each browser left, on a viewer without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from viewer.http_positions import COOKIE

from tests.viewer.builders import STREAM_ID

if TYPE_CHECKING:
    from flask.testing import FlaskClient

API = f"/api/streams/{STREAM_ID}"
FRAMES = f"/streams/{STREAM_ID}/frames"


def test_a_position_is_remembered_by_cookie(client: FlaskClient) -> None:
    assert client.get(f"{API}/position").json == {"frame": None}
    put = client.put(f"{API}/position", json={"frame": 7})
    assert put.json == {"frame": 7}
    cookie = put.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=31536000"):
        assert attribute in cookie
    assert client.get(f"{API}/position").json == {"frame": 7}


def test_a_page_on_its_way_out_can_post(client: FlaskClient) -> None:
    client.post(f"{API}/position", data='{"frame": 3}', content_type="text/plain")
    assert client.get(f"{API}/position").json == {"frame": 3}


def test_viewers_do_not_share_places(client: FlaskClient) -> None:
    client.put(f"{API}/position?viewer=ann", json={"frame": 7})
    client.put(f"{API}/position?viewer=ben", json={"frame": 2})
    assert client.get(f"{API}/position?viewer=ann").json == {"frame": 7}
    assert client.get(f"{API}/position?viewer=ben").json == {"frame": 2}


def test_the_end_is_a_place(client: FlaskClient) -> None:
    client.put(f"{API}/position?viewer=ann", json={"frame": 12})
    assert client.get(f"{API}/position?viewer=ann").json == {"frame": 12}


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"frame": -1}', '{"frame": true}', "x" * 99])
def test_a_body_that_is_no_place_is_refused(client: FlaskClient, body: str) -> None:
    assert client.put(f"{API}/position", data=body).status_code == 400


def test_a_place_outside_of_the_stream_never_was(client: FlaskClient) -> None:
    assert client.put(f"{API}/position", json={"frame": 13}).status_code == 404
