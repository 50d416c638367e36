"""Cross-site requests: the viewer's host names, and what other sites' pages may do.

Any site's host name may resolve to this machine (DNS rebinding). The request's Host and the page's
origin tell the viewer's own pages from others.
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
    """What a request's host name and origin allow. Safe to share by threads."""

    def __init__(self, hosts: Collection[str], origins: Collection[str], metrics: Metrics) -> None:
        """Accept `hosts` as the viewer's names, and let pages of `origins` use it.

        "*" in `hosts` allows any name; in `origins`, it lets any page read but not change anything.
        """
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower() for origin in origins)
        self._metrics = metrics

    def require_own_name(self, request: Request) -> None:
        """Raise MisdirectedError unless the request's Host is a name of the viewer."""
        host = request.headers.get("Host", "")
        name = _name_in(host)
        # Old programs send no Host; browsers always do.
        if not host or ANY in self._hosts or name in self._hosts or _is_local(name):
            return
        self._metrics.denied.labels("foreign_host").inc()
        raise MisdirectedError(
            f"The viewer does not accept the host name {name[:80]!r}. Use its address, or add the "
            "name to FRAMELOG_VIEWER_HOSTS."
        )

    def require_own_page(self, request: Request) -> None:
        """Raise CrossSiteError if another site's page tries to change something.

        Browsers send a page's origin; other programs need not.
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
        raise CrossSiteError(
            "Pages of other sites may not change anything here. Add trusted sites to "
            "FRAMELOG_VIEWER_ORIGINS."
        )

    def preflight(self, request: Request) -> Response | None:
        """Answer a browser's CORS preflight request, which has no credentials."""
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks or self._allowed(request) is None:
            return None
        return Response(status=204, headers=_PREFLIGHT)

    def add_headers(self, request: Request, response: Response) -> None:
        """Add the headers that let an allowed origin's page read a response."""
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
        """Whether an origin is the requested host; the scheme may differ behind a TLS proxy."""
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        default = _DEFAULT_PORTS.get(parts.scheme)
        if default is None:
            return False
        # A proxy may use another host name than people do.
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
    """Whether a name needs no name server: it is an address or localhost."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
