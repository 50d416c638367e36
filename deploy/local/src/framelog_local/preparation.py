"""Everything that must be on disk before the stack can start, fetched side by side."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framelog_local import artifacts, grafana, prometheus
from framelog_local.console import say
from framelog_local.errors import LocalError
from framelog_local.node import NodeTools, node_of
from framelog_local.venvs import Venv, java_of

if TYPE_CHECKING:
    from pathlib import Path

    from framelog_local.artifacts import JavaPrograms
    from framelog_local.settings import Settings

# Packages and programs take 0.9 GB; the rest is for their downloads and the first videos.
NEEDED_BYTES = 2_500_000_000
# What the services and the setup step have in common.
SERVICE_LIBRARY = "libs/framelog-service"


@dataclass(frozen=True)
class Parts:
    """What the stack consists of, on disk."""

    stack: Venv
    ingest: Venv
    viewer: Venv
    java_programs: JavaPrograms
    prometheus: Path | None
    grafana: Path | None

    @property
    def java(self) -> Path:
        """The Java that runs Kafka and the registry."""
        return java_of(self.stack.directory)


def locate(settings: Settings) -> Parts:
    """Return where the parts are, or will be."""

    def venv(name: str, *projects: str, libraries: tuple[str, ...] = ()) -> Venv:
        folders = tuple(settings.root / project for project in projects)
        return Venv(
            name=name,
            directory=settings.state / "venvs" / name,
            # A project's lock file holds what its libraries need, too.
            locks=tuple(folder / "requirements.lock" for folder in folders),
            projects=(*(settings.root / library for library in libraries), *folders),
        )

    return Parts(
        stack=venv("stack", "deploy/local", "deploy/setup", libraries=(SERVICE_LIBRARY,)),
        ingest=venv("ingest", "services/ingest", libraries=(SERVICE_LIBRARY,)),
        viewer=venv("viewer", "services/viewer", libraries=(SERVICE_LIBRARY,)),
        java_programs=artifacts.in_cache(cache_of(settings), artifacts.read_lock()),
        prometheus=prometheus.find(cache_of(settings)),
        grafana=grafana.find(),
    )


def tests_venv(settings: Settings) -> Venv:
    """Return the environment of tests and checks: every project's packages and their own."""
    services = ("services/ingest", "services/viewer")
    projects = (SERVICE_LIBRARY, *services, "deploy/setup", "deploy/local")
    return Venv(
        name="tests",
        directory=settings.state / "venvs" / "tests",
        locks=(settings.root / "tests" / "requirements.lock",),
        projects=tuple(settings.root / project for project in projects),
    )


def ensure_node_tools(settings: Settings) -> None:
    """Install what checks the pages' JavaScript, unless it is there. Needs the tests' environment.

    Raises LocalError.
    """
    tools = NodeTools(
        lists=settings.root / "services" / "viewer",
        directory=settings.state / "node",
        node=node_of(tests_venv(settings).directory),
    )
    if tools.current:
        return
    say("node: installing packages")
    began = time.monotonic()
    tools.install(settings.state / "logs" / "npm.log")
    say(f"node: packages installed in {time.monotonic() - began:.0f} s")


def cache_of(settings: Settings) -> Path:
    """Return the folder of what has been downloaded; tests use the same."""
    return settings.state / "cache"


def prepare(settings: Settings) -> Parts:
    """Make the environments and download the programs that are missing; return where all is.

    Raises LocalError for the first thing that can't be had.
    """
    parts = locate(settings)
    artifacts.check_versions(
        artifacts.read_lock(),
        kafka_version=settings.kafka_version,
        jmx_exporter_version=settings.jmx_exporter_version,
        registry_version=settings.registry_version,
    )
    venvs = (parts.stack, parts.ingest, parts.viewer)
    if not (parts.java_programs.complete and all(venv.current for venv in venvs)):
        _check_disk(settings)

    def stack_and_programs() -> None:
        ensure(settings, parts.stack)
        artifacts.ensure(cache_of(settings), parts.stack.python)

    def monitoring() -> None:
        if parts.prometheus is None and prometheus.fetch(cache_of(settings)) is None:
            say(prometheus.ABSENT)
        if parts.grafana is None:
            say(grafana.ABSENT)

    with ThreadPoolExecutor() as workers:
        jobs = [
            workers.submit(stack_and_programs),
            workers.submit(ensure, settings, parts.ingest),
            workers.submit(ensure, settings, parts.viewer),
            workers.submit(monitoring),
        ]
        for job in as_completed(jobs):
            job.result()
    return locate(settings)


def ensure(settings: Settings, venv: Venv) -> None:
    """Make the environment unless it is there as it should be."""
    if venv.current:
        return
    say(f"{venv.name}: installing packages")
    began = time.monotonic()
    venv.make(settings.state / "logs" / f"pip-{venv.name}.log")
    say(f"{venv.name}: packages installed in {time.monotonic() - began:.0f} s")


def _check_disk(settings: Settings) -> None:
    free_bytes = shutil.disk_usage(settings.root).free
    if free_bytes < NEEDED_BYTES:
        raise LocalError(
            f"Only {free_bytes / 1e9:.1f} GB are free on the disk of {settings.root}, and the "
            f"stack needs {NEEDED_BYTES / 1e9:.1f} GB: make room, then run the command again."
        )
