"""Prometheus's files are well-formed, and ask every service in both ways of running."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import requests
import yaml
from framelog_local import prometheus
from framelog_local.ports import free_port
from framelog_local.settings import read_settings

from tests.support.cluster import CACHE
from tests.support.compose import reached
from tests.support.processes import Process, wait_for

ROOT = Path(__file__).parents[2]
JOBS = {"ingest", "viewer", "kafka", "registry", "prometheus"}


def test_promtool_accepts_what_containers_and_what_processes_read(tmp_path: Path) -> None:
    jobs = prometheus.addresses(read_settings(ROOT, {}))
    files = (
        ROOT / "deploy/prometheus/prometheus.yml",
        prometheus.write_configuration(tmp_path, jobs),
    )

    for file in files:
        subprocess.run(["promtool", "check", "config", file], check=True)


def test_both_ways_of_running_have_the_same_jobs_and_intervals(tmp_path: Path) -> None:
    jobs = prometheus.addresses(read_settings(ROOT, {}))
    containers = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    processes = yaml.safe_load(prometheus.write_configuration(tmp_path, jobs).read_text("utf-8"))

    for configuration in (containers, processes):
        assert {scrape["job_name"] for scrape in configuration["scrape_configs"]} == JOBS
    assert processes.pop("scrape_configs") != containers.pop("scrape_configs")
    assert processes == containers


def test_containers_are_asked_at_the_ports_that_they_serve() -> None:
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8")
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    kafka = (ROOT / "deploy/kafka/Dockerfile").read_text("utf-8")

    for name in ("ingest", "viewer"):
        published = services[name]["ports"][0].rpartition(":")[2]
        assert re.search(rf"names: \[{name}\], type: A, port: {published},", text)
    assert '["kafka:9404"]' in text
    assert "=9404:/opt/jmx-exporter/rules.yml" in kafka
    assert '["registry:9000"]' in text
    assert {(door.service, door.port) for door in reached(services)["prometheus"]} >= {
        ("ingest", 8001),
        ("viewer", 8000),
        ("kafka", 9404),
        ("registry", 9000),
    }


def test_prometheus_answers_no_page_of_another_origin(tmp_path: Path) -> None:
    settings = read_settings(ROOT, {"FRAMELOG_PROMETHEUS_PORT": str(free_port())})
    prometheus.write_configuration(tmp_path, prometheus.addresses(settings))
    binary = prometheus.find(CACHE)
    assert binary is not None
    program = prometheus.program(binary, settings, tmp_path)
    url = f"http://127.0.0.1:{settings.prometheus_port}/api/v1/query?query=up"
    with Process("prometheus", program.command, log=tmp_path / "log", cwd=tmp_path) as process:
        wait_for(program.is_ready, alive=process, what="Prometheus")
        for origin in ("http://elsewhere.example", "null", "http://127.0.0.1:8000"):
            answer = requests.get(url, headers={"Origin": origin}, timeout=60)
            assert answer.ok
            assert "Access-Control-Allow-Origin" not in answer.headers
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    flag = f"--web.cors.origin={prometheus.NO_ORIGIN.replace('$', '$$')}"
    assert flag in compose["services"]["prometheus"]["command"]
