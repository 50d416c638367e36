"""Versions, ports and folders of the stack: `.env`, overruled by the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WILDCARD_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What of `.env` concerns processes; containers read the file themselves.

    `variables` has every FRAMELOG_* variable, for the services; `root` is the project's folder.
    """

    root: Path
    variables: Mapping[str, str]
    bind_address: str
    kafka_version: str
    jmx_exporter_version: str
    registry_version: str
    kafka_advertised_host: str
    kafka_cluster_id: str
    kafka_port: int
    kafka_controller_port: int
    kafka_metrics_port: int
    registry_port: int
    registry_metrics_port: int
    ingest_port: int
    viewer_port: int
    prometheus_port: int
    grafana_port: int
    videos: Path

    @property
    def state(self) -> Path:
        """The one folder that the stack writes, apart from the videos."""
        return self.root / ".framelog"

    @property
    def host(self) -> str:
        """Where this machine's own programs find what listens on the bind address."""
        return "127.0.0.1" if self.bind_address in WILDCARD_ADDRESSES else self.bind_address

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach what listens on the bind address."""
        try:
            return ipaddress.ip_address(self.bind_address).is_loopback
        except ValueError:
            return self.bind_address == "localhost"

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address."""
        return f"{self.host}:{self.kafka_port}"

    @property
    def registry_url(self) -> str:
        """The registry's Confluent-compatible API."""
        return f"http://{self.host}:{self.registry_port}/apis/ccompat/v7"

    @property
    def server_ports(self) -> dict[str, int]:
        """The ports that clients of the stack connect to, by their variables."""
        return {
            "FRAMELOG_KAFKA_PORT": self.kafka_port,
            "FRAMELOG_REGISTRY_PORT": self.registry_port,
            "FRAMELOG_INGEST_PORT": self.ingest_port,
            "FRAMELOG_VIEWER_PORT": self.viewer_port,
        }


def read_settings(root: Path, environment: Mapping[str, str]) -> Settings:
    """Return the settings, or raise LocalError naming the variable that can't be used."""
    variables = {
        name: value
        for name, value in {**_read_env_file(root / ".env"), **environment}.items()
        if name.startswith("FRAMELOG_")
    }

    def text(name: str) -> str:
        if not variables.get(name):
            raise LocalError(f"{name} is not set: set it in .env.")
        return variables[name]

    def version(name: str) -> str:
        # The digest that may follow is that of an image.
        return text(name).partition("@")[0]

    def port(name: str) -> int:
        value = text(name)
        if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
            raise LocalError(f"{name} is {value!r}: set a port between 1 and 65535 in .env.")
        return int(value)

    return Settings(
        root=root,
        variables=variables,
        bind_address=text("FRAMELOG_BIND_ADDRESS"),
        kafka_version=version("FRAMELOG_KAFKA_VERSION"),
        jmx_exporter_version=text("FRAMELOG_JMX_EXPORTER_VERSION"),
        registry_version=version("FRAMELOG_REGISTRY_VERSION"),
        kafka_advertised_host=text("FRAMELOG_KAFKA_ADVERTISED_HOST"),
        kafka_cluster_id=text("FRAMELOG_KAFKA_CLUSTER_ID"),
        kafka_port=port("FRAMELOG_KAFKA_PORT"),
        kafka_controller_port=port("FRAMELOG_KAFKA_CONTROLLER_PORT"),
        kafka_metrics_port=port("FRAMELOG_KAFKA_METRICS_PORT"),
        registry_port=port("FRAMELOG_REGISTRY_PORT"),
        registry_metrics_port=port("FRAMELOG_REGISTRY_METRICS_PORT"),
        ingest_port=port("FRAMELOG_INGEST_PORT"),
        viewer_port=port("FRAMELOG_VIEWER_PORT"),
        prometheus_port=port("FRAMELOG_PROMETHEUS_PORT"),
        grafana_port=port("FRAMELOG_GRAFANA_PORT"),
        videos=(root / text("FRAMELOG_VIDEOS")).resolve(),
    )


def _read_env_file(path: Path) -> dict[str, str]:
    """Return the assignments of a `.env` file: NAME=value lines, comments from ` #` on."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LocalError(f"{path} can't be read: {error.strerror}.") from error
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.split(" #", 1)[0].strip().strip("\"'") for name, value in pairs}
