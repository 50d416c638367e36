"""Values of environment variables: what is read, and a sentence for what is not allowed."""

from pathlib import Path

import pytest
from framelog_service.environment import BadSetting, Reader, Secret, asks_for_traces

KEY = "FRAMELOG_IT"


def reader(value: str) -> Reader:
    return Reader({KEY: value})


def test_what_is_not_set_has_its_default() -> None:
    read = Reader({})
    assert read.text(KEY, "a") == "a"
    assert read.integer(KEY, 5, 1, 9) == 5
    assert read.seconds(KEY, 0.25) == 0.25
    assert read.choice(KEY, "a", ("a", "b")) == "a"
    assert (read.optional(KEY), read.secret(KEY)) == (None, None)
    assert (read.urls(KEY), read.words(KEY, str.isalpha, "words")) == ((), ())


@pytest.mark.parametrize("value", ["1", "05", "9"])
def test_a_whole_number_is_digits(value: str) -> None:
    assert reader(value).integer(KEY, 5, 1, 9) == int(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", " 5", "5 ", "5\n", "1_0", "+5", "-1", "0", "10", "5.0", "1e0", "five"),
        *("\u0665", "\u00b2", "9" * 5000),
    ],
    ids=lambda value: ascii(value[:10]),
)
def test_any_other_whole_number_is_refused(value: str) -> None:
    with pytest.raises(BadSetting) as raised:
        reader(value).integer(KEY, 5, 1, 9)
    assert str(raised.value) == f"{KEY} is {value!r}, but it must be a whole number from 1 to 9."


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5.0), ("0.25", 0.25), (".5", 0.5), ("5.", 5.0), ("60.0", 60.0)]
)
def test_seconds_are_digits_and_a_fraction(value: str, seconds: float) -> None:
    assert reader(value).seconds(KEY, 1.0, high=60) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", ".", " 5", "5 ", "5\n", "1_0", "+5", "-1", "1e1", "0x5", "inf", "nan", "5s"),
        *("60.1", "0", "0.0009", "\u0665"),
    ],
    ids=ascii,
)
def test_any_other_seconds_are_refused(value: str) -> None:
    with pytest.raises(BadSetting) as raised:
        reader(value).seconds(KEY, 1.0, high=60)
    assert str(raised.value) == f"{KEY} is {value!r}, but it must be seconds, from 0.001 to 60."


def test_a_secret_is_in_the_variable_or_in_a_file_and_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    named = {f"{KEY}_FILE": str(file)}
    assert Reader(named).secret(KEY) == Secret("from a file")
    assert reader("given").secret(KEY) == Secret("given")
    assert "given" not in f"{Secret('given')} {Secret('given')!r}"
    # What is empty is not set.
    assert Reader({KEY: "", **named}).secret(KEY) == Secret("from a file")
    assert Reader({KEY: "given", f"{KEY}_FILE": ""}).secret(KEY) == Secret("given")


def test_a_secret_in_both_places_or_in_no_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "folder").mkdir()
    for name, reason in (
        ("gone", "can't be read: No such file or directory."),
        ("folder", "can't be read: Is a directory."),
        ("bytes", "can't be read: it is no UTF-8 text."),
        ("empty", "is empty."),
    ):
        path = str(tmp_path / name)
        with pytest.raises(BadSetting) as raised:
            Reader({f"{KEY}_FILE": path}).secret(KEY)
        assert str(raised.value) == f"{KEY}_FILE is {path!r}, which {reason}"
    with pytest.raises(BadSetting) as raised:
        Reader({KEY: "hidden", f"{KEY}_FILE": str(tmp_path / "empty")}).secret(KEY)
    assert str(raised.value) == f"{KEY} and {KEY}_FILE are both set, but it must be one of them."


def test_an_address_shows_no_password() -> None:
    assert reader("https://there:8").url(KEY, "") == "https://there:8"
    assert reader(" http://a/\nhttps://b ").urls(KEY) == ("http://a", "https://b")
    with pytest.raises(BadSetting, match="begins with http:// or https://"):
        reader("there:8").url(KEY, "")
    with pytest.raises(BadSetting, match="has a user name in it") as raised:
        reader("http://a http://ann:hidden@b").urls(KEY)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://there"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there", "OTEL_SDK_DISABLED": " TRUE"}, False),
    ],
)
def test_traces_are_asked_for_by_an_endpoint(environ: dict[str, str], asked: bool) -> None:
    assert asks_for_traces(environ) == asked
