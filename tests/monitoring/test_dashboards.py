"""The dashboards are what their code says, valid for Grafana, and legible for people."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from framelog_dashboards.__main__ import rendered
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.monitoring.promql import DASHBOARDS, ROOT, names, panels, rule_expressions

GRID_COLUMNS = 24


def test_the_committed_files_are_what_the_code_writes() -> None:
    committed = {path.name: path.read_text("utf-8") for path in DASHBOARDS}

    assert committed == rendered(), "run `make dashboards`"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafanas_own_models_read_all_of_it(path: Path) -> None:
    register_default_plugins()
    content = json.loads(path.read_text("utf-8"))

    read = json.loads(json.dumps(Dashboard.from_json(content), cls=JSONEncoder))
    for variable in read["templating"].get("list", ()):
        for default_of_another_kind in ("auto", "auto_min", "auto_count"):
            del variable[default_of_another_kind]
    assert read == content


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_say_what_they_show_and_in_what_unit(path: Path) -> None:
    alerts = rule_expressions("alert")
    for panel in panels(path):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults.get("unit") or defaults.get("mappings"), panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
        # An alert that a description names is one that there is.
        assert set(re.findall(r"(\w+) +fires", panel["description"])) <= alerts.keys()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side_and_have_numbers_of_their_own(path: Path) -> None:
    everything = json.loads(path.read_text("utf-8"))["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in everything)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < GRID_COLUMNS
    assert all(after == before + 1 for before, after in pairwise(p["id"] for p in everything))


def test_every_panel_asks_the_data_source_that_is_provisioned() -> None:
    folder = ROOT / "deploy/grafana/datasources"
    (source,) = yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}

    for path in DASHBOARDS:
        for panel in panels(path):
            assert [panel["datasource"], *(t["datasource"] for t in panel["targets"])] == [
                wanted
            ] * (1 + len(panel["targets"]))


def test_names_are_told_from_labels_and_functions() -> None:
    asked = 'sum by (job, le) (rate(a_total{b="c{d}"}[5m])) / on (e) f:g:h > 1 or absent(up{i="j"})'

    assert names(asked) == {"a_total", "f:g:h", "up"}
