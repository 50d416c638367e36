"""The choices of what is sent of a video: from the settings, and from a TOML file beside it."""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ingest.model.errors import Unreadable

ENCODINGS = ("JPEG", "PNG", "WEBP")
DEFAULT_QUALITY = 90
SIDECAR_SUFFIX = ".toml"
# Limits of a dropped file's settings, which the service itself reads. The time of Python's parser
# grows with the square of a key's dots.
_MOST_BYTES = 16 << 10
_MOST_DOTS = 16
_LONG_TEXT = re.compile("\"{3}|'{3}")
_TEXT_OR_COMMENT = re.compile(r"""\"(?:\\.|[^"\\])*"|'[^']*'|#.*""")
_MOST_LETTERS_SHOWN = 100


class BadChoice(ValueError):
    """An invalid choice: its name, the given text, and what is allowed."""

    def __init__(self, name: str, text: str, allowed: str) -> None:
        super().__init__(f"{_short(name)} is {_short(text)!r}, but it must be {allowed}.")
        self.name, self.text, self.allowed = name, text, allowed


@dataclass(frozen=True)
class Choices:
    """How a video is sent.

    quality is 1 to 100, without effect for PNG; None sends pictures that are JPEGs already
    unchanged, and others with DEFAULT_QUALITY. longest_side is in pixels, and never enlarges.
    every_nth and rate (frames a second) drop frames; at most one may be set. pace is seconds of
    video a second, None for as fast as possible. sequence_rate is the frame rate of an image
    sequence, which has none of its own.
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
        """Whether a picture that is a JPEG already is sent unchanged."""
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

    Raises Unreadable, with a sentence that names the file, the choice and what is allowed. Its
    cost is bounded, whatever the file contains.
    """
    try:
        table = tomllib.loads(_bounded(beside))
        return with_named(defaults, {key: _toml_text(value) for key, value in table.items()})
    except RecursionError:
        reason = "it is nested too deeply."
    except OSError as error:
        reason = f"it can't be read: {error.strerror}."
    except ValueError as error:  # TOML's and Unicode's errors are ValueErrors
        reason = _short(str(error), 4 * _MOST_LETTERS_SHOWN)
    raise Unreadable(f"Its settings in {beside.name!r} can't be used: {reason}")


def sidecar(path: Path) -> Path | None:
    """Return the TOML file that belongs to a video: film.mp4.toml or film.toml.

    film.toml belongs to all videos of this stem. If a file is named just film, it belongs to
    that one alone.
    """
    for name in (f"{path.name}{SIDECAR_SUFFIX}", f"{path.stem}{SIDECAR_SUFFIX}"):
        beside = path.with_name(name)
        try:
            if stat.S_ISREG(beside.lstat().st_mode):
                full = path.with_name(name.removesuffix(SIDECAR_SUFFIX))
                return beside if full == path or not os.path.lexists(full) else None
        except OSError:  # there is none; its name may even be longer than a name can be
            continue
    return None


def read_bounded(beside: Path) -> bytes:
    """Return a file's first bytes, one more than settings may have. Raises OSError, ValueError."""
    # Not following links, nor waiting for the other end of a pipe.
    opened = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(opened, "rb") as file:  # noqa: PTH123  (a Path has no such flags)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError("it is not a regular file.")
        return file.read(_MOST_BYTES + 1)


def _bounded(beside: Path) -> str:
    """Return the text of a file that may be anything. Raises OSError and ValueError."""
    data = read_bounded(beside)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES} bytes.")
    text = data.decode("utf-8-sig")  # some editors write a mark at its beginning
    if _LONG_TEXT.search(text):
        raise ValueError("it has a text in three quotes.")
    for number, line in enumerate(text.split("\n"), 1):
        if _TEXT_OR_COMMENT.sub("", line).count(".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS} dots.")
    return text


def _short(text: str, letters: int = _MOST_LETTERS_SHOWN) -> str:
    return text if len(text) <= letters else f"{text[:letters]}…"


def _pace(text: str) -> float | None:
    if text == "fast":
        return None
    if text == "realtime":
        return 1.0
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,20})?)[x×]", text)
    if match is None or not 0.01 <= float(match[1]) <= 1000:
        raise ValueError(text)
    return float(match[1])


def _encoding(text: str) -> str:
    if text.upper() not in ENCODINGS:
        raise ValueError(text)
    return text.upper()


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(_of_form(r"[+-]?[0-9]{1,9}", text))
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def _rate(text: str) -> Fraction:
    # Without an exponent: Python would write 1e999999999 out.
    value = Fraction(_of_form(r"[0-9]{1,9}(\.[0-9]{0,20}|/[0-9]{1,9})?|\.[0-9]{1,20}", text))
    if not Fraction(1, 1000) <= value <= 1000:
        raise ValueError(text)
    return value


def _of_form(pattern: str, text: str) -> str:
    """Return text, of which pattern bounds the digits. Raises ValueError."""
    if re.fullmatch(pattern, text.strip()) is None:
        raise ValueError(text)
    return text.strip()


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
