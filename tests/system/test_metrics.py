"""What /metrics of a running service shows while it ingests."""

import shutil
from importlib.metadata import version
from pathlib import Path

import requests
from ingest.config.settings import Settings
from ingest.kafka.connection import connect
from ingest.media.fingerprint import fingerprint
from ingest.telemetry.metrics import STAGES

from tests.support.cluster import Topics
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video


def film(path: Path, frames: int) -> Path:
    return make_video(path, Recipe(frames=frames, width=64, height=48))


def drop_paced(ingest: Ingest, path: Path, pace: str) -> None:
    beside = ingest.videos / "incoming" / f"{path.name}.toml"
    beside.write_text(f'pace = "{pace}"\n', encoding="utf-8")
    ingest.drop(path)


def wait_for_metric(ingest: Ingest, name: str, least: float, most: float, **labels: str) -> None:
    wait_for(
        lambda: least <= ingest.metric(f"framelog_ingest_{name}", **labels) <= most,
        alive=ingest.process,
        what=f"{name} from {least:g} to {most:g}",
    )


def test_films_are_measured_on_their_way(ingest: Ingest, tmp_path: Path) -> None:
    ingest.start(
        FRAMELOG_INGEST_WORKERS="1",
        FRAMELOG_INGEST_PACED_WORKERS="1",
        FRAMELOG_INGEST_BATCH_FRAMES="10",
    )
    fast = film(tmp_path / "fast.mp4", 45)
    drop_paced(ingest, film(tmp_path / "paced.mp4", 200), "realtime")
    wait_for_metric(ingest, "worker_frames_committed", 1, 199, slot="1")
    wait_for_metric(ingest, "worker_progress_ratio", 0.01, 0.99, slot="1")
    assert ingest.metric("framelog_ingest_workers_active") == 1
    wait_for_metric(ingest, "kafka_round_trip_seconds", 1e-6, 10, quantile="0.99")
    assert ingest.metric("framelog_ingest_kafka_round_trip_seconds", quantile="0.5") > 0
    assert ingest.metric("framelog_ingest_kafka_queued_messages") >= 0
    ingest.drop(fast)
    for name in ("fast.mp4", "paced.mp4"):
        ingest.wait_for_file(f"done/{name}", f"failed/{name}")
    wait_for_metric(ingest, "workers_active", 0, 0)
    batches = ingest.metric("framelog_ingest_batch_frames_count")
    assert batches >= 245 / 10
    assert ingest.metric("framelog_ingest_batch_frames_sum") == 245
    assert ingest.metric("framelog_ingest_frames_committed_total") == 245
    assert ingest.metric("framelog_ingest_batch_bytes_count") == batches
    bytes_committed = ingest.metric("framelog_ingest_bytes_committed_total")
    assert ingest.metric("framelog_ingest_batch_bytes_sum") == bytes_committed
    for stage in STAGES:
        assert ingest.metric("framelog_ingest_stage_seconds_sum", stage=stage) > 0
        assert ingest.metric("framelog_ingest_stage_seconds_count", stage=stage) == batches
    assert ingest.metric("framelog_ingest_commit_seconds_count") == batches
    inside = [ingest.metric("framelog_ingest_stage_seconds_sum", stage=s) for s in STAGES[-2:]]
    assert ingest.metric("framelog_ingest_commit_seconds_sum") > sum(inside)
    assert 0 < ingest.metric("framelog_ingest_late_seconds_count") < batches
    assert ingest.metric("framelog_ingest_worker_frames_committed", slot="1") == 0


def test_the_service_and_its_disk_are_measured(ingest: Ingest) -> None:
    ingest.start()
    assert ingest.metric("framelog_ingest_build_info", version=version("framelog-ingest")) == 1
    assert ingest.metric("process_cpu_seconds_total") > 0
    assert ingest.metric("process_resident_memory_bytes") > 0
    assert ingest.metric("python_gc_collections_total", generation="0") > 0
    room = shutil.disk_usage(ingest.videos)
    # What is kept for root counts as neither.
    wait_for_metric(ingest, "disk_size_bytes", room.used + 1, room.total)
    assert 0 < ingest.metric("framelog_ingest_disk_free_bytes") < room.total


def test_a_file_that_waits_is_seen_to_wait_for_longer_and_longer(
    ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    requests.post(f"{ingest.url}/api/intake/pause", timeout=60).raise_for_status()
    ingest.drop(film(tmp_path / "film.mp4", 10))
    wait_for_metric(ingest, "oldest_waiting_seconds", 1, 60)
    assert ingest.metric("framelog_ingest_files_waiting") == 1
    requests.post(f"{ingest.url}/api/intake/resume", timeout=60).raise_for_status()
    ingest.wait_for_file("done/film.mp4")
    wait_for_metric(ingest, "oldest_waiting_seconds", 0, 0)
    assert ingest.metric("framelog_ingest_files_waiting") == 0


def test_a_film_that_stands_still_is_seen(ingest: Ingest, tmp_path: Path) -> None:
    """At a hundredth of its speed, a frame is due every four seconds."""
    ingest.start()
    drop_paced(ingest, film(tmp_path / "slow.mp4", 5), "0.01x")
    wait_for_metric(ingest, "longest_without_frame_seconds", 2, 60)
    wait_for_metric(ingest, "longest_without_frame_seconds", 0, 1.5)


def test_a_worker_that_is_fenced_is_counted(ingest: Ingest, topics: Topics, tmp_path: Path) -> None:
    ingest.start()
    path = film(tmp_path / "film.mp4", 400)
    drop_paced(ingest, path, "realtime")
    ingest.wait_for_frames(1)
    publisher, _ = connect(Settings.from_environ(topics.environment), fingerprint(path))
    publisher.close()
    wait_for_metric(ingest, "worker_restarts_total", 1, 1, reason="fenced")
