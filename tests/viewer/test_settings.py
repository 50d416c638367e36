"""Settings: defaults, values from the environment, and sentences for those not allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from framelog_service.environment import BadSetting
from viewer.config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()


def test_values_come_from_the_environment() -> None:
    settings = Settings.from_environ(
        {
            "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": "broker:1",
            "FRAMELOG_VIEWER_PORT": "9000",
            "FRAMELOG_VIEWER_CACHE_BYTES": "0",
            "FRAMELOG_VIEWER_BEHIND_PROXY": "1",
            "FRAMELOG_VIEWER_INGEST_URLS": " http://one:8001/\nhttps://two ",
        }
    )
    assert settings.ingest_urls == ("http://one:8001", "https://two")
    assert settings.kafka.bootstrap_servers == "broker:1"
    assert (settings.port, settings.cache_bytes, settings.behind_proxy) == (9000, 0, True)


def test_some_threads_are_kept_for_short_requests() -> None:
    assert Settings(threads=64).max_streams == 56


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("FRAMELOG_VIEWER_PORT", "0", "a whole number from 1 to 65535"),
        ("FRAMELOG_VIEWER_PORT", "http", "a whole number from 1 to 65535"),
        ("FRAMELOG_VIEWER_PORT", "9_000", "a whole number from 1 to 65535"),
        ("FRAMELOG_VIEWER_THREADS", "8", "a whole number from 10 to 4096"),
        ("FRAMELOG_VIEWER_CACHE_BYTES", "-1", "a whole number from 0 to 1099511627776"),
        ("FRAMELOG_VIEWER_STALL_SECONDS", "1.5", "a whole number from 1 to 3600"),
        ("FRAMELOG_VIEWER_BEHIND_PROXY", "yes", "one of 0, 1"),
        ("FRAMELOG_LOG_FORMAT", "xml", "one of text, json"),
        ("FRAMELOG_SCHEMA_REGISTRY_URL", "registry:8081", "an address that begins with http"),
        ("FRAMELOG_VIEWER_INGEST_URLS", "ingest:8001", "an address that begins with http"),
        ("FRAMELOG_FRAMES_TOPIC", " ", "any text that is not empty"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(key: str, value: str, allowed: str) -> None:
    with pytest.raises(BadSetting) as raised:
        Settings.from_environ({key: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{key} is {value!r}, but it must be {allowed}")


def test_secrets_come_from_the_variable_or_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("ann:one\nben:two:three\n")
    settings = Settings.from_environ({"FRAMELOG_VIEWER_USERS_FILE": str(path)})
    assert {name: secret.value for name, secret in settings.users.items()} == {
        "ann": "one",
        "ben": "two:three",
    }


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"FRAMELOG_VIEWER_TOKEN": "short-secret"}, "16 or more"),
        ({"FRAMELOG_VIEWER_USERS": "ann-secret"}, "pairs name:password"),
        ({"FRAMELOG_VIEWER_USERS": "ann:secret ann:secret"}, "no name twice"),
        ({"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "secret"}, "a name, ':' and a password"),
        ({"FRAMELOG_SCHEMA_REGISTRY_URL": "http://ann:secret@host"}, "user name in it"),
        ({"FRAMELOG_VIEWER_INGEST_URLS": "http://a http://b:secret@c"}, "user name in it"),
        ({"FRAMELOG_VIEWER_TOKEN_FILE": "/nowhere/at/all"}, "can't be read"),
        (
            {"FRAMELOG_VIEWER_TOKEN": "secret", "FRAMELOG_VIEWER_TOKEN_FILE": "x"},
            "both set, but it must be one",
        ),
        ({"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "FRAMELOG_KAFKA_SASL_USERNAME"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_it(
    environ: dict[str, str], words: str
) -> None:
    with pytest.raises(BadSetting) as raised:
        Settings.from_environ(environ)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)
