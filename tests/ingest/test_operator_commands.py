"""What people ask of streams and of the intake, over HTTP, without Kafka."""

from dataclasses import replace

import pytest
from ingest.model.errors import Fenced
from ingest.model.stream import State
from ingest.worker.messages import FileProgress
from ingest.worker.stream_session import Session

from tests.ingest.builders import frames, fresh
from tests.ingest.desk import Desk
from tests.ingest.fakes import FakeLog, Fault


def test_an_ended_stream_is_reprocessed_from_its_file(desk: Desk) -> None:
    path = desk.file("done", "film (2).mp4")
    stream = replace(desk.stream_of(path, State.COMPLETE), source_name="film.mp4")
    desk.catalogue.streams = [stream]
    decoy = desk.file("done", "film.mp4")
    decoy.write_text("x" * stream.source_bytes)
    desk.ask("POST", f"streams/{stream.stream_id}/reprocess")
    assert desk.everything() == {
        "incoming/film (2).mp4",
        "done/film.mp4",
        f".again/{stream.fingerprint}",
    }
    assert desk.marks.superseded(stream.fingerprint) == stream.run_id


def test_a_strangers_record_of_a_stream_of_ours_is_no_fault_of_ours(desk: Desk) -> None:
    path = desk.file("done", "film.mp4")
    stream = replace(desk.stream_of(path, State.COMPLETE), run_id="é/..", source_name="/../x")
    desk.catalogue.streams = [stream]
    desk.ask("POST", f"streams/{stream.stream_id}/reprocess")
    assert desk.marks.superseded(stream.fingerprint) is None


def test_what_can_not_be_reprocessed_is_refused(desk: Desk) -> None:
    path = desk.file("done", "film.mp4")
    stream = desk.stream_of(path, State.INGESTING)
    assert (
        "being ingested" in desk.ask("POST", f"streams/{stream.stream_id}/reprocess", 409)["error"]
    )
    assert "no stream" in desk.ask("POST", "streams/other/reprocess", 404)["error"]
    desk.catalogue.streams = [replace(stream, state=State.COMPLETE)]
    path.unlink()
    assert (
        "put the file back"
        in desk.ask("POST", f"streams/{stream.stream_id}/reprocess", 409)["error"]
    )
    assert desk.everything() == set()


def test_a_stream_is_forgotten_unless_it_is_being_ingested(desk: Desk) -> None:
    path = desk.file("processing/me", "film.mp4")
    stream = desk.stream_of(path, State.COMPLETE)
    desk.at_work = [FileProgress(path, "", stream.fingerprint, 0, None, None)]
    assert "being ingested" in desk.ask("DELETE", f"streams/{stream.stream_id}", 409)["error"]
    desk.at_work = []
    desk.marks.supersede(stream.fingerprint, stream.run_id)
    desk.ask("DELETE", f"streams/{stream.stream_id}")
    assert desk.catalogue.streams == []
    assert desk.marks.superseded(stream.fingerprint) is None
    assert "no stream" in desk.ask("DELETE", f"streams/{stream.stream_id}", 404)["error"]


def test_a_stream_at_work_in_another_replica_is_not_forgotten(desk: Desk) -> None:
    (desk.folders.processing / "other").mkdir()
    stream = desk.stream_of(desk.file("processing/other", "film.mp4"), State.INGESTING)
    assert "being ingested" in desk.ask("DELETE", f"streams/{stream.stream_id}", 409)["error"]


def test_a_pause_is_a_file_that_replicas_share(desk: Desk) -> None:
    desk.ask("POST", "intake/pause")
    assert (desk.folders.root / ".paused").exists()
    assert desk.ask("GET", "files")["paused"]
    desk.ask("POST", "intake/pause")
    desk.ask("POST", "intake/resume")
    desk.ask("POST", "intake/resume")
    assert not desk.ask("GET", "files")["paused"]
    (desk.folders.root / ".paused").touch()
    assert desk.ask("GET", "files")["paused"]


@pytest.mark.parametrize("text", ["", "x", "A" * 32, "a" * 33, "\xff" * 32])
def test_a_mark_that_names_no_run_means_nothing(desk: Desk, text: str) -> None:
    desk.marks.supersede("f" * 64, "a" * 32)
    assert desk.marks.superseded("f" * 64) == "a" * 32
    (desk.folders.root / ".again" / ("f" * 64)).write_text(text, encoding="latin-1")
    assert desk.marks.superseded("f" * 64) is None


@pytest.mark.parametrize("done", [True, False])
def test_a_worker_lets_go_of_a_stream_that_was_forgotten(done: bool) -> None:
    log = FakeLog()
    session = Session(lambda: log.connect(fresh().fingerprint), lambda _: log.states.clear(), int)
    session.open(fresh())
    if done:
        session.commit(frames(0, 5), None)
    log.faults = {len(log.calls): Fault.LOST}
    if done:
        with pytest.raises(Fenced):
            session.commit(frames(5, 10), None)
    else:
        assert session.commit(frames(0, 5), None).frame_count == 5
