"""What is sent of one video is chosen by a file beside it."""

from pathlib import Path
from typing import Any

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.painting import decode, read
from tests.support.videos import Recipe, make_video


def choose(ingest: Ingest, name: str, text: str) -> None:
    (ingest.videos / "incoming" / name).write_text(text)


def test_a_file_beside_a_video_chooses_for_it_alone(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    choose(ingest, "chosen.mp4.toml", 'encoding = "png"\nevery_nth = 5\nlongest_side = 160\n')
    ingest.drop(make_video(tmp_path / "chosen.mp4", Recipe(frames=30)))
    ingest.drop(make_video(tmp_path / "plain.mp4", Recipe(frames=30, first=100)))
    ingest.wait_for_file("done/chosen.mp4", "failed/chosen.mp4")
    ingest.wait_for_file("done/plain.mp4")
    ingest.wait_for_file("done/chosen.mp4.toml")
    reader = LogReader(cluster)
    frames: dict[str, list[dict[str, Any]]] = {"chosen.mp4": [], "plain.mp4": []}
    for record in reader.read(topics.frames):
        frames[record.value["source_name"]].append(record.value)
    chosen = frames["chosen.mp4"]
    assert [frame["frame_index"] for frame in chosen] == list(range(6))
    assert [read(decode(f["image"])) for f in chosen] == [0, 5, 10, 15, 20, 25]
    assert {(f["encoding"], f["width"], f["height"]) for f in chosen} == {("PNG", 160, 90)}
    assert [f["duration_ns"] for f in chosen] == [200_000_000] * 6
    assert {frame["encoding"] for frame in frames["plain.mp4"]} == {"JPEG"}
    assert len(frames["plain.mp4"]) == 30
    states = [record.value for record in reader.read(topics.streams)]
    stream = [state for state in states if state["source_name"] == "chosen.mp4"][-1]
    assert (stream["encoding"], stream["quality"]) == ("PNG", None)
    assert (stream["frame_count"], stream["estimated_frame_count"]) == (6, 6)
    assert stream["choices"]["every_nth"] == "5"


def test_a_bad_choice_fails_its_video_with_what_is_allowed(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    choose(ingest, "film.toml", "quality = 900\n")
    ingest.drop(make_video(tmp_path / "film.mp4", Recipe(frames=10)))
    note = ingest.wait_for_file("failed/film.mp4.reason.txt").read_text()
    assert "quality is '900', but it must be a whole number from 1 to 100" in note
    assert LogReader(cluster).read(topics.frames) == []
