"""What a running service and its workers log."""

import json
from pathlib import Path
from typing import Any

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

AS_JSON = {"FRAMELOG_LOG_FORMAT": "json"}


def entries(ingest: Ingest, event: str) -> list[dict[str, Any]]:
    """Return the lines of one event; every line must be one, also those of libraries."""
    lines = [json.loads(line) for line in ingest.log.read_text("utf-8").splitlines()]
    assert all(line.keys() >= {"time", "level", "logger", "pid"} for line in lines)
    assert all("event" in line or "message" in line for line in lines)
    return [line for line in lines if line.get("event") == event]


def test_a_films_lines_name_its_stream_and_run(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start(**AS_JSON)
    ingest.drop(make_video(tmp_path / "film.mp4", Recipe(frames=10, width=64, height=48)))
    ingest.wait_for_file("done/film.mp4")
    ingest.stop()
    state = LogReader(cluster).read(topics.streams)[-1].value
    about = {"file": "film.mp4", "stream_id": state["stream_id"], "run_id": state["run_id"]}
    for event in ("started", "ended"):
        (entry,) = entries(ingest, event)
        assert entry.items() >= about.items()
    assert (entry["frames"], entry["result"], entry["reason"]) == (10, "complete", None)


def test_waiting_for_kafka_is_said_once_and_then_counted(
    ingest: Ingest, free_port: int, tmp_path: Path
) -> None:
    nowhere = {"FRAMELOG_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{free_port}"}
    ingest.launch(**AS_JSON, **nowhere)
    wait_for((ingest.videos / "incoming").exists, 60, alive=ingest.process, what="folders")
    ingest.drop(make_video(tmp_path / "film.mp4", Recipe(frames=10, width=64, height=48)))

    def two_lines() -> list[dict[str, Any]]:
        found = entries(ingest, "waiting")
        return found[:2] if len(found) >= 2 else []

    first, second = wait_for(two_lines, alive=ingest.process, what="two lines")
    assert "left_out" not in first
    assert second["left_out"] >= 2
    assert (second["file"], second["reason"]) == ("film.mp4", first["reason"])
    assert ingest.metric("framelog_ingest_cluster_waits_total") > second["left_out"]
