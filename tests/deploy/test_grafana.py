"""Grafana as a process: the one on PATH, with what it has in containers."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import yaml
from framelog_local import grafana
from framelog_local.ports import free_port
from framelog_local.settings import Settings, read_settings

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    pass

ROOT = Path(__file__).parents[2]
# Reads its settings as Grafana does, and answers where they say.
STAND_IN = f"""#!{sys.executable}
import configparser, http.server, sys
arguments = sys.argv[1:]
assert arguments[:1] == ["server"] or sys.argv[0].endswith("grafana-server"), arguments
settings = configparser.ConfigParser(interpolation=None)
settings.read(arguments[arguments.index("--config") + 1])
address = settings["server"]["http_addr"], int(settings["server"]["http_port"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
http.server.HTTPServer(address, Answer).serve_forever()
"""


@pytest.fixture(params=["grafana", "grafana-server"])
def binary(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in alone on PATH, unpacked as Grafana's archive is."""
    home = tmp_path / "grafana-12"
    for folder in ("bin", "conf"):
        (home / folder).mkdir(parents=True)
    (home / "conf" / "defaults.ini").touch()
    program = home / "bin" / str(request.param)
    program.write_text(STAND_IN, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(home / "bin"))
    return program


@pytest.fixture
def settings() -> Settings:
    return read_settings(ROOT, {"FRAMELOG_GRAFANA_PORT": str(free_port())})


def read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path, "utf-8")
    return parser


def test_the_one_on_path_is_started(binary: Path, settings: Settings, tmp_path: Path) -> None:
    assert grafana.find() == binary
    grafana.write_configuration(tmp_path, settings)
    program = grafana.program(binary, settings, tmp_path)

    assert str(binary.parent.parent) == program.command[program.command.index("--homepath") + 1]
    with Process("grafana", program.command, log=tmp_path / "log", cwd=tmp_path) as process:
        wait_for(program.is_ready, alive=process, what="Grafana")
        url = f"http://127.0.0.1:{settings.grafana_port}/api/health"
        assert requests.get(url, timeout=60).ok


def test_without_one_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert grafana.find() is None
    assert "https://grafana.com/grafana/download" in grafana.ABSENT
    assert "\n" not in grafana.ABSENT


def test_it_is_provisioned_and_confined_as_in_containers(
    settings: Settings, tmp_path: Path
) -> None:
    ini = read(grafana.write_configuration(tmp_path, settings))
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    variables = compose["services"]["grafana"]["environment"]
    for name, value in variables.items():
        section, key = next(
            (section, key)
            for section in ini.sections()
            for key in ini[section]
            if name == f"GF_{section}_{key}".upper().replace(".", "_")
        )
        if not value.startswith("/"):
            assert ini[section][key] == value

    provisioning = Path(ini["paths"]["provisioning"])
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == f"http://127.0.0.1:{settings.prometheus_port}"
    [provider] = yaml.safe_load((provisioning / "dashboards/framelog.yml").read_text())["providers"]
    boards = Path(provider["options"]["path"])
    assert {path.name for path in boards.glob("*.json")} == {
        path.name for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")
    }
    assert Path(ini["dashboards"]["default_home_dashboard_path"]).is_file()
    assert ini["server"]["http_addr"] == settings.bind_address
