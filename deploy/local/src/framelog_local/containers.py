"""The same system in containers: whether an engine can run it, and the commands that do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local import restoring
from framelog_local.console import say
from framelog_local.errors import LocalError, no_such_part

if TYPE_CHECKING:
    from framelog_local.settings import Settings

ANSWER_SECONDS = 15


def obstacle(root: Path) -> str | None:
    """Return why the stack can't run in containers here, None when it can.

    Pulls the images that aren't here yet, for only that shows that they can be had.
    """
    return engine_obstacle() or _image_obstacle(root)


def engine_obstacle() -> str | None:
    """Return why there is no engine with Compose here, None when there is one."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if _docker("compose", "version") is None:
        return "docker has no compose plugin"
    if _docker("info", "--format", "{{.ServerVersion}}") is None:
        return "no container engine answers"
    return None


def is_up(root: Path) -> bool:
    """Whether containers of this project are there."""
    if shutil.which("docker") is None:
        return False
    return bool((_docker("compose", "ps", "--quiet", cwd=root) or "").strip())


def compose(root: Path, *arguments: str) -> None:
    """Run `docker compose`, its output shown; raise LocalError when it fails."""
    if shutil.which("docker") is None:
        raise LocalError("There is no docker command here: install Docker, or use 'make up-local'.")
    result = subprocess.run(
        ["docker", "compose", *arguments], cwd=root, env=_environment(), check=False
    )
    if result.returncode != 0:
        raise LocalError(f"'docker compose {' '.join(arguments)}' failed: it said why above.")


def up(root: Path, *options: str) -> None:
    """Start everything and wait until it is well.

    Raises LocalError, with the setup's own sentence where that refused: compose shows no logs.
    """
    try:
        compose(root, "up", "--detach", "--build", "--wait", *options)
    except LocalError:
        ended = _docker("compose", "ps", "--all", "--format", "{{.ExitCode}}", "setup", cwd=root)
        said = _docker("compose", "logs", "--no-log-prefix", "--tail", "1", "setup", cwd=root)
        if said and (ended or "").strip() not in {"", "0"}:
            raise LocalError(said.strip()) from None
        raise


def restore_schemas(settings: Settings) -> None:
    """Put the log's schemas back into the registry, as `stack.restore_schemas` does."""
    root = settings.root

    def setup(*command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        run = ["docker", "compose", "run", "--rm", "-T", "--no-deps", "setup"]
        return subprocess.run(
            [*run, "python", "-m", "framelog_setup", *command],
            cwd=root,
            env=_environment(),
            check=False,
            input=given,
            capture_output=True,
        )

    def begin_anew() -> None:
        compose(root, "stop", "registry")
        aside = 'kept=/data/lost-$(date +%s) && mkdir "$kept" && mv /data/registry.* "$kept"'
        # As the registry's own user, to whom the volume belongs.
        as_owner = ("run", "--rm", "-T", "--no-deps", "--user", "1001:0", "registry-volume")
        compose(root, *as_owner, "sh", "-c", aside)
        compose(root, "up", "--detach", "--wait", "registry")

    compose(root, "up", "--detach", "--build", "--wait", "kafka", "registry")
    restoring.restore_schemas(setup, begin_anew, settings.state / "registry-archives")


def restart(root: Path, service: str) -> None:
    """Replace a service's containers by as many new ones, of an image with the code as it is now.

    Raises LocalError: no container of that service runs, or the new ones do not start.
    """
    running = (_docker("compose", "ps", "--services", cwd=root) or "").split()
    if service not in running:
        raise LocalError(no_such_part(service, running))
    count = len((_docker("compose", "ps", "--quiet", service, cwd=root) or "").split())
    options = ("--no-deps", "--force-recreate", "--scale", f"{service}={count}", service)
    up(root, *options)


def verify(root: Path, stream: str, file: str | None) -> int:
    """Run ingest's `verify` in a container, its output shown; return its exit code.

    The container can read the folder of the file, and can't write there.
    """
    mounts: list[str] = []
    options: list[str] = []
    if file:
        # A path, not text: a folder of images may be named with a slash at the end.
        source = (root / file).absolute()
        mounts = ["--volume", f"{source.parent}:/source:ro"]
        options = ["--file", f"/source/{source.name}"]
    run = ["docker", "compose", "run", "--rm", "--no-deps", *mounts, "ingest"]
    return subprocess.run(
        [*run, "framelog-ingest", "verify", stream, *options],
        cwd=root,
        env=_environment(),
        check=False,
    ).returncode


def addresses(root: Path, service: str) -> list[str]:
    """Return where this machine finds each container of a service, whose ports are a range."""
    answer = _docker("compose", "ps", "--format", "{{.Ports}}", service, cwd=root) or ""
    return [f"http://{line.partition('->')[0]}" for line in sorted(answer.splitlines()) if line]


def restarts(root: Path) -> list[str]:
    """Return, for each container that the engine has started again, a line that says how often."""
    ids = (_docker("compose", "ps", "--all", "--quiet", cwd=root) or "").split()
    answer = _docker("inspect", "--format", "{{.Name}} {{.RestartCount}}", *ids) if ids else ""
    counts = (line.strip().lstrip("/").rpartition(" ") for line in (answer or "").splitlines())
    return [f"{name}: restarts={count}" for name, _, count in sorted(counts) if count != "0"]


def hand_over_videos(settings: Settings) -> None:
    """Make the folder of the videos, owned by the user that ingest's container runs as."""
    incoming = settings.videos / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        owner = (int(settings.variables["FRAMELOG_UID"]), int(settings.variables["FRAMELOG_GID"]))
        for folder in (settings.videos, *filter(Path.is_dir, settings.videos.iterdir())):
            os.chown(folder, *owner)


def _environment() -> dict[str, str]:
    """Return the environment with the user whom the videos belong to, unless it names one."""
    caller = {"FRAMELOG_UID": str(os.getuid()), "FRAMELOG_GID": str(os.getgid())}
    # Root hands them to the user of .env: no container runs as root for the sake of a folder.
    return dict(os.environ) if os.getuid() == 0 else {**caller, **os.environ}


def _image_obstacle(root: Path) -> str | None:
    configuration = _docker("compose", "config", "--format", "json", cwd=root)
    if configuration is None:
        return "docker compose can't read compose.yaml (docker compose config says why)"
    for image in _foreign_images(json.loads(configuration)):
        if _docker("image", "inspect", image) is None:
            say(f"Pulling {image}")
            if subprocess.run(["docker", "pull", "--quiet", image], check=False).returncode != 0:
                return f"the image {image} is not here and can't be pulled"
    say("Building the images of ingest, viewer, setup and Kafka with its metrics")
    if subprocess.run(["docker", "compose", "build"], cwd=root, check=False).returncode != 0:
        return "the images of ingest, viewer, setup and Kafka can't be built"
    return None


def _foreign_images(configuration: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    """Return the images that aren't built here, those that ours are built from among them."""
    images = set()
    for service in configuration["services"].values():
        build = service.get("build")
        if isinstance(build, dict):
            images.update(build["args"].values())
        else:
            images.add(service["image"])
    return sorted(map(str, images))


def _docker(*arguments: str, cwd: Path | None = None) -> str | None:
    """Return what docker answers, None when it fails or takes too long."""
    try:
        return subprocess.run(
            ["docker", *arguments],
            cwd=cwd,
            check=True,
            timeout=ANSWER_SECONDS,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
