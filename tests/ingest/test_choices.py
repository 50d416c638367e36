"""What is sent of a video, as people write it down."""

import os
import stat
import time
from fractions import Fraction
from pathlib import Path

import pytest
from ingest.model.choices import BadChoice, Choices, choices_in, sidecar, with_named
from ingest.model.errors import Unreadable


def test_all_choices_can_be_written_and_read_back() -> None:
    choices = Choices("WEBP", 70, 640, 1, Fraction(30000, 1001), 2.0, Fraction(12))
    assert with_named(Choices(), choices.named()) == choices
    assert with_named(choices, Choices().named()) == Choices()


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"encoding": "GIF"}, "encoding is 'GIF', but it must be one of JPEG, PNG, WEBP."),
        ({"quality": "0"}, "quality is '0', but it must be a whole number from 1 to 100, "),
        ({"quality": "high"}, "quality is 'high', but it must be a whole number"),
        ({"longest_side": "8"}, "longest_side is '8', but it must be pixels, 16 to 65500"),
        ({"every_nth": "-1"}, "every_nth is '-1', but it must be a whole number from 1"),
        ({"rate": "0"}, "rate is '0', but it must be frames a second"),
        ({"rate": "1/0"}, "rate is '1/0', but it must be frames a second"),
        ({"pace": "soon"}, "pace is 'soon', but it must be fast, realtime, or a factor"),
        ({"sequence_rate": "NaN"}, "sequence_rate is 'NaN', but it must be frames"),
        ({"codec": "av1"}, "codec is 'av1', but it must be left out: the choices are encoding, "),
        ({"every_nth": "2", "rate": "5"}, "every_nth is '2', but it must be left out where rate"),
    ],
)
def test_a_bad_choice_is_named_with_what_is_allowed(named: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadChoice) as raised:
        with_named(Choices(), named)
    assert str(raised.value).startswith(sentence)


def test_a_file_beside_the_video_changes_what_it_names(tmp_path: Path) -> None:
    beside = tmp_path / "film.toml"
    beside.write_text('encoding = "png"\nevery_nth = 2\npace = "0.5x"\n')
    choices = choices_in(beside, Choices(quality=50))
    assert choices == Choices("PNG", 50, every_nth=2, pace=0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quality = 900", "quality is '900', but it must be a whole number from 1 to 100"),
        ("quality = true", "quality is 'true'"),
        ("quality 90", "can't be used"),
        ("\x00\xff", "can't be used"),
        ("[encoding]\nname = 'PNG'", "encoding is"),
    ],
)
def test_a_bad_file_fails_its_video_with_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    beside = tmp_path / "film.mp4.toml"
    beside.write_text(text, encoding="latin-1")
    with pytest.raises(Unreadable) as raised:
        choices_in(beside, Choices())
    assert words in str(raised.value)
    assert "film.mp4.toml" in str(raised.value)


HOSTILE = {
    "brackets": "a=" + "[" * 600 + "]" * 600,
    "brackets over lines": "a=[" + "[\n" * 5000,
    "inline tables": "a=" + "{a=" * 4000,
    "inline tables over lines": "a=[" + "{a=[\n" * 2000,
    "dots": ".".join("a" * 8000) + " = 1",
    "spaced dots": " . ".join("a" * 4000) + " = 1",
    "dots behind a quoted hash": '"#".' + ".".join("a" * 7000) + " = 1",
    "dots behind a quote in a text": '"\\\\"#".' + ".".join("a" * 7000) + " = 1",
    "dots behind a long text": 'a = ["""\\n",' + "{" + ".".join("b" * 7000) + '=1},"y"]',
    "dots behind another separator": "\u2028".join(".".join("a" * 8) for _ in range(900)) + "=1",
    "a deep table": "[" + ".".join("a" * 8000) + "]",
    "a long number": "quality = " + "9" * 16000,
    "a long hexadecimal number": "quality = 0x" + "f" * 16000,
    "a long text": 'quality = "' + "9" * 16000 + '"',
    "a long name": "q" * 16000 + " = 1",
    "an exponent": 'rate = "1e999999999"',
    "an exponent of the sequence's": 'sequence_rate = "1e-999999999"',
    "a long fraction": 'rate = "' + "1" * 8000 + "/" + "3" * 7000 + '"',
    "infinity": "rate = inf",
    "a long pace": 'pace = "' + "1" * 16000 + 'x"',
    "a date": "rate = 9999-12-31T23:59:59.999999999Z",
    "other digits": 'quality = "٣"',
    "nul": "\0" * 16000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_long_or_ends_anything_but_its_video(tmp_path: Path, text: str) -> None:
    beside = tmp_path / "film.mp4.toml"
    beside.write_text(text, encoding="utf-8")
    begun = time.thread_time()
    with pytest.raises(Unreadable) as raised:
        choices_in(beside, Choices())
    assert time.thread_time() - begun < 0.3
    assert "film.mp4.toml" in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("kind", ["sparse", "pipe", "folder", "link", "socket", "gone"])
def test_settings_that_are_no_small_file_fail_their_video(tmp_path: Path, kind: str) -> None:
    beside = tmp_path / "film.mp4.toml"
    match kind:
        case "sparse":
            with beside.open("wb") as file:
                file.truncate(8 << 30)
        case "pipe":
            os.mkfifo(beside)
        case "folder":
            beside.mkdir()
        case "link":
            beside.symlink_to("/dev/zero")
        case "socket":
            os.mknod(beside, 0o600 | stat.S_IFSOCK)
    with pytest.raises(Unreadable, match=r"film\.mp4\.toml"):
        choices_in(beside, Choices())


def test_a_long_comment_is_none_of_the_bounds_business(tmp_path: Path) -> None:
    beside = tmp_path / "film.mp4.toml"
    beside.write_text("quality = 50  # " + "." * 5000 + "\nrate = 29.97\n", encoding="utf-8")
    assert choices_in(beside, Choices()) == Choices(quality=50, rate=Fraction("29.97"))


def test_the_full_name_comes_before_the_stem(tmp_path: Path) -> None:
    video = tmp_path / "film.mp4"
    assert sidecar(video) is None
    (tmp_path / "film.toml").touch()
    assert sidecar(video) == tmp_path / "film.toml"
    (tmp_path / "film.mp4.toml").touch()
    assert sidecar(video) == tmp_path / "film.mp4.toml"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("quality = 1")
    (tmp_path / "film.mp4.toml").symlink_to(secret)
    assert sidecar(tmp_path / "film.mp4") is None


def test_a_mark_that_editors_write_first_is_no_part_of_the_settings(tmp_path: Path) -> None:
    beside = tmp_path / "film.toml"
    beside.write_bytes(b"\xef\xbb\xbfquality = 50\r\n")
    assert choices_in(beside, Choices()).quality == 50
