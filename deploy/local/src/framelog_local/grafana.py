"""Grafana for the local stack: the one on PATH, provisioned as in containers; optional."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local.programs import Program, answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framelog_local.settings import Settings

PROVISIONING = Path(__file__).parents[3] / "grafana"
ABSENT = (
    "Grafana: not here, the stack runs without it; the status page shows what matters. Install it "
    "(https://grafana.com/grafana/download), so that grafana is on PATH, and start again."
)
# Where packages and archives keep what Grafana needs beside its program.
HOMES = ("/usr/share/grafana", "/usr/local/share/grafana", "/opt/homebrew/share/grafana")
# What compose.yaml's GF_... variables say: anyone who reaches it may look, nobody may change.
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "auth": {"disable_login_form": "true"},
    "auth.anonymous": {"enabled": "true", "org_role": "Viewer"},
    "analytics": {
        "reporting_enabled": "false",
        "check_for_updates": "false",
        "check_for_plugin_updates": "false",
    },
    "plugins": {"preinstall_disabled": "true"},
}
# What the containers' files name: the address of Prometheus, and their own folder.
_PROMETHEUS, _FOLDER = "http://prometheus:9090", "/etc/grafana/provisioning"


def find() -> Path | None:
    """Return the Grafana on PATH: one program since version 9, grafana-server before."""
    found = shutil.which("grafana") or shutil.which("grafana-server")
    return None if found is None else Path(found)


def home(binary: Path) -> Path | None:
    """Return the folder with Grafana's defaults and pages, None where only it knows."""
    unpacked = binary.resolve().parent.parent
    places = (unpacked, unpacked / "share" / "grafana", *map(Path, HOMES))
    return next((place for place in places if (place / "conf" / "defaults.ini").is_file()), None)


def program(binary: Path, settings: Settings, directory: Path) -> Program:
    """Return Grafana, with the data source and the dashboards that containers have."""
    found = home(binary)
    return Program(
        name="grafana",
        command=(
            str(binary),
            *(("server",) if binary.name == "grafana" else ()),
            *(("--homepath", str(found)) if found else ()),
            *("--config", str(directory / "grafana.ini")),
        ),
        directory=directory,
        priority=35,
        is_ready=lambda: answers(f"http://{settings.host}:{settings.grafana_port}/api/health"),
    )


def write_configuration(directory: Path, settings: Settings) -> Path:
    """Write Grafana's settings and what it is provisioned with; return the settings' file."""
    provisioning = directory / "provisioning"
    shutil.rmtree(provisioning, ignore_errors=True)
    for name in ("dashboards", "datasources"):
        shutil.copytree(PROVISIONING / name, provisioning / name)
    here = {
        _PROMETHEUS: f"http://{settings.host}:{settings.prometheus_port}",
        _FOLDER: str(provisioning),
    }
    for path in provisioning.rglob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for theirs, ours in here.items():
            text = text.replace(theirs, ours)
        path.write_text(text, encoding="utf-8")
    places = {
        "data": str(directory / "data"),
        "logs": str(directory / "data" / "log"),
        "plugins": str(directory / "data" / "plugins"),
        "provisioning": str(provisioning),
    }
    server = {"http_addr": settings.bind_address, "http_port": str(settings.grafana_port)}
    first = {"default_home_dashboard_path": str(provisioning / "dashboards" / "overview.json")}
    sections = {**OPTIONS, "paths": places, "server": server, "dashboards": first}
    lines = [
        line
        for section, values in sections.items()
        for line in (f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), "")
    ]
    main = directory / "grafana.ini"
    main.write_text("\n".join(lines), encoding="utf-8")
    return main
