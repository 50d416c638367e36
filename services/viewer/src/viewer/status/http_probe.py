"""Requests to other services' HTTP endpoints, with short timeouts."""

import json
import ssl
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

_TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 4 << 20


class NoAnswerError(Exception):
    """A service didn't answer, or its answer can't be read; the text says why."""


class HttpProbe:
    """Makes requests without a proxy, because the services are on the same network.

    A call blocks for about 2 s at most.
    """

    def __init__(
        self,
        user_info: str | None = None,
        ssl_ca_location: str | None = None,
        token: str | None = None,
    ) -> None:
        """Authenticate with `name:password` or a token, if given.

        Without `ssl_ca_location`, the system's certificates are trusted.
        """
        self._headers: dict[str, str] = {}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if user_info is not None:
            self._headers["Authorization"] = f"Basic {b64encode(user_info.encode()).decode()}"
        is_folder = ssl_ca_location is not None and Path(ssl_ca_location).is_dir()
        # Created once: reading the system's certificates is slow.
        context = ssl.create_default_context(
            cafile=None if is_folder else ssl_ca_location,
            capath=ssl_ca_location if is_folder else None,
        )
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))

    def get(self, url: str) -> tuple[int, str]:
        """Return the status and the text. Raises NoAnswerError."""
        request = Request(url)  # noqa: S310 (settings allow http and https only)
        for name, value in self._headers.items():
            # Redirects must not receive the credentials.
            request.add_unredirected_header(name, value)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return response.status, response.read(_MAX_BYTES).decode(errors="replace")
        except HTTPError as error:
            with error:
                return error.code, error.read(_MAX_BYTES).decode(errors="replace")
        except URLError as error:
            raise NoAnswerError(_reason(error.reason)) from error
        except (OSError, HTTPException) as error:
            raise NoAnswerError(_reason(error)) from error


def sentence_of(text: str) -> str:
    """Return an answer's message: `error` of a JSON object, or the first line of text."""
    try:
        found = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        found = text.strip().split("\n")[0]
    return str(found)[:500]


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {_TIMEOUT_SECONDS:g} s"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
