"""What is sent of a video: chosen for all by the settings, and for one by a TOML file beside it."""

import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ingest.errors import Unreadable

ENCODINGS = ("JPEG", "PNG", "WEBP")
DEFAULT_QUALITY = 90


class BadChoice(ValueError):
    """A choice that can't be: its name, the text that was given, and what is allowed."""

    def __init__(self, name: str, text: str, allowed: str) -> None:
        super().__init__(f"{name} is {text!r}, but it must be {allowed}.")
        self.name, self.text, self.allowed = name, text, allowed


@dataclass(frozen=True)
class Choices:
    """How a video is sent.

    quality is 1 to 100, and of no effect for PNG; where it is None, pictures that are JPEGs
    already are sent as they are, and others with DEFAULT_QUALITY; longest_side is in pixels,
    and never enlarges; of every_nth and rate (frames a second) at most one thins the video
    out; pace is seconds of video a second, None for as quickly as possible; sequence_rate is
    that of the pictures of an image sequence, which has none of its own.
    """

    encoding: str = "JPEG"
    quality: int | None = None
    longest_side: int | None = None
    every_nth: int = 1
    rate: Fraction | None = None
    pace: float | None = None
    sequence_rate: Fraction = Fraction(25)

    @property
    def keeps_pixels(self) -> bool:
        """Whether a picture that is a JPEG already is sent as it is."""
        return self.encoding == "JPEG" and self.quality is None and self.longest_side is None

    def named(self) -> dict[str, str]:
        """Return all choices as text, as a TOML file or a setting would state them."""
        return {name: _text(name, getattr(self, name)) for name in CHOICE_NAMES}


def with_named(choices: Choices, named: Mapping[str, str]) -> Choices:
    """Return choices changed as named says. Raises BadChoice."""
    for name, text in named.items():
        if name not in _CHOICES:
            raise BadChoice(name, text, f"left out: the choices are {', '.join(_CHOICES)}")
        parse, allowed = _CHOICES[name]
        try:
            choices = replace(choices, **{name: parse(text)})
        except (ValueError, ZeroDivisionError):
            raise BadChoice(name, text, allowed) from None
    if choices.every_nth > 1 and choices.rate is not None:
        raise BadChoice("every_nth", str(choices.every_nth), "left out where rate is set")
    return choices


def choices_in(beside: Path, defaults: Choices) -> Choices:
    """Return defaults changed by a TOML file that belongs to a video.

    Raises Unreadable, with a sentence that names the file, the choice and what is allowed.
    """
    try:
        table = tomllib.loads(beside.read_text(encoding="utf-8"))
        return with_named(defaults, {key: _toml_text(value) for key, value in table.items()})
    except (OSError, ValueError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise Unreadable(f"Its settings in {beside.name!r} can't be used: {error}") from None


def sidecar(path: Path) -> Path | None:
    """Return the TOML file that belongs to a video: film.mp4.toml or film.toml."""
    for name in (f"{path.name}.toml", f"{path.stem}.toml"):
        beside = path.with_name(name)
        try:
            if stat.S_ISREG(beside.lstat().st_mode):
                return beside
        except OSError:  # there is none; its name may even be longer than a name can be
            continue
    return None


def _pace(text: str) -> float | None:
    if text == "fast":
        return None
    if text == "realtime":
        return 1.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)[x×]", text)
    if match is None or not 0.01 <= float(match[1]) <= 1000:
        raise ValueError(text)
    return float(match[1])


def _encoding(text: str) -> str:
    if text.upper() not in ENCODINGS:
        raise ValueError(text)
    return text.upper()


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def _rate(text: str) -> Fraction:
    value = Fraction(text)
    if not Fraction(1, 1000) <= value <= 1000:
        raise ValueError(text)
    return value


def _quality(text: str) -> int | None:
    return None if text == "source" else _between(1, 100)(text)


def _longest_side(text: str) -> int | None:
    return None if text == "source" else _between(16, 65_500)(text)


_Parser = Callable[[str], Any]
_RATE_ALLOWED = "frames a second, 0.001 to 1000, such as 10 or 30000/1001"
_CHOICES: Mapping[str, tuple[_Parser, str]] = {
    "encoding": (_encoding, "one of JPEG, PNG, WEBP"),
    "quality": (_quality, "a whole number from 1 to 100, or 'source'"),
    "longest_side": (_longest_side, "pixels, 16 to 65500, or 'source'"),
    "every_nth": (_between(1, 1_000_000), "a whole number from 1 to 1000000"),
    "rate": (lambda text: None if text == "source" else _rate(text), _RATE_ALLOWED),
    "pace": (_pace, "fast, realtime, or a factor such as 2x (0.01x to 1000x)"),
    "sequence_rate": (_rate, _RATE_ALLOWED),
}


CHOICE_NAMES = tuple(_CHOICES)


def _text(name: str, value: Any) -> str:
    if name == "pace":
        return _pace_text(value)
    return "source" if value is None else str(value)


def _toml_text(value: Any) -> str:
    return repr(value).lower() if isinstance(value, bool) else str(value)


def _pace_text(pace: float | None) -> str:
    if pace is None:
        return "fast"
    return "realtime" if pace == 1.0 else f"{pace:g}x"
