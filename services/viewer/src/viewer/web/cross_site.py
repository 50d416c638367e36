"""Other sites: by which names the viewer is asked, and what pages that are not its own may do.

A browser takes any site's page wherever its name leads, also to this machine. What tells such a
page from one of the viewer's own is the name that was asked for, and the page's origin.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Request, Response

from viewer.model.errors import CrossSiteError, MisdirectedError
from viewer.telemetry.metrics import Metrics

ANY = "*"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_EXPOSED = (
    "Content-Range, ETag, Retry-After, X-Frame-Index, X-Frame-Pts-Ns, X-Kafka-Offset, "
    "X-Kafka-Partition, X-Kafka-Topic, X-Schema-Id, X-Stream-Run-Id"
)
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, Range",
    "Access-Control-Max-Age": "600",
}


class SitePolicy:
    """What the names and origins in requests allow. Safe to share by threads."""

    def __init__(self, hosts: Collection[str], origins: Collection[str], metrics: Metrics) -> None:
        """Take `hosts` for the viewer's names, and let pages of `origins` use it.

        "*" in `hosts` is any name; in `origins` it lets any page read, and none change anything.
        """
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower() for origin in origins)
        self._metrics = metrics

    def require_own_name(self, request: Request) -> None:
        """Raise MisdirectedError unless the request was sent to a name of the viewer."""
        host = request.headers.get("Host", "")
        name = _name_in(host)
        # Of old programs, which send no Host: no browser is among them.
        if not host or ANY in self._hosts or name in self._hosts or _is_local(name):
            return
        self._metrics.denied.labels("foreign_host").inc()
        raise MisdirectedError(
            f"The viewer has no name {name[:80]!r}: ask by its address, or have the name put into "
            "FRAMELOG_VIEWER_HOSTS."
        )

    def require_own_page(self, request: Request) -> None:
        """Raise CrossSiteError when another site's page wants to change something.

        Browsers say of which origin a page is; programs needn't say anything.
        """
        if request.method in _SAFE_METHODS:
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if origin is not None and origin.lower() in self._origins:
            return
        if site in {"same-origin", "none"} or (
            site is None and (origin is None or self._is_own(origin, request))
        ):
            return
        self._metrics.denied.labels("foreign_origin").inc()
        raise CrossSiteError("Another site's page may change nothing here.")

    def preflight(self, request: Request) -> Response | None:
        """Answer a browser that asks, without credentials, what a page of an origin may do."""
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks or self._allowed(request) is None:
            return None
        return Response(status=204, headers=_PREFLIGHT)

    def add_headers(self, request: Request, response: Response) -> None:
        """Add what lets a page of another origin read an answer, where it may."""
        if not self._origins:
            return
        response.vary.add("Origin")
        allowed = self._allowed(request)
        if allowed is not None:
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED

    def _allowed(self, request: Request) -> str | None:
        origin = request.headers.get("Origin")
        if origin is None:
            return None
        if origin.lower() in self._origins:
            return origin
        return ANY if ANY in self._origins else None

    def _is_own(self, origin: str, request: Request) -> bool:
        """Whether an origin is the one that was asked, whatever scheme a proxy has taken off."""
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        default = _DEFAULT_PORTS.get(parts.scheme)
        if default is None:
            return False
        # A proxy may ask by another name than people do.
        if parts.netloc in self._hosts:
            return True
        asked = request.headers.get("Host", "").lower()
        return parts.netloc.removesuffix(f":{default}") == asked.removesuffix(f":{default}")


def _name_in(host: str) -> str:
    """Return the name or the address in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _is_local(name: str) -> bool:
    """Whether no name server was asked for a name: it is an address, or of this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
