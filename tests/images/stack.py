"""The project in containers, from a clean copy of its tree, by the README's own commands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once
from tests.support.cluster import Cluster, Topics
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from tests.images.engine import Engine

OF_MAKE = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
ROOT = Path(__file__).parents[2]
PROJECT = "framelog-test"
TOPICS = Topics("video.frames", "video.index", "video.streams", {})
ARRIVAL_SECONDS = 120.0
PORTS = ("VIEWER", "KAFKA", "REGISTRY", "PROMETHEUS", "GRAFANA")
# What answers to a name, and where.
Address = tuple[str, str, int]
CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def connects(door):
    try: socket.create_connection(door[1:], timeout=5).close()
    except OSError: return False
    return True
doors = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(doors)) as pool: found = list(pool.map(connects, doors))
print(json.dumps([door for door, there in zip(doors, found) if there]))
"""


def readme_command(word: str) -> str:
    """Return the line with this word of the README's block of commands for containers."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = (
        block
        for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
        if "make up-docker" in block
    )
    (line,) = (line for line in block.splitlines() if word in line)
    return str(line).partition("  #")[0].strip()


def copy_tree(folder: Path) -> Path:
    """Copy what is, or is about to be, in version control, and return the copy."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), names.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def variables(missing_images: set[str]) -> dict[str, str]:
    """Return what sets a stack apart from others, without Grafana where that can't be had."""
    first = free_port()
    return {
        "COMPOSE_PROJECT_NAME": PROJECT,
        **({"COMPOSE_PROFILES": "prometheus"} if missing_images else {}),
        **{f"FRAMELOG_{part}_PORT": str(free_port()) for part in PORTS},
        "FRAMELOG_INGEST_PORT": str(first),
        "FRAMELOG_INGEST_LAST_PORT": str(first + 15),
    }


@dataclass
class Stack:
    """The stack, and the films that have been dropped into it."""

    root: Path
    engine: Engine
    films: list[Film] = field(default_factory=list)

    def run(self, command: str) -> None:
        """Type a command in the project's folder."""
        done = self._typed(command, None)
        assert done.returncode == 0, f"'{command}' ended with {done.returncode}: it said why above"

    def refused(self, command: str) -> str:
        """Type a command that is to fail, and return what it says of it."""
        done = self._typed(command, subprocess.PIPE)
        assert done.returncode != 0, done.stderr
        return str(done.stderr)

    def _typed(self, command: str, errors: int | None) -> subprocess.CompletedProcess[str]:
        # Nothing of the make that runs this test.
        environment = {k: v for k, v in self.engine.environment.items() if k not in OF_MAKE}
        return subprocess.run(  # noqa: S602 - the README's own words
            command,
            shell=True,
            cwd=self.root,
            env=environment,
            check=False,
            stderr=errors,
            text=True,
        )

    def compose(self, *arguments: str) -> str:
        """Return what `docker compose` answers."""
        return self.engine.ask("compose", *arguments, cwd=self.root)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not, in the order of their names."""
        rows = self.compose("ps", "--all", "--format", "{{.Name}} {{.ID}}", service).splitlines()
        return [row.split()[1] for row in sorted(rows)]

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of a container or an image."""
        (known,) = json.loads(self.engine.ask("inspect", name))
        return dict(known)

    def owned(self, kind: str) -> list[str]:
        """Return this project's containers, volumes, networks: what the engine has of one kind."""
        everything = ["--all"] if kind == "container" else []
        project = f"label=com.docker.compose.project={PROJECT}"
        return self.engine.ask(kind, "ls", *everything, "--quiet", "--filter", project).splitlines()

    def addresses(self, service: str) -> list[str]:
        """Return the addresses of a service's first container, one on each of its networks."""
        container, *_ = self.containers(service)
        networks = self.inspect(container)["NetworkSettings"]["Networks"].values()
        return [network["IPAddress"] for network in networks]

    def connects(self, service: str, doors: set[Address]) -> set[Address]:
        """Return which of these addresses a service's first container connects to."""
        container, *_ = self.containers(service)
        # Its own image may have no Python; what it reaches is a matter of its network alone.
        image = ("--network", f"container:{container}", "framelog-setup:local")
        attempt = ("python", "-c", CONNECT, json.dumps(sorted(doors)))
        answer = self.engine.ask("run", "--rm", *image, *attempt)
        return {(name, address, port) for name, address, port in json.loads(answer)}

    @property
    def viewer_url(self) -> str:
        """Where the viewer is."""
        return f"http://127.0.0.1:{self._port('VIEWER')}"

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus is."""
        return f"http://127.0.0.1:{self._port('PROMETHEUS')}"

    @property
    def registry_url(self) -> str:
        """Where the registry's Confluent API is."""
        return f"http://127.0.0.1:{self._port('REGISTRY')}/apis/ccompat/v7"

    @property
    def videos(self) -> Path:
        """The watched folder, by its default place."""
        return self.root / "videos"

    def streams(self) -> dict[str, dict[str, Any]]:
        """Return what the viewer lists, by the films' names."""
        streams = requests.get(f"{self.viewer_url}/api/streams", timeout=10).json()["streams"]
        return {stream["name"]: stream for stream in streams}

    def drop(self, film: Film, settings: str = "") -> None:
        """Put a film, with the settings beside it, into the watched folder."""
        incoming = self.videos / "incoming"
        if settings:
            (incoming / f"{film.name}.toml").write_text(settings, encoding="utf-8")
        shutil.copy(film.path, incoming / f".{film.name}")
        (incoming / f".{film.name}").rename(incoming / film.name)
        self.films.append(film)

    def wait_for_frames(self, film: Film, count: int) -> None:
        """Wait until the viewer knows of so many of a film's frames."""
        wait_for(
            lambda: self.streams().get(film.name, {}).get("frame_count", 0) >= count,
            ARRIVAL_SECONDS,
            what=f"{count} frames of {film.name}",
        )

    def check(self) -> None:
        """Wait until every film is in done/; then each frame of each is in the log once."""
        for film in self.films:
            done = self.videos / "done" / film.name
            wait_for(done.exists, ARRIVAL_SECONDS, what=f"{film.name} in done/")
        cluster = Cluster(
            bootstrap_servers=f"127.0.0.1:{self._port('KAFKA')}",
            registry_url=self.registry_url,
        )
        check_exactly_once(cluster, TOPICS, *self.films)

    def _port(self, part: str) -> str:
        return self.engine.environment[f"FRAMELOG_{part}_PORT"]
