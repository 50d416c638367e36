"""Who may ask what: names of the host, a token, and what a web page of others may not do."""

import ipaddress
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from framelog_service.environment import Secret
from werkzeug.datastructures import Headers

ANY = "*"
"""In place of a name, whatever name there is."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Refusal:
    """A request that is not answered, and a sentence on what to do."""

    status: int
    sentence: str


def refuse_strange_hosts(app: Flask, hosts: Collection[str]) -> None:
    """Refuse requests to a name that is none of ours, on all routes.

    A web page can have its own name lead to this machine (DNS rebinding), and is then free to
    ask; the name stays in Host. An address there can't be made so, nor can a missing one.
    """

    @app.before_request
    def refuse() -> Response | None:
        host = request.headers.get("Host", "")
        if is_own_host(host, hosts):
            return None
        answer = jsonify(
            error=f"Ingest is not asked under the name {_name(host)[:100]!r}: use an address or "
            "localhost, or put the name into FRAMELOG_INGEST_HOSTS."
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
    """Refuse who does not show the token, where there is one."""
    if token is None:
        return None
    scheme, _, shown = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secrets.compare_digest(
        shown.strip().encode(), token.value.encode()
    ):
        return None
    return Refusal(
        401,
        "Ingest asks for its token: send Authorization: Bearer, a space and what "
        "FRAMELOG_INGEST_TOKEN holds.",
    )


def check_change(method: str, host: str, headers: Headers) -> Refusal | None:
    """Refuse to change anything for a web page of others.

    Browsers say who asks; and a page of others can't send JSON without asking first. What has no
    body need not say what it is.
    """
    if method in _READS:
        return None
    site = headers.get("Sec-Fetch-Site", "none")
    origin = headers.get("Origin")
    if site not in {"same-origin", "none"} or (
        origin is not None and _origin_host(origin) != host.lower()
    ):
        return Refusal(403, "Requests of web pages of others are not taken.")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (kind or _has_body(headers)):
        return Refusal(
            415, "What changes something is asked for with Content-Type: application/json."
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
