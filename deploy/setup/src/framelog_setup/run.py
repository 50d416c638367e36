"""The whole setup, for the command and for tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from framelog_setup import backup, registered, schemas, topics
from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from framelog_setup.settings import Settings


def set_up(settings: Settings) -> list[str]:
    """Make topics and schemas what the settings say; return a line on each.

    Waits for broker and registry, `timeout_seconds` together. Safe to run again. With
    `leaves_topics` it is about schemas only, for topics are another's, such as Strimzi's.
    Raises SetupError when a part doesn't answer, or refuses, and when the registry has lost
    schemas by which the log was written: then nothing is registered.
    """
    deadline = time.monotonic() + settings.timeout_seconds
    if settings.leaves_topics and not settings.backs_up:
        schemas.await_registry(settings.registry, settings.timeout_seconds)
        return schemas.register(settings.registry, settings.topics)
    admin = topics.connect(settings.kafka, settings.timeout_seconds)
    schemas.await_registry(settings.registry, max(0.0, deadline - time.monotonic()))
    has_records = _require_what_the_log_names(settings)
    # Schemas first: whoever sees a topic finds its schema.
    lines = schemas.register(settings.registry, settings.topics)
    if not settings.leaves_topics:
        lines += topics.apply(admin, settings.topics)
        topics.apply(admin, [settings.backup])
    _back_up(settings, has_records=has_records)
    return lines


def _require_what_the_log_names(settings: Settings) -> bool:
    """Raise SetupError where the registry has lost what records of the log were written by.

    Returns whether the log has records.
    """
    registry = settings.registry
    try:
        ids = backup.log_ids(settings.kafka, [topic.name for topic in settings.topics])
        if not ids:
            return False  # a log without records needs no schema
        subjects = {topic.subject for topic in settings.topics if topic.name in ids}
        kept = backup.read(settings.kafka, settings.backup.name)
        entries = [entry for entry in kept if entry.subject in subjects]
        if entries:
            found = registered.lost(registry, entries)
        else:
            found = registered.lost_of_log(registry, settings.topics, ids)
    except (OSError, ValueError) as error:
        raise SetupError(f"The schema registry at {registry.url} went away: {error}.") from error
    if found:
        raise registered.refusal(registry, found, has_backup=bool(entries))
    return True


def _back_up(settings: Settings, *, has_records: bool) -> None:
    """Keep every version of the log's schemas beside the log; what is kept already stays."""
    registry = settings.registry
    try:
        entries = [
            entry
            for topic in settings.topics
            for entry in registered.entries_of(registry, topic.subject)
        ]
    except (OSError, ValueError) as error:
        raise SetupError(f"The schema registry at {registry.url} went away: {error}.") from error
    known = {entry.key: entry for entry in backup.read(settings.kafka, settings.backup.name)}
    new = [entry for entry in entries if known.get(entry.key) != entry]
    # What the schemas of a log were that is empty now is of no use to anyone.
    own = set() if has_records else {topic.subject for topic in settings.topics}
    gone = [entry for entry in known.values() if entry.subject in own and entry not in entries]
    backup.write(settings.kafka, settings.backup.name, new, gone)
