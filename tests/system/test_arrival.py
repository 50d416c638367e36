"""Videos that are dropped arrive whole: every frame once, exact in time and picture."""

import hashlib
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import requests

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader, Record
from tests.support.painting import decode, read
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video, reference
from tests.support.viewing import Viewer

FOUR = {
    "hd.mp4": Recipe(frames=60, width=1280, height=720),
    "portrait.mp4": Recipe(frames=40, width=640, height=360, turned=90),
    "ntsc.mkv": Recipe(frames=61, rate=Fraction(30000, 1001)),
    "full-chroma.mp4": Recipe(frames=45, pixel_format="yuv444p", first=1000),
}
LEAST_PSNR_DB = 28.0


def stream_of(reader: LogReader, topics: Topics, name: str) -> dict[str, object]:
    """Return the latest state of the stream that came from the file of this name."""
    states = [r.value for r in reader.read(topics.streams) if r.value["source_name"] == name]
    return states[-1]


def test_four_videos_at_once_arrive_complete(
    cluster: Cluster, topics: Topics, ingest: Ingest, viewer: Viewer, tmp_path: Path
) -> None:
    ingest.start()
    paths = {name: make_video(tmp_path / name, recipe) for name, recipe in FOUR.items()}
    for path in paths.values():
        ingest.drop(path)
    for name in paths:
        ingest.wait_for_file(f"done/{name}", f"failed/{name}")
    reader = LogReader(cluster)
    for name, path in paths.items():
        stream = stream_of(reader, topics, name)
        frames = reader.frames(topics.frames, str(stream["stream_id"]))
        check_frames(frames, path)
        assert (stream["state"], stream["error"]) == ("COMPLETE", None)
        assert stream["frame_count"] == len(frames)
        images = [frame.value["image"] for frame in frames]
        assert stream["bytes"] == sum(map(len, images))
        assert stream["digest"] == hashlib.sha256(b"".join(images)).hexdigest()
        check_index(reader, topics, frames)
        check_viewer(viewer, topics, frames)


def check_frames(frames: list[Record], path: Path) -> None:
    """Hold the log against a decode of the file that shares no code with ingest."""
    expected = reference(path)
    values = [frame.value for frame in frames]
    assert [value["frame_index"] for value in values] == list(range(len(expected)))
    assert [value["is_last"] for value in values] == [False] * (len(expected) - 1) + [True]
    start = expected[0][1]
    for value, (picture, seconds) in zip(values, expected, strict=True):
        assert abs(value["pts_ns"] - (seconds - start) * 10**9) <= 10**6
        shown = decode(value["image"])
        assert shown.shape == picture.shape
        assert (value["height"], value["width"]) == shown.shape[:2]
        assert read(shown) == read(picture)
        assert cv2.PSNR(shown, picture) >= LEAST_PSNR_DB
    for value, after in pairwise(values):
        assert value["pts_ns"] + value["duration_ns"] == after["pts_ns"]


def check_index(reader: LogReader, topics: Topics, frames: list[Record]) -> None:
    """The index names each frame's place in the log."""
    stream_id = frames[0].key
    segments = [r.value for r in reader.read(topics.index) if r.key.startswith(f"{stream_id}/")]
    offsets: list[int] = []
    for segment in segments:
        assert segment["first_frame"] == len(offsets)
        place = 0
        for step in segment["offsets"]:
            place += step
            offsets.append(place)
    assert offsets == [frame.offset for frame in frames]


def check_viewer(viewer: Viewer, topics: Topics, frames: list[Record]) -> None:
    """The viewer gives out the bytes that are in the log, and says where they lie."""
    stream_id = frames[0].key
    viewer.wait_for_frames(stream_id, len(frames))
    for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
        number = frame.value["frame_index"]
        answer = requests.get(f"{viewer.url}/streams/{stream_id}/frames/{number}", timeout=60)
        assert answer.content == frame.value["image"]
        assert answer.headers["X-Frame-Index"] == str(number)
        assert answer.headers["X-Frame-Pts-Ns"] == str(frame.value["pts_ns"])
        assert answer.headers["X-Kafka-Topic"] == topics.frames
        assert answer.headers["X-Kafka-Partition"] == str(frame.partition)
        assert answer.headers["X-Kafka-Offset"] == str(frame.offset)
        assert answer.headers["X-Schema-Id"] == str(frame.schema_id)


def test_the_same_content_under_another_name_adds_no_frame_and_says_so(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    path = make_video(tmp_path / "first.mp4", Recipe(frames=30))
    ingest.drop(path)
    ingest.wait_for_file("done/first.mp4")
    ingest.drop(path, "second.mp4")
    note = ingest.wait_for_file("done/second.mp4.reason.txt")
    assert "in the log already" in note.read_text()
    assert len(LogReader(cluster).read(topics.frames)) == 30
    wait_for(
        lambda: ingest.metric("framelog_ingest_files_total", result="duplicate") == 1,
        alive=ingest.process,
        what="the duplicate to be counted",
    )
    assert ingest.metric("framelog_ingest_frames_committed_total") == 30


def test_twins_dropped_at_once_are_sent_once(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    path = make_video(tmp_path / "twin.mp4", Recipe(frames=30))
    for name in ("left.mp4", "right.mp4"):
        ingest.drop(path, name)
    for name in ("left.mp4", "right.mp4"):
        ingest.wait_for_file(f"done/{name}")
    assert len(LogReader(cluster).read(topics.frames)) == 30


def test_any_name_arrives_as_it_is(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    names = [
        "two words.mp4",
        'it\'s "quoted".mp4',
        "line\nbreak event=forged.mp4",
        "фильм 映画 🎬.mp4",
        "-rf.mp4",
        "%s {0} $HOME `id`.mp4",
    ]
    ingest.start()
    for number, name in enumerate(names):
        path = make_video(tmp_path / "plain.mp4", Recipe(frames=12, first=100 * number))
        ingest.drop(path, name)
    for name in names:
        ingest.wait_for_file(f"done/{name}")
    frames = LogReader(cluster).read(topics.frames)
    assert Counter(frame.value["source_name"] for frame in frames) == dict.fromkeys(names, 12)
    lines = (ingest.folder / "ingest.log").read_text().splitlines()
    assert all(line[:2] == "20" for line in lines), "every line of the log begins with its time"


def test_broken_files_fail_with_a_sentence_and_the_next_one_arrives(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    whole = make_video(tmp_path / "whole.mp4", Recipe(frames=50, faststart=True))
    late = make_video(tmp_path / "late.mp4", Recipe(frames=50, first=100))
    cut = {"cut.mp4": whole, "headless.mp4": late}
    for name, path in cut.items():
        (tmp_path / name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "letter.mp4").write_text("Dear reader, this is no video.\n" * 40)
    names = [*cut, "empty.mp4", "letter.mp4"]
    for name in names:
        ingest.drop(tmp_path / name)
    notes = {n: ingest.wait_for_file(f"failed/{n}.reason.txt").read_text() for n in names}
    assert "empty" in notes["empty.mp4"]
    assert "not a video" in notes["letter.mp4"]
    assert "header (moov) is missing" in notes["headless.mp4"]
    assert "cut off" in notes["cut.mp4"]
    assert "frames that could be decoded are in the log" in notes["cut.mp4"]

    reader = LogReader(cluster)
    stream = stream_of(reader, topics, "cut.mp4")
    frames = reader.frames(topics.frames, str(stream["stream_id"]))
    assert stream["state"] == "TRUNCATED"
    assert 15 < len(frames) < 50
    assert [read(decode(f.value["image"])) for f in frames[:-1]] == list(range(len(frames) - 1))
    assert frames[-1].value["is_last"]
    failed = stream_of(reader, topics, "letter.mp4")
    assert (failed["state"], failed["frame_count"]) == ("FAILED", 0)

    ingest.drop(whole)
    ingest.wait_for_file("done/whole.mp4")
