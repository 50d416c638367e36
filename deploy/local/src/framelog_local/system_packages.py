"""Programs of the system that tests run: installed where that is ours to do, else named."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from framelog_local.console import say
from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The program that is run: the Debian package that has it.
TOOLS = {
    "chromium": "chromium",
    "ffmpeg": "ffmpeg",
    "kcat": "kcat",
    "nginx": "nginx",
    "promtool": "prometheus",
}
# An engine, and what makes an image without one to begin with.
ENGINE = {"docker": "docker.io", "dockerd": "docker.io", "mmdebstrap": "mmdebstrap"}


def ensure(packages: Mapping[str, str] = TOOLS) -> None:
    """Install what is missing, as root of a Debian system; raise LocalError naming it elsewhere."""
    lacking = {package for program, package in packages.items() if shutil.which(program) is None}
    missing = sorted(lacking)
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LocalError(
            f"The tests need programs that are missing here: {names}. Install them "
            f"(on Debian and Ubuntu: sudo apt-get install {names}), then run the command again."
        )
    say(f"Installing {names}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "--quiet"], install):
        result = subprocess.run(
            command,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise LocalError(f"'{' '.join(command)}' failed: {result.stderr.strip()}")
