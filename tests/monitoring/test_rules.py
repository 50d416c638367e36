"""Every alert is silent when all is well and fires when not, and a runbook says what to do then."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TESTS = Path(__file__).parent / "rules"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((RULES / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}


def promtool(rules: Path, folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run the rules' own tests, all or some, against the rules of a folder."""
    tests = []
    for path in sorted(TESTS.glob("*.yml")):
        suite = yaml.safe_load(path.read_text("utf-8"))
        suite["rule_files"] = [str(rules / "*.yml")]
        suite["tests"] = [test for test in suite["tests"] if not names or mentions(test, *names)]
        if suite["tests"]:
            tests.append(folder / path.name)
            tests[-1].write_text(yaml.safe_dump(suite), "utf-8")
    command = ["promtool", "test", "rules", *map(str, tests)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def mentions(test: dict[str, Any], *names: str) -> bool:
    """Whether a test asks for one of these alerts."""
    asked = [
        re.search(r'alertname=~?"([^"]+)"', query["expr"]) for query in test["promql_expr_test"]
    ]
    return any(found and re.fullmatch(found[1], name) for found in asked for name in names)


def test_each_alert_fires_and_is_silent_when_it_should(tmp_path: Path) -> None:
    result = promtool(RULES, tmp_path)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", ALERTS)
@pytest.mark.parametrize("fault", ["or on () vector(1)", "unless on () vector(1)"])
def test_an_alert_that_always_or_never_fires_would_be_noticed(
    tmp_path: Path, name: str, fault: str
) -> None:
    rules = shutil.copytree(RULES, tmp_path / "rules")
    text = yaml.safe_load((rules / "alerts.yml").read_text("utf-8"))
    for group in text["groups"]:
        for rule in group["rules"]:
            if rule["alert"] == name:
                rule["expr"] = f"({rule['expr']}) {fault}"
    (rules / "alerts.yml").write_text(yaml.safe_dump(text), "utf-8")

    result = promtool(rules, tmp_path, name)

    assert result.returncode == 1, f"the tests of {name} pass with {fault}"
    assert "FAILED" in result.stdout + result.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_and_where_help_is(name: str) -> None:
    alert = ALERTS[name]

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    document, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text("utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
