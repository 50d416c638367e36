"""Pods may do as little as can be, and reach only whom they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.kubernetes.manifests import OVERLAYS, named, of_kind, overlay, pods, selects

every_overlay = pytest.mark.parametrize("name", OVERLAYS)


@dataclass(frozen=True)
class End:
    """One end of a connection."""

    labels: dict[str, str]
    namespace: str = "framelog"


OTHERS = {
    "kafka": End(
        {
            "app.kubernetes.io/name": "kafka",
            "app.kubernetes.io/part-of": "framelog",
            "strimzi.io/cluster": "framelog",
            "strimzi.io/kind": "Kafka",
        }
    ),
    "prometheus": End({"app.kubernetes.io/name": "prometheus"}, "monitoring"),
    "grafana": End({"app.kubernetes.io/name": "grafana"}, "monitoring"),
    # Whoever takes a name of ours elsewhere.
    "impostor": End({"app.kubernetes.io/name": "ingest"}, "default"),
    "stranger": End({"app.kubernetes.io/name": "stranger"}, "default"),
}
KAFKA_PORTS = {"one-node": 9092, "production": 9093}


@every_overlay
def test_pods_keep_the_restricted_standard(name: str) -> None:
    labels = named(overlay(name), "Namespace", "framelog")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(overlay(name)).values():
        within, without = pod.container["securityContext"], pod.spec["securityContext"]
        assert within["allowPrivilegeEscalation"] is False
        assert within["capabilities"] == {"drop": ["ALL"]}
        assert within["readOnlyRootFilesystem"] is True
        assert without["runAsNonRoot"] is True
        assert without["runAsUser"] >= 1000
        assert without["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["automountServiceAccountToken"] is False
        # Or a service named framelog-viewer would set FRAMELOG_VIEWER_PORT to an address.
        assert pod.spec["enableServiceLinks"] is False
        for volume in pod.spec["volumes"]:
            assert volume.keys() - {"name"} <= {"emptyDir", "persistentVolumeClaim", "secret"}


@every_overlay
def test_pods_have_bounds_and_are_asked_how_they_are(name: str) -> None:
    for pod in pods(overlay(name)).values():
        assert {"cpu", "memory"} <= pod.container["resources"]["requests"].keys()
        assert "memory" in pod.container["resources"]["limits"]
        if pod.name != "setup":
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= pod.container.keys()


@every_overlay
def test_each_reaches_whom_it_needs_and_nobody_else(name: str) -> None:
    ours = pods(overlay(name))
    everyone = {**{pod.name: End(pod.labels) for pod in ours.values()}, **OTHERS}
    policies = of_kind(overlay(name), "NetworkPolicy")

    def connects(source: str, target: str, port: int) -> bool:
        one, other = everyone[source], everyone[target]
        return (source not in ours or allowed(policies, "egress", one, other, port)) and (
            target not in ours or allowed(policies, "ingress", other, one, port)
        )

    reached = {
        (source, target, port["containerPort"])
        for source in everyone
        for target, pod in ours.items()
        for port in pod.container.get("ports", [])
        if source != target and connects(source, target, port["containerPort"])
    }
    to_kafka = {source for source in ours if connects(source, "kafka", KAFKA_PORTS[name])}

    watching = {(source, "viewer", 8000) for source in OTHERS}
    looking_up = {(source, "registry", 8080) for source in ("setup", "ingest", "viewer")}
    scraping = {("prometheus", "ingest", 8001), ("prometheus", "registry", 9000)}
    asking = {("viewer", "ingest", 8001)}
    assert reached == watching | looking_up | asking | (scraping if name == "production" else set())
    assert to_kafka == set(ours)


@every_overlay
def test_brokers_take_only_those_who_write_and_read(name: str) -> None:
    (listener,) = named(overlay(name), "Kafka", "framelog")["spec"]["kafka"]["listeners"]
    (peer,) = listener["networkPolicyPeers"]
    ours = pods(overlay(name))

    assert listener["port"] == KAFKA_PORTS[name]
    everyone = {**{pod.name: End(pod.labels) for pod in ours.values()}, **OTHERS}
    # Neither Prometheus nor Grafana: their port is that of the metrics, which Strimzi opens.
    assert {who for who, end in everyone.items() if describes(peer, end)} == set(ours)


def test_in_production_nobody_connects_without_a_certificate() -> None:
    kafka = named(overlay("production"), "Kafka", "framelog")["spec"]["kafka"]

    (listener,) = kafka["listeners"]
    assert listener["tls"] is True
    assert listener["authentication"] == {"type": "tls"}
    assert kafka["authorization"] == {"type": "simple"}
    ours = pods(overlay("production"))
    for client in ("setup", "ingest", "viewer"):
        assert ours[client].variables["FRAMELOG_KAFKA_SECURITY_PROTOCOL"] == "SSL"
        assert {client, "framelog-cluster-ca-cert"} <= ours[client].secrets
    assert "viewer-access" in ours["viewer"].secrets


def test_only_ingest_may_write_frames() -> None:
    writers = {
        user["metadata"]["name"]
        for user in of_kind(overlay("production"), "KafkaUser")
        for acl in user["spec"]["authorization"]["acls"]
        if acl["resource"].get("name", "") in {"video.", "video.frames"}
        and acl["resource"]["type"] == "topic"
        and "Write" in acl["operations"]
    }

    assert writers == {"ingest"}


def allowed(policies: list[Any], direction: str, pod: End, peer: End, port: int) -> bool:
    """Whether the policies let pod exchange with peer, as Kubernetes reads them."""
    about = [
        policy["spec"]
        for policy in policies
        if direction.capitalize() in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], pod.labels)
    ]
    side = "from" if direction == "ingress" else "to"
    rules = [rule for spec in about for rule in spec.get(direction, [])]
    return not about or any(
        (side not in rule or any(describes(entry, peer) for entry in rule[side]))
        and port in {entry["port"] for entry in rule["ports"]}
        for rule in rules
    )


def describes(entry: Any, peer: End) -> bool:
    """Whether an entry of a rule means this peer; without a namespace it is about its own."""
    here = {"matchLabels": {"kubernetes.io/metadata.name": "framelog"}}
    return selects(entry.get("podSelector", {}), peer.labels) and selects(
        entry.get("namespaceSelector", here), {"kubernetes.io/metadata.name": peer.namespace}
    )
