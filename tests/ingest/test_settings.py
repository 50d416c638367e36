"""Settings: defaults, values from the environment, and sentences for those not allowed."""

import inspect
import re
from pathlib import Path

import pytest
from framelog_service.environment import BadSetting
from ingest.config import settings as module
from ingest.config.settings import Settings
from ingest.kafka.client_configuration import registry_options
from ingest.model.choices import CHOICE_NAMES

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
    "FRAMELOG_FRAMES_TOPIC",
    "FRAMELOG_INDEX_TOPIC",
    "FRAMELOG_STREAMS_TOPIC",
    "FRAMELOG_SCHEMAS_TOPIC",
    "FRAMELOG_VIDEOS",
    "FRAMELOG_INGEST_HOST",
    "FRAMELOG_INGEST_REPLICA",
]


# Each is tried in test_http_guard.
GUARD = ["FRAMELOG_INGEST_HOSTS", "FRAMELOG_INGEST_TOKEN"]
TOKEN = "0123456789abcdef"  # noqa: S105


def field_of(key: str) -> str:
    """Return the name of the field that a key sets."""
    name = key.removeprefix("FRAMELOG_").removeprefix("INGEST_").lower()
    return {"oversize": "lower_oversize"}.get(name, name)


def refused(key: str, value: str) -> str:
    with pytest.raises(BadSetting) as raised:
        Settings.from_environ({key: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{key} is {value!r}, but it must be ")
    return sentence


def test_every_field_has_one_key() -> None:
    own = [field_of(key) for key in KEYS if key not in CHOICES]
    several = ["choices", "kafka", "registry", "traces"]
    assert sorted([*own, *several]) == sorted(Settings.__dataclass_fields__)


def test_defaults_are_those_of_the_local_stack() -> None:
    settings = Settings.from_environ({})
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.registry.url == "http://127.0.0.1:8081/apis/ccompat/v7"
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
    value = "there:1"
    environ = {key: value, "FRAMELOG_INGEST_TOKEN": TOKEN}  # asked for beyond loopback
    assert str(getattr(Settings.from_environ(environ), field_of(key))) == value
    refused(key, "")


@pytest.mark.parametrize(("key", "limits"), list(WHOLE_NUMBERS.items()))
def test_a_whole_number_has_limits(key: str, limits: tuple[int, int]) -> None:
    low, high = limits
    for allowed in limits:
        assert getattr(Settings.from_environ({key: str(allowed)}), field_of(key)) == allowed
    for value in (str(low - 1), str(high + 1), "1.5", "many", "", "1e3", " 5", "1_0", "+5"):
        assert refused(key, value).endswith(f"a whole number from {low} to {high}.")


@pytest.mark.parametrize("key", SECONDS)
def test_seconds_are_at_most_a_day(key: str) -> None:
    low = "5" if key == "FRAMELOG_INGEST_STALL_SECONDS" else "0.001"
    for value in (low, "86400"):
        assert getattr(Settings.from_environ({key: value}), field_of(key)) == float(value)
    for value in (
        "0",
        str(float(low) * 0.9),
        "-1",
        "86401",
        "inf",
        "nan",
        "5s",
        "",
        " 5",
        "1_0",
        "5e0",
    ):
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
    tried = {*WHOLE_NUMBERS, *SECONDS, *TEXTS, *GUARD, *CHOICES}
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


def test_certificates_are_read_for_a_registry_that_shows_one() -> None:
    for url, is_left_out in (("http://there:8081", True), ("https://there", False)):
        settings = Settings.from_environ({"FRAMELOG_SCHEMA_REGISTRY_URL": url})
        assert ("ssl.ca.location" in registry_options(settings.registry)) == is_left_out


def test_the_registrys_client_is_told_how_to_be_let_in() -> None:
    settings = Settings.from_environ(
        {
            "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "name:a secret",
            "FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION": "ca.pem",
        }
    )
    options = registry_options(settings.registry)
    assert options["basic.auth.user.info"] == "name:a secret"
    assert options["ssl.ca.location"] == "ca.pem"
    assert "a secret" not in repr(settings)
