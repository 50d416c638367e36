"""`make up` takes containers only where an engine answers and has, or gets, every image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from framelog_local import containers
from framelog_local.errors import LocalError

CONFIGURATION = {
    "services": {
        "kafka": {"image": "broker:1"},
        "ingest": {"image": "ours", "build": {"args": {"PYTHON_IMAGE": "python:3"}}},
    }
}


class FakeDocker:
    """A docker command that fails on the given words and writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "config.json").write_text(json.dumps(CONFIGURATION), encoding="utf-8")

    def failing_on(self, *words: str, **answers: str) -> None:
        """Install the command, which gives these answers to some of compose's own commands."""
        cases = "".join(f'  *"{word}"*) exit 1 ;;\n' for word in words)
        cases += "".join(f"  'compose {w} '*) echo '{said}' ;;\n" for w, said in answers.items())
        script = self._folder / "docker"
        script.write_text(
            f'#!/bin/sh\necho "$*" >> {self._folder}/asked\ncase "$*" in\n{cases}'
            f'  "compose config"*) cat {self._folder}/config.json ;;\nesac\n',
            encoding="utf-8",
        )
        script.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """What it has been called with."""
        return (self._folder / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Put a folder with a fake docker, which is yet to be installed, alone on PATH."""
    (tmp_path / "bin").mkdir()
    for tool in ("cat",):
        (tmp_path / "bin" / tool).symlink_to(Path("/bin", tool))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return FakeDocker(tmp_path / "bin")


def test_without_docker_processes_it_is(docker: FakeDocker, tmp_path: Path) -> None:
    assert containers.obstacle(tmp_path) == "there is no docker command"


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ("compose version", "docker has no compose plugin"),
        ("info", "no container engine answers"),
        ("compose config", "docker compose can't read compose.yaml"),
        ("compose build", "the images of ingest, viewer, setup and Kafka can't be built"),
    ],
)
def test_each_obstacle_is_named(
    docker: FakeDocker, tmp_path: Path, failing: str, reason: str
) -> None:
    docker.failing_on(failing)

    assert (containers.obstacle(tmp_path) or "").startswith(reason)


def test_an_image_that_is_neither_here_nor_to_be_had_is_named(
    docker: FakeDocker, tmp_path: Path
) -> None:
    docker.failing_on("image inspect python:3", "pull")

    assert containers.obstacle(tmp_path) == "the image python:3 is not here and can't be pulled"


def test_images_that_are_here_are_not_pulled(docker: FakeDocker, tmp_path: Path) -> None:
    docker.failing_on("pull")

    assert containers.obstacle(tmp_path) is None
    assert "image inspect broker:1" in docker.asked
    assert not any(line.startswith("image inspect ours") for line in docker.asked)


def test_images_that_are_missing_are_pulled(docker: FakeDocker, tmp_path: Path) -> None:
    docker.failing_on("image inspect")

    assert containers.obstacle(tmp_path) is None
    assert "pull --quiet broker:1" in docker.asked


def test_a_setup_that_refuses_is_heard(docker: FakeDocker, tmp_path: Path) -> None:
    docker.failing_on("compose up", ps="1", logs="The schema registry has lost schemas.")

    with pytest.raises(LocalError, match=r"^The schema registry has lost schemas\.$"):
        containers.up(tmp_path)


@pytest.mark.parametrize("ended", ["0", ""])
def test_what_else_keeps_containers_from_starting_is_no_word_of_the_setup(
    docker: FakeDocker, tmp_path: Path, ended: str
) -> None:
    docker.failing_on("compose up", ps=ended, logs="subject video.frames-value: registered")

    with pytest.raises(LocalError, match="it said why above"):
        containers.up(tmp_path)
