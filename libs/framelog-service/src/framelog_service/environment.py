"""Values of environment variables, read and checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class BadSetting(Exception):
    """Stop the start: a setting has a value that is not allowed; the text says which, and what is.

    The text shows no secret.
    """


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that must not be shown: whatever prints it prints stars."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def revealed(secret: Secret | None) -> str | None:
    """Return the secret's text, for the one who needs it."""
    return None if secret is None else secret.value


class Reader:
    """Reads an environment. All raise BadSetting: the key, its value and what is allowed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, key: str, default: str) -> str:
        """Read a text that is not empty."""
        return self._parsed(key, default, _non_empty, "any text that is not empty")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number from low to high: digits alone, no sign, space or underscore."""

        def parse(text: str) -> int:
            if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
                raise ValueError(text)
            return int(text)

        return self._parsed(key, str(default), parse, f"a whole number from {low} to {high}")

    def seconds(self, key: str, default: float, low: float = 0.001, high: float = 86_400) -> float:
        """Read seconds from low to high, a day: digits, and a fraction behind a point."""

        def parse(text: str) -> float:
            if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) is None:
                raise ValueError(text)
            if not low <= float(text) <= high:
                raise ValueError(text)
            return float(text)

        return self._parsed(key, str(default), parse, f"seconds, from {low:g} to {high:g}")

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """Read one of the words that are allowed."""

        def parse(text: str) -> str:
            if text not in allowed:
                raise ValueError(text)
            return text

        return self._parsed(key, default, parse, "one of " + ", ".join(allowed))

    def optional(self, key: str) -> str | None:
        """Read a text that may be left out or empty."""
        return self._environ.get(key) or None

    def url(self, key: str, default: str) -> str:
        """Read an address. Credentials in it would be shown wherever it is."""
        return self._address(key, self.text(key, default))

    def urls(self, key: str) -> tuple[str, ...]:
        """Read addresses with white space between them; there may be none."""
        each = self._environ.get(key, "").split()
        return tuple(self._address(key, value).rstrip("/") for value in each)

    def words(self, key: str, is_allowed: Callable[[str], bool], allowed: str) -> tuple[str, ...]:
        """Read words with white space between them; there may be none."""

        def parse(text: str) -> tuple[str, ...]:
            found = tuple(text.split())
            if not all(map(is_allowed, found)):
                raise ValueError(text)
            return found

        return self._parsed(key, "", parse, allowed)

    def secret(self, key: str) -> Secret | None:
        """Read a secret, or the file that <key>_FILE names; None when there is neither."""
        value, path = self.optional(key), self.optional(f"{key}_FILE")
        if value is not None and path is not None:
            raise BadSetting(f"{key} and {key}_FILE are both set, but it must be one of them.")
        if path is not None:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
                raise BadSetting(
                    f"{key}_FILE is {path!r}, which can't be read: {reason}."
                ) from error
            if not value:
                raise BadSetting(f"{key}_FILE is {path!r}, which is empty.")
        return None if value is None else Secret(value)

    def _address(self, key: str, value: str) -> str:
        if "@" in value:
            raise BadSetting(
                f"{key} has a user name in it, which errors would show: credentials have a "
                "setting of their own."
            )
        if not value.startswith(("http://", "https://")):
            raise BadSetting(
                f"{key} is {value!r}, but it must be an address that begins with http:// or "
                "https://."
            )
        return value

    def _parsed(self, key: str, default: str, parse: Callable[[str], T], allowed: str) -> T:
        text = self._environ.get(key, default)
        try:
            return parse(text)
        except ValueError:
            raise BadSetting(f"{key} is {text!r}, but it must be {allowed}.") from None


def asks_for_traces(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables ask for traces."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return any(environ.get(key) for key in endpoints) and not disabled


def _non_empty(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text
