"""The ingest service as a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import requests
from framelog_local.ports import free_port
from prometheus_client.parser import text_string_to_metric_families

from tests.support.cluster import Topics
from tests.support.processes import Process, wait_for

START_SECONDS = 60.0
INGEST_SECONDS = 300.0
VERIFY_SECONDS = 300.0


class Ingest:
    """An ingest process on a folder, which can die and come back."""

    def __init__(
        self, folder: Path, port: int, environment: Mapping[str, str], name: str = "ingest"
    ) -> None:
        """Take the folder of videos/ and of the log, which is called name."""
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            **environment,
            "FRAMELOG_VIDEOS": str(folder / "videos"),
            "FRAMELOG_INGEST_PORT": str(port),
        }
        self.process: Process | None = None

    def start(self, **settings: str) -> None:
        """Start it, and wait until it is ready."""
        process = self.launch(**settings)
        wait_for(self.is_ready, START_SECONDS, alive=process, what="ingest")

    def launch(self, **settings: str) -> Process:
        """Start it, ready or not."""
        self.process = Process(
            "ingest",
            [sys.executable, "-m", "ingest"],
            log=self.log,
            env={**self._environment, **settings},
        )
        return self.process

    def stop(self) -> None:
        """Stop it as an orderly shutdown does."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def workers(self) -> list[psutil.Process]:
        """Return its worker processes: the fork server's children."""
        server = self.fork_server()
        try:
            return [] if server is None else server.children()
        except psutil.NoSuchProcess:
            return []

    def fork_server(self) -> psutil.Process | None:
        """Return the process that its workers are forks of; None when there is none just now."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        servers = (child for child in children if "forkserver" in " ".join(_command(child)))
        return next(servers, None)

    def is_ready(self) -> bool:
        """Ask /readyz."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=60).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def drop(self, path: Path, name: str | None = None) -> None:
        """Drop a copy of a video, as a person would: written beside, then moved in."""
        whole = self.videos / "incoming" / ".being-copied"
        shutil.copyfile(path, whole)
        whole.rename(self.videos / "incoming" / (name or path.name))

    @property
    def videos(self) -> Path:
        """The watched folder."""
        return self.folder / "videos"

    def wait_for_file(self, *places: str) -> Path:
        """Wait until one of places, such as 'done/a.mp4', is there, and return it."""

        def found() -> Path | None:
            return next((self.videos / p for p in places if (self.videos / p).exists()), None)

        return wait_for(found, INGEST_SECONDS, alive=self.process, what=" or ".join(places))

    def wait_for_frames(self, count: int) -> None:
        """Wait until so many frames have been committed since the service was started."""
        wait_for(
            lambda: self.metric("framelog_ingest_frames_committed_total") >= count,
            INGEST_SECONDS,
            alive=self.process,
            what=f"{count} frames",
        )

    def wait_for_first_frames(self, *names: str) -> None:
        """Wait until frames of each of these files have been committed."""

        def begun() -> bool:
            files = requests.get(f"{self.url}/api/files", timeout=60).json()["files"]
            sent = {f["name"] for f in files if f["frame_count"] or f["state"] == "done"}
            return sent.issuperset(names)

        wait_for(begun, INGEST_SECONDS, alive=self.process, what=f"frames of {names}")

    def metric(self, name: str, **labels: str) -> float:
        """Return one value of /metrics."""
        text = requests.get(f"{self.url}/metrics", timeout=60).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        raise AssertionError(f"no metric {name} {labels}")


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    """Give an ingest on the test's topics and a folder of its own, which the test starts."""
    made = Ingest(tmp_path, free_port(), topics.environment)
    yield made
    made.stop()


def verify(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run `ingest verify`; return its exit status and all that it said."""
    run = subprocess.run(
        [sys.executable, "-m", "ingest", "verify", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=VERIFY_SECONDS,
        check=False,
    )
    return run.returncode, run.stdout


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it has just ended
