"""Kafka's own data: wiped, without room, compacted and expired, while all others go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import framelog_setup
import requests
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from framelog_local.ports import free_port, free_ports

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.support.cluster import (
    CLUSTER_ID,
    Servers,
    Topics,
    kafka_node,
    running_servers,
    unique_topics,
)
from tests.support.disks import mounted
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.log_writer import write_stream
from tests.support.processes import wait_for
from tests.support.videos import Recipe
from tests.support.viewing import Viewer

MIB = 1 << 20
# Retention and compaction are looked at every second.
BROKER_PROPERTIES = "\n".join(
    (
        "log.retention.check.interval.ms=500",
        "log.cleaner.backoff.ms=500",
        "log.segment.delete.delay.ms=500",
        "file.delete.delay.ms=500",
    )
)


def viewer_of(topics: Topics, folder: Path) -> Viewer:
    port = free_port()
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(port)}
    return Viewer(port, environment, folder / f"viewer-{port}.log")


def configure(servers: Servers, topic: str, **settings: object) -> None:
    entries = [
        ConfigEntry(name.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource("topic", topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": servers.cluster.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result()


def wipe(servers: Servers, topics: Topics) -> None:
    """Throw Kafka's data away, as somebody does who deletes its volume; set it up again."""
    broker = servers.broker
    properties = broker.directory / "server.properties"
    broker.stop()
    shutil.rmtree(broker.directory / "log")
    # Only the Java and the jars of the description are of use here: the settings lie there.
    node = kafka_node(broker.directory.parent, free_ports(3))
    command = list(node.format_command(CLUSTER_ID))
    assert command[-1] == str(properties)
    subprocess.run(command, check=True, capture_output=True)
    broker.start()
    framelog_setup.set_up(framelog_setup.from_environment(topics.environment))


def test_kafkas_data_is_wiped_while_done_is_full(servers: Servers, tmp_path: Path) -> None:
    """What was sent is gone: nothing is called a duplicate, and all can be sent again."""
    films = [
        make_film(tmp_path / f"{n}.mp4", Recipe(frames=40, width=160, height=96, first=100 * n))
        for n in range(3)
    ]
    with unique_topics(servers.cluster) as topics:
        ingest = Ingest(tmp_path, free_port(), topics.environment)
        viewer = viewer_of(topics, tmp_path)
        try:
            ingest.start()
            viewer.start()
            for film in films:
                ingest.drop(film.path)
            for film in films:
                ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
            wait_for(lambda: len(listed(viewer)) == 3, alive=viewer.process, what="the streams")

            wipe(servers, topics)
            wait_for(lambda: not listed(viewer), alive=viewer.process, what="them to be gone")
            wait_for(ingest.is_ready, alive=ingest.process, what="ingest to be ready")
            for film in films:
                (ingest.videos / "done" / film.name).unlink()
                ingest.drop(film.path)
            for film in films:
                ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
            check_exactly_once(servers.cluster, topics, *films)
            check_folders(ingest, *films)
            wait_for(
                lambda: [s["frame_count"] for s in listed(viewer)] == [40] * 3,
                alive=viewer.process,
                what="the streams to be back",
            )
            assert requests.get(f"{viewer.url}/readyz", timeout=60).ok
        finally:
            ingest.stop()
            viewer.stop()


def test_a_disk_is_full_under_kafka(tmp_path: Path) -> None:
    """The broker ends; once there is room and it runs again, the video goes on where it was."""
    with mounted(tmp_path / "disk", f"size={24 * MIB}") as disk, running_servers(disk) as servers:
        film = make_film(tmp_path / "film.mp4", Recipe(frames=400, width=640, height=480))
        with unique_topics(servers.cluster) as topics:
            ingest = Ingest(tmp_path, free_port(), topics.environment)
            try:
                ingest.start(FRAMELOG_INGEST_QUALITY="100")
                broker = servers.broker.process
                assert broker is not None
                # Room for little more than what is there.
                room = shutil.disk_usage(disk).free
                (disk / "filler").write_bytes(bytes(max(0, room - MIB)))
                ingest.drop(film.path)
                wait_for(lambda: broker.exit_code is not None, 120, what="the broker to end")
                servers.broker.kill()
                wait_for(
                    lambda: ingest.metric("framelog_ingest_waiting_workers") == 1,
                    120,
                    alive=ingest.process,
                    what="the worker to wait",
                )
                assert not ingest.is_ready()
                (disk / "filler").unlink()
                subprocess.run(["mount", "-o", f"remount,size={400 * MIB}", disk], check=True)
                servers.broker.start()
                ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
                check_exactly_once(servers.cluster, topics, film)
                check_folders(ingest, film)
            finally:
                ingest.stop()


def test_frames_expire_and_streams_are_compacted_under_readers(
    servers: Servers, tmp_path: Path
) -> None:
    """Kafka's own retention and compaction, not a stand-in's, while somebody watches."""
    with unique_topics(servers.cluster, partitions=1) as topics:
        # A record is compacted once its segment is closed: each has one of its own, or nearly.
        configure(servers, topics.streams, segment_ms=10, min_cleanable_dirty_ratio=0.01)
        writers = [
            write_stream(servers.cluster, topics, frames=60, batch=5, stream_id=f"old-{n:012x}")
            for n in range(3)
        ]
        viewer = viewer_of(topics, tmp_path)
        ingest = Ingest(tmp_path, free_port(), topics.environment)
        try:
            viewer.start()
            ingest.start()
            oldest = writers[0].stream_id
            seen: list[int] = []
            url = viewer.watch(oldest, "/video.mjpg?from=0&speed=0.1")

            def watch() -> None:
                with requests.get(url, stream=True, timeout=300) as answer:
                    seen.extend(map(len, answer.iter_content(4096)))

            threading.Thread(target=watch, daemon=True).start()
            wait_for(lambda: seen, alive=viewer.process, what="a picture")
            before = len(list(LogReader(servers.cluster).latest(topics.streams)))
            # They expire once their segment is closed: what is written next closes it.
            configure(servers, topics.frames, segment_ms=1000, retention_ms=1000)
            film = make_film(tmp_path / "film.mp4", Recipe(frames=150, width=160, height=96))
            ingest.drop(film.path)
            wait_for(
                lambda: viewer.stream(oldest).get("first_available_frame") == 60,
                120,
                alive=viewer.process,
                what="the frames to expire",
            )
            gone = requests.get(viewer.watch(oldest, "/frames/0"), timeout=60)
            assert gone.status_code == 410
            configure(servers, topics.frames, retention_ms=3_600_000)
            later = make_film(tmp_path / "later.mp4", Recipe(frames=50, first=1000))
            ingest.drop(later.path)
            ingest.wait_for_file("done/later.mp4", "failed/later.mp4")
            assert (ingest.videos / "done" / "later.mp4").exists()

            def compacted() -> bool:
                streams = LogReader(servers.cluster).read(topics.streams)
                return len({r.key for r in streams}) == before + 2 and len(streams) < before + 6

            wait_for(compacted, 120, what="compaction")
            fresh = viewer_of(topics, tmp_path)
            fresh.start()
            try:
                assert listed(fresh) == listed(viewer)
                names = {s["name"] for s in listed(fresh)}
                assert {"film.mp4", "later.mp4"} <= names
            finally:
                fresh.stop()
            assert requests.get(f"{viewer.url}/healthz", timeout=60).ok
        finally:
            ingest.stop()
            viewer.stop()


def listed(viewer: Viewer) -> list[dict[str, object]]:
    answer = requests.get(f"{viewer.url}/api/streams", timeout=60)
    return list(answer.json()["streams"]) if answer.ok else []
