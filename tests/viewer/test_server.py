"""The viewer as the process that it is: how it starts, what it refuses, and how it ends."""

from __future__ import annotations

import http.client
import os
import re
import socket
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import av
import pytest
import requests
from viewer.playback.frame_headers import HEADER

from tests.support.expiry import delete_before
from tests.support.log_writer import StreamWriter, WrongSizes, jpeg, write_stream
from tests.support.processes import Process, wait_for
from tests.viewer.running import answers, metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.cluster import Cluster, Topics
    from tests.support.viewing import Viewer


def stalled_client(port: int, path: str) -> socket.socket:
    """Ask for something large, and read nothing of it."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def read_records(response: requests.Response) -> Iterator[tuple[int, bytes]]:
    """Read a window's records as they come."""
    while head := response.raw.read(HEADER.size, decode_content=True):
        fields = HEADER.unpack(head)
        yield fields[4], response.raw.read(fields[-2])


def test_a_bad_setting_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "FRAMELOG_VIEWER_PORT": "none"}
    command = [sys.executable, "-m", "viewer"]
    process = Process("viewer", command, log=tmp_path / "viewer.log", env=env)
    assert process.wait(60) == 1
    sentence = "FRAMELOG_VIEWER_PORT is 'none', but it must be a whole number from 1 to 65535."
    assert process.log_tail() == sentence


def test_topics_that_are_missing_are_named(
    topics: Topics, tmp_path: Path, free_port: int, base: str
) -> None:
    missing = f"{topics.index}-missing"
    env = {
        **os.environ,
        **topics.environment,
        "FRAMELOG_INDEX_TOPIC": missing,
        "FRAMELOG_VIEWER_PORT": str(free_port),
    }
    command = [sys.executable, "-m", "viewer"]
    with Process("viewer", command, log=tmp_path / "viewer.log", env=env) as process:
        wait_for(lambda: answers(f"{base}/healthz"), alive=process)
        wait_for(lambda: missing in requests.get(f"{base}/readyz", timeout=60).text, alive=process)


def test_it_ends_open_streams_when_it_stops(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str, free_port: int
) -> None:
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(0)])
    process = serve()
    wait_for(lambda: answers(f"{base}/streams/{writer.stream_id}/frames/0"), alive=process)
    follow = f"streams/{writer.stream_id}/frames?follow=1"
    with ExitStack() as stack:
        session = stack.enter_context(requests.Session())
        open_streams = [
            stack.enter_context(session.get(f"{base}/{path}", stream=True, timeout=60))
            for path in ("api/events", follow)
        ]
        contents = [response.iter_content(None) for response in open_streams]
        for content in contents:
            assert next(content)
        # One more for a client that knows no chunks.
        client = socket.create_connection(("127.0.0.1", free_port), timeout=60)
        stack.enter_context(client)
        client.sendall(f"GET /{follow} HTTP/1.0\r\n\r\n".encode())
        received = b""
        while jpeg(0) not in received:
            received += client.recv(1 << 16)
        assert b"chunked" not in received
        assert process.stop() == 0
        # Events promise no end. Chunked responses end with an empty chunk, or this raises.
        assert all(contents[0])
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            assert all(contents[1])
        # Without chunks, an end in order would pass for the stream's.
        with pytest.raises(ConnectionResetError):
            client.recv(1 << 16)


def test_a_window_leaves_its_connection_to_the_next_request(
    cluster: Cluster, shared_topics: Topics, shared_viewer: Viewer
) -> None:
    writer = write_stream(cluster, shared_topics, 12, stream_id="window-0123456789ab")
    shared_viewer.wait_for_frames(writer.stream_id, 12)
    client = http.client.HTTPConnection("127.0.0.1", shared_viewer.port, timeout=60)
    sockets = set()
    for first in (0, 4, 8):
        client.request("GET", f"/streams/{writer.stream_id}/frames?from={first}&count=4")
        sockets.add(client.sock)
        images = writer.images[first : first + 4]
        assert len(client.getresponse().read()) == sum(88 + len(image) for image in images)
    assert len(sockets) == 1
    client.close()


def test_an_index_that_is_wrong_breaks_a_window_and_no_other_answer(
    cluster: Cluster, shared_topics: Topics, shared_viewer: Viewer
) -> None:
    writer = write_stream(
        cluster, shared_topics, 12, stream_id="wrong-0123456789ab", batch=4, kind=WrongSizes
    )
    shared_viewer.wait_for_frames(writer.stream_id, 12)
    frames = f"{shared_viewer.url}/streams/{writer.stream_id}/frames"
    with requests.Session() as session:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            assert session.get(f"{frames}?from=2&count=10", timeout=60).content
        # What is known to be wrong beforehand is not promised: the stream can be watched.
        rest = session.get(f"{frames}?from=4", timeout=60)
        assert "Content-Length" not in rest.headers
        assert len(rest.content) == sum(88 + len(image) for image in writer.images[4:])
        assert session.get(f"{frames}/0", timeout=60).content == writer.images[0]


def test_a_stalled_client_is_dropped_and_delays_nobody(
    cluster: Cluster,
    topics: Topics,
    serve: Callable[..., Process],
    base: str,
    free_port: int,
) -> None:
    writer = StreamWriter(cluster, topics)
    large = jpeg(0, width=1600, height=1600) * 100
    for _ in range(4):
        writer.write([large] * 8)
    process = serve(FRAMELOG_VIEWER_THREADS="10", FRAMELOG_VIEWER_STALL_SECONDS="8")
    frame = f"{base}/streams/{writer.stream_id}/frames/0"
    wait_for(lambda: answers(frame), alive=process)
    path = f"/streams/{writer.stream_id}/frames"
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(stalled_client(free_port, path))
        wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 2, alive=process)
        assert requests.get(frame, timeout=60).content == large
        assert metric(base, "framelog_viewer_clients_dropped_total") == 0, "nobody has waited"
        wait_for(lambda: metric(base, "framelog_viewer_clients_dropped_total") == 2, alive=process)
        wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 0, alive=process)
    assert len(requests.get(f"{base}{path}?count=4", timeout=60).content) == 4 * (88 + len(large))
    assert "Traceback" not in process.log_tail()


def test_who_stalls_makes_room_for_another_and_who_watches_does_not(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str, free_port: int
) -> None:
    writer = StreamWriter(cluster, topics)
    large = jpeg(0, width=1600, height=1600) * 100
    for _ in range(4):
        writer.write([large] * 8)
    process = serve(FRAMELOG_VIEWER_THREADS="10", FRAMELOG_VIEWER_STALL_SECONDS="3600")
    wait_for(lambda: answers(f"{base}/streams/{writer.stream_id}/frames/0"), alive=process)
    path = f"/streams/{writer.stream_id}/frames"
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(stalled_client(free_port, path))
        wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 2, alive=process)
        watching = []

        def watches() -> bool:
            response = requests.get(f"{base}/api/events", stream=True, timeout=60)
            watching.append(stack.enter_context(response))
            return response.status_code == 200

        for _ in range(2):
            wait_for(watches, alive=process)
        assert metric(base, "framelog_viewer_clients_dropped_total") == 2
        refused = requests.get(base + path, timeout=60)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "Traceback" not in process.log_tail()


def test_who_stalls_at_the_edge_is_dropped_and_who_stalls_then_holds_up_no_stop(
    cluster: Cluster,
    topics: Topics,
    serve: Callable[..., Process],
    base: str,
    free_port: int,
) -> None:
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(0)])
    process = serve(FRAMELOG_VIEWER_STALL_SECONDS="1")
    wait_for(lambda: answers(f"{base}/streams/{writer.stream_id}/frames/0"), alive=process)
    path = f"/streams/{writer.stream_id}/frames?from=live&follow=live"
    large = jpeg(0, width=1600, height=1600) * 100
    with (
        stalled_client(free_port, path),
        requests.get(base + path, stream=True, timeout=60) as quick,
    ):
        records = read_records(quick)
        assert next(records) == (0, jpeg(0))
        wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 2, alive=process)
        writer.write([large])
        assert next(records) == (1, large)
        wait_for(lambda: metric(base, "framelog_viewer_clients_dropped_total") == 1, alive=process)
        writer.write([large])
        assert next(records) == (2, large)
        with stalled_client(free_port, f"{path.partition('?')[0]}?from=3&follow=live"):
            wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 2, alive=process)
            writer.write([large])
            assert next(records) == (3, large)
            began = time.monotonic()
            assert process.stop() == 0
            assert time.monotonic() - began < 30
    assert "Traceback" not in process.log_tail()


def test_a_client_that_leaves_makes_room(
    cluster: Cluster, shared_topics: Topics, shared_viewer: Viewer
) -> None:
    writer = write_stream(cluster, shared_topics, 4, stream_id="leaves-0123456789ab")
    base, process = shared_viewer.url, shared_viewer.process
    wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 0, alive=process)
    with requests.get(f"{base}/api/events", stream=True, timeout=60):
        wait_for(lambda: metric(base, "framelog_viewer_watchers{") == 1, alive=process)

    def left() -> bool:
        # It is noticed when there is something to tell.
        writer.announce("COMPLETE")
        return metric(base, "framelog_viewer_watchers{") == 0

    wait_for(left, alive=process)


@pytest.fixture(scope="module")
def film(cluster: Cluster, shared_topics: Topics, shared_viewer: Viewer) -> StreamWriter:
    """Write a video of 30 frames, and wait until it can be watched."""
    writer = write_stream(cluster, shared_topics, 30, stream_id="film-0123456789ab")
    shared_viewer.wait_for_frames(writer.stream_id, 30)
    return writer


def test_a_video_plays_in_ffmpegs_players_to_its_last_frame(
    film: StreamWriter, shared_viewer: Viewer
) -> None:
    url = shared_viewer.watch(film.stream_id, "/video.mjpg?speed=2")
    with av.open(url, "r", timeout=60) as container:
        played = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    shown = [film.images.index(image) for image in played]
    # A machine that is late leaves out what was due meanwhile. Browsers need the last one twice.
    assert shown == sorted(shown)
    assert (shown[0], shown[-2:], len(set(shown))) == (0, [29, 29], len(shown) - 1)


def test_a_video_ends_for_who_just_reads_it(film: StreamWriter, shared_viewer: Viewer) -> None:
    url = shared_viewer.watch(film.stream_id, "/video.mjpg?speed=2")
    data = requests.get(url, timeout=60).content
    counts = [data.count(image) for image in film.images]
    assert (counts[0], counts[-1]) == (1, 2)
    assert set(counts[:-1]) <= {0, 1}, "what was due while the machine was late is left out"


def test_logs_are_json_when_asked_for(serve: Callable[..., Process], tmp_path: Path) -> None:
    serve(FRAMELOG_LOG_FORMAT="json").stop()
    lines = (tmp_path / "viewer.log").read_text().splitlines()
    assert lines
    assert all(line.startswith('{"time": "') for line in lines)


@pytest.mark.parametrize("kind", ["zip", "avro"])
def test_an_export_that_expires_under_way_breaks_off_visibly(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str, kind: str
) -> None:
    writer = StreamWriter(cluster, topics)
    large = jpeg(0, width=1600, height=1600) * 40
    for batch in range(8):
        writer.write([large] * 8, state="COMPLETE" if batch == 7 else "INGESTING")
    process = serve(FRAMELOG_VIEWER_CACHE_BYTES="0")
    url = f"{base}/streams/{writer.stream_id}/export.{kind}"
    with requests.get(url, stream=True, timeout=60) as response:
        assert response.status_code == 200
        delete_before(cluster, topics, 0, writer.offsets[-1])
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in response.iter_content(1 << 20):
                pass
    whose = f"stream_id='{writer.stream_id}' run_id='{writer.run_id}'"
    assert re.search(f"event=export_broken_off .*{whose}", process.log_tail())
    assert "Traceback" not in process.log_tail()
    # What is still there can be had.
    assert requests.get(url, timeout=60).headers["Content-Disposition"].count("-63-63.") == 1
