"""Ingest's waiting and failed files with their reasons."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from viewer.status.http_probe import HttpProbe, NoAnswerError
from viewer.status.service_checks import every_address

_NEWEST = 20
_MOST_LETTERS = 500
_STATES = ("waiting", "failed")
_TOTALS = ("waiting", "ingesting", "failed", "done")


@dataclass(frozen=True, slots=True)
class File:
    """A waiting or failed file."""

    name: str
    state: Literal["waiting", "failed"]
    reason: str


@dataclass(frozen=True, slots=True)
class Files:
    """The newest of these files, whether intake is paused, and the number of files by state."""

    paused: bool
    totals: Mapping[str, int]
    told: Sequence[File]


def ask_files(probe: HttpProbe, urls: Sequence[str]) -> Files | None:
    """Ask the first ingest service that answers; replicas share one folder. None if none answers.

    The answer is bounded and checked: file names and reasons may hold any text.
    """
    for url in (each for given in urls for each in every_address(given)):
        try:
            status, said = probe.get(f"{url}/api/files?newest={_NEWEST}")
            if status == 200:
                return _files(json.loads(said))
        except (NoAnswerError, ValueError, LookupError, TypeError, RecursionError):
            continue
    return None


def _files(answer: Any) -> Files:
    told = [
        File(_text(file["name"]), file["state"], _text(file["reason"]))
        for file in answer["files"]
        if file["state"] in _STATES and file["reason"]
    ]
    totals = {state: max(0, int(answer["totals"][state])) for state in _TOTALS}
    return Files(bool(answer["paused"]), totals, told[: len(_STATES) * _NEWEST])


def _text(value: object) -> str:
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
