"""What each `make` target does; the only place that knows both ways of running the stack."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from framelog_local import (
    containers,
    development,
    grafana,
    ports,
    preparation,
    prometheus,
    stack,
    system_packages,
)
from framelog_local.console import say
from framelog_local.development import Step
from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from framelog_local.settings import Settings

NOTHING_RUNS = "Nothing is running: 'make up' starts the stack."
# Between two looks at the sources; a look takes some milliseconds.
WATCH_SECONDS = 0.2


def up(settings: Settings) -> None:
    """Start the stack in containers where an engine can, else as processes; say which and why."""
    if stack.is_up(settings):
        up_local(settings)
    elif reason := containers.obstacle(settings.root):
        say(f"Starting as plain processes on this machine, because {reason}.")
        up_local(settings)
    else:
        say("Starting in containers, because a container engine answers and has every image.")
        up_docker(settings)


def up_local(settings: Settings) -> None:
    """Start the stack as processes."""
    if containers.is_up(settings.root):
        raise LocalError("The stack runs in containers already: 'make down' stops it.")
    _warn(settings)
    with _alone(settings):
        stack.up(settings)
    scraped = prometheus.find(preparation.cache_of(settings)) is not None
    has_grafana = grafana.find() is not None
    _say_what_next(
        settings,
        ingest=_address(settings, "INGEST"),
        prometheus=_address(settings, "PROMETHEUS") if scraped else "not here (said above)",
        grafana=_address(settings, "GRAFANA") if has_grafana else "not here (said above)",
    )


def up_docker(settings: Settings, *options: str) -> None:
    """Start the stack in containers, with more options for `docker compose up`."""
    if stack.is_up(settings):
        raise LocalError("The stack runs as processes already: 'make down' stops it.")
    _warn(settings)
    containers.hand_over_videos(settings)
    containers.up(settings.root, *options)
    _say_what_next(
        settings,
        ingest=" ".join(containers.addresses(settings.root, "ingest")),
        prometheus=_address(settings, "PROMETHEUS"),
        grafana=_address(settings, "GRAFANA"),
    )


def restore_schemas(settings: Settings) -> None:
    """Put the log's schemas back into a registry that lost them, then start what isn't running."""
    in_containers = containers.is_up(settings.root) or (
        not stack.is_up(settings)
        and not (settings.state / "data" / "registry").is_dir()
        and containers.engine_obstacle() is None
    )
    if in_containers:
        containers.restore_schemas(settings)
        up_docker(settings)
    else:
        with _alone(settings):
            stack.restore_schemas(settings)
        say("Every part is up.")


def restart(settings: Settings, service: str) -> None:
    """Restart one part of the stack with the code as it is now. Raises LocalError."""
    if stack.is_up(settings):
        with _alone(settings):
            stack.restart(settings, service)
    elif containers.is_up(settings.root):
        containers.restart(settings.root, service)
    else:
        raise LocalError(NOTHING_RUNS)


def dev(settings: Settings) -> None:
    """Run the stack as processes, its services reloading as their source files change.

    Ends with Ctrl-C, and leaves the stack running.
    """
    up_local(settings)
    say("")
    say("Watching services/ and libs/. Ctrl-C stops watching; 'make down' stops the stack.")

    sources = development.Sources(settings.root)

    def apply(files: list[Path]) -> bool:
        for file in files:
            say(f"changed: {file.relative_to(settings.root)}")
        if problem := development.syntax_error(files):
            say(f"Nothing is restarted. {problem}")
            return False
        for service, step in sources.steps(files).items():
            # The next change may mend it.
            try:
                if step is Step.RESTART:
                    restart(settings, service)
                elif step is Step.RELOAD:
                    stack.reload_templates(settings)
                    say(f"{service}: reloads its templates")
            except LocalError as error:
                say(str(error))
        return True

    with suppress(KeyboardInterrupt):
        development.follow(sources, apply, partial(time.sleep, WATCH_SECONDS))
    say("The stack keeps running; 'make down' stops it.")


def verify(settings: Settings, stream: str, file: str | None = None) -> int:
    """Check one stream of the log, or `all`; with the stream's file, compare the pictures too.

    Returns the exit code of ingest's `verify`. Raises LocalError when no stack runs.
    """
    if stack.is_up(settings):
        return stack.verify(settings, stream, file)
    if containers.is_up(settings.root):
        return containers.verify(settings.root, stream, file)
    raise LocalError(NOTHING_RUNS)


def down(settings: Settings) -> None:
    """Stop the stack, whichever way it runs."""
    with _alone(settings):
        stopped = stack.down(settings)
    if containers.is_up(settings.root):
        # Also what another choice of profiles has started.
        containers.compose(settings.root, "--profile", "*", "down")
        stopped = True
    say("Stopped; the data is kept." if stopped else "Nothing is running.")


def status(settings: Settings) -> None:
    """Say how each part is."""
    lines = stack.status(settings)
    if lines is not None:
        for line in lines:
            say(line)
    elif containers.is_up(settings.root):
        containers.compose(settings.root, "ps")
        for line in containers.restarts(settings.root):
            say(line)
    else:
        say(NOTHING_RUNS)


def logs(settings: Settings) -> None:
    """Show the end of every log and what is added, until Ctrl-C."""
    if not stack.is_up(settings) and containers.is_up(settings.root):
        containers.compose(settings.root, "logs", "--follow", "--tail", "40")
        return
    files = sorted((settings.state / "logs").glob("*.log"))
    if not files:
        raise LocalError("There are no logs yet: 'make up' starts the stack.")
    subprocess.run(["tail", "-n", "20", "-F", *files], check=False)


def clean(settings: Settings) -> None:
    """Stop the stack and remove its state, data and downloads; videos stay."""
    down(settings)
    if containers.engine_obstacle() is None:
        everything = ("--volumes", "--rmi", "all")
        containers.compose(settings.root, "--profile", "*", "down", *everything)
    shutil.rmtree(settings.state, ignore_errors=True)
    say(f"Removed {settings.state}; {settings.videos} is untouched.")


def prepare_tests(settings: Settings) -> None:
    """Have the tests' environment and the programs that they run."""
    system_packages.ensure()
    prepare_unit_tests(settings)


def prepare_unit_tests(settings: Settings) -> None:
    """Have the tests' environment, and no program beside Python."""
    preparation.ensure(settings, preparation.tests_venv(settings))


def prepare_image_tests(settings: Settings) -> None:
    """Have what the tests of the images need: an engine's programs too, where none answers."""
    prepare_tests(settings)
    if containers.engine_obstacle() is not None:
        system_packages.ensure(system_packages.ENGINE)


def prepare_checks(settings: Settings) -> None:
    """Have the environment of the tests and checks, and what checks JavaScript."""
    prepare_unit_tests(settings)
    preparation.ensure_node_tools(settings)


def _warn(settings: Settings) -> None:
    """Say what will do harm one day, though all starts."""
    for sentence in ports.hazards(settings.server_ports):
        say(f"Warning: {sentence}")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the state folder: two commands at once would start or stop things under each other."""
    settings.state.mkdir(exist_ok=True)
    with (settings.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                f"Another command is at work in {settings.state}: wait until it has ended."
            ) from None
        os.set_inheritable(lock.fileno(), False)
        yield


def _address(settings: Settings, part: str) -> str:
    return f"http://{settings.host}:{settings.variables[f'FRAMELOG_{part}_PORT']}"


def _say_what_next(settings: Settings, *, ingest: str, prometheus: str, grafana: str) -> None:
    say("")
    say(f"Viewer      {_address(settings, 'VIEWER')}")
    say(f"Ingest      {ingest}")
    say(f"Kafka       {settings.bootstrap_servers}")
    say(f"Registry    {settings.registry_url}")
    say(f"Prometheus  {prometheus}")
    say(f"Grafana     {grafana}")
    say("")
    say(f"Ready. Drop a video into {settings.videos / 'incoming'} and open the viewer.")
