"""The whole stack with a Prometheus that watches it, quicker to judge than the one people run."""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import framelog_setup
import requests
import yaml
from framelog_local import prometheus
from framelog_local.ports import free_port, free_ports

from tests.support.cluster import CACHE, Servers, running_servers
from tests.support.disks import mounted
from tests.support.ingest import Ingest
from tests.support.processes import Process, wait_for
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

START_SECONDS = 60.0
ALERT_SECONDS = 120.0
LOST_LOG = "second-log"
DISK_BYTES = 64 << 20
SCRAPE = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
# Three streaming responses at a time: the fourth finds the viewer full.
VIEWER_THREADS = 11
# So many videos that play at once: one more has to wait.
PACED_WORKERS = 3
# What the rules look back on, and how long a file may be without a frame.
SOONER = {"> 90": "> 3", "[2m]": "[10s]", "[5m]": "[10s]"}


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs, and what it has seen since it was started."""

    url: str
    process: Process
    started: float

    def over_time(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that the expression has given since the start, without what is NaN."""
        times = {"start": f"{self.started}", "end": f"{time.time()}", "step": "1"}
        found = self._get("query_range", query=expr, **times)["result"]
        return [series for series in found if any(is_number(v) for _, v in series["values"])]

    def names(self) -> set[str]:
        """Return the names of all metrics that it has seen."""
        return set(self._get("label/__name__/values", start=f"{self.started}"))

    def alerts(self) -> dict[str, dict[str, str]]:
        """Return the alerts that fire now, with their annotations."""
        return {
            alert["labels"]["alertname"]: alert["annotations"]
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def wait_for_alerts(self, *wanted: str) -> dict[str, dict[str, str]]:
        """Wait until each of these has fired, and return them with their annotations.

        What looks back on seconds fires for seconds: not all of it at the same time.
        """
        fired: dict[str, dict[str, str]] = {}

        def firing() -> dict[str, dict[str, str]]:
            fired.update(self.alerts())
            return {name: fired[name] for name in wanted} if fired.keys() >= set(wanted) else {}

        return wait_for(firing, ALERT_SECONDS, alive=self.process, what=f"the alerts {wanted}")

    def _get(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=60)
        assert answer.ok, answer.text
        return answer.json()["data"]


@dataclass(frozen=True)
class Stack:
    """All parts, running."""

    servers: Servers
    ingest: Ingest
    viewer: Viewer
    prometheus: Prometheus


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Start every part, and stop at the end what still runs."""
    with ExitStack() as stack:
        # A broker with two log folders can lose one and live on.
        folders = ",".join(str(folder / "kafka" / name) for name in ("log", LOST_LOG))
        servers = stack.enter_context(running_servers(folder, f"log.dirs={folders}"))
        addresses = {
            "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": servers.cluster.bootstrap_servers,
            "FRAMELOG_SCHEMA_REGISTRY_URL": servers.cluster.registry_url,
        }
        framelog_setup.set_up(framelog_setup.from_environment(addresses))
        ingest_port, viewer_port = free_ports(2)
        stack.enter_context(mounted(folder / "videos", f"size={DISK_BYTES}"))
        workers = {"FRAMELOG_INGEST_PACED_WORKERS": str(PACED_WORKERS)}
        ingest = Ingest(folder, ingest_port, addresses | workers)
        stack.callback(ingest.stop)
        settings = {
            "FRAMELOG_VIEWER_PORT": str(viewer_port),
            "FRAMELOG_VIEWER_THREADS": str(VIEWER_THREADS),
        }
        viewer = Viewer(viewer_port, os.environ | addresses | settings, folder / "viewer.log")
        stack.callback(viewer.stop)
        ingest.start()
        viewer.start()
        jobs = {
            "ingest": f"127.0.0.1:{ingest_port}",
            "viewer": f"127.0.0.1:{viewer_port}",
            "kafka": f"127.0.0.1:{servers.kafka_metrics_port}",
            "registry": f"127.0.0.1:{servers.registry_metrics_port}",
        }
        watching = stack.enter_context(running_prometheus(folder / "prometheus", jobs))
        yield Stack(servers, ingest, viewer, watching)


@contextmanager
def running_prometheus(folder: Path, jobs: Mapping[str, str]) -> Iterator[Prometheus]:
    """Start a Prometheus on the project's configuration and rules, at a quicker pace."""
    binary = prometheus.find(CACHE)
    assert binary is not None
    folder.mkdir()
    address = f"127.0.0.1:{free_port()}"
    configuration = prometheus.write_configuration(folder, {**jobs, "prometheus": address})
    hurry(configuration)
    started = time.time()
    arguments = [f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}"]
    command = [str(binary), *arguments, f"--web.listen-address={address}"]
    with Process("prometheus", command, log=folder / "prometheus.log") as process:
        wait_for(
            lambda: answers(f"http://{address}/-/ready"),
            START_SECONDS,
            alive=process,
            what="Prometheus",
        )
        yield Prometheus(f"http://{address}", process, started)


def hurry(configuration: Path) -> None:
    """Scrape and judge every second or two, look back on less, and fire after less."""
    settings = yaml.safe_load(configuration.read_text("utf-8"))
    settings["global"] = SCRAPE
    configuration.write_text(yaml.safe_dump(settings), "utf-8")
    for rules in (configuration.parent / "rules").glob("*.yml"):
        content = yaml.safe_load(rules.read_text("utf-8"))
        for rule in (rule for group in content["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = SCRAPE["scrape_interval"]
            for usual, sooner in SOONER.items():
                rule["expr"] = rule["expr"].replace(usual, sooner)
        rules.write_text(yaml.safe_dump(content), "utf-8")


def answers(url: str) -> bool:
    """Whether a GET is answered with success."""
    try:
        return requests.get(url, timeout=60).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def is_number(value: str) -> bool:
    """Whether a sample tells something."""
    return not math.isnan(float(value))
