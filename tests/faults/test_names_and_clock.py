"""Names that can't be looked up any more, and a viewer's clock that is set."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests
from framelog_local.ports import free_port

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.faults.test_folder_and_clock import movable_clock
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_writer import write_stream
from tests.support.processes import Process, wait_for
from tests.support.videos import Recipe
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from pathlib import Path

HOST = "log.framelog.test"


class Names:
    """A table of names that services see in place of this machine's; it can be emptied."""

    def __init__(self, folder: Path) -> None:
        self._hosts = folder / "hosts"
        self._resolver = folder / "resolv.conf"
        # Nobody answers there, at once.
        self._resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", "ascii")
        self.come()

    def come(self) -> None:
        self._hosts.write_text(f"127.0.0.1 localhost {HOST}\n", "ascii")

    def go(self) -> None:
        self._hosts.write_text("127.0.0.1 localhost\n", "ascii")

    def command(self, *command: str) -> list[str]:
        """Return what runs a command that sees this table. It takes a root user."""
        mounts = (
            f"mount --bind {self._hosts} /etc/hosts && "
            f'mount --bind {self._resolver} /etc/resolv.conf && exec "$@"'
        )
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            mounts,
            "sh",
            *command,
        ]


class NamedIngest(Ingest):
    """Ingest that finds the log by a name."""

    names: Names

    def launch(self, **settings: str) -> Process:
        command = self.names.command(sys.executable, "-m", "ingest")
        environment = {**self._environment, **settings}
        self.process = Process("ingest", command, log=self.log, env=environment)
        return self.process


class NamedViewer(Viewer):
    """A viewer that finds the log by a name."""

    names: Names

    def launch(self) -> Process:
        command = self.names.command(sys.executable, "-m", "viewer")
        self.process = Process("viewer", command, log=self.log, env=dict(self.environment))
        return self.process


def test_names_can_not_be_looked_up_for_a_while(
    cluster: Cluster, topics: Topics, tmp_path: Path
) -> None:
    """Files wait, what is connected goes on, and all comes back by itself."""
    names = Names(tmp_path)
    named = {
        key: value.replace("127.0.0.1", HOST)
        for key, value in topics.environment.items()
        if key in {"FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", "FRAMELOG_SCHEMA_REGISTRY_URL"}
    }
    environment = {**topics.environment, **named}
    recorded = write_stream(cluster, topics, frames=10)
    ingest = NamedIngest(tmp_path, free_port(), environment)
    ports = [free_port(), free_port()]
    viewers = [
        NamedViewer(
            port,
            os.environ | environment | {"FRAMELOG_VIEWER_PORT": str(port)},
            tmp_path / f"viewer-{port}.log",
        )
        for port in ports
    ]
    first, later = viewers
    ingest.names = names
    for each in viewers:
        each.names = names
    films = [
        make_film(tmp_path / f"{name}.mp4", Recipe(frames=75, width=160, height=96, first=first_))
        for first_, name in ((0, "before"), (1000, "meanwhile"))
    ]
    try:
        ingest.start(FRAMELOG_INGEST_PACE="realtime")
        first.start()
        ingest.drop(films[0].path)
        ingest.wait_for_frames(10)
        names.go()
        assert resolves(names) is False
        ingest.drop(films[1].path)
        # What has its connections needs no name.
        ingest.wait_for_file("done/before.mp4", "failed/before.mp4")
        first.wait_for_frames(recorded.stream_id, 10)
        wait_for(lambda: not ingest.is_ready(), alive=ingest.process, what="it to be missed")
        wait_for(
            lambda: ingest.metric("framelog_ingest_cluster_waits_total") > 0,
            alive=ingest.process,
            what="the second file's worker to wait",
        )
        process = later.launch()
        wait_for(lambda: answers(later, "healthz"), alive=process, what="the later viewer")
        assert not answers(later, "readyz")
        for url in (ingest.url, first.url):
            assert requests.get(f"{url}/healthz", timeout=60).ok

        names.come()
        ingest.wait_for_file("done/meanwhile.mp4", "failed/meanwhile.mp4")
        wait_for(lambda: answers(later, "readyz"), alive=process, what="it to be ready")
        wait_for(ingest.is_ready, alive=ingest.process, what="ingest to be ready")
        later.wait_for_frames(recorded.stream_id, 10)
    finally:
        ingest.stop()
        for viewer in viewers:
            viewer.stop()
    check_folders(ingest, *films)


def resolves(names: Names) -> bool:
    look_up = f"import socket; socket.getaddrinfo({HOST!r}, 1)"
    command = names.command(sys.executable, "-c", look_up)
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def answers(viewer: Viewer, route: str) -> bool:
    try:
        return requests.get(f"{viewer.url}/{route}", timeout=60).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("hours", [(1, -1), (-1, 1)])
def test_a_viewers_clock_is_set_by_an_hour(
    cluster: Cluster,
    topics: Topics,
    ingest: Ingest,
    tmp_path: Path,
    hours: tuple[int, int],
) -> None:
    """What is watched live goes on, and the status page's plots stay in the order of time."""
    clock = movable_clock(tmp_path)
    port = free_port()
    settings = {
        "FRAMELOG_VIEWER_PORT": str(port),
        "PYTHONPATH": str(clock.parent),
        "FRAMELOG_TEST_CLOCK": str(clock),
    }
    viewer = Viewer(port, os.environ | topics.environment | settings, tmp_path / "viewer.log")
    ingest.stop()
    ingest.start(FRAMELOG_INGEST_PACE="0.5x")
    film = make_film(tmp_path / "film.mp4", Recipe(frames=250, width=160, height=96))

    def times() -> list[int]:
        answer = requests.get(f"{viewer.url}/api/status", timeout=60).json()
        return [int(ms) for ms in (*answer["times_ms"], answer["at_ms"])]

    try:
        viewer.start()
        ingest.drop(film.path)
        ingest.wait_for_frames(20)
        for hour in hours:
            known = len(times())
            clock.write_text(str(hour * 3600), encoding="ascii")
            wait_for(lambda: len(times()) >= known + 2, alive=viewer.process, what="two looks")  # noqa: B023
            seen = times()
            assert seen == sorted(seen)
            # Fifteen minutes at most, however the clock was set.
            assert seen[-1] - seen[0] < 15 * 60 * 1000
            assert requests.get(f"{viewer.url}/readyz", timeout=60).ok
        ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
        [stream] = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
        viewer.wait_for_frames(stream["stream_id"], 250)
        position = f"{viewer.url}/api/streams/{stream['stream_id']}/position?viewer=test"
        wait_for(lambda: requests.put(position, json={"frame": 7}, timeout=60).ok, what="a place")
        assert requests.get(position, timeout=60).json()["frame"] == 7
        retention = f"{viewer.url}/api/streams/{stream['stream_id']}/retention"
        assert requests.get(retention, timeout=60).ok
    finally:
        viewer.stop()
    check_exactly_once(cluster, topics, film)
