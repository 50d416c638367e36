"""The service's few routes."""

import pytest
from flask.testing import FlaskClient
from ingest.api.app import create_app
from ingest.telemetry.metrics import Metrics
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families


class Service:
    """What the routes ask."""

    def __init__(self) -> None:
        self.dying: str | None = None
        self.unready: str | None = None
        self.registry = CollectorRegistry()
        self.app = create_app(lambda: self.dying, lambda: self.unready, self.registry)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return service.app.test_client()


@pytest.mark.parametrize("route", ["/healthz", "/readyz"])
def test_all_is_well(client: FlaskClient, route: str) -> None:
    answer = client.get(route)
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")


def test_each_route_tells_its_own_trouble(service: Service, client: FlaskClient) -> None:
    service.unready = "Kafka does not answer."
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "Kafka does not answer.\n")
    service.dying, service.unready = "The main loop stands still.", None
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "The main loop stands still.\n")
    assert client.get("/readyz").status_code == 200


def test_a_name_that_is_no_unicode_is_told_as_far_as_it_goes(
    service: Service, client: FlaskClient
) -> None:
    service.unready = "/\udcff/incoming has to be a folder."
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "/\ufffd/incoming has to be a folder.\n")


def test_metrics_are_in_prometheus_format(service: Service, client: FlaskClient) -> None:
    Metrics(service.registry, "1.2.3", 1).files.labels("complete").inc(3)
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["framelog_ingest_files_total", "complete"] == 3
    assert samples["framelog_ingest_build_info", "1.2.3"] == 1


@pytest.mark.parametrize("route", ["/", "/static/x", "/healthz/"])
def test_there_is_nothing_else(client: FlaskClient, route: str) -> None:
    assert client.get(route).status_code == 404


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1:8001", True),
        ("10.1.2.3", True),
        ("[::1]:8001", True),
        ("[fe80::1]", True),
        ("LOCALHOST:8001", True),
        ("ingest.example:80", True),
        ("ingest.example.", True),
        ("evil.example", False),
        ("evil.example:8001", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("[evil]", False),
    ],
)
def test_it_is_asked_under_names_of_its_own_alone(host: str, is_own: bool) -> None:
    """A page whose name leads here has its own name in Host."""
    app = create_app(lambda: None, lambda: None, CollectorRegistry(), ["ingest.example"])
    for route in ("/healthz", "/readyz", "/metrics", "/nowhere"):
        status = app.test_client().get(route, headers={"Host": host}).status_code
        assert (status == 421) is not is_own
