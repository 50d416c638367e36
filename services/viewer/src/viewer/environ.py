"""Values of environment variables, read and checked. All raise SettingsError with a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path


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


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads an environment."""

    environ: Mapping[str, str]

    def text(self, key: str, default: str) -> str:
        """Read some text."""
        value = self.environ.get(key, default)
        if not value.strip():
            raise _not_allowed(key, value, "some text; leave it out to have the default")
        return value

    def optional(self, key: str) -> str | None:
        """Read a text that may be left out or empty."""
        return self.environ.get(key) or None

    def url(self, key: str, default: str) -> str:
        """Read an address. Credentials in it would be shown wherever it is."""
        value = self.text(key, default)
        if "@" in value:
            raise SettingsError(
                f"{key} has a user name in it, which errors would show; allowed is an address "
                "without one: credentials have a setting of their own."
            )
        if not value.startswith(("http://", "https://")):
            raise _not_allowed(key, value, "an address that begins with http:// or https://")
        return value

    def urls(self, key: str) -> tuple[str, ...]:
        """Read addresses with white space between them; there may be none."""
        each = self.environ.get(key, "").split()
        return tuple(replace(self, environ={key: url}).url(key, url).rstrip("/") for url in each)

    def one_of(self, key: str, default: str, *allowed: str) -> str:
        """Read one of the allowed words."""
        value = self.environ.get(key, default)
        if value not in allowed:
            raise _not_allowed(key, value, " or ".join(allowed))
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number from `low` to `high`."""
        value = self.environ.get(key, str(default))
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise _not_allowed(key, value, f"a whole number from {low} to {high}")
        return int(value)

    def secret(self, key: str, file_key: str) -> Secret | None:
        """Read a secret, or the file that holds it; None when there is neither."""
        value, path = self.optional(key), self.optional(file_key)
        if value is not None and path is not None:
            raise SettingsError(f"{key} and {file_key} are both set; allowed is one of them.")
        if path is not None:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
                raise SettingsError(
                    f"{file_key} is {path!r}, which can't be read: {reason}."
                ) from error
            if not value:
                raise SettingsError(f"{file_key} is {path!r}, which is empty.")
        return None if value is None else Secret(value)


def _not_allowed(key: str, value: str, allowed: str) -> SettingsError:
    return SettingsError(f"{key} is {value!r}; allowed is {allowed}.")
