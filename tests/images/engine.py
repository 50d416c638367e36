"""A container engine for the tests: the one that answers, or one that lasts as long as they do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from framelog_local.containers import engine_obstacle

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 60.0
COMPOSE_LOCK = Path(__file__).with_name("requirements.lock")


@dataclass(frozen=True)
class Engine:
    """An engine with Compose, and the environment in which `docker` finds both."""

    environment: Mapping[str, str]

    def with_variables(self, **variables: str) -> Engine:
        """Return the same engine, asked with these variables too."""
        return Engine({**self.environment, **variables})

    def ask(self, *arguments: str, cwd: Path | None = None, stdin: IO[bytes] | None = None) -> str:
        """Return what `docker` prints; fail, with its reason, when it does."""
        run = self._run(*arguments, cwd=cwd, stdin=stdin)
        assert run.returncode == 0, f"docker {' '.join(arguments)}: {run.stderr}"
        return run.stdout.strip()

    def has(self, image: str) -> bool:
        """Whether the image is there, or can be pulled."""
        asked = (self._run(*words, image) for words in (("image", "inspect"), ("pull", "--quiet")))
        return any(run.returncode == 0 for run in asked)

    def _run(
        self, *arguments: str, cwd: Path | None = None, stdin: IO[bytes] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments],
            cwd=cwd,
            env=dict(self.environment),
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def running_engine(logs: Path) -> Iterator[Engine]:
    """Give the engine that answers, or start one, as root; it goes with all that it holds."""
    if engine_obstacle() is None:
        yield Engine(os.environ)
        return
    # A socket's path has 108 characters at most, and pytest's folders are deep.
    with tempfile.TemporaryDirectory(prefix="framelog-docker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        socket = folder / "docker.sock"
        engine = Engine(os.environ).with_variables(
            DOCKER_HOST=f"unix://{socket}",
            DOCKER_CONFIG=str(_configuration_with_compose(folder / "config")),
        )
        command = (
            *("dockerd", "--host", f"unix://{socket}", "--group", "root"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/pid"),
        )
        with Process("dockerd", command, log=logs / "dockerd.log") as daemon:
            wait_for(socket.exists, START_SECONDS, alive=daemon, what="dockerd")
            engine.ask("info")
            yield engine


def _configuration_with_compose(folder: Path) -> Path:
    """Make a folder of docker's configuration that has Compose as a plugin, and return it."""
    plugins, package = folder / "cli-plugins", folder / "package"
    plugins.mkdir(parents=True)
    lock = ("--require-hashes", "--build-constraints", COMPOSE_LOCK, "--requirements", COMPOSE_LOCK)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "--quiet", "--target", package, *lock], check=True)
    shutil.move(package / "compose" / "docker-compose", plugins)
    return folder
