"""Who may steer ingest: whoever shows the token, and no web page of others."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from framelog_service.environment import BadSetting, Secret
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some
from ingest.api import command_line
from ingest.api.app import create_app
from ingest.api.command_routes import command_routes
from ingest.api.operator_commands import OperatorCommands
from ingest.api.server import serving
from ingest.config.settings import Settings
from prometheus_client import CollectorRegistry

from tests.ingest.desk import JSON, Desk, FakeCatalogue

TOKEN = "0123456789abcdef"  # noqa: S105
ROUTES = [
    ("GET", "files"),
    ("POST", "files/a.mp4/retry"),
    ("POST", "streams/a-012345678901/reprocess"),
    ("DELETE", "streams/a-012345678901"),
    ("POST", "intake/pause"),
    ("POST", "intake/resume"),
]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:8000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 200),
        ({"Content-Type": "", "Transfer-Encoding": "chunked"}, 415),
    ],
)
def test_what_changes_something_is_asked_for_by_no_page_of_others(
    desk: Desk, headers: dict[str, str], status: int
) -> None:
    answer = desk.client.post("/api/intake/pause", headers=JSON | headers)
    assert answer.status_code == status
    assert desk.marks.paused == (status == 200)
    if status != 200:
        assert answer.get_json()["error"]


def test_a_body_must_be_said_to_be_json(desk: Desk) -> None:
    assert desk.client.post("/api/intake/pause", data=b"{}").status_code == 415
    assert desk.client.post("/api/intake/pause", data=b"{}", headers=JSON).status_code == 200
    assert desk.client.post("/api/intake/resume").status_code == 200


def with_token(desk: Desk) -> Flask:
    app = create_app(lambda: None, lambda: None, CollectorRegistry())
    control = OperatorCommands(desk.folders, FakeCatalogue(), tuple)
    app.register_blueprint(command_routes(control, Secret(TOKEN)))
    return app


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "shown",
    [None, "", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", f"Basic {TOKEN}", TOKEN, "Bearer é"],
)
def test_each_control_route_asks_for_the_token(
    desk: Desk, method: str, path: str, shown: str | None
) -> None:
    headers = JSON if shown is None else {**JSON, "Authorization": shown}
    answer = with_token(desk).test_client().open(f"/api/{path}", method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not desk.marks.paused


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_with_the_token_it_is_asked_no_more(desk: Desk, method: str, path: str) -> None:
    headers = {**JSON, "Authorization": f"Bearer {TOKEN}"}
    answer = with_token(desk).test_client().open(f"/api/{path}", method=method, headers=headers)
    assert answer.status_code in {200, 404}


def test_commands_show_the_token(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(with_token(desk), "127.0.0.1", 0) as port:
        where = {"FRAMELOG_INGEST_PORT": str(port)}
        without = Settings.from_environ(where)
        allowed = Settings.from_environ({**where, "FRAMELOG_INGEST_TOKEN": TOKEN})
        assert command_line.ask(without, command_line.parse(["pause"])) == 1
        assert "FRAMELOG_INGEST_TOKEN" in capsys.readouterr().err
        assert command_line.ask(allowed, command_line.parse(["pause"])) == 0
        assert desk.marks.paused
        assert command_line.ask(allowed, command_line.parse(["files"])) == 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_and_metrics_ask_for_no_token(desk: Desk, path: str) -> None:
    assert with_token(desk).test_client().get(path).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_no_token_is_needed(host: str) -> None:
    assert Settings.from_environ({"FRAMELOG_INGEST_HOST": host}).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ingest.example"])  # noqa: S104
def test_beyond_loopback_a_token_is_needed(host: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="FRAMELOG_INGEST_TOKEN"):
        Settings.from_environ({"FRAMELOG_INGEST_HOST": host})
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for given_by in ({"FRAMELOG_INGEST_TOKEN": TOKEN}, {"FRAMELOG_INGEST_TOKEN_FILE": str(file)}):
        settings = Settings.from_environ({"FRAMELOG_INGEST_HOST": host, **given_by})
        assert settings.token == Secret(TOKEN)
        assert TOKEN not in repr(settings)


@pytest.mark.parametrize(
    "token", ["short", "é" * 16, "with a\nline feed in it", f" {TOKEN}", f"{TOKEN} ", "x x" * 8]
)
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    with pytest.raises(BadSetting, match="FRAMELOG_INGEST_TOKEN must be 16"):
        Settings.from_environ({"FRAMELOG_INGEST_TOKEN": token})


def test_hosts_are_the_one_that_it_is_bound_to_and_those_that_are_set() -> None:
    settings = Settings.from_environ(
        {
            "FRAMELOG_INGEST_HOST": "Ingest.example",
            "FRAMELOG_INGEST_HOSTS": " ingest\nFilms.example ",
            "FRAMELOG_INGEST_TOKEN": TOKEN,
        }
    )
    assert settings.hosts == {"ingest.example", "ingest", "films.example"}


ODD = some.one_of(
    some.text(max_size=40),
    some.sampled_from(
        ["9" * 5000, "-1", "1e5", "0x10", "٣", "[" * 4000, "\x00", "..", "%", "a" * 5000, "NaN"]
    ),
)


WORDS = some.sampled_from(["files", "streams", "intake", "retry", "pause"])
HEADERS = some.dictionaries(
    some.sampled_from(["Content-Type", "Origin", "Host", "Accept", "Authorization", "Range"]),
    some.text(some.characters(min_codepoint=32, max_codepoint=255), max_size=40),
)


@dataclass(frozen=True)
class Asked:
    """A request that no program of sense makes."""

    method: str
    parts: list[str]
    newest: str
    body: bytes
    headers: dict[str, str]


@how(max_examples=300, deadline=None)
@given(
    some.builds(
        Asked,
        method=some.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"]),
        parts=some.lists(some.one_of(WORDS, ODD), max_size=4),
        newest=ODD,
        body=some.one_of(some.binary(max_size=200), some.sampled_from([b"[" * 4000, b"\xff"])),
        headers=some.one_of(HEADERS, HEADERS.map(lambda headers: headers | JSON)),
    )
)
def test_no_input_is_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory, asked: Asked
) -> None:
    desk = Desk(tmp_path_factory.getbasetemp() / "desk")
    try:
        desk.file("failed", "a.mp4", "why")
        answer = desk.client.open(
            "/api/" + "/".join(asked.parts).replace("?", "%3F"),
            method=asked.method,
            query_string={"newest": asked.newest},
            data=asked.body,
            headers=asked.headers,
        )
        assert answer.status_code < 500, (answer.status_code, answer.text)
    finally:
        desk.folders.release()
