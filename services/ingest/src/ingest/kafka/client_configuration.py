"""What the registry's client needs."""

from typing import Any

from framelog_service.cluster import RegistryAccess
from framelog_service.environment import revealed


def registry_options(registry: RegistryAccess) -> dict[str, Any]:
    """Return what the registry's client needs to find the registry, and to be let in."""
    options: dict[str, Any] = {"url": registry.url}
    if registry.url.startswith("http://"):
        # Else it reads all certificates there are, as large a part of a worker's start as any.
        options["ssl.ca.location"] = False
    if registry.user_info is not None:
        options["basic.auth.user.info"] = revealed(registry.user_info)
    if registry.ssl_ca_location is not None:
        options["ssl.ca.location"] = registry.ssl_ca_location
    return options
