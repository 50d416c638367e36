"""Ingest's control over real folders, with a catalogue in memory, asked by HTTP."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from ingest.api.command_routes import command_routes
from ingest.api.operator_commands import OperatorCommands
from ingest.inbox.folders import Folders
from ingest.inbox.marker_files import Marks
from ingest.media.fingerprint import fingerprint
from ingest.model.errors import IngestError
from ingest.model.stream import State, Stream
from ingest.worker.messages import FileProgress

from tests.ingest.builders import NOW_US, fresh

JSON = {"Content-Type": "application/json"}


class FakeCatalogue:
    """Streams in memory; away is what a cluster that does not answer has raised."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.away: IngestError | None = None

    def stream(self, stream_id: str) -> Stream | None:
        return next((s for s in self._all() if s.stream_id == stream_id), None)

    def holding(self, fingerprint: str) -> Stream | None:
        held = [s for s in self._all() if s.fingerprint == fingerprint and s.holds_frames]
        return next(iter(held), None)

    def forget(self, stream: Stream) -> None:
        self.streams.remove(stream)

    def _all(self) -> list[Stream]:
        if self.away is not None:
            raise self.away
        return self.streams


class Desk:
    """A control over real folders, asked by HTTP."""

    def __init__(self, root: Path) -> None:
        self.folders = Folders(root, "me", 10, float)
        self.folders.prepare()
        self.marks = Marks(root)
        self.catalogue = FakeCatalogue()
        self.at_work: list[FileProgress] = []
        app = Flask("test", static_folder=None)
        control = OperatorCommands(self.folders, self.catalogue, lambda: self.at_work)
        app.register_blueprint(command_routes(control))
        self.client: FlaskClient = app.test_client()

    def file(self, folder: str, name: str, note: str | None = None) -> Path:
        path = self.folders.root / folder / name
        path.write_bytes(b"content of " + os.fsencode(name))
        if note is not None:
            path.with_name(f"{name}.reason.txt").write_text(note)
        return path

    def stream_of(self, path: Path, state: State) -> Stream:
        begun = replace(
            fresh(fingerprint=fingerprint(path), name="film"),
            source_name=path.name,
            source_bytes=path.stat().st_size,
        )
        stream = begun if state is State.INGESTING else begun.with_end(None, None, NOW_US)
        stream = replace(stream, state=state)
        self.catalogue.streams.append(stream)
        return stream

    def ask(self, method: str, path: str, status: int = 200) -> dict[str, Any]:
        answer = self.client.open(f"/api/{path}", method=method, headers=JSON)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.get_json()
        return told

    def everything(self) -> set[str]:
        files = (path for path in self.folders.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folders.root)) for path in files} - {
            "processing/me/.alive"
        }
