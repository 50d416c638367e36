"""A registry that was emptied: nobody takes the log for what it is not, and its ids come back."""

from __future__ import annotations

import json
import os
import shutil
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import framelog_setup
import pytest
import requests
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from framelog_local.ports import free_port
from framelog_setup import backup
from framelog_setup.restore import NotEmptyError, archived, restore

from tests.faults.checks import check_folders, make_film
from tests.support.cluster import Cluster, Servers, Topics
from tests.support.ingest import Ingest
from tests.support.log_writer import write_stream
from tests.support.processes import wait_for
from tests.support.videos import Recipe
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ODD = '{"type": "record", "name": "Odd", "namespace": "elsewhere", "fields": []}'
LOST = "The schema registry has lost schemas by which the log was written"


@pytest.fixture(scope="module")
def cluster(servers: Servers) -> Cluster:
    """Have topics made there, and not where other tests have theirs."""
    return servers.cluster


@dataclass
class Registry:
    """The registry as an operator sees it."""

    servers: Servers

    @property
    def url(self) -> str:
        return self.servers.cluster.registry_url

    def empty(self) -> None:
        """Throw away what it holds, as somebody does who deletes its volume."""
        self.servers.registry.stop()
        shutil.rmtree(self.servers.registry.directory)
        self.servers.registry.start()

    def register(self, subject: str, schema: str) -> int:
        body = {"schema": schema}
        answer = requests.post(f"{self.url}/subjects/{subject}/versions", json=body, timeout=60)
        answer.raise_for_status()
        return int(answer.json()["id"])

    def subjects(self) -> set[str]:
        return set(requests.get(f"{self.url}/subjects", timeout=60).json())

    def ids(self, *subjects: str) -> dict[str, int]:
        return {
            subject: requests.get(
                f"{self.url}/subjects/{subject}/versions/latest", timeout=60
            ).json()["id"]
            for subject in subjects
        }


@pytest.fixture
def registry(servers: Servers) -> Registry:
    return Registry(servers)


def subjects_of(topics: Topics) -> list[str]:
    return [f"{topic}-value" for topic in (topics.frames, topics.index, topics.streams)]


def service(viewer: Viewer, name: str) -> dict[str, str]:
    """Return what the status page says of a service."""
    said = requests.get(f"{viewer.url}/api/status", timeout=60).json()["services"]
    return next((one for one in said if one["name"] == name), {"state": "", "sentence": ""})


def ready(url: str) -> tuple[int, str]:
    answer = requests.get(f"{url}/readyz", timeout=60)
    return answer.status_code, answer.text


def test_ids_that_another_took_are_noticed_by_all_and_come_back(
    registry: Registry, topics: Topics, tmp_path: Path
) -> None:
    cluster = registry.servers.cluster
    settings = framelog_setup.from_environment(topics.environment)
    recorded = write_stream(cluster, topics, frames=20)
    before = registry.ids(*subjects_of(topics))
    environment = os.environ | topics.environment
    ports = [free_port(), free_port()]
    running, late = (
        Viewer(port, environment | {"FRAMELOG_VIEWER_PORT": str(port)}, tmp_path / f"{port}.log")
        for port in ports
    )
    ingest = Ingest(tmp_path, free_port(), topics.environment)
    try:
        running.start()
        ingest.start()
        registry.empty()
        strangers = {
            f"odd{n}-value": registry.register(f"odd{n}-value", ODD.replace("Odd", f"Odd{n}"))
            for n in range(2)
        }
        assert set(strangers.values()) & set(before.values())

        # The setup registers nothing over it.
        with pytest.raises(framelog_setup.SetupError, match="lost schemas") as refused:
            framelog_setup.set_up(settings)
        assert "elsewhere.Odd0 now" in str(refused.value)
        assert "make restore-schemas" in str(refused.value)
        assert registry.subjects() == set(strangers)

        # Ingest is not ready, and says why; so do its metrics.
        wait_for(lambda: LOST in ready(ingest.url)[1], alive=ingest.process, what="ingest to see")
        assert ready(ingest.url)[0] == 503
        assert ingest.metric("framelog_ingest_schemas_lost") == 3
        # A viewer that has the schemas in memory serves what it has, and says what is amiss.
        wait_for(lambda: LOST in ready(running.url)[1], alive=running.process, what="it to see")
        assert ready(running.url)[0] == 200
        assert running.stream(recorded.stream_id)["frame_count"] == 20
        wait_for(lambda: LOST in service(running, "registry")["sentence"], what="the status page")
        # One that begins now is not ready with an empty catalogue.
        process = late.launch()

        def late_says() -> bool:
            try:
                return LOST in ready(late.url)[1]
            except requests.ConnectionError:
                return False

        wait_for(late_says, alive=process, what="the new viewer to say what it waits for")
        assert ready(late.url)[0] == 503

        # The backup brings them back, and leaves the others what they had, under other ids.
        with pytest.raises(NotEmptyError, match=r"elsewhere\.Odd0"):
            restore(settings)
        archive = archived(settings)
        assert len(archive.lines) == len(set(strangers.values()) & set(before.values()))
        registry.empty()
        restore(settings, archive.data)
        assert registry.ids(*subjects_of(topics)) == before
        assert set(registry.ids(*strangers).values()).isdisjoint(before.values())
        assert restore(settings) == [
            "Every schema of the log is there, under its id: there is nothing to restore."
        ]
        framelog_setup.set_up(settings)
        assert registry.ids(*subjects_of(topics)) == before

        late.wait_for_frames(recorded.stream_id, 20)
        wait_for(lambda: ready(late.url) == (200, '{"status":"ready"}\n'), alive=process)
        wait_for(lambda: ready(running.url)[1] == '{"status":"ready"}\n', alive=running.process)
        wait_for(ingest.is_ready, alive=ingest.process, what="ingest to be ready again")
        assert ingest.metric("framelog_ingest_schemas_lost") == 0
        film = make_film(tmp_path / "after.mp4", Recipe(frames=30, width=160, height=96))
        ingest.drop(film.path)
        ingest.wait_for_file("done/after.mp4", "failed/after.mp4")

        def both() -> bool:
            streams = requests.get(f"{late.url}/api/streams", timeout=60).json()["streams"]
            return {s["frame_count"] for s in streams} == {20, 30}

        wait_for(both, alive=process, what="both streams")
    finally:
        for part in (running, late, ingest):
            part.stop()
    check_folders(ingest, film)


def test_ids_that_nobody_took_are_put_back_while_the_registry_runs(
    registry: Registry, topics: Topics, tmp_path: Path
) -> None:
    settings = framelog_setup.from_environment(topics.environment)
    # A second version of one: older records need the first.
    shutil.copytree("schemas", tmp_path / "schemas")
    frame = tmp_path / "schemas" / "frame.avsc"
    added = '{"name": "added", "type": "string", "default": "", "doc": "Of a later version."},'
    frame.write_text(frame.read_text().replace('"fields": [', f'"fields": [{added}', 1))
    later = {**topics.environment, "FRAMELOG_SCHEMAS": str(tmp_path / "schemas")}
    framelog_setup.set_up(framelog_setup.from_environment(later))
    write_stream(registry.servers.cluster, topics, frames=2)
    before = registry.ids(*subjects_of(topics))
    registry.empty()

    with pytest.raises(framelog_setup.SetupError, match=r"id \d+ .* is unknown"):
        framelog_setup.set_up(settings)
    lines = restore(settings)

    assert len(lines) == 4
    assert registry.ids(*subjects_of(topics)) == before
    versions = requests.get(f"{registry.url}/subjects/{topics.frames}-value/versions", timeout=60)
    assert versions.json() == [1, 2]
    # The next one is given an id of its own.
    assert registry.register("odd-value", ODD) > max(before.values())
    framelog_setup.set_up(framelog_setup.from_environment(later))
    assert registry.ids(*subjects_of(topics)) == before
    body = {"compatibilityLevel": "BACKWARD"}
    config = requests.get(f"{registry.url}/config/{topics.frames}-value", timeout=60)
    assert config.json().items() >= body.items()


def test_a_log_without_a_backup_is_not_registered_over(registry: Registry, topics: Topics) -> None:
    """As after an upgrade from a version that kept none."""
    settings = framelog_setup.from_environment(topics.environment)
    write_stream(registry.servers.cluster, topics, frames=2)
    admin = AdminClient({"bootstrap.servers": registry.servers.cluster.bootstrap_servers})
    admin.delete_topics([settings.backup.name])[settings.backup.name].result()

    registry.empty()
    registry.register("odd-value", ODD)
    with pytest.raises(framelog_setup.SetupError, match="there is no backup of them in Kafka"):
        framelog_setup.set_up(settings)
    assert registry.subjects() == {"odd-value"}


def test_a_log_that_was_emptied_too_is_begun_anew(registry: Registry, topics: Topics) -> None:
    settings = framelog_setup.from_environment(topics.environment)
    registry.empty()
    registry.register("odd-value", ODD)

    framelog_setup.set_up(settings)
    write_stream(registry.servers.cluster, topics, frames=2)
    framelog_setup.set_up(settings)

    assert 1 not in registry.ids(*subjects_of(topics)).values()


@pytest.mark.parametrize("topics_of_another", [False, True])
def test_a_wrong_registry_leaves_the_backup_as_it_is(
    registry: Registry, topics: Topics, *, topics_of_another: bool
) -> None:
    """One that has the log's own subjects, with schemas of somebody who registers as he writes."""
    leave = {"FRAMELOG_SETUP_TOPICS": "leave"} if topics_of_another else {}
    backed_up = {"FRAMELOG_SCHEMAS_TOPIC": f"{topics.frames.rpartition('.')[0]}.schemas"}
    settings = framelog_setup.from_environment({**topics.environment, **backed_up, **leave})
    write_stream(registry.servers.cluster, topics, frames=2)
    before = backed_up_of(settings)
    ids = registry.ids(*subjects_of(topics))
    assert {entry.subject: entry.schema_id for entry in before} == ids
    registry.empty()
    wrong = {subject: registry.register(subject, ODD) for subject in subjects_of(topics)}

    for _ in range(2):
        with pytest.raises(framelog_setup.SetupError, match="lost schemas"):
            framelog_setup.set_up(settings)
    assert backed_up_of(settings) == before
    assert registry.ids(*subjects_of(topics)) == wrong

    with pytest.raises(NotEmptyError):
        restore(settings)
    archive = archived(settings)
    assert backed_up_of(settings) == before
    registry.empty()
    restore(settings, archive.data)
    assert registry.ids(*subjects_of(topics)) == ids


def test_a_strangers_records_keep_nobody_from_his_work(
    registry: Registry, topics: Topics, tmp_path: Path
) -> None:
    settings = framelog_setup.from_environment(topics.environment)
    write_stream(registry.servers.cluster, topics, frames=2)
    before = backed_up_of(settings)
    producer = Producer({"bootstrap.servers": registry.servers.cluster.bootstrap_servers})
    for topic in (topics.frames, topics.index, topics.streams, settings.backup.name):
        for value in (b"", b"text", struct.pack(">bI", 0, 999_999) + b"body", b'{"subject": 1}'):
            producer.produce(topic, value, b"strange", partition=0)
        producer.produce(topic, None, b"strange", partition=0)
    for key, value in forged(before[0]):
        producer.produce(settings.backup.name, value, key, partition=0)
    assert producer.flush(60) == 0

    viewer_port = free_port()
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(viewer_port)}
    viewer = Viewer(viewer_port, environment, tmp_path / "viewer.log")
    ingest = Ingest(tmp_path, free_port(), topics.environment)
    try:
        viewer.start()
        ingest.start()
        for url in (viewer.url, ingest.url):
            assert LOST not in ready(url)[1]
        assert ingest.metric("framelog_ingest_schemas_lost") == 0
    finally:
        viewer.stop()
        ingest.stop()
    assert len(framelog_setup.set_up(settings)) == 6
    assert backed_up_of(settings) == before


def backed_up_of(settings: framelog_setup.Settings) -> list[backup.Entry]:
    """Return what the backup has of this log's schemas: other tests' are beside them."""
    subjects = {topic.subject for topic in settings.topics}
    kept = backup.read(settings.kafka, settings.backup.name)
    return sorted((entry for entry in kept if entry.subject in subjects), key=lambda e: e.key)


def forged(entry: backup.Entry) -> Iterator[tuple[bytes, bytes]]:
    """Return what somebody may write into the topic of the backup, to mislead or to break."""
    nested = b"[" * 100_000
    yield entry.key.encode(), nested
    yield b"nested", nested
    changes: list[dict[str, object]] = [
        {"subject": []},
        {"schema": "{}"},
        {"schema": "[" * 100_000},
        {"source": None},
        {"schema_id": 1 << 40},
        {"schema_id": -1},
        {"schema_id": True},
        {"schema_id": "1"},
        {"version": {}},
    ]
    for number, change in enumerate(changes):
        changed = {**asdict(entry), **change}
        yield f"forged-{number}".encode(), json.dumps(changed).encode()
        key = f"{changed['subject']}/{changed['schema_id']}"
        if key != entry.key:
            yield key.encode(), json.dumps(changed).encode()
    yield b"endless", json.dumps(asdict(entry) | {"schema_id": float("inf")}).encode()
