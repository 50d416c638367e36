"""The bills of materials hold what the lock files hold, as CycloneDX has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from framelog_local.artifacts import read_lock
from framelog_local.sbom import PYTHON_PARTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Write all bills as `make sbom` does, and return them by their names."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 (large, and not every run asks)
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("sbom")
    subprocess.run([sys.executable, "-m", "framelog_local.sbom", folder], cwd=ROOT, check=True)
    texts = {path.name.partition(".")[0]: path.read_text() for path in folder.iterdir()}
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert [error for text in texts.values() if (error := validator.validate_str(text))] == []
    return {name: json.loads(text) for name, text in texts.items()}


@pytest.mark.parametrize("name", PYTHON_PARTS)
def test_a_services_bill_is_its_lock(bills: dict[str, dict[str, Any]], name: str) -> None:
    lock = (ROOT / PYTHON_PARTS[name] / "requirements.lock").read_text(encoding="utf-8")
    listed = {c["purl"] for c in bills[name]["components"]}
    hashes = {h["content"] for c in bills[name]["components"] for h in c["hashes"]}
    locked = {f"pkg:pypi/{n}@{v}" for n, v in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)}

    assert {purl for purl in locked - listed if "/setuptools@" not in purl} == set()
    assert listed <= locked
    assert hashes <= set(re.findall(r"sha256:(\w+)", lock))


def test_the_java_programs_bill_is_theirs(bills: dict[str, dict[str, Any]]) -> None:
    components = bills["framelog-java"]["components"]
    listed = {(c["group"], c["name"], c["version"], c["hashes"][0]["content"]) for c in components}

    assert listed == {(a.group, a.name, a.version, a.sha256) for a in read_lock()}
