"""A folder of images goes the way of any video: one stream, claimed, moved, verified, sent anew."""

import shutil
from pathlib import Path

import cv2
import pytest
import requests

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader, Record
from tests.support.painting import decode, paint, read
from tests.support.processes import wait_for

IMAGES = 40
SOON = {"FRAMELOG_INGEST_INCOMPLETE_SECONDS": "1", "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2"}


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Make a folder of images, whose numbers have no leading zeros."""
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(IMAGES):
        cv2.imwrite(str(folder / f"image {number}.png"), paint(number, 160, 96))
    return folder


def drop(ingest: Ingest, folder: Path, name: str) -> None:
    hidden = ingest.videos / "incoming" / ".being-copied"
    shutil.copytree(folder, hidden)
    hidden.rename(ingest.videos / "incoming" / name)


def committed(cluster: Cluster, topics: Topics) -> tuple[Record, list[int]]:
    """Return the one stream, and the numbers in the pictures of its latest run."""
    reader = LogReader(cluster)
    streams = {record.key: record for record in reader.read(topics.streams)}
    [stream] = streams.values()
    frames = [
        record.value
        for record in reader.frames(topics.frames, stream.key)
        if record.value["run_id"] == stream.value["run_id"]
    ]
    assert [frame["frame_index"] for frame in frames] == list(range(len(frames)))
    return stream, [read(decode(frame["image"])) for frame in frames]


def test_a_folder_of_images_is_one_stream(
    cluster: Cluster, topics: Topics, ingest: Ingest, shots: Path
) -> None:
    ingest.start(**SOON)
    (ingest.videos / "incoming" / "shots.toml").write_text("sequence_rate = 10\n")
    drop(ingest, shots, "shots")
    done = ingest.wait_for_file("done/shots", "failed/shots")
    assert len(list(done.iterdir())) == IMAGES
    ingest.wait_for_file("done/shots.toml")
    stream, numbers = committed(cluster, topics)
    assert numbers == list(range(IMAGES))
    assert (stream.value["source_name"], stream.value["state"]) == ("shots", "COMPLETE")
    assert stream.value["source_bytes"] == sum(path.stat().st_size for path in shots.iterdir())
    assert stream.value["duration_ns"] == IMAGES * 10**8
    status, said = verify(topics.environment, stream.key, "--file", str(done))
    assert (status, said[:3]) == (0, "ok "), said

    drop(ingest, shots, "the same")
    note = ingest.wait_for_file("done/the same.reason.txt").read_text()
    assert f"in the log already, as {stream.key}" in note
    assert committed(cluster, topics)[1] == numbers

    again = f"{ingest.url}/api/streams/{stream.key}/reprocess"
    assert requests.post(again, timeout=60).json()["name"] == "shots"
    wait_for(lambda: is_sent_again(cluster, topics, stream), 60, alive=ingest.process)
    assert committed(cluster, topics)[1] == numbers
    ingest.wait_for_file("done/shots")


def is_sent_again(cluster: Cluster, topics: Topics, before: Record) -> bool:
    now = committed(cluster, topics)[0].value
    return bool(now["run_id"] != before.value["run_id"] and now["state"] == "COMPLETE")


def test_a_worker_that_is_killed_goes_on_in_the_folder(
    cluster: Cluster, topics: Topics, ingest: Ingest, shots: Path
) -> None:
    ingest.start(**SOON, FRAMELOG_INGEST_PACE="realtime", FRAMELOG_INGEST_BATCH_FRAMES="4")
    drop(ingest, shots, "shots")
    ingest.wait_for_frames(8)
    for worker in ingest.workers():
        worker.kill()
    ingest.wait_for_file("done/shots", "failed/shots")
    assert committed(cluster, topics)[1] == list(range(IMAGES))


def test_a_folder_with_a_damaged_image_can_be_retried(
    cluster: Cluster, topics: Topics, ingest: Ingest, shots: Path
) -> None:
    ingest.start(**SOON)
    whole = (shots / "image 7.png").read_bytes()
    (shots / "image 7.png").write_bytes(whole[:100])
    drop(ingest, shots, "shots")
    note = ingest.wait_for_file("failed/shots.reason.txt").read_text()
    assert note.startswith(f"1 of {IMAGES} images can't be decoded.")
    listed = requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]
    assert [(file["name"], file["state"]) for file in listed] == [("shots", "failed")]
    (ingest.videos / "failed" / "shots" / "image 7.png").write_bytes(whole)
    assert requests.post(f"{ingest.url}/api/files/shots/retry", timeout=60).ok
    ingest.wait_for_file("done/shots")
    reader = LogReader(cluster)
    states = {r.key: r.value["state"] for r in reader.read(topics.streams)}
    assert sorted(states.values()) == ["COMPLETE", "TRUNCATED"]
