"""A cluster would take the manifests, and what they name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from framelog_local.settings import read_settings
from framelog_service.environment import BadSetting
from ingest.config.settings import Settings as IngestSettings
from viewer.config.settings import Settings as ViewerSettings

from tests.kubernetes.manifests import OVERLAYS, built, named, of_kind, overlay, pods, selects
from tests.kubernetes.schemas import Judge
from tests.support.cluster import CACHE

ROOT = Path(__file__).parents[2]
every_overlay = pytest.mark.parametrize("name", OVERLAYS)
# What Strimzi makes: a secret for each user, and one with its certificate authority.
OF_STRIMZI = {"framelog-cluster-ca-cert"}
# What a person makes, as deploy/kubernetes/README.md says.
OF_PEOPLE = {"viewer-access", "ingest-token"}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(CACHE)


@every_overlay
def test_every_manifest_follows_the_schema_of_its_kind(name: str, judge: Judge) -> None:
    complaints = {
        f"{manifest['kind']} {manifest['metadata']['name']}": found
        for manifest in overlay(name)
        if (found := judge.complaints(manifest))
    }

    assert not complaints


def test_the_component_for_keda_follows_its_schema(judge: Judge) -> None:
    (scaled,) = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "deploy/kubernetes/components/keda").glob("ingest.yaml")
    )

    assert judge.complaints(scaled) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Kafka", ("spec", "kafka", "listeners", 0, "tlss"), True),
        ("KafkaNodePool", ("spec", "roles", 0), "king"),
        ("KafkaTopic", ("spec", "partitions"), 0),
        ("KafkaUser", ("spec", "authentication", "type"), "none"),
        ("StatefulSet", ("spec", "replica"), 3),
        ("ServiceMonitor", ("spec", "joblabel"), "x"),
    ],
)
def test_a_mistake_is_seen(
    judge: Judge, kind: str, path: tuple[str | int, ...], value: object
) -> None:
    (first, *_) = of_kind(overlay("production"), kind)
    broken = yaml.safe_load(yaml.safe_dump(first))
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert judge.complaints(broken)


@every_overlay
def test_all_of_it_lies_in_one_namespace(name: str) -> None:
    for manifest in overlay(name):
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "framelog"


@every_overlay
def test_topics_are_those_of_the_setup_step(name: str) -> None:
    larger = {"partitions", "replicas", "min.insync.replicas", "retention.bytes"}
    wanted = tomllib.loads((ROOT / "deploy/setup/topics.toml").read_text(encoding="utf-8"))
    topics = of_kind(overlay(name), "KafkaTopic")

    assert {t["name"] for t in wanted.values()} == {t["metadata"]["name"] for t in topics}
    for table in wanted.values():
        spec = named(overlay(name), "KafkaTopic", table["name"])["spec"]
        ours = {"partitions": spec["partitions"], "replicas": spec["replicas"], **spec["config"]}
        theirs = {
            "partitions": table["partitions"],
            "replicas": table["replication_factor"],
            **table["config"],
        }
        different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        assert different <= (larger if name == "production" else set())


@every_overlay
def test_index_has_as_many_partitions_as_frames_and_copies_can_be_in_sync(name: str) -> None:
    frames, index = (named(overlay(name), "KafkaTopic", f"video.{t}") for t in ("frames", "index"))

    assert frames["spec"]["partitions"] == index["spec"]["partitions"]
    for topic in of_kind(overlay(name), "KafkaTopic"):
        spec = topic["spec"]
        assert spec["config"]["min.insync.replicas"] == max(1, spec["replicas"] - 1)


@every_overlay
def test_kafka_keeps_the_settings_of_the_single_broker(name: str) -> None:
    lines = (ROOT / "deploy/kafka/server.properties").read_text(encoding="utf-8").splitlines()
    single = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    config = named(overlay(name), "Kafka", "framelog")["spec"]["kafka"]["config"]

    for key in ("auto.create.topics.enable", "offsets.retention.minutes"):
        assert str(config[key]).lower() == single[key]


@every_overlay
def test_versions_are_those_of_the_stack(name: str) -> None:
    settings = read_settings(ROOT, {})
    kafka = named(overlay(name), "Kafka", "framelog")["spec"]["kafka"]

    assert kafka["version"] == settings.kafka_version
    assert settings.kafka_version.startswith(kafka["metadataVersion"].partition("-")[0])
    image = pods(overlay(name))["registry"].container["image"]
    assert image == f"apicurio/apicurio-registry:{settings.registry_version}"


def test_rules_are_those_of_prometheus() -> None:
    files = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
    groups = [
        group for path in files for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]

    (rules,) = of_kind(overlay("production"), "PrometheusRule")
    assert rules["spec"]["groups"] == groups, "run 'make dashboards'"


def test_jobs_are_named_as_the_rules_and_dashboards_name_them() -> None:
    known = set(
        re.findall(r"job_name: (\w+)", (ROOT / "deploy/prometheus/prometheus.yml").read_text())
    )
    manifests = overlay("production")
    monitors = of_kind(manifests, "ServiceMonitor", "PodMonitor")
    services = of_kind(manifests, "Service")

    named_here = {
        service["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        for monitor in monitors
        for service in services
        if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
    }
    # Strimzi's pods are named kafka.
    assert named_here | {"kafka", "prometheus"} == known


def test_images_have_the_versions_of_the_projects() -> None:
    projects = {"ingest": "services/ingest", "viewer": "services/viewer", "setup": "deploy/setup"}
    for name, project in projects.items():
        path = ROOT / project / "pyproject.toml"
        version = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"]
        assert pods(built("base"))[name].container["image"] == f"framelog-{name}:{version}"


@every_overlay
def test_services_can_read_their_settings(name: str) -> None:
    ours = pods(overlay(name))
    variables = ours["viewer"].variables
    # Read at the start; it is in a secret.
    variables.pop("FRAMELOG_VIEWER_USERS_FILE", None)

    # Without its secret it would not start: others can reach it.
    token = {"FRAMELOG_INGEST_TOKEN": "0123456789abcdef"}
    with pytest.raises(BadSetting, match="FRAMELOG_INGEST_TOKEN"):
        IngestSettings.from_environ(ours["ingest"].variables)
    for service in ("ingest", "viewer"):
        assert "ingest-token" in ours[service].secrets
    ingest = IngestSettings.from_environ(ours["ingest"].variables | token)
    viewer = ViewerSettings.from_environ(variables)

    kafka = named(overlay(name), "Kafka", "framelog")["spec"]["kafka"]["listeners"][0]
    for found in (ingest.kafka.bootstrap_servers, viewer.kafka.bootstrap_servers):
        assert found == f"framelog-kafka-bootstrap:{kafka['port']}"


@every_overlay
def test_every_setting_is_one_that_is_documented(name: str) -> None:
    documented = set(
        re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE)
    )
    for pod in pods(overlay(name)).values():
        ours = {v["name"] for v in pod.container["env"] if v["name"].startswith("FRAMELOG_")}
        assert ours <= documented


@every_overlay
def test_what_is_named_is_there(name: str) -> None:
    manifests = overlay(name)
    users = {user["metadata"]["name"] for user in of_kind(manifests, "KafkaUser")}
    for pod in pods(manifests).values():
        assert pod.secrets <= users | OF_STRIMZI | OF_PEOPLE
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        assert {mount["name"] for mount in pod.container["volumeMounts"]} == volumes
        for volume in pod.spec["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert named(manifests, "PersistentVolumeClaim", claim["claimName"])
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in named(manifests, target["kind"], target["name"])["spec"]


@every_overlay
def test_every_selector_chooses_a_pod_and_every_port_is_one_of_its(name: str) -> None:
    ours = pods(overlay(name)).values()
    for manifest in of_kind(overlay(name), "Service", "PodDisruptionBudget"):
        selector = manifest["spec"]["selector"]
        selector = selector if manifest["kind"] != "Service" else {"matchLabels": selector}
        (chosen,) = (pod for pod in ours if selects(selector, pod.labels))
        open_ports = {port["name"] for port in chosen.container.get("ports", [])}
        assert {p["targetPort"] for p in manifest["spec"].get("ports", [])} <= open_ports
    for monitor in of_kind(overlay(name), "ServiceMonitor"):
        chosen_services = [
            service
            for service in of_kind(overlay(name), "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
        assert chosen_services
        for service in chosen_services:
            names = {port["name"] for port in service["spec"]["ports"]}
            assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names
