"""Puts the schemas back under the ids that the log's records name, by Apicurio's import.

Apicurio takes no id away from who has it, and keeps a schema that is deleted for an hour: where
another has one of the ids, only an empty registry can be filled. What it had is brought along.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from framelog_setup import backup, registered, schemas
from framelog_setup.errors import SetupError
from framelog_setup.registry_api import ask, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framelog_setup.backup import Entry
    from framelog_setup.doors import Registry
    from framelog_setup.registered import Lost
    from framelog_setup.settings import Settings

_ZIP = "application/zip"
_CONTENT, _DATA, _VERSION = ".Content.json", ".Content.data", ".ArtifactVersion.json"


class NotEmptyError(SetupError):
    """Another has the log's ids: the registry must be emptied, then filled from an archive."""


@dataclass(frozen=True)
class Archive:
    """What an empty registry is to be filled with, and what is to be said of it."""

    data: bytes
    lines: Sequence[str]


def restore(settings: Settings, archive: bytes | None = None) -> list[str]:
    """Put back what is lost; return a line on each subject.

    archive: what `archived` gave, where the registry was emptied since. Raises NotEmptyError
    where only that helps, and SetupError.
    """
    registry = settings.registry
    schemas.await_registry(registry, settings.timeout_seconds)
    entries = _backup(settings)
    try:
        missing = registered.lost(registry, entries)
        if not missing:
            return ["Every schema of the log is there, under its id: there is nothing to restore."]
        if archive is None:
            _require_room(registry, entries, missing)
        _import(registry, archive or archive_of(entries, {}).data)
        left = registered.lost(registry, entries)
    except HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        raise SetupError(f"The schema registry refuses ({error}): {said}") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"The schema registry at {registry.url} went away: {error}.") from error
    if left:
        raise NotEmptyError(
            f"The schema registry did not take all back: {', '.join(map(str, left))}."
        )
    return [f"subject {e.subject}: version {e.version} is back, id={e.schema_id}" for e in entries]


def archived(settings: Settings) -> Archive:
    """Return what to fill the registry with once it is empty: the log's schemas, and what it has.

    Raises SetupError.
    """
    registry = settings.registry
    schemas.await_registry(registry, settings.timeout_seconds)
    entries = _backup(settings)
    try:
        now = send(registry, "GET", f"{_api(registry)}/admin/export")
    except OSError as error:
        raise SetupError(f"The schema registry can't be exported: {error}.") from error
    with zipfile.ZipFile(io.BytesIO(now)) as found:
        return archive_of(entries, {name: found.read(name) for name in found.namelist()})


def archive_of(
    entries: Sequence[Entry], others: Mapping[str, bytes], *, now_ms: int | None = None
) -> Archive:
    """Return the log's schemas under their ids, and others' under theirs where those are free.

    others: the files of an export. What it has of the log's own subjects is left out.
    """
    made_ms = int(time.time() * 1000) if now_ms is None else now_ms
    files, lines = _others(entries, others)
    files |= _ours(entries, made_ms)
    manifest = {
        "systemName": "framelog-setup",
        "systemVersion": "3.0",
        "exportVersion": "3.0",
        "exportedOn": made_ms,
    }
    files["manifest.Manifest.json"] = _json(manifest)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return Archive(target.getvalue(), lines)


def _others(
    entries: Sequence[Entry], export: Mapping[str, bytes]
) -> tuple[dict[str, bytes], list[str]]:
    """Return an export without the log's own schemas and out of their ids' way; a line a move."""
    ours = {entry.subject for entry in entries}
    sources = {entry.source.encode(): entry.schema_id for entry in entries}
    kept = {
        name: data
        for name, data in export.items()
        if not name.endswith(".Manifest.json") and _subject(name) not in ours
    }
    contents = {name: json.loads(kept[name]) for name in kept if name.endswith(_CONTENT)}
    versions = {name: json.loads(kept[name]) for name in kept if name.endswith(_VERSION)}
    taken = set(sources.values())
    free_content = max(taken | {each["contentId"] for each in contents.values()}) + 1
    free_global = max([len(entries), *(each["globalId"] for each in versions.values())]) + 1
    moved: dict[int, int] = {}
    lines = []
    for name, content in contents.items():
        old, data_name = content["contentId"], name.removesuffix(_CONTENT) + _DATA
        if kept[data_name] in sources:
            moved[old] = sources[kept[data_name]]
            del kept[name], kept[data_name]
        elif old in taken:
            moved[old] = free_content
            kept[name] = _json({**content, "contentId": free_content})
            text = kept[data_name].decode(errors="replace")
            lines.append(f"{registered.name_of(text)}: had id {old}, has id {free_content} now")
            free_content += 1
    for name, version in versions.items():
        number = version["globalId"]
        if number <= len(entries):
            number, free_global = free_global, free_global + 1
        content_id = moved.get(version["contentId"], version["contentId"])
        kept[name] = _json({**version, "globalId": number, "contentId": content_id})
    return kept, lines


def _ours(entries: Sequence[Entry], made_ms: int) -> dict[str, bytes]:
    """Return the log's schemas, subjects and rules as files of an export."""
    files: dict[str, bytes] = {}
    made = {"owner": "", "createdOn": made_ms, "modifiedBy": "", "modifiedOn": made_ms}
    in_order = sorted(entries, key=lambda each: (each.subject, each.version))
    for number, entry in enumerate(in_order, 1):
        data = entry.source.encode()
        digest = hashlib.sha256(data).hexdigest()
        files[f"content/{digest}{_DATA}"] = data
        files[f"content/{digest}{_CONTENT}"] = _json(
            {
                "contentId": entry.schema_id,
                "contentHash": digest,
                "artifactType": "AVRO",
                "contentType": "application/json",
            }
        )
        folder, of = f"groups/default/artifacts/{entry.subject}", {"artifactId": entry.subject}
        version = {
            "globalId": number,
            "version": str(entry.version),
            "versionOrder": entry.version,
            "state": "ENABLED",
            "contentId": entry.schema_id,
        }
        files[f"{folder}/versions/{entry.version}{_VERSION}"] = _json({**of, **made, **version})
        files[f"{folder}/MetaData.Artifact.json"] = _json({**of, **made, "artifactType": "AVRO"})
        rule = {"type": "COMPATIBILITY", "configuration": schemas.COMPATIBILITY}
        files[f"{folder}/rules/COMPATIBILITY.ArtifactRule.json"] = _json({**of, **rule})
        versions = [str(each.version) for each in in_order if each.subject == entry.subject]
        branch = {"branchId": "latest", "systemDefined": True, "versions": versions}
        files[f"{folder}/branches/latest.Branch.json"] = _json({**of, **made, **branch})
    return files


def _backup(settings: Settings) -> list[Entry]:
    subjects = {topic.subject for topic in settings.topics}
    entries = [
        entry
        for entry in backup.read(settings.kafka, settings.backup.name)
        if entry.subject in subjects
    ]
    if not entries:
        raise SetupError(
            f"There is no backup of the schemas in the topic {settings.backup.name}: "
            "the setup step ('make up') makes it."
        )
    return entries


def _require_room(registry: Registry, entries: Sequence[Entry], missing: Sequence[Lost]) -> None:
    """Raise NotEmptyError where the registry has something in the place of what is lost."""
    in_the_way = [str(one) for one in missing if one.now is not None]
    own = {entry.schema_id for entry in entries}
    known = set(ask(registry, "GET", "subjects"))
    in_the_way += [
        f"{subject} was registered anew"
        for subject in sorted({one.subject for one in missing} & known)
        if {entry.schema_id for entry in registered.entries_of(registry, subject)} - own
    ]
    if in_the_way:
        raise NotEmptyError(
            f"The schema registry has something in the place of what is lost "
            f"({', '.join(in_the_way)}): only an empty one can be filled."
        )


def _import(registry: Registry, archive: bytes) -> None:
    url = f"{_api(registry)}/admin/import?requireEmptyRegistry=false"
    send(registry, "POST", url, archive, _ZIP)


def _api(registry: Registry) -> str:
    api = registered.apicurio(registry)
    if api is None:
        raise SetupError(
            f"The schema registry at {registry.url} is not Apicurio, whose import keeps ids: "
            "put the schemas of the topic of the backup back by its own means."
        )
    return api


def _subject(name: str) -> str | None:
    """Return whose a file of an export is, by the folder that it lies in."""
    parts = name.split("/")
    return parts[3] if parts[:1] == ["groups"] and len(parts) > 3 else None


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
