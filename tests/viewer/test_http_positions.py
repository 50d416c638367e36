"""Where each browser left, on a viewer without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from viewer.web.routes.positions import COOKIE

from tests.viewer.builders import STREAM_ID

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.viewer.world import World

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
    client.post(f"{API}/position", data='{"frame": 3}', content_type="application/json")
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
    answer = client.put(f"{API}/position", data=body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(
    client: FlaskClient, kind: str | None
) -> None:
    for method in ("PUT", "POST"):
        answer = client.open(
            f"{API}/position", method=method, data='{"frame": 3}', content_type=kind
        )
        assert answer.status_code == 415
        assert "application/json" in answer.text
    assert client.get(f"{API}/position").json == {"frame": None}


def test_a_client_can_have_so_many_positions_kept_and_others_are_not_kept_from_it(
    viewer: World, client: FlaskClient
) -> None:
    def put(name: str, address: str = "203.0.113.5") -> int:
        return client.put(
            f"{API}/position?viewer={name}",
            json={"frame": 1},
            environ_base={"REMOTE_ADDR": address},
        ).status_code

    answers = [put(f"invented-{n}") for n in range(400)]
    assert answers == [200] * 100 + [429] * 300
    assert len(viewer.positions.offsets) == 100
    assert put("invented-0") == 200, "what is kept can be changed"
    assert put("ann", "203.0.113.6") == 200
    viewer.clock.seconds = 30
    assert [put("one-more"), put("and-another")] == [200, 429]


def test_a_position_that_is_kept_costs_a_viewer_that_started_anew_nothing(
    viewer: World, client: FlaskClient
) -> None:
    viewer.positions.offsets["ann", STREAM_ID, 2] = 103
    for n in range(100):
        client.put(f"{API}/position?viewer=invented-{n}", json={"frame": 1})
    assert client.get(f"{API}/position?viewer=ann").json == {"frame": 3}
    assert client.put(f"{API}/position?viewer=ann", json={"frame": 4}).status_code == 200
    assert client.put(f"{API}/position?viewer=ben", json={"frame": 4}).status_code == 429


def test_a_place_outside_of_the_stream_never_was(client: FlaskClient) -> None:
    assert client.put(f"{API}/position", json={"frame": 13}).status_code == 404
