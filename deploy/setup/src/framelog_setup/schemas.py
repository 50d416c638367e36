"""Registers the schemas, each under its topic's subject, as backward compatible.

The registry is any that speaks the Confluent API, version 7: three kinds of request are enough.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from framelog_setup.errors import SetupError
from framelog_setup.registry_api import RETRY_SECONDS, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framelog_setup.doors import Registry
    from framelog_setup.settings import Topic

COMPATIBILITY = "BACKWARD"


def await_registry(registry: Registry, timeout_seconds: float) -> None:
    """Return once the registry answers; raise SetupError when it doesn't in time."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            ask(registry, "GET", "subjects")
        except (URLError, OSError, ValueError) as error:
            if isinstance(error, HTTPError) and error.code in {401, 403}:
                raise SetupError(
                    f"The schema registry at {registry.url} refuses the login: "
                    "set FRAMELOG_SCHEMA_REGISTRY_USER_INFO to name:password."
                ) from error
            if time.monotonic() > deadline:
                raise SetupError(
                    f"No schema registry answered at {registry.url} within "
                    f"{timeout_seconds:g} s ({error}): start it, "
                    "or set FRAMELOG_SCHEMA_REGISTRY_URL."
                ) from error
            time.sleep(RETRY_SECONDS)
        else:
            return


def register(registry: Registry, topics: Sequence[Topic]) -> list[str]:
    """Register each topic's schema under `<topic>-value`; return a line on each.

    A schema that is registered already stays as it is. Raises SetupError, with the registry's
    reason, for one that could not read what was written with the last.
    """
    return [_register(registry, topic) for topic in topics]


def _register(registry: Registry, topic: Topic) -> str:
    try:
        schema = topic.schema.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The schema {topic.schema} can't be read ({error.strerror}): "
            "run in the project's folder, or set FRAMELOG_SCHEMAS."
        ) from error
    subject = quote(topic.subject, safe="")
    body = {"schema": schema, "schemaType": "AVRO"}
    try:
        ask(registry, "PUT", f"config/{subject}", {"compatibility": COMPATIBILITY})
        registered = ask(registry, "POST", f"subjects/{subject}/versions", body)
    except HTTPError as error:
        raise SetupError(_refusal(topic, error)) from error
    except (URLError, OSError, ValueError) as error:
        raise SetupError(f"The schema registry at {registry.url} went away: {error}.") from error
    return f"subject {topic.subject}: registered, id={registered['id']}"


def _refusal(topic: Topic, error: HTTPError) -> str:
    try:
        # Without the name of the Java class that the registry puts before its reason.
        reason = re.sub(r"^[\w.]+Exception: ", "", json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        reason = str(error)
    if error.code == 409:
        return (
            f"{topic.schema} is not {COMPATIBILITY.lower()} compatible with what {topic.subject} "
            "has (schemas/README.md says how a schema may change). "
            f"The registry's reason: {reason}"
        )
    return f"The registry refused {topic.schema} for {topic.subject}: {reason}"
