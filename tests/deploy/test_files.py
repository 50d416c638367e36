"""The files that describe the stack agree with each other and with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from framelog_local.artifacts import check_versions, read_lock
from framelog_local.settings import read_settings

from tests.contract.test_settings_document import KEYS
from tests.support.compose import compose_file

ROOT = Path(__file__).parents[2]
PROJECTS = ("services/ingest", "services/viewer", "deploy/setup", "deploy/local")
LOCKS = [*(f"{project}/requirements.lock" for project in PROJECTS), "tests/requirements.lock"]
DOCKERFILE = "deploy/images/Dockerfile"
KEY_ORDER = (
    *("<<", "image", "build", "profiles", "user", "cap_add", "command", "env_file", "environment"),
    *("volumes", "tmpfs", "ports", "networks", "network_mode", "depends_on", "healthcheck"),
    *("mem_limit", "stop_grace_period", "restart"),
)
ONE_SHOT = {"setup", "registry-volume", "ingest-token"}


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def env_names() -> set[str]:
    return set(re.findall(r"^(\w+)=", text(".env"), re.MULTILINE))


def test_every_variable_of_compose_is_in_env_and_none_there_is_idle() -> None:
    in_compose = set(re.findall(r"\$\{(\w+)\}", text("compose.yaml")))
    in_code = {
        name
        for path in (ROOT / "deploy/local/src").rglob("*.py")
        for name in re.findall(r"FRAMELOG_\w+", path.read_text(encoding="utf-8"))
    }

    assert in_compose <= env_names()
    assert env_names() <= in_compose | in_code | {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}


def test_containers_and_processes_run_the_same_versions() -> None:
    settings = read_settings(ROOT, {})

    check_versions(
        read_lock(),
        kafka_version=settings.kafka_version,
        jmx_exporter_version=settings.jmx_exporter_version,
        registry_version=settings.registry_version,
    )
    services = compose_file()["services"]
    kafka = services["kafka"]["build"]["args"]["KAFKA_IMAGE"]
    assert kafka == "apache/kafka:${FRAMELOG_KAFKA_VERSION}"
    assert f"\nARG KAFKA_IMAGE=apache/kafka:{settings.kafka_version}\n" in (
        text("deploy/kafka/Dockerfile")
    )
    registry = services["registry"]["image"]
    assert registry == "apicurio/apicurio-registry:${FRAMELOG_REGISTRY_VERSION}"


@pytest.mark.parametrize("name", compose_file()["services"])
def test_every_service_is_confined_and_bounded(name: str) -> None:
    service = compose_file()["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert service["logging"] == compose_file()["x-logging"]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    for port in service.get("ports", []):
        assert port.startswith("${FRAMELOG_BIND_ADDRESS}:${")


@pytest.mark.parametrize("name", sorted(set(compose_file()["services"]) - ONE_SHOT))
def test_every_lasting_service_tells_its_health(name: str) -> None:
    service = compose_file()["services"][name]

    assert "healthcheck" in service or "HEALTHCHECK" in image_of(name)


def test_services_wait_for_health_and_for_ended_setups() -> None:
    for service in compose_file()["services"].values():
        for name, how in service.get("depends_on", {}).items():
            ended = name in ONE_SHOT
            wanted = "service_completed_successfully" if ended else "service_healthy"
            assert how["condition"] == wanted


# What the supervisor of processes sets itself: an engine counts restarts of its own.
OF_THE_SUPERVISOR = {"FRAMELOG_RESTARTS"}
SERVICES_SETTINGS = {name: set(KEYS[name]) - OF_THE_SUPERVISOR for name in ("ingest", "viewer")}
SECRET = re.compile(r"TOKEN|USERS|PASSWORD|USER_INFO|HEADERS")


@pytest.mark.parametrize("name", compose_file()["services"])
def test_a_service_is_given_what_it_reads_and_no_others_secrets(name: str) -> None:
    service = compose_file()["services"][name]
    given = set(service.get("environment", {}))
    name = name.removesuffix("-token")  # which makes what its service reads

    assert "env_file" not in service
    if name in SERVICES_SETTINGS and "build" in service and "command" not in service:
        assert SERVICES_SETTINGS[name] <= given
    for other in SERVICES_SETTINGS.keys() - {name}:
        others = {key for key in given if key.startswith(f"FRAMELOG_{other.upper()}_")}
        assert others <= SERVICES_SETTINGS.get(name, set())
    secrets = {key for key in given if SECRET.search(key)}
    assert not secrets or name in {"ingest", "viewer", "setup"}
    # A value would be written into the file that everybody reads.
    values = {service["environment"][key] for key in secrets}
    assert all(not value or str(value).startswith(("/", "${")) for value in values)


def test_the_linter_of_compose_files_finds_nothing() -> None:
    linter = str(Path(sys.prefix) / "bin" / "compose-lint")
    options = ("--config", "deploy/compose-lint.yml", "--strict-config", "--fail-on", "low")
    command = [linter, *options, "--skip-suppressed", "compose.yaml"]
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert found.returncode == 0, found.stdout


def test_older_engines_can_read_it_all() -> None:
    """What engines before 25, as Debian 12's, refuse."""
    for path in ("compose.yaml", DOCKERFILE):
        assert "start_interval" not in text(path).replace("-", "_")
    for service in compose_file()["services"].values():
        # Their runc gives a tmpfs its folder's mode, whatever is asked for, and root as its owner.
        assert not [mount for mount in service.get("tmpfs", []) if "mode=" in mount]


def test_services_have_their_keys_in_one_order() -> None:
    keys: list[str] = []
    services = text("compose.yaml").partition("\nservices:\n")[2].partition("\nnetworks:\n")[0]
    for line in services.splitlines():
        if re.match(r"(  )?[\w-]+:", line):
            assert keys == sorted(keys, key=KEY_ORDER.index)
            keys = []
        elif key := re.match(r"    ([\w<]+):", line):
            keys.append(key[1])


def image_of(service: str) -> str:
    """Return the stage of the Dockerfile that a service's image is, and what it begins from."""
    build = compose_file()["services"][service]["build"]
    [stage] = re.findall(rf"\nFROM base AS {build['target']}\n(?:.|\n(?!FROM ))*", text(DOCKERFILE))
    [base] = re.findall(r"\nFROM \S+ AS base\n(?:.|\n(?!FROM ))*", text(DOCKERFILE))
    return f"{base}{stage}"


@pytest.mark.parametrize("service", ["setup", "ingest", "viewer"])
def test_images_are_built_from_hashes_and_run_without_root(service: str) -> None:
    dockerfile, final = text(DOCKERFILE), image_of(service)

    assert f"ARG PYTHON_IMAGE={read_settings(ROOT, {}).variables['FRAMELOG_PYTHON_IMAGE']}\n" in (
        dockerfile
    )
    assert "# syntax" not in dockerfile
    assert "\nRUN " not in final
    assert dockerfile.count("--require-hashes") == dockerfile.count(" --requirement ") == 1
    assert re.search(r"\nUSER [1-9]\d*:[1-9]\d*\n", final)
    assert "\nSTOPSIGNAL " in final
    assert "org.opencontainers.image.licenses" in final


def locked_versions(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text(path), re.MULTILINE))


@pytest.mark.parametrize("path", LOCKS)
def test_locks_have_hashes_and_no_addresses_and_agree(path: str) -> None:
    everything = locked_versions("tests/requirements.lock")
    entries = re.split(r"^(?=[\w.-]+==)", text(path), flags=re.MULTILINE)[1:]

    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text(path)
    assert "setuptools" in locked_versions(path)
    # One version of each, whatever the Python: processes and containers may run different ones.
    assert len(entries) == len(locked_versions(path))
    assert locked_versions(path).items() <= everything.items()


def test_the_hooks_before_a_commit_are_the_tools_of_make_check() -> None:
    """Each hook is the beginning of a line of `make check`: some get the files of the commit."""
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "check"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    checks = [line for line in shown.stdout.splitlines() if "prepare-checks" not in line]
    configuration = yaml.safe_load(text(".pre-commit-config.yaml"))
    hooks = {hook["entry"] for repo in configuration["repos"] for hook in repo["hooks"]}

    for check in checks:
        begun = {hook for hook in hooks if f"{check} ".startswith(f"{hook} ")}
        assert begun, f"no hook runs {check}"
        hooks -= begun
    assert not hooks
