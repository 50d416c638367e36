"""The whole setup, for the command and for tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from framelog_setup import schemas, topics

if TYPE_CHECKING:
    from framelog_setup.settings import Settings


def set_up(settings: Settings) -> list[str]:
    """Make topics and schemas what the settings say; return a line on each.

    Waits for broker and registry, `timeout_seconds` together. Safe to run again. With
    `leaves_topics` it is about schemas only, for topics are another's, such as Strimzi's.
    Raises SetupError when a part doesn't answer, or refuses.
    """
    deadline = time.monotonic() + settings.timeout_seconds
    if settings.leaves_topics:
        schemas.await_registry(settings.registry, settings.timeout_seconds)
        return schemas.register(settings.registry, settings.topics)
    admin = topics.connect(settings.kafka, settings.timeout_seconds)
    schemas.await_registry(settings.registry, max(0.0, deadline - time.monotonic()))
    # Schemas first: whoever sees a topic finds its schema.
    lines = schemas.register(settings.registry, settings.topics)
    return lines + topics.apply(admin, settings.topics)
