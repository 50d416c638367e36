"""Topics that are changed, emptied or made anew while a video goes into them."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import requests
from confluent_kafka.admin import AdminClient, NewPartitions
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, make_film
from tests.support.cluster import Cluster, Topics, make_anew, set_limit
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe

FRAMES = 150
SMALL_BATCHES = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "realtime"}


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(tmp_path, free_port(), topics.environment)
    yield made
    made.stop()


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """A film of six seconds, sent as it plays; its pictures are JPEGs of about 7 kB."""
    return make_film(tmp_path / "film.mp4", Recipe(frames=FRAMES, width=320, height=180))


def sizes(cluster: Cluster, topics: Topics) -> list[int]:
    return [len(frame.value["image"]) for frame in LogReader(cluster).read(topics.frames)]


def finish(ingest: Ingest, film: Film) -> Path:
    """Wait for the film's end, and hold it whole by verify too."""
    done = ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    assert done.parent.name == "done", (done.parent / f"{done.name}.reason.txt").read_text("utf-8")
    return done


def check_verified(topics: Topics) -> None:
    status, said = verify(topics.environment, "all")
    assert (status, said[:3]) == (0, "ok "), said


@pytest.mark.parametrize("limited", ["frames", "index", "streams"])
def test_a_topic_that_takes_less_from_now_on(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film, limited: str
) -> None:
    """A frame, its row of the index and the stream's state fit, and batches must not be larger."""
    limit_bytes = {"frames": 9_000, "index": 1_000, "streams": 4_000}[limited]
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    set_limit(cluster, getattr(topics, limited), limit_bytes)
    finish(ingest, film)
    check_exactly_once(cluster, topics, film)
    check_verified(topics)


def test_frames_are_lowered_to_what_the_topic_takes_now(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    limit_bytes = 5_000
    set_limit(cluster, topics.frames, limit_bytes)
    done = finish(ingest, film)
    check_exactly_once(cluster, topics, film)
    sent = sizes(cluster, topics)
    assert max(sent[:20]) > limit_bytes > max(sent[-20:])
    [stream_id] = {record.key for record in LogReader(cluster).read(topics.streams)}
    status, said = verify(topics.environment, stream_id, "--file", str(done))
    assert (status, said[:3]) == (0, "ok "), said
    assert ingest.is_ready()


def test_jpegs_that_are_sent_as_they_are_are_lowered_too(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """The limit comes while they are sent: those before it are the file's own, byte for byte."""
    recipe = Recipe(FRAMES, width=640, height=360, codec="mjpeg", pixel_format="yuvj420p")
    film = make_film(tmp_path / "film.avi", recipe)
    with av.open(str(film.path)) as container:
        own = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    limit_bytes = 7_000
    assert min(map(len, own)) > limit_bytes
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    set_limit(cluster, topics.frames, limit_bytes)
    done = finish(ingest, film)
    check_exactly_once(cluster, topics, film)
    frames = [frame.value for frame in LogReader(cluster).read(topics.frames)]
    lowered = [frame for frame in frames if "quality" in frame["attributes"]]
    assert all(len(frame["image"]) < limit_bytes for frame in lowered)
    assert frames[-20:] == lowered[-20:]
    kept = [frame for frame in frames if frame not in lowered]
    assert len(kept) >= 20
    assert all(frame["image"] == own[frame["frame_index"]] for frame in kept)
    [stream_id] = {record.key for record in LogReader(cluster).read(topics.streams)}
    status, said = verify(topics.environment, stream_id, "--file", str(done))
    assert (status, said[:3]) == (0, "ok "), said


def test_a_frame_that_the_topic_does_not_take_ends_its_stream_where_that_is_asked_for(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.start(**SMALL_BATCHES, FRAMELOG_INGEST_OVERSIZE="fail")
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    set_limit(cluster, topics.frames, 4_000)
    note = ingest.wait_for_file(f"failed/{film.name}.reason.txt").read_text("utf-8")
    assert "is larger than a frame may be" in note
    assert verify(topics.environment, "all")[0] == 0


def test_a_topic_that_takes_no_frame_at_all_is_said_and_mended(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    set_limit(cluster, topics.frames, 1_000)
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)

    def says_so() -> bool:
        answer = requests.get(f"{ingest.url}/readyz", timeout=60)
        return answer.status_code == 503 and "raise its max.message.bytes" in answer.text

    wait_for(says_so, alive=ingest.process, what="what is wrong to be said")
    [file] = requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]
    assert (file["state"], "max.message.bytes" in file["reason"]) == ("ingesting", True)
    set_limit(cluster, topics.frames, 16 << 20)
    finish(ingest, film)
    check_exactly_once(cluster, topics, film)
    assert ingest.is_ready()


@pytest.mark.parametrize("renewed", ["frames", "index"])
def test_a_topic_that_is_made_anew_has_its_stream_begun_again(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film, renewed: str
) -> None:
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    make_anew(cluster, getattr(topics, renewed))
    finish(ingest, film)
    [stream] = {r.key: r.value for r in LogReader(cluster).read(topics.streams)}.values()
    run = [
        frame.value["frame_index"]
        for frame in LogReader(cluster).read(topics.frames)
        if frame.value["run_id"] == stream["run_id"]
    ]
    assert (stream["state"], run) == ("COMPLETE", list(range(FRAMES)))
    check_verified(topics)


def test_more_partitions_change_nothing_for_a_stream(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    grown = [NewPartitions(topic, 9) for topic in (topics.frames, topics.index)]
    for answer in admin.create_partitions(grown).values():
        answer.result()
    finish(ingest, film)
    check_exactly_once(cluster, topics, film)
    check_verified(topics)
