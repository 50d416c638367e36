"""The kubelet's probes, as the manifests have them, of services whose Kafka stands still."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests
from framelog_local.ports import free_ports

from tests.kubernetes.manifests import OVERLAYS, Pod, overlay, pods
from tests.support.cluster import Cluster, Servers, Topics
from tests.support.ingest import Ingest
from tests.support.log_writer import write_stream
from tests.support.processes import wait_for
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TRUE_WITHIN_SECONDS = 30.0
ASKED_SECONDS = 120.0
# What Kubernetes takes where a manifest says nothing.
DEFAULTS = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3}


class Probe:
    """One probe of a pod, made as the kubelet makes it; a context manager."""

    def __init__(self, pod: Pod, kind: str, port: int) -> None:
        """Take a pod, which kind of its probes, and where its process listens here."""
        manifest: dict[str, Any] = DEFAULTS | pod.container[f"{kind}Probe"]
        unknown = manifest.keys() - DEFAULTS.keys() - {"httpGet"}
        assert not unknown, f"this kubelet does not know {unknown}"
        [http] = [each for each in pod.container["ports"] if each["name"] == "http"]
        assert manifest["httpGet"]["port"] == "http"
        assert pod.variables[f"FRAMELOG_{pod.name.upper()}_PORT"] == str(http["containerPort"])
        self.what = f"{kind} of {pod.name}"
        self.period_seconds = manifest["periodSeconds"]
        self.threshold = manifest["failureThreshold"]
        self.verdicts: list[tuple[float, bool]] = []
        """What each answer makes the kubelet believe, and when it was asked for."""
        self.failures: list[float] = []
        """When those were asked for that were none, late, or no success."""
        self._in_a_row = 0
        self._timeout_seconds = manifest["timeoutSeconds"]
        self._url = f"http://127.0.0.1:{port}{manifest['httpGet']['path']}"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.what)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def says_well(self) -> bool:
        """What the kubelet believes now."""
        return bool(self.verdicts) and self.verdicts[-1][1]

    def asked_since(self, moment: float) -> int:
        """Return how many answers there are to what was asked since then."""
        return sum(asked >= moment for asked, _ in self.verdicts)

    def _run(self) -> None:
        pause_seconds = 0.0
        while not self._end.wait(pause_seconds):
            asked = time.monotonic()
            if self._succeeds(asked):
                self._in_a_row = 0
            else:
                self._in_a_row += 1
                self.failures.append(asked)
            self.verdicts.append((asked, self._in_a_row < self.threshold))
            pause_seconds = max(0.0, asked + self.period_seconds - time.monotonic())

    def _succeeds(self, asked: float) -> bool:
        try:
            # A connection of its own each time.
            answer = requests.get(self._url, timeout=self._timeout_seconds)
        except requests.RequestException:
            return False
        return answer.ok and time.monotonic() - asked <= self._timeout_seconds


@pytest.fixture(scope="module")
def cluster(servers: Servers) -> Cluster:
    """Have topics made there, and not where other tests have theirs."""
    return servers.cluster


@pytest.fixture
def ports(servers: Servers, topics: Topics, tmp_path: Path) -> Iterator[Mapping[str, int]]:
    """Run ingest and a viewer that has a stream to show, and give where they listen."""
    write_stream(servers.cluster, topics, frames=5)
    ingest_port, viewer_port = free_ports(2)
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(viewer_port)}
    ingest = Ingest(tmp_path, ingest_port, topics.environment)
    viewer = Viewer(viewer_port, environment, tmp_path / "viewer.log")
    with ExitStack() as started:
        started.callback(ingest.stop)
        started.callback(viewer.stop)
        ingest.start()
        viewer.start()
        yield {"ingest": ingest_port, "viewer": viewer_port}


def test_every_overlay_asks_alike() -> None:
    for name in ("ingest", "viewer"):
        for kind in ("startup", "readiness", "liveness"):
            first, *others = (pods(overlay(each))[name].container for each in OVERLAYS)
            assert all(each[f"{kind}Probe"] == first[f"{kind}Probe"] for each in others)


def test_a_frozen_kafka_restarts_nobody_and_takes_only_ingest_out(
    servers: Servers, ports: Mapping[str, int]
) -> None:
    assert servers.broker.process is not None
    manifests = pods(overlay("production"))
    with ExitStack() as kubelet:
        alive, ready = (
            {
                name: kubelet.enter_context(Probe(manifests[name], kind, port))
                for name, port in ports.items()
            }
            for kind in ("liveness", "readiness")
        )
        everything = (*alive.values(), *ready.values())
        wait_for(lambda: all(probe.says_well for probe in everything), what="all to be well")
        os.kill(servers.broker.process.pid, signal.SIGSTOP)
        try:
            frozen = time.monotonic()
            # As often as it would take to have either restarted.
            wait_for(
                lambda: all(each.asked_since(frozen) >= each.threshold for each in alive.values()),
                ASKED_SECONDS,
                what="as many looks as a restart would take",
            )
            wait_for(lambda: not ready["ingest"].says_well, what="ingest to be taken out")
            first = next(asked for asked in ready["ingest"].failures if asked >= frozen)
            assert first - frozen <= TRUE_WITHIN_SECONDS + ready["ingest"].period_seconds
        finally:
            os.kill(servers.broker.process.pid, signal.SIGCONT)
        wait_for(lambda: all(probe.says_well for probe in everything), what="all to be well again")
        for probe in (*alive.values(), ready["viewer"]):
            assert all(well for _, well in probe.verdicts), f"{probe.what}: {probe.failures}"
