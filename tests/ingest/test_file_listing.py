"""What people ask of files, over HTTP, without Kafka."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from ingest.api import command_line, file_listing
from ingest.model.errors import Blocked, Broken, IngestError, LimitsChanged, Unavailable
from ingest.model.stream import State
from ingest.worker.messages import FileProgress

from tests.ingest.clock import FakeClock
from tests.ingest.desk import JSON, Desk

HOSTILE = ["..", ".", "../x", "a/../../x", "/etc/passwd", "a\n2.mp4", "%2e%2e%2fx", "x\0y", "film?"]


def test_files_are_listed_with_state_progress_and_reason(desk: Desk) -> None:
    desk.file("incoming", "new.mp4")
    desk.file("incoming", "half.mp4.part")
    (desk.folders.incoming / "folder").mkdir()
    working = desk.file("processing/me", "now.mp4")
    desk.file("done", "old.mp4")
    desk.file("failed", "bad.mp4", "It is not a video.\n")
    desk.at_work = [FileProgress(working, "now-0123456789ab", "f" * 64, 120, 500, None)]
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
    assert files["folder"]["reason"] == "It is an empty folder, so it is ignored."
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


@pytest.mark.parametrize("kind", [Unavailable, Broken, LimitsChanged, Blocked])
def test_a_retry_without_kafka_changes_nothing(desk: Desk, kind: type[IngestError]) -> None:
    desk.file("failed", "bad.mp4", "note")
    desk.catalogue.away = kind("Kafka is away.")
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
    answer = desk.client.post(f"/api/files/{encode(name)}/retry", headers=JSON)
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


def test_the_list_can_not_forge_lines_or_steer_a_terminal(desk: Desk) -> None:
    desk.file("failed", "a\nfailed  b.mp4\x1b[2J", "no\x9bvideo")
    lines = command_line.listing(desk.ask("GET", "files")).splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("folder", ["incoming", "processing", "processing/me", "done", "failed"])
def test_strange_things_anywhere_are_listed_or_left_out(desk: Desk, folder: str) -> None:
    place = desk.folders.root / folder
    for name in ("film.mp4", "shots", "odd.toml"):
        os.mkfifo(place / f"pipe {name}")
        (place / f"link {name}").symlink_to(place / "gone")
    deep = place / "deep"
    for _ in range(40):
        deep /= "d" * 90
    with suppress(OSError):  # as deep as paths can be
        deep.mkdir(parents=True)
    (place / "film.mp4.reason.txt").mkdir()
    desk.file("failed", "bad.mp4", "why")
    told = desk.ask("GET", "files")
    names = {(file["name"], file["state"]) for file in told["files"]}
    assert ("bad.mp4", "failed") in names
    if folder == "incoming":
        reasons = {file["name"]: file["reason"] for file in told["files"]}
        assert reasons["pipe odd.toml"] == "It is not a regular file, so it is ignored."
        assert reasons["link film.mp4"] == "It is not a regular file, so it is ignored."


def test_ended_files_are_looked_at_again_only_if_their_folder_has_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, clock = desk.folders.done, FakeClock()
    ended = file_listing.EndedFiles(done, "done", lambda: round(clock.seconds * 1e9))
    looks, true = 0, file_listing._ended_in

    def looking(folder: Path) -> Iterator[tuple[os.stat_result, str]]:
        nonlocal looks
        looks += 1
        return true(folder)

    monkeypatch.setattr(file_listing, "_ended_in", looking)

    def listed(newest: int = 100) -> set[str]:
        total, entries = ended.newest(newest)
        assert total == len(list(done.iterdir()))
        return {entry.name for entry in entries}

    for number in range(3):
        path = desk.file("done", f"{number}.mp4")
        assert path.name in listed(), "the folder has just changed"
    clock.seconds += 3
    assert listed() == {"0.mp4", "1.mp4", "2.mp4"}
    looks = 0
    assert len(listed(2)) == 2
    assert listed() == {"0.mp4", "1.mp4", "2.mp4"}
    assert looks == 0
    desk.folders.give_back(path)
    desk.file("done", "new.mp4")
    assert "new.mp4" in listed()
    assert looks == 1


def test_more_ended_files_are_listed_than_are_kept(desk: Desk) -> None:
    for number in range(150):
        desk.file("done", f"{number}.mp4")
    os.utime(desk.folders.done, (1, 1))
    for newest, expected in ((10, 10), (120, 120), (200, 150), (5, 5)):
        told = desk.ask("GET", f"files?newest={newest}")
        assert (len(told["files"]), told["totals"]["done"]) == (expected, 150)


def test_a_name_with_two_endings_of_notes_is_that_of_a_note(desk: Desk) -> None:
    desk.file("failed", "a.reason.txt.reason.txt")
    assert desk.ask("GET", "files")["totals"]["failed"] == 0
