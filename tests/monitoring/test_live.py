"""A real Prometheus watches the real stack under load: queries have data, alerts fire."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from tests.monitoring.promql import names, panel_expressions, rule_expressions
from tests.monitoring.stack import ALERT_SECONDS, LOST_LOG, Stack, running_stack
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACED = ("first", "second", "third")
LARGE = "third"
LAST_TO_COME = ("seek", "live_latency")
ALERTS = frozenset(rule_expressions("alert"))
# A machine that is busy with other work may cause these by itself.
OF_TIME = {"CommitsSlow", "StreamsLate", "SeeksSlow", "FramesSkipped", "CatalogueLags"}
# Taken at once, and how often, by a client that is slower than its stream.
SLOW_BYTES, SLOW_SECONDS = 8192, 0.25


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the stack through a mixed load and the faults, and give what is left: Prometheus."""
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(folder) as started:
        load(started, folder)
        # A look that a busy machine is late for makes an alert, too, and the next one ends it.
        wait_for(lambda: started.prometheus.alerts().keys() <= OF_TIME, what="no alert to fire")
        fired = cause_faults(started)
        assert fired.keys() == ALERTS
        for annotations in fired.values():
            assert all(annotations.values())
            assert "error" not in " ".join(annotations.values())
        yield started


def load(stack: Stack, folder: Path) -> None:
    """Ingest videos at once and as they play, and one that is none; watch, seek and export."""
    # What was counted before the first look is no growth to Prometheus.
    for first in ("framelog_ingest_frames_committed_total", "framelog_viewer_seek_seconds_count"):
        wait_for(partial(stack.prometheus.over_time, first), what=first)
    videos = stack.ingest.videos
    for number, name in enumerate((*PACED, "waiting")):
        # 200 seconds each: they play through all of the test.
        (videos / "incoming" / f"{name}.toml").write_text("pace = '0.1x'", "utf-8")
        size = (1280, 720) if name == LARGE else (160, 90)
        stack.ingest.drop(
            make_video(folder / f"{name}.mp4", Recipe(500, *size, first=1000 * (number + 1)))
        )
    stack.ingest.drop(make_video(folder / "fast.mp4", Recipe(frames=150)))
    (folder / "broken.mp4").write_bytes(b"no video")
    stack.ingest.drop(folder / "broken.mp4")

    stack.ingest.wait_for_file("done/fast.mp4")
    streams = wait_for(lambda: catalogue(stack, 1 + len(PACED)), alive=stack.viewer.process)
    live, fast = (stack.viewer.watch(streams[name]) for name in ("first.mp4", "fast.mp4"))
    for frame in range(0, 150, 5):
        assert requests.get(f"{fast}/frames/{frame}", timeout=60).ok
    for window in (0, 50, 0, 50):
        assert requests.get(f"{fast}/frames?from={window}&count=50", timeout=60).ok
    position = f"{stack.viewer.url}/api/streams/{streams['fast.mp4']}/position?viewer=test"
    # A broker that was just started has yet to make room for its first group.
    wait_for(lambda: requests.put(position, json={"frame": 7}, timeout=60).ok, what="a place")
    stack.ingest.wait_for_file("failed/broken.mp4")
    for url in (f"{live}/frames?from=live&follow=live", f"{live}/video.mjpg?from=live"):
        threading.Thread(target=watch, args=(url,), daemon=True).start()
    slowly = f"/streams/{streams['third.mp4']}/frames?from=live&follow=live"
    threading.Thread(target=watch_slowly, args=(stack, slowly), daemon=True).start()
    both = " and ".join(f"job:framelog_viewer_{what}_seconds:p95_5m" for what in LAST_TO_COME)
    wait_for(lambda: stack.prometheus.over_time(both), alive=stack.viewer.process, what=both)


def catalogue(stack: Stack, count: int) -> dict[str, str]:
    """Return the ids of the streams that can be watched by their names, once there are so many."""
    answer = requests.get(f"{stack.viewer.url}/api/streams", timeout=60)
    streams = {s["name"]: s["stream_id"] for s in answer.json()["streams"] if s["frame_count"]}
    return streams if len(streams) >= count else {}


def watch(url: str) -> None:
    """Take all that comes, until the viewer ends."""
    with suppress(requests.RequestException), requests.get(url, stream=True, timeout=60) as answer:
        for _ in answer.iter_content(65536):
            pass


def watch_slowly(stack: Stack, path: str) -> None:
    """Take a little now and then of a stream that brings much more, until the viewer ends."""
    pause = threading.Event()
    with suppress(OSError), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        client.connect(("127.0.0.1", stack.viewer.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while client.recv(SLOW_BYTES):
            pause.wait(SLOW_SECONDS)


def cause_faults(stack: Stack) -> dict[str, dict[str, str]]:
    """Cause one fault after the other, and return the alerts that fired with their annotations."""
    prometheus, viewer = stack.prometheus, stack.viewer
    streams = catalogue(stack, len(PACED))

    def full() -> dict[str, dict[str, str]]:
        found = prometheus.alerts() if refused(stack) else {}
        return {"ViewerFull": found["ViewerFull"]} if "ViewerFull" in found else {}

    # Asked for as long as it takes: what one refusal shows is over in seconds.
    fired = wait_for(full, ALERT_SECONDS, alive=viewer.process, what="a full viewer")
    fired |= prometheus.wait_for_alerts("FramesSkipped")
    fired |= freeze_kafka(stack, f"/streams/{streams['second.mp4']}/frames")
    fired |= lose_workers(stack)
    room = shutil.disk_usage(stack.ingest.videos)
    (stack.ingest.videos / "filler").write_bytes(bytes(room.free - room.total // 20))
    fired |= prometheus.wait_for_alerts("DiskFilling")

    registry = stack.servers.registry
    registry.stop()
    shutil.rmtree(registry.directory)
    registry.start()
    fired |= prometheus.wait_for_alerts("SchemasLost")
    registry.stop()
    viewer.stop()
    # As its supervisor tells it.
    viewer.environment = {**viewer.environment, "FRAMELOG_RESTARTS": "9"}
    viewer.launch()
    fired |= prometheus.wait_for_alerts("RegistryDown", "CatalogueLags", "RestartsOften")
    shutil.rmtree(stack.servers.broker.directory / LOST_LOG)
    fired |= prometheus.wait_for_alerts("KafkaPartitionsUnhealthy")
    stack.ingest.stop()
    viewer.stop()
    stack.servers.broker.stop()
    return fired | prometheus.wait_for_alerts("IngestDown", "ViewerDown", "KafkaDown")


def freeze_kafka(stack: Stack, frames: str) -> dict[str, dict[str, str]]:
    """Stop the broker for as long as Prometheus takes to miss it; commits and seeks wait."""
    broker = stack.servers.broker.process
    assert broker is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        for frame in range(3):
            url = f"{stack.viewer.url}{frames}/{frame}"
            threading.Thread(target=watch, args=(url,), daemon=True).start()
        stack.prometheus.wait_for_alerts("KafkaDown")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    return stack.prometheus.wait_for_alerts("CommitsSlow", "StreamsLate", "SeeksSlow")


def lose_workers(stack: Stack) -> dict[str, dict[str, str]]:
    """Freeze the workers while a file waits for one, then kill them."""
    workers = stack.ingest.workers()
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    fired = stack.prometheus.wait_for_alerts("FileStuck", "NoFramesWhileFilesWait")
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    return fired | stack.prometheus.wait_for_alerts("WorkersLost")


def refused(stack: Stack) -> bool:
    """Ask for one stream more than there may be."""
    with requests.get(f"{stack.viewer.url}/api/events", stream=True, timeout=60) as answer:
        return answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("place", panel_expressions())
def test_a_panels_query_returns_data(stack: Stack, place: str) -> None:
    expr = panel_expressions()[place]

    assert stack.prometheus.over_time(expr), expr


@pytest.mark.parametrize("record", rule_expressions("record"))
def test_a_recording_rule_records(stack: Stack, record: str) -> None:
    expr = rule_expressions("record")[record]

    assert stack.prometheus.over_time(expr), expr
    assert stack.prometheus.over_time(record), record


@pytest.mark.parametrize("alert", rule_expressions("alert"))
def test_an_alert_judges_by_what_there_is(stack: Stack, alert: str) -> None:
    for name in names(rule_expressions("alert")[alert]):
        assert stack.prometheus.over_time(name), name


def test_every_name_is_one_that_a_service_exports(stack: Stack) -> None:
    asked = panel_expressions() | rule_expressions("record") | rule_expressions("alert")
    named = {name for expr in asked.values() for name in names(expr)}

    assert named <= stack.prometheus.names()
