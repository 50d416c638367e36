"""Who is let in, who has to wait, and that no secret is ever shown."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
import requests
from confluent_kafka import KafkaException
from framelog_service.environment import Secret
from prometheus_client import CollectorRegistry
from viewer.config.settings import Settings
from viewer.kafka.client_configuration import admin_client, client_options
from viewer.model.errors import ViewerError
from viewer.telemetry.metrics import Metrics
from viewer.web.authentication import Authentication
from viewer.web.client_quotas import network_of
from werkzeug.datastructures import Authorization

from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.world import World, value, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

    from tests.support.processes import Process

TOKEN = "a-token-of-some-length"  # noqa: S105 (only here)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = (
    "/", f"/streams/{STREAM_ID}", "/api/streams", "/api/events", f"/streams/{STREAM_ID}/frames/0",
    f"/streams/{STREAM_ID}/export.zip", "/static/theme.css", "/api/openapi.json", "/nowhere",
)  # fmt: skip


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


ANN = basic("ann", "pass:wörd")


@pytest.fixture
def viewer() -> World:
    users = {"ann": Secret("pass:wörd"), "ben": Secret("other")}
    made = world(token=Secret(TOKEN), users=users)
    made.catalogue.put_stream(stream(4))
    made.catalogue.put_segments([(segment(0, 4), 1 << 60)])
    return made


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return viewer.app.test_client()


@pytest.mark.parametrize("path", PATHS)
def test_everything_is_closed_but_to_who_shows_a_right_one(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [
        'Basic realm="Framelog", charset="UTF-8"',
        'Bearer realm="Framelog"',
    ]
    for headers in (BEARER, ANN, basic("ben", "other")):
        allowed = client.get(path, headers=headers, buffered=False)
        assert allowed.status_code != 401
        allowed.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_open(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer another-token-of-length"},
        {"Authorization": f"Bearer {TOKEN}x"},
        basic("ann", "other"),
        basic("ben", "pass:wörd"),
        basic("nobody", ""),
        basic("", TOKEN),
        {"Authorization": "Digest x=y"},
    ],
)
def test_a_wrong_one_is_refused(
    viewer: World, client: FlaskClient, headers: dict[str, str]
) -> None:
    assert client.get("/api/streams", headers=headers).status_code == 401
    assert value(viewer.metrics, "requests_denied_total", reason="wrong_credentials") == 1


def guesses(client: FlaskClient, count: int, name: str = "ann", address: str = "") -> list[int]:
    """Try passwords by a program that keeps no cookies, and tell what each was answered."""
    return [
        client.application.test_client(use_cookies=False)
        .get(
            "/",
            headers=basic(name, f"guess {n}"),
            environ_base={"REMOTE_ADDR": address or "127.0.0.1"},
        )
        .status_code
        for n in range(count)
    ]


def test_ten_wrong_tries_lock_out_nobody(viewer: World, client: FlaskClient) -> None:
    assert guesses(client, 10) == [401] * 10
    began = viewer.clock.seconds
    assert client.get("/", headers=ANN).status_code == 200
    assert viewer.clock.seconds - began <= 1


def test_a_guesser_has_one_try_a_second_and_then_fewer(viewer: World, client: FlaskClient) -> None:
    viewer.clock.seconds = 100
    assert guesses(client, 20) == [401] * 20
    assert viewer.clock.seconds == 110
    assert guesses(client, 10) == [401] * 10
    assert viewer.clock.seconds == 150
    viewer.clock.seconds += 60
    assert guesses(client, 10) == [401] * 10
    assert viewer.clock.seconds == 210


def test_many_guesses_at_once_are_not_even_looked_at(viewer: World) -> None:
    waited: list[float] = []
    authentication = Authentication(
        None, {"ann": Secret("pass")}, viewer.metrics, lambda: 100.0, waited.append
    )

    def tries(password: str, device: str = "") -> str:
        try:
            given = Authorization("basic", {"username": "ann", "password": password})
            return authentication.require(given, "10.0.0.9", device) or "known"
        except ViewerError as error:
            return str(error.status)

    device = tries("pass")
    answers = [tries(str(n)) for n in range(1000)]
    assert answers == ["401"] * 14 + ["429"] * 986, "time does not go on"
    assert waited == [1, 2, 3, 4]
    assert tries("pass") == "429", "a right one would be a guess that tells"
    assert tries("pass", device) == "known"
    assert [tries("wrong", device) for _ in range(15)] == ["401"] * 14 + ["429"]


def test_wrong_tries_slow_down_nobody_else(viewer: World, client: FlaskClient) -> None:
    """All come by one address, as behind a proxy that does not tell whose a request is."""
    at_home = client.application.test_client()
    assert at_home.get("/", headers=ANN).status_code == 200
    cookie = at_home.get_cookie("framelog_device")
    assert cookie is not None
    assert cookie.http_only
    assert guesses(client, 30)[:10] == [401] * 10
    guesses(client, 30, name="nobody")
    began = viewer.clock.seconds
    for _ in range(20):
        assert at_home.get("/", headers=ANN).status_code == 200
        assert client.get("/", headers=BEARER).status_code == 200
        assert client.get("/", headers=basic("ben", "other")).status_code == 200
        other = {"REMOTE_ADDR": "10.0.0.9"}
        assert client.get("/", headers=ANN, environ_base=other).status_code == 200
    assert viewer.clock.seconds == began


def test_what_a_browser_was_given_is_for_its_user_alone(viewer: World, client: FlaskClient) -> None:
    assert client.get("/", headers=basic("ben", "other")).status_code == 200
    guesses(client, 10)
    began = viewer.clock.seconds
    assert client.get("/", headers=ANN).status_code == 200
    assert viewer.clock.seconds > began


def test_addresses_of_one_network_are_one_client(viewer: World, client: FlaskClient) -> None:
    for n in range(10):
        guesses(client, 1, address=f"2001:db8::{n:x}")
    assert viewer.clock.seconds == 0
    guesses(client, 1, address="2001:db8::ffff:ffff:ffff:ffff")
    assert viewer.clock.seconds == 1
    guesses(client, 1, address="2001:db8:0:1::1")
    assert viewer.clock.seconds == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_whose_an_address_is(address: str, network: str) -> None:
    assert network_of(address) == network


def test_wrong_tokens_are_counted_and_a_right_one_is_let_in(client: FlaskClient) -> None:
    wrong = {"Authorization": "Bearer another-token-of-length"}
    answers = [client.get("/", headers=wrong).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert client.get("/", headers=BEARER).status_code == 200


def test_asking_without_credentials_is_no_failure(client: FlaskClient) -> None:
    for _ in range(30):
        assert client.get("/").status_code == 401
    assert client.get("/", headers=ANN).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "Not found"),
        ("/", 401, "Login required"),
        ("/streams/x/frames/0", 404, "There is no stream"),
    ],
)
def test_people_get_words_on_a_page(
    viewer: World, client: FlaskClient, path: str, status: int, words: str
) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    response = client.get(path, headers=accept if status == 401 else {**accept, **ANN})
    assert (response.status_code, response.mimetype) == (status, "text/html")
    assert words in response.text
    assert client.get("/api/streams/x", headers={**accept, **ANN}).mimetype == "application/json"


SECRETS = {
    "FRAMELOG_VIEWER_TOKEN": "secret-token-0123456789",
    "FRAMELOG_VIEWER_USERS": "ann:secret-password",
    "FRAMELOG_KAFKA_SASL_USERNAME": "viewer",
    "FRAMELOG_KAFKA_SASL_PASSWORD": "secret-sasl",
    "FRAMELOG_KAFKA_SSL_KEY_PASSWORD": "secret-key",
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "viewer:secret-registry",
}


def test_no_secret_is_in_the_settings_text() -> None:
    settings = Settings.from_environ(SECRETS)
    assert "secret" not in f"{settings!r} {settings} {settings.token} {settings.users}"


def test_no_secret_is_in_a_file_a_log_a_metric_or_an_answer(
    serve: Callable[..., Process], base: str, tmp_path: Path
) -> None:
    files = {}
    for key, secret in SECRETS.items():
        if not key.endswith("USERNAME"):
            path = tmp_path / key
            path.write_text(f"{secret}\n")
            files[f"{key}_FILE"] = str(path)
    process = serve(FRAMELOG_LOG_LEVEL="DEBUG", **files)
    auth = ("ann", "secret-password")
    answers = [
        requests.get(f"{base}{path}", auth=credentials, timeout=60)
        for path in ("/", "/api/streams", "/api/streams/x", "/metrics", "/readyz")
        for credentials in (None, auth, ("ann", "secret-wrong"))
    ]
    assert [answer.status_code for answer in answers[:3]] == [401, 200, 401]
    process.stop()
    shown = [answer.text + str(answer.headers) for answer in answers]
    assert "secret" not in "".join([*shown, process.log.read_text()])


def test_kafkas_clients_are_told_how_to_be_let_in(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FRAMELOG_KAFKA_SASL_MECHANISM": "PLAIN",
            "FRAMELOG_KAFKA_SASL_USERNAME": "viewer",
            "FRAMELOG_KAFKA_SASL_PASSWORD": "pass",
            "FRAMELOG_KAFKA_SSL_CA_LOCATION": str(tmp_path / "no-such-file.pem"),
        }
    )
    expected = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "viewer",
        "sasl.password": "pass",
    }
    assert expected.items() <= client_options(settings).items()
    # The library itself opens the file, so it was told.
    with pytest.raises(KafkaException, match=r"ssl\.ca\.location"):
        admin_client(settings, Metrics(CollectorRegistry()))
