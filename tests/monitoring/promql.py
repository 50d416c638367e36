"""Every expression that a dashboard, an alert or a recording rule asks, and the names in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT = Path(__file__).parents[2]
DASHBOARDS: Final = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RULES: Final = ROOT / "deploy/prometheus/rules"
KEYWORDS = {"and", "bool", "by", "ignoring", "offset", "on", "or", "unless", "without"}
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$__range": "5m", "$instance": ".*"}


def panels(dashboard: Path) -> list[dict[str, Any]]:
    """Return a dashboard's panels, its rows' headings left out."""
    found = json.loads(dashboard.read_text("utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def panel_expressions() -> dict[str, str]:
    """Return each panel's queries by where they stand, Grafana's variables filled in."""
    found = {}
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for target in panel["targets"]:
                expr = target["expr"]
                for name, value in VARIABLES.items():
                    expr = expr.replace(name, value)
                place = f"{dashboard.stem} {panel['id']}{target['refId']}, {panel['title']}"
                found[place] = expr
    return found


def rule_expressions(kind: str) -> dict[str, str]:
    """Return the expressions of all rules of one kind, `record` or `alert`, by their names."""
    return {
        rule[kind]: rule["expr"]
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
        if kind in rule
    }


def names(expr: str) -> set[str]:
    """Return the metrics that an expression names."""
    for aside in (
        r'"[^"]*"',
        r"\{[^}]*\}",
        r"\[[^\]]*\]",
        r"\b(by|on|ignoring|without) *\([^)]*\)",
    ):
        expr = re.sub(aside, " ", expr)
    found = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?! *\()", expr)
    return set(found) - KEYWORDS
