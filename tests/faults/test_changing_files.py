"""A file that is written to while it is read ends as what it is, and nothing else is said of it."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe

SOON = {
    "FRAMELOG_INGEST_SETTLE_SECONDS": "0.2",
    "FRAMELOG_INGEST_INCOMPLETE_SECONDS": "0.5",
    "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2",
    "FRAMELOG_INGEST_BATCH_FRAMES": "5",
}
SLOW = SOON | {"FRAMELOG_INGEST_PACE": "4x"}


def wait_for_log(ingest: Ingest, text: str, times: int = 1) -> None:
    wait_for(
        lambda: ingest.log.read_text(encoding="utf-8").count(text) >= times,
        60,
        alive=ingest.process,
        what=f"{times} times {text}",
    )


def claimed(ingest: Ingest, name: str) -> Path:
    def found() -> Path | None:
        return next((ingest.videos / "processing").glob(f"*/{name}"), None)

    return wait_for(found, 60, alive=ingest.process, what=f"{name} in processing/")


def streams(cluster: Cluster, topics: Topics) -> list[dict[str, Any]]:
    """Return the latest state of each stream; one that was forgotten has none."""
    return [record.value for record in LogReader(cluster).latest(topics.streams).values()]


def whole_and_half(tmp_path: Path, frames: int = 200) -> tuple[Any, bytes, int]:
    """Make a transport stream, and return where a picture begins in its middle."""
    film = make_film(tmp_path / "film.ts", Recipe(frames=frames, width=160, height=96))
    content = film.path.read_bytes()
    begins = [
        place
        for place in range(0, len(content), 188)
        if content[place + 1] & 0x40
        and (content[place + 1] & 0x1F) << 8 | content[place + 2] == 0x100
    ]
    return film, content, begins[len(begins) // 2]


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_file_that_grows_while_it_is_read_is_begun_again(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path, is_killed: bool
) -> None:
    """The writer closed the file and opens it again, so that nothing told of more to come."""
    film, content, half = whole_and_half(tmp_path)
    ingest.stop()
    ingest.start(**SLOW)
    (ingest.videos / "incoming" / film.name).write_bytes(content[:half])
    path = claimed(ingest, film.name)
    ingest.wait_for_frames(10)
    if is_killed:
        assert ingest.process is not None
        ingest.process.kill()
    with path.open("ab") as file:
        file.write(content[half:])
    if is_killed:
        ingest.start(**SLOW)
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_folders(ingest, film)
    (stream,) = streams(cluster, topics)
    assert (stream["state"], stream["frame_count"]) == ("COMPLETE", 200)
    assert stream["source_bytes"] == len(content)
    assert stream["content_sha256"] == hashlib.sha256(content).hexdigest()
    own = LogReader(cluster).frames(topics.frames, stream["stream_id"])
    assert [frame.value["frame_index"] for frame in own] == list(range(200))
    index = LogReader(cluster).latest(topics.index)
    assert {row.value["stream_id"] for row in index.values()} == {stream["stream_id"]}
    assert len(index) == stream["segment_count"]
    ingest.drop(film.path, "again.ts")
    ingest.wait_for_file("done/again.ts.reason.txt")


def test_a_file_that_is_open_for_writing_is_waited_for_however_still_it_is(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    film, content, half = whole_and_half(tmp_path, frames=50)
    ingest.stop()
    ingest.start(**SOON)
    with (ingest.videos / "incoming" / film.name).open("wb") as file:
        file.write(content[:half])
        file.flush()
        reason = "A program has it open for writing."
        wait_for_log(ingest, f"reason={reason!r}", times=5)
        (entry,) = requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]
        assert (entry["state"], entry["reason"]) == ("waiting", reason)
        file.write(content[half:])
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)


def test_a_file_that_says_that_it_is_whole_is_taken_though_it_is_open(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", Recipe(frames=20, width=160, height=96))
    ingest.stop()
    ingest.start(**SOON)
    with (ingest.videos / "incoming" / film.name).open("wb") as file:
        file.write(film.path.read_bytes())
        file.flush()
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)


def test_a_file_that_is_changed_again_and_again_is_said_to_be(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    film, content, half = whole_and_half(tmp_path)
    ingest.stop()
    ingest.start(**SLOW | {"FRAMELOG_INGEST_PACE": "16x"})
    (ingest.videos / "incoming" / film.name).write_bytes(content[:half])
    path = claimed(ingest, film.name)
    for times in range(1, 5):
        wait_for_log(ingest, "event=started", times)
        with path.open("ab") as file:
            file.write(content[half : half + 188 * 7])
    note = ingest.wait_for_file(f"failed/{film.name}.reason.txt").read_text(encoding="utf-8")
    assert note.startswith("The file was changed repeatedly while it was read. The ")
    (stream,) = streams(cluster, topics)
    assert (stream["state"], stream["error"] in note) == ("TRUNCATED", True)


def test_a_file_that_is_touched_is_read_once(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mkv", Recipe(frames=100, width=160, height=96))
    ingest.stop()
    ingest.start(**SLOW)
    ingest.drop(film.path)
    path = claimed(ingest, film.name)
    ingest.wait_for_frames(10)
    path.touch()
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)


def test_a_file_that_is_being_written_does_not_fail_for_what_is_still_missing(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """An MP4 whose header comes last can't be opened before."""
    film = make_film(tmp_path / "film.mp4", Recipe(frames=50, width=160, height=96))
    content = film.path.read_bytes()
    ingest.stop()
    ingest.start(**SOON)
    with (ingest.videos / "incoming" / film.name).open("wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        wait_for_log(ingest, "reason='A program has it open for writing.'", times=5)
        file.write(content[len(content) // 2 :])
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)
