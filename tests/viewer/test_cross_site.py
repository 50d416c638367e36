"""By which names the viewer is asked, and what pages of other sites may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from framelog_service.environment import BadSetting, Secret
from viewer.config.settings import Settings

from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.world import value, world

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

FRAME = f"/streams/{STREAM_ID}/frames/0"
POSITION = f"/api/streams/{STREAM_ID}/position"
PROGRAM = "https://lab.example:8443"


def client_of(**settings: object) -> FlaskClient:
    made = world(**settings)  # type: ignore[arg-type]
    made.catalogue.put_stream(stream(4))
    made.catalogue.put_segments([(segment(0, 4), 1 << 60)])
    return made.app.test_client()


def write(client: FlaskClient, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.put(POSITION, json={"frame": 1}, headers=named)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8000", "LOCALHOST:8000", "localhost.", "app.localhost:1",
        "127.0.0.1:8000", "10.1.2.3", "[::1]:8000", "[2001:db8::1]", "[fe80::1%25eth0]:1",
        "viewer.example", "VIEWER.example:8000", "viewer.example.:80", "",
    ],
)  # fmt: skip
def test_it_is_asked_by_an_address_localhost_or_a_name_of_its_own(host: str) -> None:
    client = client_of(hosts=("Viewer.example",))
    assert client.get("/api/streams", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
        "viewer.example.evil.example", "xviewer.example", "evil.example:127.0.0.1", "2130706433",
        "[evil.example]", "[", "user@localhost", "localhost@evil.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/streams", FRAME, "/metrics", "/nowhere", "/static/x"])
def test_whoever_asks_by_another_name_is_refused(host: str, path: str) -> None:
    made = world(hosts=("viewer.example",))
    client = made.app.test_client()
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 421
    assert "FRAMELOG_VIEWER_HOSTS" in response.text
    assert value(made.metrics, "requests_denied_total", reason="foreign_host") == 1


def test_probes_may_ask_by_any_name() -> None:
    client = client_of()
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"Host": "viewer.framelog.svc"}).status_code == 200


def test_every_name_can_be_allowed() -> None:
    assert client_of(hosts=("*",)).get("/", headers={"Host": "any.example"}).status_code == 200


def test_behind_a_proxy_the_name_is_the_one_that_the_proxy_was_asked_by() -> None:
    client = client_of(behind_proxy=True, hosts=("cams.example",))
    for name, status in (("cams.example", 200), ("evil.example", 421)):
        headers = {"Host": "10.0.0.7:8000", "X-Forwarded-Host": name}
        assert client.get("/api/streams", headers=headers).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:80"},
        {"Origin": "https://LOCALHOST"},
        {"Origin": "https://cams.example"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "http://localhost", "Sec_Fetch_Site": "same-origin"},
        {"Origin": PROGRAM},
        {"Origin": PROGRAM, "Sec_Fetch_Site": "cross-site"},
    ],
)
def test_the_viewers_own_pages_and_programs_can_change_something(headers: dict[str, str]) -> None:
    client = client_of(hosts=("cams.example",), origins=(PROGRAM,))
    assert write(client, **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "what"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://evil.example/localhost"},
        {"Origin": "http://evil.example#localhost"},
        {"Origin": "http://evil@localhost"},
        {"Origin": "http://["},
        {"Origin": "http://cams.example:9000"},
        {"Origin": "chrome-extension://localhost"},
        {"Origin": "https://lab.example"},
    ],
)
def test_another_sites_page_can_change_nothing(headers: dict[str, str]) -> None:
    client = client_of(hosts=("cams.example",), origins=(PROGRAM, "*"))
    response = write(client, **headers)
    assert response.status_code == 403
    assert client.get(POSITION).json == {"frame": None}


def test_no_page_of_another_origin_reads_anything_unless_it_is_set() -> None:
    response = client_of().get(FRAME, headers={"Origin": PROGRAM})
    assert response.status_code == 200
    assert "Access-Control" not in str(response.headers)
    assert client_of().options(FRAME, headers=preflight(PROGRAM)).status_code == 200
    assert "Access-Control-Allow-Origin" not in client_of().options(FRAME).headers


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }


def test_pages_of_the_origins_that_are_set_read_answers_and_their_headers() -> None:
    client = client_of(origins=(PROGRAM,), token=Secret("a-token-of-some-length"))
    asked = client.options(POSITION, headers=preflight(PROGRAM))
    assert asked.status_code == 204, "a browser asks without credentials"
    assert asked.headers["Access-Control-Allow-Origin"] == PROGRAM
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in asked.headers["Access-Control-Allow-Headers"]
    refused = client.get(FRAME, headers={"Origin": PROGRAM})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == PROGRAM, "a page may see why"
    bearer = {"Authorization": "Bearer a-token-of-some-length"}
    got = client.get(FRAME, headers={"Origin": PROGRAM, **bearer})
    assert got.status_code == 200
    assert "X-Frame-Index" in got.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in got.headers
    for origin in ("https://evil.example", "null"):
        other = client.get(FRAME, headers={"Origin": origin, **bearer})
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.vary
        assert client.options(POSITION, headers=preflight(origin)).status_code == 401


def test_every_origin_can_be_let_read() -> None:
    got = client_of(origins=("*",)).get(FRAME, headers={"Origin": "null"})
    assert got.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("FRAMELOG_VIEWER_HOSTS", "viewer.example:8000"),
        ("FRAMELOG_VIEWER_HOSTS", "http://viewer.example"),
        ("FRAMELOG_VIEWER_ORIGINS", "viewer.example"),
        ("FRAMELOG_VIEWER_ORIGINS", "https://viewer.example/"),
    ],
)
def test_a_name_or_an_origin_that_is_none_stops_the_start(key: str, text: str) -> None:
    with pytest.raises(BadSetting, match=key):
        Settings.from_environ({key: text})
