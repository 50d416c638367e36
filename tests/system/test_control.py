"""Steering a running service from the command line, on a real broker and registry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.ingest.clips import cut
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader, Record
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

FRAMES = 200
# Small batches, so that a kill strikes at many different moments.
SLOW = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "realtime"}
SLOWER = SLOW | {"FRAMELOG_INGEST_PACE": "0.5x"}  # each command is a process to be started
LIMIT_SECONDS = 120


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "film.mkv", Recipe(frames=FRAMES))


def command(ingest: Ingest, *arguments: str) -> tuple[int, str]:
    """Run a command against the running service; return its exit status and what it said."""
    run = subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        env={**os.environ, "FRAMELOG_INGEST_PORT": ingest.url.rpartition(":")[2]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return run.returncode, run.stdout


def states(cluster: Cluster, topics: Topics) -> list[Record]:
    return LogReader(cluster).read(topics.streams)


def wait_for_progress(ingest: Ingest, frames: int) -> str:
    """Wait until a stream that is being ingested has so many frames; return its id."""

    def reached() -> str | None:
        for file in requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]:
            if file["state"] == "ingesting" and (file["frame_count"] or 0) >= frames:
                stream_id: str | None = file["stream_id"]
                return stream_id
        return None

    return wait_for(reached, LIMIT_SECONDS, alive=ingest.process, what=f"{frames} frames")


def wait_for_run(cluster: Cluster, topics: Topics, ingest: Ingest, but: str) -> None:
    """Wait until another run than this one has ended, as the catalogue has it."""

    def ended() -> bool:
        latest = states(cluster, topics)[-1].value
        ended: bool = latest["run_id"] != but and latest["state"] != "INGESTING"
        return ended

    wait_for(ended, LIMIT_SECONDS, alive=ingest.process, what="a new run's end")


def test_nothing_is_taken_while_intake_is_paused(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start()
    assert command(ingest, "pause")[0] == 0
    ingest.stop()
    ingest.start()
    assert ingest.is_ready()
    wait_for(lambda: ingest.metric("framelog_ingest_paused") == 1, alive=ingest.process)
    ingest.drop(video)
    wait_for(
        lambda: ingest.metric("framelog_ingest_files_waiting") == 1,
        LIMIT_SECONDS,
        alive=ingest.process,
        what="the file to be seen",
    )
    status, said = command(ingest, "files")
    assert status == 0
    assert said.startswith("Intake is paused")
    assert "waiting    film.mkv" in said
    assert states(cluster, topics) == []
    assert (ingest.videos / "incoming" / "film.mkv").exists()
    assert command(ingest, "resume")[0] == 0
    ingest.wait_for_file("done/film.mkv")
    wait_for(lambda: ingest.metric("framelog_ingest_paused") == 0, alive=ingest.process)


def test_what_is_at_work_goes_on_while_intake_is_paused(
    ingest: Ingest, topics: Topics, video: Path
) -> None:
    ingest.start(**SLOWER)
    ingest.drop(video)
    wait_for_progress(ingest, 1)
    status, said = command(ingest, "files")
    assert (status, f"of {FRAMES} frames" in said) == (0, True), said
    (ingest.videos / ".paused").touch()
    ingest.wait_for_file("done/film.mkv")


def test_a_truncated_file_is_sent_anew_when_it_is_retried(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start()
    ingest.drop(cut(video, 0.5), "film.mkv")
    failed = ingest.wait_for_file("failed/film.mkv")
    before = states(cluster, topics)[-1].value
    assert before["state"] == "TRUNCATED"
    status, said = command(ingest, "retry", "film.mkv")
    assert (status, said) == (0, "film.mkv is in incoming/ again.\n")
    wait_for_run(cluster, topics, ingest, before["run_id"])
    ingest.wait_for_file("failed/film.mkv")
    after = states(cluster, topics)[-1].value
    assert (after["stream_id"], after["frame_count"]) == (
        before["stream_id"],
        before["frame_count"],
    )
    assert list((failed.parent / ".notes").iterdir())
    wait_for(
        lambda: not list((ingest.videos / ".again").iterdir()), what="the mark to be taken off"
    )
    assert verify(topics.environment, "all")[0] == 0


def test_a_reprocessed_stream_survives_kills_as_one_new_run(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start()
    ingest.drop(video)
    ingest.wait_for_file("done/film.mkv")
    before = states(cluster, topics)[-1].value
    ingest.stop()
    ingest.start(**SLOW)
    assert command(ingest, "reprocess", before["stream_id"])[0] == 0
    for count in (0, 40, 80):
        wait_for_progress(ingest, count)
        assert ingest.process is not None
        ingest.process.kill()
        ingest.start(**SLOW)
    wait_for_run(cluster, topics, ingest, before["run_id"])
    ingest.wait_for_file("done/film.mkv")
    runs = dict.fromkeys(record.value["run_id"] for record in states(cluster, topics))
    assert len(runs) == 2
    after = states(cluster, topics)[-1].value
    assert (after["state"], after["frame_count"], after["digest"]) == (
        "COMPLETE",
        FRAMES,
        before["digest"],
    )
    status, said = verify(topics.environment, "all")
    assert status == 0, said
    assert said.startswith(f"ok       {before['stream_id']}  COMPLETE  {FRAMES} frames")


def test_a_request_that_a_kill_cut_short_is_carried_out_when_repeated(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start()
    ingest.drop(video)
    done = ingest.wait_for_file("done/film.mkv")
    before = states(cluster, topics)[-1].value
    ingest.stop()
    # As a kill between the two steps of a request leaves it, and as one after them does.
    mark = ingest.videos / ".again" / before["fingerprint"]
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(before["run_id"])
    done.rename(ingest.videos / "incoming" / done.name)
    ingest.start()
    wait_for_run(cluster, topics, ingest, before["run_id"])
    ingest.wait_for_file("done/film.mkv")
    # A mark that was left behind names a run that is past: it does nothing any more.
    after = states(cluster, topics)[-1].value
    mark.write_text(before["run_id"])
    ingest.drop(video, "copy.mkv")
    ingest.wait_for_file("done/copy.mkv")
    assert states(cluster, topics)[-1].value["run_id"] == after["run_id"]


def test_a_forgotten_stream_is_gone_and_can_come_back(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start()
    ingest.drop(video)
    ingest.wait_for_file("done/film.mkv")
    stream = states(cluster, topics)[-1].value
    status, said = command(ingest, "forget", stream["stream_id"])
    assert (status, said) == (0, f"{stream['stream_id']} is forgotten.\n")
    assert tombstones(cluster, topics.streams) == {stream["stream_id"]}
    segments = {f"{stream['stream_id']}/{n:08d}" for n in range(stream["segment_count"])}
    assert tombstones(cluster, topics.index) == segments
    assert verify(topics.environment, "all") == (0, "")
    status, said = command(ingest, "forget", stream["stream_id"])
    assert (status, said) == (1, f"There is no stream '{stream['stream_id']}'.\n")
    ingest.drop(video, "again.mkv")
    ingest.wait_for_file("done/again.mkv")
    status, said = verify(topics.environment, "all")
    assert (status, said.count("\n")) == (0, 1)


def tombstones(cluster: Cluster, topic: str) -> set[str]:
    """Return the keys whose latest record has no value."""
    run = subprocess.run(
        ["kcat", "-Ceq", "-b", cluster.bootstrap_servers, "-t", topic, "-f", "%k %S\n"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    latest = dict(line.rsplit(" ", 1) for line in run.stdout.splitlines())
    return {key for key, size_bytes in latest.items() if size_bytes == "-1"}


def test_a_stream_that_is_being_ingested_is_left_alone(
    cluster: Cluster, topics: Topics, ingest: Ingest, video: Path
) -> None:
    ingest.start(**SLOWER)
    ingest.drop(video)
    stream_id = wait_for_progress(ingest, 1)
    for asked in ("forget", "reprocess"):
        status, said = command(ingest, asked, stream_id)
        assert (status, "is being ingested" in said) == (1, True), said
    ingest.wait_for_file("done/film.mkv")
    assert verify(topics.environment, "all")[0] == 0


def test_hostile_names_are_answered_over_a_real_connection(ingest: Ingest, topics: Topics) -> None:
    ingest.start()
    for path in ("files/%2e%2e%2f%2e%2e/retry", "files/..%00/retry", "streams/..%2f/reprocess"):
        answer = requests.post(f"{ingest.url}/api/{path}", timeout=60)
        assert answer.status_code == 404
        assert answer.json()["error"]


def test_a_service_that_is_not_there_is_said(free_port: int) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ingest", "files"],
        env={**os.environ, "FRAMELOG_INGEST_PORT": str(free_port)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 2
    assert "No ingest answers" in run.stderr
