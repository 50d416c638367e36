"""Values of environment variables, read and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class SettingsError(Exception):
    """A setting has a value that is not allowed; the sentence says which, and what is."""


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
    """Reads an environment. All raise SettingsError: the key, its value and what is allowed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, key: str, default: str) -> str:
        """Read a text that is not empty."""
        return self._parsed(key, default, _non_empty, "any text that is not empty")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number from low to high."""

        def parse(text: str) -> int:
            if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
                raise ValueError(text)
            return int(text)

        return self._parsed(key, str(default), parse, f"a whole number from {low} to {high}")

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
            raise SettingsError(f"{key} and {key}_FILE are both set, but it must be one of them.")
        if path is not None:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
                raise SettingsError(
                    f"{key}_FILE is {path!r}, which can't be read: {reason}."
                ) from error
            if not value:
                raise SettingsError(f"{key}_FILE is {path!r}, which is empty.")
        return None if value is None else Secret(value)

    def _address(self, key: str, value: str) -> str:
        if "@" in value:
            raise SettingsError(
                f"{key} has a user name in it, which errors would show: credentials have a "
                "setting of their own."
            )
        if not value.startswith(("http://", "https://")):
            raise SettingsError(
                f"{key} is {value!r}, but it must be an address that begins with http:// or "
                "https://."
            )
        return value

    def _parsed(self, key: str, default: str, parse: Callable[[str], T], allowed: str) -> T:
        text = self._environ.get(key, default)
        try:
            return parse(text)
        except ValueError:
            raise SettingsError(f"{key} is {text!r}, but it must be {allowed}.") from None


def _non_empty(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text
