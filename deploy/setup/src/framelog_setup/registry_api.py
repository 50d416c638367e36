"""Requests to the registry. Each may be made twice: a connection may break under it."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from framelog_setup.doors import Registry

REQUEST_SECONDS = 15
RETRY_SECONDS = 0.25
TRIES = 3
JSON = "application/vnd.schemaregistry.v1+json"


def ask(registry: Registry, method: str, path: str, body: object = None) -> Any:
    """Return the JSON that the Confluent API answers. Raises HTTPError, OSError and ValueError."""
    data = None if body is None else json.dumps(body).encode()
    return json.loads(send(registry, method, f"{registry.url}/{path}", data, JSON))


def send(
    registry: Registry, method: str, url: str, data: bytes | None = None, kind: str = JSON
) -> bytes:
    """Return what an address of the registry's answers. Raises HTTPError and OSError."""
    request = Request(  # noqa: S310 - the operator's own address
        url, method=method, data=data, headers={"Content-Type": kind, **registry.headers}
    )
    context = registry.tls if url.startswith("https:") else None
    tries_left = TRIES
    while True:
        tries_left -= 1
        try:
            with urlopen(request, timeout=REQUEST_SECONDS, context=context) as response:  # noqa: S310
                return bytes(response.read())
        except HTTPError:
            raise
        except (OSError, HTTPException) as error:  # URLError is the former, a cut answer the latter
            if not tries_left:
                raise ConnectionError(str(error)) from error
            time.sleep(RETRY_SECONDS)
