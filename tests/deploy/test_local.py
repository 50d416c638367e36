"""The local stack's parts: ports, settings, environments, supervision, and what people are told."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from framelog_local.artifacts import Artifact
from framelog_local.download import fetch
from framelog_local.errors import LocalError
from framelog_local.ports import check_free, hazards
from framelog_local.programs import Program
from framelog_local.restarts import bound_pause
from framelog_local.settings import read_settings
from framelog_local.supervision import Supervisor
from framelog_local.venvs import Venv

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def test_a_taken_port_is_named_with_its_holder_and_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LocalError) as refusal:
            check_free("127.0.0.1", port, "FRAMELOG_VIEWER_PORT")

    sentence = str(refusal.value)
    assert f"Port {port} is already taken" in sentence
    assert f"(process {os.getpid()})" in sentence
    assert "change FRAMELOG_VIEWER_PORT in .env" in sentence
    check_free("127.0.0.1", port, "FRAMELOG_VIEWER_PORT")


def test_a_port_that_the_kernel_gives_to_clients_is_said(tmp_path: Path) -> None:
    (tmp_path / "ip_local_port_range").write_text("32768\t60999\n", "ascii")
    reserved = tmp_path / "ip_local_reserved_ports"
    reserved.write_text("\n", "ascii")
    chosen = {"FRAMELOG_KAFKA_PORT": 40_000, "FRAMELOG_VIEWER_PORT": 8000}

    [sentence] = hazards(chosen, tmp_path)
    assert sentence.startswith("FRAMELOG_KAFKA_PORT is 40000, which lies in the range")
    assert "(32768 to 60999, net.ipv4.ip_local_port_range)" in sentence
    for port in (32_767, 61_000):
        assert hazards({"FRAMELOG_KAFKA_PORT": port}, tmp_path) == []
    for taken in ("40000", "1,39000-40000,50000", "40000-40001"):
        reserved.write_text(f"{taken}\n", "ascii")
        assert hazards(chosen, tmp_path) == []
    assert hazards(chosen, tmp_path / "of-another-system") == []
    assert hazards(read_settings(ROOT, {}).server_ports) == []


def test_the_environment_overrules_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env").read_text(encoding="utf-8"), encoding="utf-8")
    ours = read_settings(tmp_path, {})
    theirs = read_settings(tmp_path, {"FRAMELOG_KAFKA_PORT": "19999", "FRAMELOG_VIDEOS": "/films"})

    assert ours.bootstrap_servers == "127.0.0.1:9092"
    assert ours.videos == tmp_path / "videos"
    assert theirs.bootstrap_servers == "127.0.0.1:19999"
    assert theirs.videos == Path("/films")


@pytest.mark.parametrize("value", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(LocalError, match=f"FRAMELOG_KAFKA_PORT is '{value}'"):
        read_settings(ROOT, {"FRAMELOG_KAFKA_PORT": value})


def test_an_open_bind_address_is_reached_on_loopback() -> None:
    settings = read_settings(ROOT, {"FRAMELOG_BIND_ADDRESS": "0.0.0.0"})  # noqa: S104

    assert settings.registry_url.startswith("http://127.0.0.1:")


def test_an_environment_is_current_until_its_lock_changes(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing\n", encoding="utf-8")
    venv = Venv(name="test", directory=tmp_path / "venv", locks=(lock,))

    before = venv.current
    venv.make(tmp_path / "pip.log")
    made = venv.current
    lock.write_text("# nothing yet\n", encoding="utf-8")

    assert (before, made, venv.current) == (False, True, False)


def test_a_package_without_a_hash_is_refused_with_pips_reason(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("setuptools==80.0.0\n", encoding="utf-8")
    venv = Venv(name="test", directory=tmp_path / "venv", locks=(lock,))

    with pytest.raises(LocalError, match=r"packages of test can't be installed: .*[Hh]ash"):
        venv.make(tmp_path / "pip.log")
    assert not venv.current


@dataclass
class FakeMaven:
    """Maven's repository as `fetch` sees it, with one file whose downloads are as given."""

    folder: Path
    contents: list[bytes]
    asked: list[str] = field(default_factory=list)

    def project(self, group: str, name: str) -> FakeMaven:
        self.asked.append(f"{group}:{name}")
        return self

    def at_version(self, version: str) -> FakeMaven:
        self.asked.append(version)
        return self

    def artifact(self, classifier: str, packaging: str) -> FakeMaven:
        self.asked.append(f"{classifier}.{packaging}")
        return self

    def resolve(self) -> Path:
        path = self.folder / "download"
        path.write_bytes(self.contents.pop(0))
        return path


def test_a_broken_download_is_repeated_and_then_refused(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"whole").hexdigest()
    artifact = Artifact("group", "name", "jar", "", "1.0", sha256)

    path = fetch(FakeMaven(tmp_path, [b"who", b"whole"]), artifact)  # type: ignore[arg-type]
    assert path.read_bytes() == b"whole"
    with pytest.raises(RuntimeError, match=r"name-1\.0\.jar is not the file"):
        fetch(FakeMaven(tmp_path, [b"who", b"le"]), artifact)  # type: ignore[arg-type]
    assert not path.exists()


@pytest.fixture
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Yield a supervisor that is stopped at the end."""
    supervisor = Supervisor(tmp_path_factory.mktemp("s"))
    yield supervisor
    if supervisor.running:
        supervisor.stop()


def start(supervisor: Supervisor, *programs: Program) -> None:
    supervisor.start(Path(sys.executable), programs, dict(os.environ))
    supervisor.bring_up(programs)


def scripted(name: str, folder: Path, priority: int, script: str) -> Program:
    """Return a program that runs the Python script; it is ready when it has made its file."""
    # A name with what a supervisor's configuration could take for its own.
    file = folder / f"{name} 100%(here)s.py"
    file.write_text(script, encoding="utf-8")
    return Program(
        name=name,
        command=(sys.executable, str(file)),
        directory=folder,
        priority=priority,
        is_ready=(folder / f"{name} ready").exists,
    )


SERVER = """
import pathlib, signal, sys
def stop(*_):
    with open("stopped", "a") as file:
        file.write("{name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path("{name} ready").touch()
while True:
    signal.pause()
"""


def test_programs_stop_in_reverse_order_and_leave_no_process(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    names = {"first": 10, "second": 20, "third": 30}
    programs = [
        scripted(name, tmp_path, priority, SERVER.format(name=name))
        for name, priority in names.items()
    ]
    start(supervisor, *programs)
    pids = [state.pid for state in supervisor.states().values()]
    assert all(Path("/proc", str(pid)).exists() for pid in pids)

    supervisor.stop()

    assert (tmp_path / "stopped").read_text(encoding="utf-8").split() == [
        "third",
        "second",
        "first",
    ]
    assert not supervisor.running
    assert not any(Path("/proc", str(pid)).exists() for pid in pids)


def test_a_program_that_dies_later_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    start(supervisor, scripted("phoenix", tmp_path, 10, SERVER.format(name="phoenix")))
    wait_for(lambda: supervisor.states()["phoenix"].state == "RUNNING")
    before = supervisor.states()["phoenix"].pid
    os.kill(before, 9)

    wait_for(lambda: supervisor.states()["phoenix"].pid not in {0, before})


FLAPPING = """
import os, pathlib, signal
pathlib.Path("{name} ready").touch()
with open("starts", "a") as file:
    file.write(os.environ["FRAMELOG_RESTARTS"] + " ")
while "enough" not in os.listdir():
    signal.pause()
"""


def test_a_program_that_dies_again_and_again_is_never_given_up(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """Supervisord's own way is to give it up after the fourth death in a row."""
    start(supervisor, scripted("phoenix", tmp_path, 10, FLAPPING.format(name="phoenix")))
    before = 0
    for _ in range(5):
        wait_for(lambda: supervisor.states()["phoenix"].pid not in {0, before})  # noqa: B023
        before = supervisor.states()["phoenix"].pid
        os.kill(before, 9)
    wait_for(lambda: supervisor.states()["phoenix"].restarts == 5)
    wait_for(lambda: (tmp_path / "starts").read_text("utf-8").split()[-1] == "5")


def test_a_program_that_is_halted_stays_so_until_it_is_brought_up(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """As the registry is while its data is put aside."""
    program = scripted("registry", tmp_path, 10, SERVER.format(name="registry"))
    start(supervisor, program)
    before = supervisor.states()["registry"].pid

    supervisor.halt("registry")

    assert supervisor.states()["registry"].state == "STOPPED"
    assert not Path("/proc", str(before)).exists()
    supervisor.bring_up([program])
    assert supervisor.states()["registry"].running


HANGING_UP = """
import pathlib, signal
signal.signal(signal.SIGHUP, lambda *_: pathlib.Path("{name} reloaded").touch())
pathlib.Path("{name} ready").touch()
while True:
    signal.pause()
"""


def test_a_program_that_is_asked_to_reload_goes_on(supervisor: Supervisor, tmp_path: Path) -> None:
    start(supervisor, scripted("viewer", tmp_path, 10, HANGING_UP.format(name="viewer")))
    before = supervisor.states()["viewer"].pid

    supervisor.hang_up("viewer")

    wait_for((tmp_path / "viewer reloaded").exists)
    assert supervisor.states()["viewer"].pid == before


def test_one_that_dies_again_and_again_is_halted_and_started_anew(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """As a service is by `make restart`, whose code has just been mended."""
    program = scripted("phoenix", tmp_path, 10, FLAPPING.format(name="phoenix"))
    start(supervisor, program)
    (tmp_path / "enough").touch()
    os.kill(supervisor.states()["phoenix"].pid, 9)

    supervisor.halt("phoenix")

    assert supervisor.states()["phoenix"].state == "STOPPED"
    supervisor.halt("phoenix")
    (tmp_path / "enough").unlink()
    supervisor.bring_up([program])
    assert supervisor.states()["phoenix"].running


def test_one_that_pauses_between_two_tries_is_started_at_once_when_asked(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    program = scripted("phoenix", tmp_path, 10, FLAPPING.format(name="phoenix"))
    start(supervisor, program)
    (tmp_path / "enough").touch()
    os.kill(supervisor.states()["phoenix"].pid, 9)
    wait_for(lambda: supervisor.states()["phoenix"].state == "BACKOFF")
    (tmp_path / "enough").unlink()
    supervisor.bring_up([program])
    assert supervisor.states()["phoenix"].running


WORKING_IN_VAIN = """
import pathlib, signal, time
with open("births", "a") as file:
    print(time.monotonic(), file=file)
pathlib.Path("{name} ready").touch()
while True:
    signal.pause()
"""


def test_one_that_takes_seconds_to_find_out_that_it_can_not_work_is_paused_for(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """As a JVM whose disk is full; supervisord would start it again at once, for ever."""
    start(supervisor, scripted("phoenix", tmp_path, 10, WORKING_IN_VAIN.format(name="phoenix")))

    def births() -> list[float]:
        return [float(line) for line in (tmp_path / "births").read_text("utf-8").splitlines()]

    died = 0.0
    for life in (1, 2):
        wait_for(lambda: len(births()) == life)  # noqa: B023
        # By itself, supervisord takes a program that has lived for a second for a steady one.
        wait_for(lambda: time.monotonic() - births()[-1] > 1.5)
        died = time.monotonic()
        os.kill(supervisor.states()["phoenix"].pid, 9)
    wait_for(lambda: len(births()) == 3)
    # The second pause has two seconds; supervisord looks at all once a second in any case.
    assert births()[2] - died > 1.5


def test_the_pause_grows_to_half_a_minute_and_no_further() -> None:
    now = time.time()
    process = SimpleNamespace(backoff=31, delay=now + 31)
    bound_pause(SimpleNamespace(process=process))
    assert process.backoff == 30
    assert process.delay <= time.time() + 30
    process = SimpleNamespace(backoff=3, delay=now + 3)
    bound_pause(SimpleNamespace(process=process))
    assert (process.backoff, process.delay) == (3, now + 3)


def test_a_program_that_dies_at_start_is_told_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    with pytest.raises(LocalError) as failure:
        start(supervisor, scripted("broken", tmp_path, 10, "raise SystemExit('no disk: 100%')"))

    assert "broken ended while it was starting" in str(failure.value)
    assert str(supervisor.log("broken")) in str(failure.value)
    assert "no disk: 100%" in str(failure.value)


def test_too_long_a_path_for_the_socket_is_told(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / ("long" * 30))
    with pytest.raises(LocalError, match="too long a path for a socket"):
        start(supervisor)


def test_waiting_for_a_dead_process_fails_at_once_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('that is why')"]
    with (
        Process("mortal", command, log=tmp_path / "log") as mortal,
        pytest.raises(AssertionError, match=r"(?s)mortal ended with 1 .*that is why"),
    ):
        wait_for(lambda: False, 3600, alive=mortal)
