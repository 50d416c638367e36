"""The commands that `make` gives, as a person runs them: their words, and what they start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ECHO = '#!/bin/sh\necho "$*"\necho "kafka $FRAMELOG_KAFKA_BOOTSTRAP_SERVERS"\nexit 3\n'


class Project:
    """A folder that is laid out as the project's, with programs that only say what they are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".env").write_bytes((ROOT / ".env").read_bytes())
        self.bin = root / "bin"
        self.bin.mkdir()

    def script(self, path: str, text: str = ECHO) -> None:
        """Write a program."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder, with its programs alone on PATH."""
        environment = {
            **os.environ,
            "PATH": str(self.bin),
            "PYTHONPATH": str(ROOT / "deploy/local/src"),
            "FRAMELOG_KAFKA_PORT": "19092",
        }
        return subprocess.run(
            [sys.executable, "-m", "framelog_local", *arguments],
            cwd=self.root,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    # A short name: the supervisor's socket is inside.
    return Project(tmp_path_factory.mktemp("p"))


@pytest.fixture
def processes(project: Project) -> Iterator[Project]:
    """Yield a project whose stack runs as processes: its supervisor listens."""
    run = project.root / ".framelog" / "run"
    run.mkdir(parents=True)
    project.script(".framelog/venvs/ingest/bin/python")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as supervisor:
        supervisor.bind(str(run / "supervisor.sock"))
        supervisor.listen()
        yield project


@pytest.fixture
def in_containers(project: Project) -> Project:
    """Return a project that has containers: its docker lists one, and says what else it is told."""
    project.script("bin/docker", '#!/bin/sh\ncase "$*" in *" ps "*) echo id; exit;; esac\n' + ECHO)
    return project


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["verify"], ["verify", "a", "b", "c"], ["up", "x"], ["restart"]]
)
def test_what_is_no_command_is_answered_with_those_that_are(
    project: Project, words: list[str]
) -> None:
    answer = project.run(*words)

    assert answer.returncode == 2
    assert "usage: python -m framelog_local COMMAND\n  up\n" in answer.stderr
    assert "\n  verify STREAM [FILE]\n" in answer.stderr


def test_verify_asks_the_log_of_the_processes(processes: Project) -> None:
    all_of_it = processes.run("verify", "all")
    one = processes.run("verify", "film-0123456789ab", "videos/done/a film.mp4")

    assert all_of_it.stdout == "-m ingest verify all\nkafka 127.0.0.1:19092\n"
    assert one.stdout.splitlines()[0] == (
        "-m ingest verify film-0123456789ab --file videos/done/a film.mp4"
    )
    assert (all_of_it.returncode, one.returncode) == (3, 3)


@pytest.mark.parametrize("file", ["videos/done/a film", "videos/done/a film/"])
def test_verify_lends_the_file_to_a_container(in_containers: Project, file: str) -> None:
    answer = in_containers.run("verify", "film-0123456789ab", file)

    assert answer.stdout.splitlines()[0] == (
        f"compose run --rm --no-deps --volume {in_containers.root}/videos/done:/source:ro ingest "
        "framelog-ingest verify film-0123456789ab --file /source/a film"
    )
    assert answer.returncode == 3


def test_verify_without_a_stack_says_how_to_start_one(project: Project) -> None:
    answer = project.run("verify", "all")

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "Nothing is running: 'make up' starts the stack.\n"


def test_a_restart_replaces_as_many_containers_as_there_were(in_containers: Project) -> None:
    names = '*"ps --services"*) echo kafka ingest;;'
    count = '*"ps --quiet ingest"*) echo one two;;'
    script = f'#!/bin/sh\ncase "$*" in {names} {count} *" ps "*) echo id;; *) echo "$*";; esac\n'
    in_containers.script("bin/docker", script)

    answer = in_containers.run("restart", "ingest")
    unknown = in_containers.run("restart", "ingets")

    assert answer.stdout == (
        "compose up --detach --build --wait --no-deps --force-recreate --scale ingest=2 ingest\n"
    )
    assert (answer.returncode, unknown.returncode) == (0, 1)
    assert unknown.stderr == (
        "There is no part named 'ingets': 'make restart SERVICE=NAME' takes one of ingest, kafka.\n"
    )


def test_a_restart_without_a_stack_says_how_to_start_one(project: Project) -> None:
    answer = project.run("restart", "viewer")

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "Nothing is running: 'make up' starts the stack.\n"
