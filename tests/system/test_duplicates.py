"""'The same content' is said of the same bytes alone, and only while all of it can be watched."""

import hashlib
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.inbox.marker_files import Begun, Marks
from ingest.inbox.open_file import HeldFile

from tests.support.cluster import Cluster, Topics
from tests.support.expiry import delete_before
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.videos import Recipe, make_video

MIB = 1 << 20
SOON = {"FRAMELOG_INGEST_INCOMPLETE_SECONDS": "1", "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2"}
WIDTH, HEIGHT, FRAMES = 1280, 720, 50
NOTE = "Its content is in the log already, as {}: no frame was sent."


def streams(cluster: Cluster, topics: Topics) -> dict[str, dict[str, Any]]:
    latest = LogReader(cluster).latest(topics.streams)
    return {stream_id: record.value for stream_id, record in latest.items()}


def ended(ingest: Ingest, name: str, places: tuple[str, ...] = ("done", "failed")) -> str | None:
    """Wait until a file has ended, and return the note beside it."""
    path = ingest.wait_for_file(*(f"{place}/{name}" for place in places))
    note = path.with_name(f"{name}.reason.txt")
    return note.read_text(encoding="utf-8").strip() if note.exists() else None


def long_video(path: Path) -> Path:
    """Write a video of over 64 MiB, which is fingerprinted by samples."""
    picture = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
    colours = np.full(WIDTH * HEIGHT // 2, 128, np.uint8)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            file.write(b"FRAME\n" + (picture + number).tobytes() + colours.tobytes())
    assert path.stat().st_size > 64 * MIB
    return path


def changed_between_samples(path: Path, changed: Path) -> Path:
    """Write a copy of a long video of which some bytes differ that no sample holds."""
    data = np.fromfile(path, np.uint8)
    starts = [number * (len(data) - MIB) // 63 for number in range(64)]
    for begin, end in pairwise(starts[5:16]):
        middle = (begin + MIB + end) // 2
        data[middle : middle + 200] ^= 0x10
    data.tofile(changed)
    return changed


def test_of_two_videos_that_differ_between_the_samples_both_are_sent(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start(**SOON)
    one = long_video(tmp_path / "one.y4m")
    two = changed_between_samples(one, tmp_path / "two.y4m")
    for path in (one, two):
        ingest.drop(path)
        assert ended(ingest, path.name) is None
    by_name = {stream["source_name"]: stream for stream in streams(cluster, topics).values()}
    assert by_name["one.y4m"]["stream_id"] != by_name["two.y4m"]["stream_id"]
    for path in (one, two):
        stream = by_name[path.name]
        assert (stream["state"], stream["frame_count"]) == ("COMPLETE", FRAMES)
        assert stream["content_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    for path in (one, two):
        ingest.drop(path, f"again-{path.name}")
        stream_id = by_name[path.name]["stream_id"]
        assert ended(ingest, f"again-{path.name}") == NOTE.format(stream_id)
    assert len(streams(cluster, topics)) == 2


def test_a_video_whose_frames_have_expired_is_sent_again(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start(**SOON)
    for kept in (0, 1, 29):
        known = streams(cluster, topics).keys()
        name = f"{kept} kept.mp4"
        film = make_video(tmp_path / name, Recipe(30, width=160, height=96, first=100 * kept))
        ingest.drop(film)
        assert ended(ingest, name) is None
        (stream_id,) = streams(cluster, topics).keys() - known
        old = streams(cluster, topics)[stream_id]
        offsets = [frame.offset for frame in LogReader(cluster).frames(topics.frames, stream_id)]
        delete_before(cluster, topics, old["partition"], (*offsets, offsets[-1] + 1)[30 - kept])
        ingest.drop(film, f"again {name}")
        assert ended(ingest, f"again {name}") is None
        new = streams(cluster, topics)[stream_id]
        assert (new["state"], len(streams(cluster, topics))) == ("COMPLETE", len(known) + 1)
        assert new["run_id"] != old["run_id"]
        frames = [frame.value for frame in LogReader(cluster).frames(topics.frames, stream_id)]
        sent = [frame["frame_index"] for frame in frames if frame["run_id"] == new["run_id"]]
        assert sent == list(range(30))
        ingest.drop(film, f"once more {name}")
        assert ended(ingest, f"once more {name}") == NOTE.format(stream_id)


def test_what_was_cut_off_holds_its_own_bytes_back_and_says_whose_reason_it_repeats(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start(**SOON)
    film = make_video(tmp_path / "film.mkv", Recipe(frames=30, width=160, height=96))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(film.read_bytes()[:-3000])
    ingest.drop(cut)
    reason = ended(ingest, "cut.mkv")
    assert reason is not None
    (stream,) = streams(cluster, topics).values()
    assert stream["state"] == "TRUNCATED"
    ingest.drop(cut, "copy.mkv")
    note = ended(ingest, "copy.mkv")
    assert note is not None
    assert note.startswith(NOTE.format(stream["stream_id"]))
    assert note.endswith(f"Its note, for 'cut.mkv': {stream['error']}")
    ingest.drop(film)
    assert ended(ingest, "film.mkv") is None, "the whole copy is another content"


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_file_that_was_to_be_moved_when_the_service_died_is_no_duplicate_of_itself(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path, is_noted: bool
) -> None:
    ingest.start(**SOON)
    film = make_video(tmp_path / "film.mp4", Recipe(frames=30, width=160, height=96))
    ingest.drop(film)
    assert ended(ingest, "film.mp4") is None
    ingest.stop()
    (stream,) = streams(cluster, topics).values()
    lost = ingest.videos / "processing" / "lost"
    lost.mkdir()
    path = Path(shutil.move(ingest.videos / "done" / "film.mp4", lost / "film.mp4"))
    if is_noted:
        with HeldFile(path) as held:
            begun = Begun(stream["fingerprint"], stream["run_id"], held.state)
        Marks(ingest.videos).begin(begun)
    (lost / ".alive").touch()  # nobody holds it: its replica is dead
    ingest.start(**SOON)
    assert ended(ingest, "film.mp4") == (None if is_noted else NOTE.format(stream["stream_id"]))
    assert not list((ingest.videos / ".begun").iterdir())
