"""The setup step against a real broker and registry: repeatable, and strict about schemas."""

from __future__ import annotations

import json
import shutil
import urllib.request
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import framelog_setup
import pytest
import requests
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from tests.support.serving import Quiet, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.cluster import Cluster, Topics


def test_topics_have_the_settings_of_the_file(topics: Topics) -> None:
    frames = broker_settings(topics, topics.frames)
    index = broker_settings(topics, topics.index)
    streams = broker_settings(topics, topics.streams)

    assert frames["cleanup.policy"] == "delete"
    assert frames["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert int(frames["retention.bytes"]) > 0
    assert sorted(index["cleanup.policy"].split(",")) == ["compact", "delete"]
    assert index["retention.ms"] == frames["retention.ms"]
    assert streams["cleanup.policy"] == "compact"
    assert {s["max.message.bytes"] for s in (frames, index, streams)} == {str(16 * 1024**2)}


def test_index_has_as_many_partitions_as_frames_and_streams_one(topics: Topics) -> None:
    assert partition_count(topics, topics.frames) == partition_count(topics, topics.index) == 6
    assert partition_count(topics, topics.streams) == 1


def test_a_second_run_changes_nothing_and_gives_the_same_ids(topics: Topics) -> None:
    settings = framelog_setup.from_environment(topics.environment)
    second = framelog_setup.set_up(settings)
    third = framelog_setup.set_up(settings)

    assert second == third
    assert sum("exists" in line for line in second) == 3
    assert registry_json(topics, f"subjects/{topics.frames}-value/versions") == [1]


def test_a_setting_changed_by_hand_is_put_right(topics: Topics, tmp_path: Path) -> None:
    other = tmp_path / "topics.toml"
    ours = framelog_setup.from_environment(topics.environment)
    shutil.copy("deploy/setup/topics.toml", other)
    other.write_text(other.read_text().replace("604_800_000", "3_600_000"))
    theirs = {**topics.environment, "FRAMELOG_TOPICS_FILE": str(other)}

    framelog_setup.set_up(framelog_setup.from_environment(theirs))
    assert broker_settings(topics, topics.frames)["retention.ms"] == "3600000"
    framelog_setup.set_up(ours)
    assert broker_settings(topics, topics.frames)["retention.ms"] == "604800000"


@pytest.mark.parametrize(("before", "after"), [(2, 6), (9, 9)])
def test_a_topic_grows_to_its_partitions_and_never_shrinks(
    topics: Topics, before: int, after: int
) -> None:
    name = f"{topics.frames}.{before}"
    admin = AdminClient({"bootstrap.servers": bootstrap_servers(topics)})
    admin.create_topics([NewTopic(name, num_partitions=before)])[name].result()

    framelog_setup.set_up(
        framelog_setup.from_environment({**topics.environment, "FRAMELOG_FRAMES_TOPIC": name})
    )

    assert partition_count(topics, name) == after
    admin.delete_topics([name])[name].result()


def test_every_subject_asks_for_backward_compatibility(topics: Topics) -> None:
    for topic in (topics.frames, topics.index, topics.streams):
        config = registry_json(topics, f"config/{topic}-value")
        assert config == {"compatibilityLevel": "BACKWARD"}


def test_a_field_with_a_default_may_be_added(topics: Topics, tmp_path: Path) -> None:
    added = {"name": "added", "type": "string", "default": "", "doc": "For the test."}
    framelog_setup.set_up(settings_with_field(topics, tmp_path, added))

    assert registry_json(topics, f"subjects/{topics.frames}-value/versions") == [1, 2]


def test_an_incompatible_schema_is_refused_with_the_registrys_reason(
    topics: Topics, tmp_path: Path
) -> None:
    required = {"name": "required", "type": "string", "doc": "Has no default."}

    with pytest.raises(framelog_setup.SetupError, match=r"not backward compatible.*/fields/\d+"):
        framelog_setup.set_up(settings_with_field(topics, tmp_path, required))

    assert registry_json(topics, f"subjects/{topics.frames}-value/versions") == [1]


def test_a_broker_or_registry_that_is_away_is_named(cluster: Cluster, free_port: int) -> None:
    environment = {
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{free_port}",
        "FRAMELOG_SETUP_TIMEOUT_SECONDS": "3",  # in which the broker that is there has to answer
    }
    with pytest.raises(framelog_setup.SetupError, match="No schema registry answered"):
        framelog_setup.set_up(framelog_setup.from_environment(environment))

    environment["FRAMELOG_KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{free_port}"
    environment["FRAMELOG_SETUP_TIMEOUT_SECONDS"] = "0.5"
    with pytest.raises(framelog_setup.SetupError, match="No Kafka broker answered"):
        framelog_setup.set_up(framelog_setup.from_environment(environment))


def test_a_connection_that_breaks_under_a_request_is_no_end(topics: Topics) -> None:
    with breaking_door(topics.environment["FRAMELOG_SCHEMA_REGISTRY_URL"]) as url:
        environment = {**topics.environment, "FRAMELOG_SCHEMA_REGISTRY_URL": url}
        lines = framelog_setup.set_up(framelog_setup.from_environment(environment))
    assert sum("registered" in line for line in lines) == 3


def test_topics_of_another_are_left_alone(cluster: Cluster, free_port: int) -> None:
    unique = uuid.uuid4().hex
    environment = {
        "FRAMELOG_SETUP_TOPICS": "leave",
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}",
        "FRAMELOG_SCHEMA_REGISTRY_URL": cluster.registry_url,
        **{f"FRAMELOG_{t}_TOPIC": f"{unique}.{t}" for t in ("FRAMES", "INDEX", "STREAMS")},
    }

    lines = framelog_setup.set_up(framelog_setup.from_environment(environment))

    assert len(lines) == 3
    subject = f"{cluster.registry_url}/subjects/{unique}.FRAMES-value/versions"
    with urllib.request.urlopen(subject) as answer:
        assert len(json.load(answer)) == 1


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"FRAMELOG_SETUP_TIMEOUT_SECONDS": "soon"}, "FRAMELOG_SETUP_TIMEOUT_SECONDS is 'soon'"),
        ({"FRAMELOG_SETUP_TIMEOUT_SECONDS": "3601"}, "seconds, from 0.001 to 3600"),
        ({"FRAMELOG_SETUP_TOPICS": "drop"}, "'drop', but it must be one of make, leave"),
        ({"FRAMELOG_KAFKA_SASL_MECHANISM": "GSSAPI"}, "one of PLAIN, SCRAM-SHA-256"),
        ({"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs FRAMELOG_KAFKA_SASL_USERNAME"),
        (
            {
                "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "a:b",
                "FRAMELOG_SCHEMA_REGISTRY_USER_INFO_FILE": "x",
            },
            "both set, but it must be one",
        ),
        ({"FRAMELOG_TOPICS_FILE": "absent.toml"}, "absent.toml can't be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    environment: Mapping[str, str], sentence: str
) -> None:
    with pytest.raises(framelog_setup.SetupError, match=sentence):
        framelog_setup.from_environment(environment)


def settings_with_field(
    topics: Topics, folder: Path, field: Mapping[str, str]
) -> framelog_setup.Settings:
    schemas = folder / "schemas"
    shutil.copytree("schemas", schemas)
    frame = json.loads((schemas / "frame.avsc").read_text())
    frame["fields"].append(field)
    (schemas / "frame.avsc").write_text(json.dumps(frame))
    return framelog_setup.from_environment({**topics.environment, "FRAMELOG_SCHEMAS": str(schemas)})


def bootstrap_servers(topics: Topics) -> str:
    return topics.environment["FRAMELOG_KAFKA_BOOTSTRAP_SERVERS"]


def broker_settings(topics: Topics, topic: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers(topics)})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result()
    return {name: entry.value for name, entry in entries.items()}


def partition_count(topics: Topics, topic: str) -> int:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers(topics)})
    return len(admin.list_topics(topic, timeout=60).topics[topic].partitions)


@contextmanager
def breaking_door(registry_url: str) -> Iterator[str]:
    """Pass on to the registry what is asked for the second time; yields the door's address."""
    asked = set()

    class Door(Quiet):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if (self.command, self.path) not in asked:
                asked.add((self.command, self.path))
                self.close_connection = True
                return
            answer = requests.request(
                self.command,
                registry_url + self.path,
                data=body,
                headers={"Content-Type": self.headers.get("Content-Type", "")},
                timeout=60,
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = _pass  # noqa: N815 (the server's names)

    with serving(Door) as url:
        yield url


def registry_json(topics: Topics, path: str) -> object:
    url = f"{topics.environment['FRAMELOG_SCHEMA_REGISTRY_URL']}/{path}"
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)
