"""Limits of what one client may create: rooms and positions; and what counts as one client."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil

from viewer.model.errors import TooManyRequestsError
from viewer.telemetry.metrics import Metrics

_MOST_NEW = 100
_SECONDS_FOR_ONE_MORE = 30.0
_MOST_CLIENTS = 10_000
_MOST_KNOWN = 20_000


def network_of(client: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or an IPv6 /64."""
    try:
        address: IPv4Address | IPv6Address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


@dataclass(slots=True)
class _Quota:
    """How many new things a client may create, as of some time."""

    left: float
    at: float


class ClientQuotas:
    """Limits how many rooms and positions each client may create. Safe to share by threads.

    A client may create `most_new` at once, then one in each `seconds_for_one_more`. Known things
    cost nothing. The least recently used clients and things are forgotten.
    """

    def __init__(
        self,
        metrics: Metrics,
        most_new: int = _MOST_NEW,
        seconds_for_one_more: float = _SECONDS_FOR_ONE_MORE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` gives seconds."""
        self._metrics = metrics
        self._most_new = most_new
        self._seconds_for_one_more = seconds_for_one_more
        self._now = now
        self._lock = threading.Lock()
        self._quotas: OrderedDict[str, _Quota] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()

    def mark_known(self, thing: str) -> None:
        """Mark a thing as known."""
        with self._lock:
            self._note(thing)

    def spend(self, client: str, thing: str) -> None:
        """Charge a client for a thing unless it is known. Raises TooManyRequestsError."""
        with self._lock:
            if thing not in self._known:
                quota = self._quota(network_of(client))
                if quota.left < 1:
                    self._metrics.denied.labels("too_many_new").inc()
                    raise TooManyRequestsError(
                        "This client has created too many rooms and positions. Wait before you "
                        "try again.",
                        ceil((1 - quota.left) * self._seconds_for_one_more),
                    )
                quota.left -= 1
            self._note(thing)

    def _note(self, thing: str) -> None:
        self._known[thing] = None
        self._known.move_to_end(thing)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _quota(self, client: str) -> _Quota:
        now = self._now()
        quota = self._quotas.setdefault(client, _Quota(self._most_new, now))
        earned = (now - quota.at) / self._seconds_for_one_more
        quota.left, quota.at = min(quota.left + earned, self._most_new), now
        self._quotas.move_to_end(client)
        while len(self._quotas) > _MOST_CLIENTS:
            self._quotas.popitem(last=False)
        return quota
