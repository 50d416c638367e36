"""Values of environment variables, read and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ingest.model.errors import BadSetting

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that must not be shown: whatever prints it prints stars."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


class Reader:
    """Reads an environment. All raise BadSetting: the key, its value and what is allowed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, key: str, default: str) -> str:
        """Read a text that is not empty."""
        return self._parsed(key, default, _non_empty, "any text that is not empty")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number from low to high."""

        def parse(text: str) -> int:
            value = int(text)
            if not low <= value <= high:
                raise ValueError(text)
            return value

        return self._parsed(key, str(default), parse, f"a whole number from {low} to {high}")

    def seconds(self, key: str, default: float, low: float = 0.001) -> float:
        """Read seconds, from low to a day."""

        def parse(text: str) -> float:
            value = float(text)
            if not low <= value <= 86_400:
                raise ValueError(text)
            return value

        return self._parsed(key, str(default), parse, f"seconds, from {low:g} to 86400")

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
        value = self.text(key, default)
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

    def _parsed(self, key: str, default: str, parse: Callable[[str], T], allowed: str) -> T:
        text = self._environ.get(key, default)
        try:
            return parse(text)
        except ValueError:
            raise BadSetting(f"{key} is {text!r}, but it must be {allowed}.") from None


def _non_empty(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text
