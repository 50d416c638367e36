"""Settings: defaults, values from the environment, and sentences for those not allowed."""

import inspect
import re
from pathlib import Path

import pytest
from ingest.config import settings as module
from ingest.config.settings import Settings
from ingest.kafka.client_configuration import kafka_options, registry_options
from ingest.model.choices import CHOICE_NAMES
from ingest.model.errors import BadSetting

CHOICES = [f"FRAMELOG_INGEST_{name.upper()}" for name in CHOICE_NAMES]
KEYS = sorted({*CHOICES, *re.findall(r'"(FRAMELOG_[A-Z_]+[A-Z])"', inspect.getsource(module))})

WHOLE_NUMBERS = {
    "FRAMELOG_RESTARTS": (0, 1 << 62),
    "FRAMELOG_INGEST_PORT": (0, 65535),
    "FRAMELOG_INGEST_WORKERS": (1, 256),
    "FRAMELOG_INGEST_DECODER_THREADS": (1, 64),
    "FRAMELOG_INGEST_PACED_WORKERS": (1, 256),
    "FRAMELOG_INGEST_LARGEST_PIXELS": (256, 1 << 31),
    "FRAMELOG_INGEST_MEMORY_BYTES": (1 << 28, 1 << 40),
    "FRAMELOG_INGEST_LARGEST_FRAME_BYTES": (65_536, 15_728_640),
    "FRAMELOG_INGEST_BATCH_FRAMES": (1, 10_000),
    "FRAMELOG_INGEST_BATCH_BYTES": (1, 1_073_741_824),
    "FRAMELOG_INGEST_CRASH_LIMIT": (1, 100),
}
SECONDS = [key for key in KEYS if key.endswith("_SECONDS")]
TEXTS = [
    "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS",
    "FRAMELOG_SCHEMA_REGISTRY_URL",
    "FRAMELOG_FRAMES_TOPIC",
    "FRAMELOG_INDEX_TOPIC",
    "FRAMELOG_STREAMS_TOPIC",
    "FRAMELOG_SCHEMAS_TOPIC",
    "FRAMELOG_VIDEOS",
    "FRAMELOG_INGEST_HOST",
    "FRAMELOG_INGEST_REPLICA",
]


# How these are read is the same as in the viewer, where each is tried.
DOORS = {
    "FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SSL",
    "FRAMELOG_KAFKA_SASL_MECHANISM": "PLAIN",
    "FRAMELOG_KAFKA_SASL_USERNAME": "name",
    "FRAMELOG_KAFKA_SASL_PASSWORD": "a secret",
    "FRAMELOG_KAFKA_SSL_CA_LOCATION": "ca.pem",
    "FRAMELOG_KAFKA_SSL_CERTIFICATE_LOCATION": "own.pem",
    "FRAMELOG_KAFKA_SSL_KEY_LOCATION": "key.pem",
    "FRAMELOG_KAFKA_SSL_KEY_PASSWORD": "a secret",
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "name:a secret",
    "FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION": "ca.pem",
}
SECRETS = [key for key, value in DOORS.items() if "secret" in value]
# Each is tried in test_http_guard.
GUARD = ["FRAMELOG_INGEST_HOSTS", "FRAMELOG_INGEST_TOKEN"]
TOKEN = "0123456789abcdef"  # noqa: S105


def field_of(key: str) -> str:
    """Return the name of the field that a key sets."""
    name = key.removeprefix("FRAMELOG_").removeprefix("INGEST_").lower()
    return {
        "kafka_bootstrap_servers": "bootstrap_servers",
        "oversize": "lower_oversize",
        "schema_registry_url": "registry_url",
        "schema_registry_user_info": "registry_user_info",
        "schema_registry_ssl_ca_location": "registry_ssl_ca_location",
    }.get(name, name)


def refused(key: str, value: str) -> str:
    with pytest.raises(BadSetting) as raised:
        Settings.from_environ({key: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{key} is {value!r}, but it must be ")
    return sentence


def test_every_field_has_one_key() -> None:
    kafka = [key for key in DOORS if key.startswith("FRAMELOG_KAFKA_")]
    own = [field_of(key) for key in KEYS if key not in {*CHOICES, *kafka}]
    several = ["choices", "kafka_security", "traces"]
    assert sorted([*own, *several]) == sorted(Settings.__dataclass_fields__)


def test_defaults_are_those_of_the_local_stack() -> None:
    settings = Settings.from_environ({})
    assert settings.bootstrap_servers == "127.0.0.1:9092"
    assert settings.registry_url == "http://127.0.0.1:8081/apis/ccompat/v7"
    topics = (settings.frames_topic, settings.index_topic, settings.streams_topic)
    assert topics == ("video.frames", "video.index", "video.streams")
    assert settings.videos == Path("videos")
    assert (settings.host, settings.port) == ("127.0.0.1", 8001)
    assert (settings.batch_frames, settings.batch_bytes) == (128, 8 << 20)
    assert (settings.log_level, settings.log_format) == ("INFO", "text")
    assert (settings.choices.encoding, settings.choices.pace) == ("JPEG", None)


def test_two_replicas_have_names_of_their_own() -> None:
    assert re.fullmatch(r".+-\d+", Settings.from_environ({}).replica)


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_is_taken_as_it_is_and_must_not_be_empty(key: str) -> None:
    value = "http://there:1" if key.endswith("_URL") else "there:1"
    environ = {key: value, "FRAMELOG_INGEST_TOKEN": TOKEN}  # asked for beyond loopback
    assert str(getattr(Settings.from_environ(environ), field_of(key))) == value
    refused(key, "")


@pytest.mark.parametrize(("key", "limits"), list(WHOLE_NUMBERS.items()))
def test_a_whole_number_has_limits(key: str, limits: tuple[int, int]) -> None:
    low, high = limits
    for allowed in limits:
        assert getattr(Settings.from_environ({key: str(allowed)}), field_of(key)) == allowed
    for value in (str(low - 1), str(high + 1), "1.5", "many", "", "1e3"):
        assert refused(key, value).endswith(f"a whole number from {low} to {high}.")


@pytest.mark.parametrize("key", SECONDS)
def test_seconds_are_at_most_a_day(key: str) -> None:
    low = "5" if key == "FRAMELOG_INGEST_STALL_SECONDS" else "0.001"
    for value in (low, "86400"):
        assert getattr(Settings.from_environ({key: value}), field_of(key)) == float(value)
    for value in ("0", str(float(low) * 0.9), "-1", "86401", "inf", "nan", "5s", ""):
        assert refused(key, value).endswith(f"seconds, from {low} to 86400.")


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("FRAMELOG_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
        ("FRAMELOG_LOG_FORMAT", ("text", "json")),
    ],
)
def test_a_choice_is_one_of_its_words(key: str, allowed: tuple[str, ...]) -> None:
    for value in allowed:
        assert getattr(Settings.from_environ({key: value}), field_of(key)) == value
    for value in ("", "verbose", allowed[0].swapcase()):
        assert refused(key, value).endswith(f"one of {', '.join(allowed)}.")


def test_every_setting_is_tried_with_bad_values() -> None:
    tried = {*WHOLE_NUMBERS, *SECONDS, *TEXTS, *DOORS, *GUARD, *CHOICES}
    tried |= {"FRAMELOG_LOG_LEVEL", "FRAMELOG_LOG_FORMAT", "FRAMELOG_INGEST_OVERSIZE"}
    assert set(KEYS) == tried


@pytest.mark.parametrize(
    ("text", "pace", "name"),
    [
        ("fast", None, "fast"),
        ("realtime", 1.0, "realtime"),
        ("1x", 1.0, "realtime"),
        ("2x", 2.0, "2x"),
        ("2×", 2.0, "2x"),
        ("0.5x", 0.5, "0.5x"),
        ("0.01x", 0.01, "0.01x"),
        ("1000x", 1000.0, "1000x"),
    ],
)
def test_a_pace_is_a_word_or_a_factor(text: str, pace: float | None, name: str) -> None:
    choices = Settings.from_environ({"FRAMELOG_INGEST_PACE": text}).choices
    assert choices.pace == pace
    assert choices.named()["pace"] == name


@pytest.mark.parametrize("text", ["", "slow", "2", "x", "-2x", "0x", "0.009x", "1001x", "1e2x"])
def test_any_other_pace_is_refused(text: str) -> None:
    sentence = refused("FRAMELOG_INGEST_PACE", text)
    assert sentence.endswith("fast, realtime, or a factor such as 2x (0.01x to 1000x).")


def test_the_clients_are_told_how_to_be_let_in() -> None:
    settings = Settings.from_environ({**DOORS, "FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    kafka = kafka_options(settings)
    assert (kafka["security.protocol"], kafka["sasl.mechanism"]) == ("SASL_SSL", "PLAIN")
    assert (kafka["sasl.username"], kafka["sasl.password"]) == ("name", "a secret")
    assert (kafka["ssl.key.location"], kafka["ssl.key.password"]) == ("key.pem", "a secret")
    registry = registry_options(settings)
    assert registry["basic.auth.user.info"] == "name:a secret"
    assert registry["ssl.ca.location"] == "ca.pem"
    assert "a secret" not in repr(settings)


def test_certificates_are_read_for_a_registry_that_shows_one() -> None:
    for url, is_left_out in (("http://there:8081", True), ("https://there", False)):
        options = registry_options(Settings.from_environ({"FRAMELOG_SCHEMA_REGISTRY_URL": url}))
        assert ("ssl.ca.location" in options) == is_left_out


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_may_lie_in_a_file(key: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{DOORS[key]}\n")
    assert Settings.from_environ({f"{key}_FILE": str(file)}) == Settings.from_environ(
        {key: DOORS[key]}
    )
    with pytest.raises(BadSetting, match="must be one of them"):
        Settings.from_environ({key: DOORS[key], f"{key}_FILE": str(file)})
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(BadSetting, match="can't be read"):
            Settings.from_environ({f"{key}_FILE": str(path)})


@pytest.mark.parametrize(
    "environ",
    [
        {"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "TLS"},
        {"FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "FRAMELOG_KAFKA_SASL_USERNAME": "name"},
        {"FRAMELOG_KAFKA_SASL_MECHANISM": "GSSAPI"},
        {"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "name"},
        {"FRAMELOG_SCHEMA_REGISTRY_URL": "http://name:password@there"},
    ],
)
def test_what_lets_nobody_in_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(BadSetting) as raised:
        Settings.from_environ(environ)
    assert str(raised.value).startswith(tuple(environ))
    assert "password@" not in str(raised.value)
