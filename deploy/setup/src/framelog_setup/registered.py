"""What the registry has under the subjects and ids that the log relies on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote

from framelog_setup.backup import Entry
from framelog_setup.errors import SetupError
from framelog_setup.registry_api import ask, send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framelog_setup.doors import Registry
    from framelog_setup.settings import Topic

COMPATIBLE_API = "/apis/ccompat/"
GUIDE = "docs/operations.md#the-registry-lost-its-ids"


@dataclass(frozen=True)
class Lost:
    """An id of the log's that the registry doesn't know, or knows as something else."""

    schema_id: int
    subject: str
    now: str | None
    """What has the id now; None where nothing has."""

    def __str__(self) -> str:
        fate = "is unknown" if self.now is None else f"is {self.now} now"
        return f"id {self.schema_id} ({self.subject}) {fate}"


def entries_of(registry: Registry, subject: str) -> list[Entry]:
    """Return every version that the subject has. Raises HTTPError, OSError, ValueError."""
    path = f"subjects/{quote(subject, safe='')}/versions"
    entries = []
    for version in ask(registry, "GET", path):
        found = ask(registry, "GET", f"{path}/{version}")
        schema_id = int(found["id"])
        source = _source(registry, schema_id) or found["schema"]
        entries.append(Entry(subject, int(version), schema_id, found["schema"], source))
    return entries


def lost(registry: Registry, entries: Iterable[Entry]) -> list[Lost]:
    """Return which of the schemas the registry has lost. Raises HTTPError, OSError, ValueError."""
    found = []
    for entry in entries:
        text = schema_of(registry, entry.schema_id)
        if text is None:
            found.append(Lost(entry.schema_id, entry.subject, None))
        elif not same(text, entry.schema):
            found.append(Lost(entry.schema_id, entry.subject, name_of(text)))
    return sorted(found, key=lambda one: (one.schema_id, one.subject))


def lost_of_log(
    registry: Registry, topics: Sequence[Topic], ids: Mapping[str, set[int]]
) -> list[Lost]:
    """Return what is lost of a log without a backup, going by the ids in its records.

    Anybody may have written a record with any id: only a topic none of whose ids leads to its
    own kind of record has lost them.
    """
    found = []
    for topic in topics:
        wanted = name_of(topic.schema.read_text(encoding="utf-8"))
        names = {each: schema_of(registry, each) for each in sorted(ids.get(topic.name, ()))}
        known = {each: None if text is None else name_of(text) for each, text in names.items()}
        if known and wanted not in known.values():
            found += [Lost(each, topic.subject, name) for each, name in known.items()]
    return found


def schema_of(registry: Registry, schema_id: int) -> str | None:
    """Return the schema of an id, None where there is none."""
    try:
        return str(ask(registry, "GET", f"schemas/ids/{schema_id}")["schema"])
    except HTTPError as error:
        if error.code != 404:
            raise
        return None


def refusal(registry: Registry, found: Sequence[Lost], *, has_backup: bool) -> SetupError:
    """Return what to raise where schemas of the log are lost."""
    mend = (
        "'make restore-schemas' puts the same schemas back under the same ids"
        if has_backup
        else "there is no backup of them in Kafka, so put the registry's own data back, or delete "
        "the log's topics to begin anew"
    )
    return SetupError(
        f"The schema registry at {registry.url} has lost schemas by which the log was written: "
        f"{', '.join(map(str, found))}. Nothing was registered, for that would make the loss "
        f"worse; {mend} ({GUIDE})."
    )


def same(text: str, other: str) -> bool:
    """Whether two schemas say the same, however they are laid out."""
    try:
        return bool(json.loads(text) == json.loads(other))
    except (ValueError, RecursionError):
        return text == other


def name_of(text: str) -> str:
    """Return the full name of a schema, or of which kind it is."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return "another schema"
    if not isinstance(schema, dict) or "name" not in schema:
        return "another schema"
    space = schema.get("namespace")
    return f"{space}.{schema['name']}" if space else str(schema["name"])


def apicurio(registry: Registry) -> str | None:
    """Return where Apicurio's own API is; None where the registry is none."""
    origin, found, _ = registry.url.partition(COMPATIBLE_API)
    return f"{origin}/apis/registry/v3" if found else None


def _source(registry: Registry, schema_id: int) -> str | None:
    """Return a schema as it was handed in, which the Confluent API does not tell."""
    api = apicurio(registry)
    if api is None:
        return None
    try:
        return send(registry, "GET", f"{api}/ids/contentIds/{schema_id}").decode()
    except HTTPError:
        return None
