"""Checks requests: the host name, the token, and requests from other sites' web pages."""

import ipaddress
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from framelog_service.environment import Secret
from werkzeug.datastructures import Headers

ANY = "*"
"""Stands for any name."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Refusal:
    """Why a request is rejected, and a sentence on what to do."""

    status: int
    sentence: str


def refuse_strange_hosts(app: Flask, hosts: Collection[str]) -> None:
    """Reject requests with a foreign Host name, on all routes.

    A web page can point a name of its own to this machine (DNS rebinding) and then send
    requests; the Host header still has that name. An address, or no Host, can't come from that.
    """

    @app.before_request
    def refuse() -> Response | None:
        host = request.headers.get("Host", "")
        if is_own_host(host, hosts):
            return None
        answer = jsonify(
            error=f"Ingest does not accept the host name {_name(host)[:100]!r}: use an address or "
            "localhost, or add the name to FRAMELOG_INGEST_HOSTS."
        )
        answer.status_code = 421
        return answer


def is_own_host(host: str, hosts: Collection[str]) -> bool:
    """Whether a Host header names an address, localhost or one of the hosts, or is missing."""
    name = _name(host)
    if not name or name == "localhost" or name in hosts or ANY in hosts:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def check_token(headers: Headers, token: Secret | None) -> Refusal | None:
    """Reject a request without the token, if there is one."""
    if token is None:
        return None
    scheme, _, shown = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secrets.compare_digest(
        shown.strip().encode(), token.value.encode()
    ):
        return None
    return Refusal(
        401,
        "Ingest requires its token: send Authorization: Bearer, a space and the value of "
        "FRAMELOG_INGEST_TOKEN.",
    )


def check_change(method: str, host: str, headers: Headers) -> Refusal | None:
    """Reject changes from a web page of another site.

    Browsers state the origin, and such a page can't send JSON without a preflight request. A
    request without a body needs no Content-Type.
    """
    if method in _READS:
        return None
    site = headers.get("Sec-Fetch-Site", "none")
    origin = headers.get("Origin")
    if site not in {"same-origin", "none"} or (
        origin is not None and _origin_host(origin) != host.lower()
    ):
        return Refusal(403, "Ingest rejects requests from web pages of other sites.")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (kind or _has_body(headers)):
        return Refusal(
            415, "A request that changes something needs Content-Type: application/json."
        )
    return None


def _has_body(headers: Headers) -> bool:
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip() != "0"


def _origin_host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _name(host: str) -> str:
    """Return the name or address of a Host header, without its port."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return (name.partition(":")[0] if name.count(":") == 1 else name).rstrip(".")
