"""Which tests `make test-unit` runs follows from what their code starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ingest.desk import Desk
from tests.support.cluster import running_cluster
from tests.support.ingest import Ingest
from tests.support.needs import starts
from tests.support.nginx import nginx_before
from tests.support.secured import running_secured_cluster
from tests.support.sharing import scopes
from tests.support.videos import make_video
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable


def nested(folder: Path) -> Callable[[], None]:
    """Start a service in a function that another returns."""
    return lambda: Ingest(folder, 0, {}).start()


def program() -> list[str]:
    """Name a program of the system."""
    return ["promtool", "check", "config"]


@pytest.mark.parametrize(
    "what",
    [running_cluster, running_secured_cluster, nginx_before, Ingest, Viewer, nested, program],
)
def test_what_starts_java_a_service_or_a_program_is_no_unit(what: Callable[..., object]) -> None:
    assert starts(what)


@pytest.mark.parametrize("what", [make_video, Desk])
def test_what_only_computes_is_a_unit(what: Callable[..., object]) -> None:
    assert not starts(what)


def test_a_test_of_the_broker_has_no_mark(request: pytest.FixtureRequest) -> None:
    marked = [item for item in request.session.items if item.get_closest_marker("unit")]
    assert not [item for item in marked if "cluster" in getattr(item, "fixturenames", ())]


START: dict[str, Callable[[str], object]] = {
    "run": lambda program: subprocess.run([program, "--version"], check=True),
    "posix_spawn": lambda program: os.posix_spawn(program, [program], {}),
    "system": os.system,
    "executable": lambda program: subprocess.Popen("true", executable=program),
}


@pytest.mark.parametrize("how", START)
@pytest.mark.parametrize("program", ["java", "/usr/bin/chromium", f"{sys.prefix}/lib/x/bin/java"])
def test_a_unit_that_starts_a_program_fails(
    how: str, program: str, request: pytest.FixtureRequest
) -> None:
    assert request.node.get_closest_marker("unit")
    with pytest.raises(pytest.fail.Exception, match=f"starts {program}"):
        START[how](program)


def test_a_unit_may_start_python_and_what_a_test_has_made(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_text("#!/bin/sh\n", encoding="utf-8")
    made.chmod(0o755)
    subprocess.run([sys.executable, "-c", ""], check=True)
    subprocess.run([made], check=True)


def test_units_of_a_file_are_given_out_before_its_other_tests() -> None:
    units, others = ["tests/a.py::one", "tests/b.py::two"], ["tests/a.py::three", "tests/a.py::4"]
    given = scopes([*units, *others])
    assert len(set(given.values())) == 3
    assert given["tests/a.py::three"] == given["tests/a.py::4"]


def test_all_browsers_are_one_after_another() -> None:
    assert len(set(scopes(["tests/browser/a.py::one", "tests/browser/b.py::two"]).values())) == 1
