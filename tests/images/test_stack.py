"""compose.yaml on a real engine: one stack, used, hurt, stopped, started, removed, in order."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.browser.deck import Deck
from tests.faults.checks import make_film
from tests.images.stack import TOPICS, readme_command
from tests.support.compose import compose_file, listening, reached
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


@pytest.mark.parametrize("source", LASTING)
def test_only_who_needs_another_reaches_it(stack: Stack, source: str) -> None:
    """By whatever address: as compose.yaml's networks say, and no further."""
    services = compose_file()["services"]
    doors = {
        (name, address, port)
        for name in LASTING
        for address in stack.addresses(name)
        for port in {port for other in LASTING for port, _ in listening(other, services[other])}
    }
    wanted = {(door.service, door.port) for door in reached(services)[source]}

    found = {(name, port) for name, _, port in stack.connects(source, doors) if name != source}
    assert found == {each for each in wanted if each[0] in LASTING}


@pytest.mark.parametrize("service", ["setup", "registry-volume"])
def test_who_ends_at_once_reaches_no_more(stack: Stack, service: str) -> None:
    attempt = (
        "import socket, sys\n"
        "for host, port in (('kafka', 19092), ('registry', 8080), ('prometheus', 9090)):\n"
        "  try: socket.create_connection((host, port), timeout=5); print(host)\n"
        "  except OSError: pass"
    )
    run = ("run", "--rm", "--no-deps", "--no-TTY", service, "python", "-c", attempt)

    found = set(stack.compose(*run).split())
    assert found == ({"kafka", "registry"} if service == "setup" else set())


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


def test_a_registry_that_lost_its_ids_has_them_back_by_one_command(stack: Stack) -> None:
    frames = f"{stack.registry_url}/subjects/{TOPICS.frames}-value/versions/latest"
    before = requests.get(frames, timeout=60).json()
    stack.compose("stop", "registry")
    as_owner = ("--rm", "--no-TTY", "--no-deps", "--user", "1001:0", "registry-volume")
    stack.compose("run", *as_owner, "sh", "-c", "rm -r /data/*")
    stack.compose("up", "--detach", "--wait", "registry")
    odd = {"schema": '{"type": "record", "name": "Odd", "fields": []}'}
    url = f"{stack.registry_url}/subjects/odd-value/versions"
    assert requests.post(url, json=odd, timeout=60).json() == {"id": 1}
    said = stack.refused(readme_command("builds"))
    assert "has lost schemas by which the log was written: id 1 " in said
    assert "'make restore-schemas' puts the same schemas back" in said

    stack.run("make restore-schemas")

    assert requests.get(frames, timeout=60).json() == before
    assert requests.get(f"{url}/latest", timeout=60).json()["id"] > 1
    archives = stack.root / ".framelog" / "registry-archives"
    assert [path.suffix for path in archives.iterdir()] == [".zip"]

    def said_ready() -> bool:
        answer = requests.get(f"{stack.viewer_url}/readyz", timeout=60)
        return (answer.status_code, answer.text) == (200, '{"status":"ready"}\n')

    wait_for(said_ready, what="the viewer to say nothing of it any more")


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
