"""Who is let in: a token for programs, names and passwords for people."""

import hashlib
import hmac
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from werkzeug.datastructures import Authorization

from viewer.environ import Secret
from viewer.errors import DeniedError, TooManyFailuresError
from viewer.metrics import Metrics

_MAX_FAILURES = 10
_WINDOW_SECONDS = 60.0
_MAX_CLIENTS = 10_000


class Access:
    """Checks credentials. Safe to share by threads."""

    def __init__(
        self,
        token: Secret | None,
        users: Mapping[str, Secret],
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let in who shows the token or a user's password; anyone, when there are neither."""
        self._token = token
        self._users = dict(users)
        self._metrics = metrics
        self._failures = _Failures(now)

    @property
    def challenges(self) -> list[str]:
        """What WWW-Authenticate says."""
        basic = ['Basic realm="Framelog", charset="UTF-8"'] if self._users else []
        return basic + (['Bearer realm="Framelog"'] if self._token else [])

    def require(self, given: Authorization | None, client: str) -> None:
        """Let a request of this client pass.

        Raises DeniedError, or TooManyFailuresError when its last tries were wrong too often.
        """
        if self._token is None and not self._users:
            return
        wait_seconds = self._failures.wait_seconds(client)
        if wait_seconds > 0:
            self._metrics.denied.labels("too_many_failures").inc()
            raise TooManyFailuresError(
                "Too many tries with wrong credentials; wait a while.", ceil(wait_seconds)
            )
        if given is None:
            self._metrics.denied.labels("no_credentials").inc()
            raise DeniedError("The viewer asks for a login or a token.")
        if not self._is_right(given):
            self._failures.add(client)
            self._metrics.denied.labels("wrong_credentials").inc()
            raise DeniedError("The name, the password or the token is wrong.")

    def _is_right(self, given: Authorization) -> bool:
        """Compare in a time that tells nothing of the secrets, nor which names there are."""
        if given.type == "bearer":
            return self._token is not None and _equal(given.token or "", self._token.value)
        if given.type != "basic":
            return False
        name, password = given.username or "", given.password or ""
        right = [
            _equal(name, user) & _equal(password, secret.value)
            for user, secret in self._users.items()
        ]
        return any(right)


class _Failures:
    """Counts each client's failures in a window of time; of the latest clients only."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, client: str) -> float:
        """Tell how long the client has to wait; 0 when it may try."""
        with self._lock:
            times = self._times.get(_network(client))
            if times is None or len(times) < _MAX_FAILURES:
                return 0
            return max(times[0] + _WINDOW_SECONDS - self._now(), 0)

    def add(self, client: str) -> None:
        """Count a failure."""
        with self._lock:
            key = _network(client)
            self._times.setdefault(key, deque(maxlen=_MAX_FAILURES)).append(self._now())
            self._times.move_to_end(key)
            while len(self._times) > _MAX_CLIENTS:
                self._times.popitem(last=False)


def _network(client: str) -> str:
    """Take the addresses that one customer of a provider has for one client."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return client


def _equal(given: str, expected: str) -> bool:
    # Digests: their comparison doesn't tell how long the secret is either.
    digests = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)
