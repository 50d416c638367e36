"""What Kafka's and the registry's clients need to find them, and to be let in."""

from typing import Any

from ingest.config.environment import Secret
from ingest.config.settings import Settings


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Return what all Kafka clients have in common."""
    security = settings.kafka_security
    options = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": security.protocol,
    }
    if security.protocol.startswith("SASL_"):
        options["sasl.mechanism"] = security.sasl_mechanism
    return options | _given(
        {
            "sasl.username": security.sasl_username,
            "sasl.password": security.sasl_password,
            "ssl.ca.location": security.ssl_ca_location,
            "ssl.certificate.location": security.ssl_certificate_location,
            "ssl.key.location": security.ssl_key_location,
            "ssl.key.password": security.ssl_key_password,
        }
    )


def registry_options(settings: Settings) -> dict[str, Any]:
    """Return what the registry's client needs."""
    options: dict[str, Any] = {"url": settings.registry_url}
    if settings.registry_url.startswith("http://"):
        # Else it reads all certificates there are, as large a part of a worker's start as any.
        options["ssl.ca.location"] = False
    return options | _given(
        {
            "basic.auth.user.info": settings.registry_user_info,
            "ssl.ca.location": settings.registry_ssl_ca_location,
        }
    )


def _given(options: dict[str, str | Secret | None]) -> dict[str, str]:
    return {
        name: option.value if isinstance(option, Secret) else option
        for name, option in options.items()
        if option is not None
    }
