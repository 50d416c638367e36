"""How the registry is reached by HTTP."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_service.environment import revealed

from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from framelog_service.cluster import RegistryAccess


@dataclass(frozen=True)
class Registry:
    """Where the registry is, and the headers and certificates with which it is asked."""

    access: RegistryAccess

    @property
    def url(self) -> str:
        """Its address."""
        return self.access.url

    @property
    def headers(self) -> dict[str, str]:
        """Show who asks, where the registry wants to know."""
        login = revealed(self.access.user_info)
        if login is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    @property
    def tls(self) -> ssl.SSLContext:
        """Trust the certificates that are named, or else the system's."""
        location = self.access.ssl_ca_location
        if location is None:
            return ssl.create_default_context()
        folder = Path(location).is_dir()
        try:
            return ssl.create_default_context(
                cafile=None if folder else location,
                capath=location if folder else None,
            )
        except OSError as error:
            raise SetupError(
                f"FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION is {location!r}, "
                f"which can't be read: {error}."
            ) from error
