"""Where Kafka and the registry are: variables, and what clients are told."""

import inspect
import re
from pathlib import Path

import pytest
from framelog_service import cluster
from framelog_service.cluster import KafkaAccess, RegistryAccess, backup_topic
from framelog_service.environment import BadSetting, Reader

VALUES = {
    "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": "there:9092",
    "FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "FRAMELOG_KAFKA_SASL_MECHANISM": "PLAIN",
    "FRAMELOG_KAFKA_SASL_USERNAME": "name",
    "FRAMELOG_KAFKA_SASL_PASSWORD": "a secret",
    "FRAMELOG_KAFKA_SSL_CA_LOCATION": "ca.pem",
    "FRAMELOG_KAFKA_SSL_CERTIFICATE_LOCATION": "own.pem",
    "FRAMELOG_KAFKA_SSL_KEY_LOCATION": "key.pem",
    "FRAMELOG_KAFKA_SSL_KEY_PASSWORD": "a secret",
    "FRAMELOG_SCHEMA_REGISTRY_URL": "https://there:8081",
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "name:a secret",
    "FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION": "ca.pem",
}
SECRETS = [key for key, value in VALUES.items() if "secret" in value]


def read(environ: dict[str, str]) -> tuple[KafkaAccess, RegistryAccess]:
    reader = Reader(environ)
    return KafkaAccess.read(reader), RegistryAccess.read(reader)


def test_every_variable_is_tried_here() -> None:
    named = re.findall(r'"(FRAMELOG_[A-Z_]+)"', inspect.getsource(cluster))
    assert set(named) == set(VALUES)


def test_without_variables_they_are_where_the_local_stack_has_them() -> None:
    kafka, registry = read({})
    assert (kafka, registry) == (KafkaAccess(), RegistryAccess())
    assert kafka.client_options == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }
    assert registry.url == "http://127.0.0.1:8081/apis/ccompat/v7"


def test_the_clients_are_told_how_to_be_let_in() -> None:
    kafka, registry = read(VALUES)
    assert kafka.client_options == {
        "bootstrap.servers": "there:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "name",
        "sasl.password": "a secret",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "own.pem",
        "ssl.key.location": "key.pem",
        "ssl.key.password": "a secret",
    }
    assert (registry.url, registry.ssl_ca_location) == ("https://there:8081", "ca.pem")
    assert registry.user_info is not None
    assert registry.user_info.value == "name:a secret"
    assert "a secret" not in f"{kafka!r} {registry!r}"


def test_a_mechanism_is_told_to_those_who_log_in_alone() -> None:
    kafka, _ = read(VALUES | {"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SSL"})
    assert "sasl.mechanism" not in kafka.client_options


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_may_lie_in_a_file(key: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{VALUES[key]}\n")
    elsewhere = {name: value for name, value in VALUES.items() if name != key}
    assert read({**elsewhere, f"{key}_FILE": str(file)}) == read(VALUES)
    with pytest.raises(BadSetting, match="must be one of them"):
        read({**VALUES, f"{key}_FILE": str(file)})


@pytest.mark.parametrize(
    "environ",
    [
        {"FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": " "},
        {"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "TLS"},
        {"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "FRAMELOG_KAFKA_SASL_USERNAME": "name"},
        {"FRAMELOG_KAFKA_SASL_MECHANISM": "GSSAPI"},
        {"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "password"},
        {"FRAMELOG_SCHEMA_REGISTRY_URL": "http://name:password@there"},
        {"FRAMELOG_SCHEMA_REGISTRY_URL": "there:8081"},
    ],
    ids=str,
)
def test_what_lets_nobody_in_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(BadSetting) as raised:
        read(environ)
    assert str(raised.value).startswith(tuple(environ))
    assert "password@" not in str(raised.value)


@pytest.mark.parametrize(
    ("streams", "backup"),
    [("video.streams", "video.schemas"), ("a.b.streams", "a.b.schemas"), ("s", "s.schemas")],
)
def test_the_backup_lies_beside_the_streams(streams: str, backup: str) -> None:
    assert backup_topic(streams) == backup
