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
    "chromium-headless-shell": "chromium-headless-shell",
    "ffmpeg": "ffmpeg",
    "kcat": "kcat",
    "nginx": "nginx",
    "promtool": "prometheus",
}
# What does as well, where nothing can be installed; the headless one takes half the processor.
STAND_INS = {"chromium-headless-shell": "chromium"}
# An engine, and what makes an image without one to begin with.
ENGINE = {"docker": "docker.io", "dockerd": "docker.io", "mmdebstrap": "mmdebstrap"}


def ensure(packages: Mapping[str, str] = TOOLS) -> None:
    """Install what is missing, as root of a Debian system; raise LocalError naming it elsewhere."""
    can_install = os.geteuid() == 0 and shutil.which("apt-get") is not None
    lacking = {
        package
        for program, package in packages.items()
        if shutil.which(program) is None
        and (can_install or shutil.which(STAND_INS.get(program, program)) is None)
    }
    missing = sorted(lacking)
    if not missing:
        return
    names = " ".join(missing)
    if not can_install:
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
