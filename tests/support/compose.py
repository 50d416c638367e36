"""compose.yaml as a model: the networks of each service, where it listens, and who reaches it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EVERYWHERE = ("", "0.0.0.0")  # noqa: S104 - recognised, not bound
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Door:
    """A port that a service listens on."""

    service: str
    port: int


def compose_file() -> dict[str, Any]:
    """Return the file, its anchors resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def networks_of(service: dict[str, Any]) -> dict[str, list[str]]:
    """Return the networks that a service is on, with the names that it has there alone."""
    named = service.get("networks", {})
    if isinstance(named, list):
        return {network: [] for network in named}
    return {network: (options or {}).get("aliases", []) for network, options in named.items()}


def reached(services: dict[str, Any]) -> dict[str, set[Door]]:
    """Return for each service all doors of others that it reaches."""
    return {
        name: {
            Door(other, port)
            for other, target in services.items()
            for port, host in listening(other, target)
            if other != name
            and networks_of(service).keys() & _networks_of_address(networks_of(target), host)
        }
        for name, service in services.items()
    }


def listening(name: str, service: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the ports of a service in compose.yaml, each with the address that it is bound to."""
    variables = service.get("environment", {})
    match name:
        case "kafka":
            listeners = re.findall(r"\w+://([^:,]*):(\d+)", variables["KAFKA_LISTENERS"])
            dockerfile = (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8")
            [(host, port)] = re.findall(r"\)=(?:([\w.-]+):)?(\d+):/opt/jmx-exporter", dockerfile)
            return [(int(port), host) for host, port in [*listeners, (host, port)]]
        case "registry":
            options = variables["JAVA_OPTS_APPEND"]
            hosts = dict(re.findall(r"-Dquarkus\.(http|management)\.host=(\S+)", options))
            return [(8080, hosts.get("http", "")), (9000, hosts.get("management", ""))]
        case "ingest" | "viewer":
            prefix = f"FRAMELOG_{name.upper()}"
            return [(variables[f"{prefix}_PORT"], variables[f"{prefix}_HOST"])]
        case "prometheus":
            return [(9090, "")]
        case "grafana":
            return [(3000, "")]
    return []


def _networks_of_address(networks: dict[str, list[str]], host: str) -> set[str]:
    """Return from which of its networks something that is bound to the host can be reached."""
    if host == LOOPBACK:
        return set()
    if host in EVERYWHERE:
        return set(networks)
    found = {network for network, aliases in networks.items() if host in aliases}
    assert len(found) == 1, f"{host} is to be a name on one network: it is on {sorted(found)}"
    return found
