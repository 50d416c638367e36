"""compose.yaml on a real engine: one stack, used, hurt, stopped, started, removed, in order."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.browser.deck import Deck
from tests.faults.checks import make_film
from tests.images.stack import readme_command
from tests.support.processes import wait_for
from tests.support.videos import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.images.stack import Stack

LASTING = ("kafka", "registry", "ingest", "viewer", "prometheus")
# 200 frames take 27 s.
SLOWLY = 'pace = "0.3x"\n'


def state_of(stack: Stack, container: str) -> dict[str, Any]:
    return dict(stack.inspect(container)["State"])


def test_everything_is_healthy_once_the_command_returns(stack: Stack) -> None:
    for service in LASTING:
        (container,) = stack.containers(service)
        assert state_of(stack, container)["Health"]["Status"] == "healthy", service
    for service in ("setup", "registry-volume", "ingest-token"):
        (container,) = stack.containers(service)
        assert state_of(stack, container)["ExitCode"] == 0, service


@pytest.mark.parametrize("service", [*LASTING, "setup", "registry-volume", "ingest-token"])
def test_the_engine_confines_each_container(stack: Stack, service: str) -> None:
    (container,) = stack.containers(service)
    host = stack.inspect(container)["HostConfig"]

    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    for bindings in host["PortBindings"].values():
        assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("service", "host", "port", "reached"),
    [
        ("setup", "kafka", 19092, True),
        ("setup", "prometheus", 9090, False),
        ("registry-volume", "kafka", 19092, False),
    ],
)
def test_only_who_needs_another_reaches_it(
    stack: Stack, service: str, host: str, port: int, *, reached: bool
) -> None:
    attempt = (
        "import socket\n"
        f"try: socket.create_connection(({host!r}, {port}), timeout=5)\n"
        "except OSError: print(False)\n"
        "else: print(True)"
    )
    run = ("run", "--rm", "--no-deps", "--no-TTY", service, "python", "-c", attempt)

    assert stack.compose(*run) == str(reached)


def test_a_film_arrives_whole_and_plays(stack: Stack, page: Page, tmp_path: Path) -> None:
    film = make_film(tmp_path / "my-video.mp4", Recipe(frames=60))
    shutil.copy(film.path, stack.root / film.name)
    stack.run(readme_command("incoming"))
    stack.films.append(film)
    stack.check()

    deck = Deck(page, f"{stack.viewer_url}/streams/{stack.streams()[film.name]['stream_id']}")
    deck.wait_for_picture(59)
    painted = deck.painted()
    assert [picture["number"] for picture in painted] == [picture["frame"] for picture in painted]


def test_prometheus_finds_every_service(stack: Stack) -> None:
    def healthy_jobs() -> bool:
        answer = requests.get(f"{stack.prometheus_url}/api/v1/targets", timeout=10).json()
        targets = answer["data"]["activeTargets"]
        up = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return up >= {"ingest", "viewer", "kafka", "registry"}

    wait_for(healthy_jobs, what="a scrape of every job")


def test_what_belongs_to_the_videos_owner_stays_theirs(stack: Stack) -> None:
    owner = int(
        stack.engine.ask("compose", "exec", "--no-TTY", "ingest", "id", "-u", cwd=stack.root)
    )

    assert owner != 0
    for path in (stack.videos, *(p for p in stack.videos.iterdir() if p.is_dir())):
        assert path.stat().st_uid == owner, path


def test_a_killed_ingest_is_taken_over_by_another(stack: Stack, tmp_path: Path) -> None:
    stack.run(readme_command("--scale"))
    replicas = stack.containers("ingest")
    assert len(replicas) == 3
    for number in range(3):
        recipe = Recipe(frames=200, width=160, height=96, first=1000 * (number + 1))
        stack.drop(make_film(tmp_path / f"shared-{number}.mp4", recipe), SLOWLY)
    film = stack.films[-1]
    stack.wait_for_frames(film, 10)
    (claimed,) = stack.videos.glob(f"processing/*/{film.name}")
    (victim,) = (name for name in replicas if claimed.parent.name.startswith(name))
    stack.engine.ask("kill", victim)

    assert stack.streams()[film.name]["state"] == "INGESTING"
    stack.check()
    assert not state_of(stack, victim)["Running"]


@pytest.mark.parametrize("service", ["kafka", "registry"])
def test_ingest_goes_on_after_a_killed(stack: Stack, tmp_path: Path, service: str) -> None:
    recipe = Recipe(frames=200, width=160, height=96, first=len(service) * 1000)
    film = make_film(tmp_path / f"{service}.mp4", recipe)
    stack.drop(film, SLOWLY)
    stack.wait_for_frames(film, 10)
    (container,) = stack.containers(service)
    stack.engine.ask("kill", container)
    # Whoever begins meanwhile has to wait for what is away.
    stack.drop(
        make_film(tmp_path / f"after-{service}.mp4", Recipe(frames=30, first=9000 + len(service)))
    )
    assert not (stack.videos / "done" / film.name).exists()
    stack.compose("up", "--detach", "--wait", service)

    stack.check()


def test_the_log_is_whole_by_the_projects_own_word(stack: Stack) -> None:
    stack.run("make verify STREAM=all")


def test_the_services_end_by_themselves_when_asked(stack: Stack) -> None:
    running = [
        container
        for service in ("ingest", "viewer")
        for container in stack.containers(service)
        if state_of(stack, container)["Running"]
    ]
    stack.compose("stop", "ingest", "viewer")

    # The engine's own end would be 137.
    assert {state_of(stack, container)["ExitCode"] for container in running} == {0}


def test_down_and_up_again_keep_everything(stack: Stack) -> None:
    stack.run(readme_command("make down"))
    assert stack.owned("container") == []
    assert stack.owned("network") == []

    stack.run(readme_command("builds"))
    stack.check()
    assert stack.streams().keys() == {film.name for film in stack.films}


def test_clean_removes_all_but_the_videos(stack: Stack) -> None:
    stack.run(readme_command("make clean"))

    for kind in ("container", "network", "volume"):
        assert stack.owned(kind) == [], kind
    images = stack.engine.ask("image", "ls", "--format", "{{.Repository}}").splitlines()
    assert not [name for name in images if name.startswith("framelog-")]
    assert {path.name for path in (stack.videos / "done").glob("*.mp4")} == {
        film.name for film in stack.films
    }
