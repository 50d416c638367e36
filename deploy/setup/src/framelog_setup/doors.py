"""What it takes to be let in by Kafka and the registry; the variables are the services' own."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Where the registry is, and the headers and certificates with which it is asked."""

    url: str
    login: str | None
    ca_location: str | None

    def __repr__(self) -> str:
        return f"Registry(url={self.url!r})"

    @property
    def headers(self) -> dict[str, str]:
        """Show who asks, where the registry wants to know."""
        if self.login is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(self.login.encode()).decode()}"}

    @property
    def tls(self) -> ssl.SSLContext:
        """Trust the certificates that are named, or else the system's."""
        if self.ca_location is None:
            return ssl.create_default_context()
        folder = Path(self.ca_location).is_dir()
        try:
            return ssl.create_default_context(
                cafile=None if folder else self.ca_location,
                capath=self.ca_location if folder else None,
            )
        except OSError as error:
            raise SetupError(
                f"FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION is {self.ca_location!r}, "
                f"which can't be read: {error}."
            ) from error


def registry(environment: Mapping[str, str]) -> Registry:
    """Return how the registry is reached. Raises SetupError."""
    return Registry(
        url=environment.get(
            "FRAMELOG_SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081/apis/ccompat/v7"
        ),
        login=_secret(environment, "FRAMELOG_SCHEMA_REGISTRY_USER_INFO"),
        ca_location=environment.get("FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION") or None,
    )


def kafka(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what Kafka's clients need to find it and to be let in. Raises SetupError."""
    protocol = environment.get("FRAMELOG_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    if protocol not in _PROTOCOLS:
        raise SetupError(
            f"FRAMELOG_KAFKA_SECURITY_PROTOCOL is {protocol!r}: set one of {', '.join(_PROTOCOLS)}."
        )
    mechanism = environment.get("FRAMELOG_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    options = {
        "bootstrap.servers": environment.get("FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        "security.protocol": protocol,
        "sasl.mechanism": mechanism if protocol.startswith("SASL_") else None,
        "sasl.username": environment.get("FRAMELOG_KAFKA_SASL_USERNAME"),
        "sasl.password": _secret(environment, "FRAMELOG_KAFKA_SASL_PASSWORD"),
        "ssl.ca.location": environment.get("FRAMELOG_KAFKA_SSL_CA_LOCATION"),
        "ssl.certificate.location": environment.get("FRAMELOG_KAFKA_SSL_CERTIFICATE_LOCATION"),
        "ssl.key.location": environment.get("FRAMELOG_KAFKA_SSL_KEY_LOCATION"),
        "ssl.key.password": _secret(environment, "FRAMELOG_KAFKA_SSL_KEY_PASSWORD"),
    }
    return {name: value for name, value in options.items() if value}


def _secret(environment: Mapping[str, str], key: str) -> str | None:
    path = environment.get(f"{key}_FILE")
    if not path:
        return environment.get(key) or None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SetupError(f"{key}_FILE is {path!r}, which can't be read: {error}.") from error
