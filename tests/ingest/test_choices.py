"""What is sent of a video, as people write it down."""

from fractions import Fraction
from pathlib import Path

import pytest
from ingest.choices import BadChoice, Choices, choices_in, sidecar, with_named
from ingest.errors import Unreadable


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
