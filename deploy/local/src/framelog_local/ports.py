"""Which ports are free, and who has one that isn't."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that nothing listens on now."""
    with ExitStack() as stack:
        # All are held until the last is found: one that is let go may be found again.
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def check_free(address: str, port: int, variable: str) -> None:
    """Raise LocalError, naming the holder where that can be seen, unless the port can be taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port that only old connections linger on is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalError(
                    f"Port {port} of {address} can't be used ({error.strerror}): "
                    f"change {variable} or FRAMELOG_BIND_ADDRESS in .env."
                ) from error
            raise LocalError(
                f"Port {port} is already taken{holder(port)}: stop that, or change "
                f"{variable} in .env."
            ) from error


def hazards(chosen: Mapping[str, int], kernel: Path = Path("/proc/sys/net/ipv4")) -> list[str]:
    """Return a sentence on each port, by its variable, that the kernel gives to clients, too.

    A client that tries again and again to reach a server that is away is given that very port one
    day, and connects to itself: it takes that for the server, which can't come back then.
    """
    try:
        low, high = map(int, (kernel / "ip_local_port_range").read_text("ascii").split())
        reserved = _ranges((kernel / "ip_local_reserved_ports").read_text("ascii"))
    except (OSError, ValueError):
        return []  # no Linux
    return [
        f"{variable} is {port}, which lies in the range that this machine gives to clients "
        f"({low} to {high}, net.ipv4.ip_local_port_range): while it is down a client may connect "
        f"to itself there, and it can't come back then. Choose another port in .env, or reserve "
        f"this one: sysctl -w net.ipv4.ip_local_reserved_ports={port}"
        for variable, port in chosen.items()
        if low <= port <= high and not any(port in taken for taken in reserved)
    ]


def _ranges(text: str) -> list[range]:
    """Read ports and ranges of ports, such as `8080,9000-9100`."""
    pairs = (each.partition("-") for each in text.strip().split(",") if each)
    return [range(int(low), int(high or low) + 1) for low, _, high in pairs]


def holder(port: int) -> str:
    """Return ` by NAME (process PID)` of who listens on the port, or nothing where unknown.

    Reads Linux's /proc, where a process of another user stays unknown.
    """
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if str(link.readlink()) in inodes:
                process = link.parts[2]
                name = Path("/proc", process, "comm").read_text(encoding="utf-8").strip()
                return f" by {name} (process {process})"
        except OSError:
            continue
    return ""


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.access(table, os.R_OK):
            continue
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == listening and int(local.rpartition(":")[2], 16) == port:
                inodes.add(rest[5])
    return inodes
