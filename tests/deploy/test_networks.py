"""Who reaches whom in containers, by compose.yaml; tests/images asks the same of a real engine."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.compose import Door, compose_file, networks_of, reached

SERVICES: dict[str, Any] = compose_file()["services"]
# Kafka's listener for this machine is bound as that for its clients is.
KAFKA = {Door("kafka", 19092), Door("kafka", 9092)}
KAFKAS_METRICS = Door("kafka", 9404)
REGISTRY, REGISTRYS_METRICS = Door("registry", 8080), Door("registry", 9000)
INGEST, VIEWER = Door("ingest", 8001), Door("viewer", 8000)
PROMETHEUS, GRAFANA = Door("prometheus", 9090), Door("grafana", 3000)
OF_THE_LOG = {*KAFKA, KAFKAS_METRICS, REGISTRY}
REACHED = {
    "setup": {*OF_THE_LOG, INGEST, VIEWER},
    "ingest": {*OF_THE_LOG, VIEWER, PROMETHEUS},
    "viewer": {*OF_THE_LOG, INGEST, PROMETHEUS},
    # The ports of metrics alone, of which those of ingest and the viewer are their only ones.
    "prometheus": {KAFKAS_METRICS, REGISTRYS_METRICS, INGEST, VIEWER, GRAFANA},
    "grafana": {PROMETHEUS},
    # A network has no direction: who is asked could ask back.
    "kafka": {REGISTRYS_METRICS, INGEST, VIEWER, PROMETHEUS},
    "registry": {KAFKAS_METRICS, INGEST, VIEWER, PROMETHEUS},
    "registry-volume": set(),
    "ingest-token": set(),
}


def test_each_reaches_what_it_needs_and_who_shares_a_network() -> None:
    assert reached(SERVICES) == REACHED


@pytest.mark.parametrize("door", [*sorted(KAFKA, key=lambda each: each.port), REGISTRY], ids=str)
def test_the_log_is_reached_by_its_clients_alone(door: Door) -> None:
    assert {name for name, doors in reached(SERVICES).items() if door in doors} == {
        "setup",
        "ingest",
        "viewer",
    }


@pytest.mark.parametrize(
    ("service", "network", "gained"),
    [
        ("prometheus", "log", KAFKA),
        ("grafana", "schemas", {REGISTRY}),
        ("grafana", "metrics", {KAFKAS_METRICS, REGISTRYS_METRICS}),
    ],
)
def test_a_network_too_many_would_be_seen(service: str, network: str, gained: set[Door]) -> None:
    services = copy.deepcopy(SERVICES)
    services[service]["networks"] = [*networks_of(services[service]), network]

    assert gained <= reached(services)[service] - REACHED[service]


def test_a_listener_on_all_networks_would_be_seen() -> None:
    services = copy.deepcopy(SERVICES)
    services["kafka"]["environment"]["KAFKA_LISTENERS"] = "PLAINTEXT://:19092"
    services["registry"]["environment"]["JAVA_OPTS_APPEND"] = "-Xmx512m"

    assert {Door("kafka", 19092), REGISTRY} <= reached(services)["prometheus"]


def test_a_name_by_which_another_is_asked_leads_to_one_network() -> None:
    """Where two share several networks, a name may lead to any of them, and not all may listen."""
    for name, service in SERVICES.items():
        for server in ("kafka", "registry"):
            shared = networks_of(service).keys() & networks_of(SERVICES[server]).keys()
            assert name == server or len(shared) <= 1, f"{name} finds {server} on {shared}"


def test_what_is_published_is_on_one_network_that_leads_outside_or_listens_on_all() -> None:
    """An engine forwards a published port to one of the networks that aren't internal."""
    networks = compose_file()["networks"]
    assert {name for name, options in networks.items() if (options or {}).get("internal")} == {
        "services",
        "metrics",
    }
    for name, service in SERVICES.items():
        outside = {
            network
            for network in networks_of(service)
            if not (networks[network] or {}).get("internal")
        }
        if service.get("ports"):
            assert outside
        if name in {"kafka", "registry", "prometheus"}:
            assert len(outside) == 1


def test_every_published_port_is_on_the_address_of_the_settings_which_is_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(published) == 6
    assert all(port.startswith("${FRAMELOG_BIND_ADDRESS}:") for port in published)
