"""Traces of a film on its way, as a collector receives them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, Topics
from tests.support.collector import Collector, attributes, running_collector
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

OK, ERROR = 0, 2
FRAMES = 40


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as started:
        yield started


def film(path: Path, frames: int = FRAMES) -> Path:
    return make_video(path, Recipe(frames=frames, width=64, height=48))


def test_a_film_is_one_trace_from_its_file_to_its_last_batch(
    cluster: Cluster, topics: Topics, ingest: Ingest, collector: Collector, tmp_path: Path
) -> None:
    ingest.start(**collector.environment, FRAMELOG_INGEST_BATCH_FRAMES="10")
    ingest.drop(film(tmp_path / "film.mp4"))
    ingest.wait_for_file("done/film.mp4")
    wait_for(lambda: collector.named("file"), alive=ingest.process, what="the file's span")
    (file,) = collector.named("file")
    assert collector.services == {"framelog-ingest"}
    assert {span.trace_id for span in collector.spans} == {file.trace_id}
    assert not file.parent_span_id
    within = {span.name for span in collector.spans if span.parent_span_id == file.span_id}
    assert within == {"open", "fingerprint", "prepare", "claim", "resolve", "connect", "batch"}
    told = attributes(file)
    frames = LogReader(cluster).read(topics.frames)
    assert told["stream_id"] == frames[0].key
    assert told["run_id"] == frames[0].value["run_id"]
    assert (told["file"], told["result"], told["frames"]) == ("film.mp4", "complete", FRAMES)
    assert file.status.code == OK

    batches = collector.named("batch")
    assert sum(int(attributes(batch)["frames"]) for batch in batches) == FRAMES
    for batch in batches:
        inner = [span for span in collector.spans if span.parent_span_id == batch.span_id]
        assert {span.name for span in inner} == {"serialize", "flush", "commit"}
        for span in inner:
            assert batch.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= batch.end_time_unix_nano
        stages = {name for name in attributes(batch) if name.endswith("_seconds")}
        assert stages == {"read_seconds", "decode_seconds", "pace_seconds", "encode_seconds"}

    headers = {f"00-{b.trace_id.hex()}-{b.span_id.hex()}-01": attributes(b) for b in batches}
    for frame in frames:
        named = headers[frame.headers["traceparent"].decode()]
        place = frame.value["frame_index"] - int(named["first_frame"])
        assert 0 <= place < int(named["frames"])


def test_a_film_that_fails_says_so_in_its_trace(
    ingest: Ingest, collector: Collector, tmp_path: Path
) -> None:
    ingest.start(**collector.environment, FRAMELOG_INGEST_INCOMPLETE_SECONDS="0.1")
    (tmp_path / "film.mp4").write_text("no film", encoding="utf-8")
    ingest.drop(tmp_path / "film.mp4")
    note = ingest.wait_for_file("failed/film.mp4.reason.txt")
    wait_for(lambda: collector.named("file"), alive=ingest.process, what="the file's span")
    (file,) = collector.named("file")
    assert (file.status.code, file.status.message) == (ERROR, note.read_text("utf-8").strip())
    assert attributes(file)["result"] == "failed"
    assert {span.status.code for span in collector.named("open")} == {ERROR}


def test_a_service_that_stops_sends_what_it_has(
    ingest: Ingest, collector: Collector, tmp_path: Path
) -> None:
    long_delay = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
    ingest.start(**(collector.environment | long_delay), FRAMELOG_INGEST_PACE="realtime")
    ingest.drop(film(tmp_path / "film.mp4", 200))
    ingest.wait_for_frames(1)
    ingest.stop()
    (file,) = collector.named("file")
    assert attributes(file)["result"] == "stopped"
    assert collector.named("batch")


def test_a_trace_that_is_not_sampled_is_named_in_the_log_and_not_exported(
    cluster: Cluster, topics: Topics, ingest: Ingest, collector: Collector, tmp_path: Path
) -> None:
    ingest.start(**collector.environment, OTEL_TRACES_SAMPLER="always_off")
    ingest.drop(film(tmp_path / "film.mp4"))
    ingest.wait_for_file("done/film.mp4")
    ingest.stop()
    assert collector.spans == []
    frames = LogReader(cluster).read(topics.frames)
    assert {frame.headers["traceparent"][-3:] for frame in frames} == {b"-00"}


def test_a_collector_that_is_away_stops_and_delays_nothing(
    cluster: Cluster, topics: Topics, ingest: Ingest, free_port: int, tmp_path: Path
) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port}"}
    ingest.start(
        **nowhere,
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_BSP_MAX_QUEUE_SIZE="4",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4",
        FRAMELOG_INGEST_BATCH_FRAMES="2",
    )
    ingest.drop(film(tmp_path / "film.mp4"))
    ingest.wait_for_file("done/film.mp4")
    assert len(LogReader(cluster).read(topics.frames)) == FRAMES
    assert ingest.process is not None
    assert ingest.process.stop() == 0, "it had to be killed"
    assert "Traceback" not in ingest.log.read_text("utf-8")


def test_nothing_is_traced_unless_it_is_asked_for(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start()
    ingest.drop(film(tmp_path / "film.mp4"))
    ingest.wait_for_file("done/film.mp4")
    assert [f.headers for f in LogReader(cluster).read(topics.frames)] == [{}] * FRAMES
    assert ingest.process is not None
    mapped = Path(f"/proc/{ingest.process.pid}/maps").read_text("ascii")
    assert "google/_upb" not in mapped, "protobuf is loaded, so OpenTelemetry is"
