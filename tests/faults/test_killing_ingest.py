"""Whatever is killed, each frame is in the log once, and the file is where it belongs."""

import hashlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.painting import decode, read
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

FRAMES = 400
# Small batches: many transactions, so that a kill strikes at many different moments.
SMALL_BATCHES = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "8x"}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "film.mp4", Recipe(frames=FRAMES))


def check_exactly_once(cluster: Cluster, topics: Topics) -> None:
    """Every frame of the video is there once, in order, as its stream says."""
    reader = LogReader(cluster)
    frames = reader.read(topics.frames)
    assert [frame.value["frame_index"] for frame in frames] == list(range(FRAMES))
    assert [read(decode(frame.value["image"])) for frame in frames] == list(range(FRAMES))
    stream = reader.read(topics.streams)[-1].value
    images = b"".join(frame.value["image"] for frame in frames)
    assert (stream["state"], stream["frame_count"]) == ("COMPLETE", FRAMES)
    assert stream["digest"] == hashlib.sha256(images).hexdigest()
    covered = sum(len(segment.value["offsets"]) for segment in reader.read(topics.index))
    assert covered == FRAMES


def workers(ingest: Ingest) -> list[int]:
    assert ingest.process is not None
    children = psutil.Process(ingest.process.pid).children(recursive=True)
    return [c.pid for c in children if "spawn_main" in " ".join(c.cmdline())]


def wait_for_frames(ingest: Ingest, count: int) -> None:
    wait_for(
        lambda: ingest.metric("framelog_ingest_frames_committed_total") >= count,
        120,
        alive=ingest.process,
        what=f"{count} frames",
    )


def test_a_killed_worker_is_replaced_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(video)
    for count in (20, 120, 220):
        wait_for_frames(ingest, count)
        for pid in workers(ingest):
            os.kill(pid, signal.SIGKILL)
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics)
    assert ingest.metric("framelog_ingest_worker_restarts_total", reason="crash") >= 1


def test_a_killed_service_goes_on_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(video)
    for count in (15, 100, 150):
        wait_for_frames(ingest, count)
        assert ingest.process is not None
        ingest.process.kill()
        ingest.start(**SMALL_BATCHES)
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics)


def test_a_stopped_service_goes_on_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(video)
    wait_for_frames(ingest, 50)
    ingest.stop()
    assert [path.name for path in (ingest.videos / "processing").rglob("*.mp4")] == ["film.mp4"]
    ingest.start(**SMALL_BATCHES)
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics)
