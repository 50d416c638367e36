"""`python -m framelog_local COMMAND`, in the project's folder; `make` gives the commands.

This module and what it imports need no package: it is what installs them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

# Each command, and what may follow it.
COMMANDS = {
    "up": "",
    "up-local": "",
    "up-docker": "[OPTION ...]",
    "down": "",
    "status": "",
    "logs": "",
    "clean": "",
    "restart": "SERVICE",
    "dev": "",
    "restore-schemas": "",
    "verify": "STREAM [FILE]",
    "prepare-tests": "",
    "prepare-unit-tests": "",
    "prepare-image-tests": "",
    "prepare-checks": "",
}


def missing_feature() -> str | None:
    """Return what this Python lacks, as a sentence."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - pip, which would refuse, has not run yet
        return (
            f"Python 3.11 or newer is needed, and {sys.executable} is {version}: install one and "
            "name it, as in 'make up PYTHON=python3.12'."
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            return (
                f"{sys.executable} can't make environments ({module} is missing): install it "
                "(on Debian and Ubuntu: apt install python3-venv)."
            )
    if importlib.util.find_spec("_ssl") is None:
        return f"{sys.executable} was built without ssl and can't download: use another Python."
    return None


def main() -> int:
    """Return the exit code."""
    if reason := missing_feature():
        sys.stderr.write(f"{reason}\n")
        return 1
    # Only now: what follows would be a syntax or import error to an older Python.
    from framelog_local import commands  # noqa: PLC0415
    from framelog_local.errors import LocalError  # noqa: PLC0415
    from framelog_local.settings import read_settings  # noqa: PLC0415

    name, *arguments = sys.argv[1:] or [""]
    if name not in COMMANDS or not _fits(COMMANDS[name], len(arguments)):
        lines = (f"  {command} {follows}".rstrip() for command, follows in COMMANDS.items())
        sys.stderr.write("\n".join(["usage: python -m framelog_local COMMAND", *lines, ""]))
        return 2
    try:
        settings = read_settings(Path.cwd(), os.environ)
        status: int | None = getattr(commands, name.replace("-", "_"))(settings, *arguments)
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    return status or 0


def _fits(follows: str, count: int) -> bool:
    """Return whether so many arguments are what may follow a command."""
    words = follows.split()
    required = [word for word in words if not word.startswith(("[", "..."))]
    return len(required) <= count and ("..." in follows or count <= len(words))


if __name__ == "__main__":
    sys.exit(main())
