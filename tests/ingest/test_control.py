"""What people ask of files and streams, over HTTP, without Kafka."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ingest import cli
from ingest.control import Control
from ingest.control_marks import Marks
from ingest.errors import Fenced, Unavailable
from ingest.fingerprint import fingerprint
from ingest.folders import Folders
from ingest.http_control import control_routes
from ingest.messages import AtWork
from ingest.session import Session
from ingest.stream import State, Stream

from tests.ingest.builders import NOW_US, frames, fresh
from tests.ingest.fakes import FakeLog, Fault

HOSTILE = ["..", ".", "../x", "a/../../x", "/etc/passwd", "a\n2.mp4", "%2e%2e%2fx", "x\0y", "film?"]


class FakeCatalogue:
    """Streams in memory; away stands for a cluster that does not answer."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.away = False

    def stream(self, stream_id: str) -> Stream | None:
        return next((s for s in self._all() if s.stream_id == stream_id), None)

    def holding(self, fingerprint: str) -> Stream | None:
        held = [s for s in self._all() if s.fingerprint == fingerprint and s.holds_frames]
        return next(iter(held), None)

    def forget(self, stream: Stream) -> None:
        self.streams.remove(stream)

    def _all(self) -> list[Stream]:
        if self.away:
            raise Unavailable("Kafka is away.")
        return self.streams


class Desk:
    """A control over real folders, asked by HTTP."""

    def __init__(self, root: Path) -> None:
        self.folders = Folders(root, "me", 10, float)
        self.folders.prepare()
        self.marks = Marks(root)
        self.catalogue = FakeCatalogue()
        self.at_work: list[AtWork] = []
        app = Flask("test", static_folder=None)
        control = Control(self.folders, self.catalogue, lambda: self.at_work)
        app.register_blueprint(control_routes(control))
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
        answer = self.client.open(f"/api/{path}", method=method)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.get_json()
        return told

    def everything(self) -> set[str]:
        files = (path for path in self.folders.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folders.root)) for path in files} - {
            "processing/me/.alive"
        }


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "videos")


def test_files_are_listed_with_state_progress_and_reason(desk: Desk) -> None:
    desk.file("incoming", "new.mp4")
    desk.file("incoming", "half.mp4.part")
    (desk.folders.incoming / "folder").mkdir()
    working = desk.file("processing/me", "now.mp4")
    desk.file("done", "old.mp4")
    desk.file("failed", "bad.mp4", "It is not a video.\n")
    desk.at_work = [AtWork(working, "now-0123456789ab", "f" * 64, 120, 500, None)]
    told = desk.ask("GET", "files")
    files = {file["name"]: file for file in told["files"]}
    assert told["totals"] == {"waiting": 3, "ingesting": 1, "failed": 1, "done": 1}
    assert {name: file["state"] for name, file in files.items()} == {
        "new.mp4": "waiting",
        "half.mp4.part": "waiting",
        "folder": "waiting",
        "now.mp4": "ingesting",
        "bad.mp4": "failed",
        "old.mp4": "done",
    }
    assert (files["now.mp4"]["frame_count"], files["now.mp4"]["estimated_frame_count"]) == (
        120,
        500,
    )
    assert files["bad.mp4"]["reason"] == "It is not a video."
    assert files["new.mp4"]["reason"] is None
    assert files["folder"]["reason"] == "It is an empty folder, so it is left alone."
    assert "unfinished" in files["half.mp4.part"]["reason"]


def test_the_list_is_bounded_and_says_how_many_there_are(desk: Desk) -> None:
    for number in range(20):
        desk.file("done", f"{number}.mp4")
    told = desk.ask("GET", "files?newest=5")
    assert (len(told["files"]), told["totals"]["done"]) == (5, 20)
    assert "from 1 to" in desk.ask("GET", "files?newest=all", 400)["error"]


def test_the_latest_note_is_the_reason(desk: Desk) -> None:
    path = desk.file("failed", "bad.mp4", "The first time.")
    path.with_name("bad.mp4.reason (2).txt").write_text("The second time.")
    assert [file["reason"] for file in desk.ask("GET", "files")["files"]] == ["The second time."]


def test_a_retried_file_is_in_incoming_and_its_note_is_kept(desk: Desk) -> None:
    desk.file("failed", "bad.mp4", "Too dark.")
    assert "in incoming/ again" in desk.ask("POST", "files/bad.mp4/retry")["message"]
    assert desk.everything() == {"incoming/bad.mp4", "failed/.notes/bad.mp4.reason.txt"}


def test_a_retry_never_overwrites(desk: Desk) -> None:
    desk.file("failed", "bad.mp4")
    (desk.folders.incoming / "bad.mp4").write_text("another")
    assert desk.ask("POST", "files/bad.mp4/retry")["name"] == "bad (2).mp4"
    assert (desk.folders.incoming / "bad.mp4").read_text() == "another"


@pytest.mark.parametrize(
    ("state", "superseded"),
    [(State.TRUNCATED, True), (State.FAILED, False), (State.COMPLETE, False)],
)
def test_a_retry_supersedes_what_was_truncated(desk: Desk, state: State, superseded: bool) -> None:
    path = desk.file("failed", "cut.mp4")
    stream = desk.stream_of(path, state)
    desk.ask("POST", "files/cut.mp4/retry")
    expected = stream.run_id if superseded else None
    assert desk.marks.superseded(stream.fingerprint) == expected


def test_a_retry_without_kafka_changes_nothing(desk: Desk) -> None:
    desk.file("failed", "bad.mp4", "note")
    desk.catalogue.away = True
    before = desk.everything()
    assert desk.ask("POST", "files/bad.mp4/retry", 503)["error"] == "Kafka is away."
    assert desk.everything() == before


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("encode", [quote, lambda name: quote(name, safe=""), str])
def test_no_name_leads_out_of_the_folder(
    desk: Desk, name: str, encode: Callable[[str], str]
) -> None:
    desk.file("failed", "film.mp4")
    for outside in (desk.folders.root / "x", desk.folders.root.parent / "x"):
        outside.write_text("not yours")
    before = desk.everything()
    answer = desk.client.post(f"/api/files/{encode(name)}/retry")
    assert answer.status_code in (404, 405)
    assert answer.get_json()["error"]
    assert desk.everything() == before


@pytest.mark.parametrize(
    "name", ["a b.mp4", "100%25.mp4", "line\nfeed.mp4", "ü?#&.mp4", b"\xff.mp4"]
)
def test_any_name_that_is_listed_can_be_retried(desk: Desk, name: str | bytes) -> None:
    desk.file("failed", name if isinstance(name, str) else name.decode("utf-8", "surrogateescape"))
    [listed] = desk.ask("GET", "files")["files"]
    desk.ask("POST", f"files/{quote(listed['name'], safe='')}/retry")
    assert [file["state"] for file in desk.ask("GET", "files")["files"]] == ["waiting"]


def test_a_folder_of_images_is_listed_and_retried(desk: Desk) -> None:
    shots = desk.folders.failed / "shots"
    shots.mkdir()
    (shots / "1.jpg").write_bytes(b"12345")
    [listed] = desk.ask("GET", "files")["files"]
    assert (listed["name"], listed["state"], listed["bytes"]) == ("shots", "failed", 5)
    desk.ask("POST", "files/shots/retry")
    assert desk.everything() == {"incoming/shots/1.jpg"}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "note", "settings"])
def test_only_videos_can_be_retried(desk: Desk, kind: str, tmp_path: Path) -> None:
    name = {"note": "bad.mp4.reason.txt", "settings": "bad.mp4.toml"}.get(kind, kind)
    path = desk.folders.failed / name
    if kind == "link":
        path.symlink_to(tmp_path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_text("text")
    assert desk.ask("POST", f"files/{name}/retry", 404)["error"]


def test_an_ended_stream_is_reprocessed_from_its_file(desk: Desk) -> None:
    path = desk.file("done", "film (2).mp4")
    stream = replace(desk.stream_of(path, State.COMPLETE), source_name="film.mp4")
    desk.catalogue.streams = [stream]
    decoy = desk.file("done", "film.mp4")
    decoy.write_text("x" * stream.source_bytes)
    desk.ask("POST", f"streams/{stream.stream_id}/reprocess")
    assert desk.everything() == {
        "incoming/film (2).mp4",
        "done/film.mp4",
        f".again/{stream.fingerprint}",
    }
    assert desk.marks.superseded(stream.fingerprint) == stream.run_id


def test_what_can_not_be_reprocessed_is_refused(desk: Desk) -> None:
    path = desk.file("done", "film.mp4")
    stream = desk.stream_of(path, State.INGESTING)
    assert (
        "being ingested" in desk.ask("POST", f"streams/{stream.stream_id}/reprocess", 409)["error"]
    )
    assert "no stream" in desk.ask("POST", "streams/other/reprocess", 404)["error"]
    desk.catalogue.streams = [replace(stream, state=State.COMPLETE)]
    path.unlink()
    assert (
        "put the file back"
        in desk.ask("POST", f"streams/{stream.stream_id}/reprocess", 409)["error"]
    )
    assert desk.everything() == set()


def test_a_stream_is_forgotten_unless_it_is_being_ingested(desk: Desk) -> None:
    path = desk.file("processing/me", "film.mp4")
    stream = desk.stream_of(path, State.COMPLETE)
    desk.at_work = [AtWork(path, "", stream.fingerprint, 0, None, None)]
    assert "being ingested" in desk.ask("DELETE", f"streams/{stream.stream_id}", 409)["error"]
    desk.at_work = []
    desk.marks.supersede(stream.fingerprint, stream.run_id)
    desk.ask("DELETE", f"streams/{stream.stream_id}")
    assert desk.catalogue.streams == []
    assert desk.marks.superseded(stream.fingerprint) is None
    assert "no stream" in desk.ask("DELETE", f"streams/{stream.stream_id}", 404)["error"]


def test_a_stream_at_work_in_another_replica_is_not_forgotten(desk: Desk) -> None:
    (desk.folders.processing / "other").mkdir()
    stream = desk.stream_of(desk.file("processing/other", "film.mp4"), State.INGESTING)
    assert "being ingested" in desk.ask("DELETE", f"streams/{stream.stream_id}", 409)["error"]


def test_a_pause_is_a_file_that_replicas_share(desk: Desk) -> None:
    desk.ask("POST", "intake/pause")
    assert (desk.folders.root / ".paused").exists()
    assert desk.ask("GET", "files")["paused"]
    desk.ask("POST", "intake/pause")
    desk.ask("POST", "intake/resume")
    desk.ask("POST", "intake/resume")
    assert not desk.ask("GET", "files")["paused"]
    (desk.folders.root / ".paused").touch()
    assert desk.ask("GET", "files")["paused"]


def test_web_pages_can_not_steer_the_service(desk: Desk) -> None:
    page = {"Origin": "http://evil.example"}
    assert desk.client.post("/api/intake/pause", headers=page).status_code == 403
    assert not desk.marks.paused


@pytest.mark.parametrize("text", ["", "x", "A" * 32, "a" * 33, "\xff" * 32])
def test_a_mark_that_names_no_run_means_nothing(desk: Desk, text: str) -> None:
    desk.marks.supersede("f" * 64, "a" * 32)
    assert desk.marks.superseded("f" * 64) == "a" * 32
    (desk.folders.root / ".again" / ("f" * 64)).write_text(text, encoding="latin-1")
    assert desk.marks.superseded("f" * 64) is None


@pytest.mark.parametrize("done", [True, False])
def test_a_worker_lets_go_of_a_stream_that_was_forgotten(done: bool) -> None:
    log = FakeLog()
    session = Session(lambda: log.connect(fresh().fingerprint), lambda _: log.states.clear(), int)
    session.open(fresh())
    if done:
        session.commit(frames(0, 5), None)
    log.faults = {len(log.calls): Fault.LOST}
    if done:
        with pytest.raises(Fenced):
            session.commit(frames(5, 10), None)
    else:
        assert session.commit(frames(0, 5), None).frame_count == 5


def test_the_list_can_not_forge_lines_or_steer_a_terminal(desk: Desk) -> None:
    desk.file("failed", "a\nfailed  b.mp4\x1b[2J", "no\x9bvideo")
    lines = cli.listing(desk.ask("GET", "files")).splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
