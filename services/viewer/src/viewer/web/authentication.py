"""Authentication: a token for programs, names and passwords for people.

Passwords can be guessed, so failed logins delay further logins from the same network with the same
name. People behind the same proxy who have logged in before are not delayed: a cookie identifies
their browsers. This follows OWASP's "Slow Down Online Guessing Attacks with Device Cookies".
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from math import ceil

from framelog_service.environment import Secret
from werkzeug.datastructures import Authorization

from viewer.model.errors import DeniedError, TooManyRequestsError
from viewer.telemetry.metrics import Metrics
from viewer.web.client_quotas import network_of

_WINDOW_SECONDS = 60.0
# After this many failures in a window, logins take turns; after twice as many, longer turns.
_FREE_FAILURES = 10
_TURN_SECONDS = 1.0
_LONG_TURN_SECONDS = 4.0
_LONGEST_WAIT_SECONDS = 4.0
MOST_WAITING = 4
"""The most delayed logins at a time: each occupies a thread."""
_MOST_GUESSERS = 10_000


class Authentication:
    """Checks credentials. Safe to share by threads.

    `require` blocks for up to 4 s after failed logins, in at most MOST_WAITING threads at once.
    """

    def __init__(
        self,
        token: Secret | None,
        users: Mapping[str, Secret],
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Accept the token or a user's password; without both, accept every request."""
        self._token = token
        self._users = dict(users)
        self._metrics = metrics
        self._turns = _Turns(now)
        self._sleep = sleep
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        # One key for each process, as each process counts its own failures.
        self._key = secrets.token_bytes(32)

    @property
    def challenges(self) -> list[str]:
        """The values of WWW-Authenticate."""
        basic = ['Basic realm="Framelog", charset="UTF-8"'] if self._users else []
        return basic + (['Bearer realm="Framelog"'] if self._token else [])

    def require(self, given: Authorization | None, client: str, device: str = "") -> str | None:
        """Authenticate a request; `device` is the value of the browser's device cookie.

        Returns a new cookie value for a browser without one. Raises DeniedError, or
        TooManyRequestsError after too many failed logins.
        """
        if self._token is None and not self._users:
            return None
        if given is None:
            raise self._denied("no_credentials", "This viewer requires a login or a token.")
        if given.type == "basic":
            return self._log_in(given.username or "", given.password or "", client, device)
        if given.type == "bearer" and self._is_token(given.token or ""):
            # The token is too long to guess: a correct one passes, whatever failed before.
            return None
        self._require_turn((network_of(client), "token"), waits=False)
        raise self._wrong((network_of(client), "token"))

    def _is_token(self, text: str) -> bool:
        return self._token is not None and _equal(text, self._token.value)

    def _log_in(self, name: str, password: str, client: str, device: str) -> str | None:
        nonce = device.partition(".")[0]
        is_known = bool(nonce) and hmac.compare_digest(
            device.encode(errors="replace"), self._device(name, nonce).encode()
        )
        who: Hashable
        if is_known:
            who = ("device", nonce)
        else:
            # Unknown names share one counter: no password belongs to them.
            who = (network_of(client), "name", name if name in self._users else None)
        self._require_turn(who, waits=True)
        right = [
            _equal(name, user) & _equal(password, secret.value)
            for user, secret in self._users.items()
        ]
        if not any(right):
            raise self._wrong(who)
        return None if is_known else self._device(name, secrets.token_hex(16))

    def _require_turn(self, who: Hashable, *, waits: bool) -> None:
        """Wait for a turn after failed logins. Raises TooManyRequestsError."""
        wait_seconds = self._turns.claim(who, _LONGEST_WAIT_SECONDS if waits else 0)
        if wait_seconds <= 0:
            return
        if wait_seconds <= _LONGEST_WAIT_SECONDS and waits and self._waiting.acquire(False):
            try:
                self._sleep(wait_seconds)
            finally:
                self._waiting.release()
            return
        self._metrics.denied.labels("too_many_failures").inc()
        raise TooManyRequestsError(
            "Too many failed logins. Wait before you try again.", ceil(wait_seconds)
        )

    def _wrong(self, who: Hashable) -> DeniedError:
        self._turns.fail(who)
        return self._denied("wrong_credentials", "The name, the password or the token is wrong.")

    def _denied(self, reason: str, sentence: str) -> DeniedError:
        self._metrics.denied.labels(reason).inc()
        return DeniedError(sentence)

    def _device(self, name: str, nonce: str) -> str:
        text = f"{name}\0{nonce}".encode(errors="replace")
        return f"{nonce}.{hmac.new(self._key, text, hashlib.sha256).hexdigest()}"


@dataclass(slots=True)
class _Guesser:
    """When logins failed, and when the next turn is free."""

    failures: deque[float] = field(default_factory=lambda: deque(maxlen=2 * _FREE_FAILURES))
    next_turn: float = 0.0


class _Turns:
    """Assigns turns after too many failed logins; remembers the latest clients."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._guessers: OrderedDict[Hashable, _Guesser] = OrderedDict()

    def claim(self, who: Hashable, most_seconds: float) -> float:
        """Return the seconds until the next turn; reserve it if that is at most `most_seconds`."""
        with self._lock:
            guesser, now = self._guessers.get(who), self._now()
            if guesser is None:
                return 0
            recent = sum(at > now - _WINDOW_SECONDS for at in guesser.failures)
            if recent < _FREE_FAILURES:
                return 0
            turn_seconds = _TURN_SECONDS if recent < 2 * _FREE_FAILURES else _LONG_TURN_SECONDS
            at = max(guesser.next_turn, guesser.failures[-1] + turn_seconds, now)
            if at - now <= most_seconds:
                guesser.next_turn = at + turn_seconds
            return at - now

    def fail(self, who: Hashable) -> None:
        """Count a failed login."""
        with self._lock:
            guesser = self._guessers.setdefault(who, _Guesser())
            guesser.failures.append(self._now())
            self._guessers.move_to_end(who)
            while len(self._guessers) > _MOST_GUESSERS:
                self._guessers.popitem(last=False)


def _equal(given: str, expected: str) -> bool:
    # Digests are compared so that the time does not reveal the secret's length either.
    digests = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)
