"""Which ports are free, and who has one that isn't."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from framelog_local.errors import LocalError


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
