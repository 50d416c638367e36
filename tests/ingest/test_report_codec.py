"""What workers say on their line; one that a file has taken over may say anything."""

import json
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from ingest.config.settings import Settings
from ingest.model.stream import State
from ingest.supervisor.worker_pool import Exited, WorkerHandle, WorkerPool
from ingest.telemetry.client_statistics import ClientReport
from ingest.telemetry.spans import Span, SpanContext
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import (
    Answer,
    Begun,
    Ended,
    FileIncomplete,
    Job,
    Lookup,
    NotAVideo,
    Opened,
    Report,
    StreamTakenOver,
    Waiting,
)
from ingest.worker.report_codec import InvalidReport, ReportReader, decoded, encoded

from tests.support.processes import wait_for

CONTEXT = SpanContext(1 << 127, 7, sampled=True)
SPANS = [Span("a", CONTEXT, None, 1, 2, {"b": 1, "c": 2.5, "d": "\udcff\n"}, "why")]
REPORTS: list[Report] = [
    Opened("ab" * 32),
    Begun("id", "run", 3, None),
    NotAVideo("It is \udcff no video."),
    FileIncomplete("Its end is missing."),
    Progress(),
    Progress(3, 4, {"read": 0.5}, 1.5, 0.1, ClientReport({"0.5": 0.1}, 3, {"retry": 2}), SPANS),
    Waiting("why"),
    Ended("id", "run", State.TRUNCATED, 3, "why", duplicate=True),
    StreamTakenOver(),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_every_report_is_read_as_it_was_sent(report: Report) -> None:
    assert decoded(encoded(report)) == report


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def test_reports_are_read_however_they_are_cut() -> None:
    sent = b"".join(framed(encoded(report)) for report in REPORTS)
    for size in (1, 3, 1000, len(sent)):
        inbox = ReportReader()
        heard = [r for at in range(0, len(sent), size) for r in inbox.add(sent[at : at + size])]
        assert heard == REPORTS


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def report(**fields: object) -> bytes:
    return json.dumps(fields).encode()


GARBAGE = {
    "no JSON": b"\x80\x04",
    "a pickle": pickle.dumps(Bomb()),
    "a list": b"[]",
    "no name": b"{}",
    "an unknown name": report(report="Proceed", name="x"),
    "a name that is none": report(report=["Ended"]),
    "a field too many": report(report="FileIncomplete", more=1),
    "a field too few": report(report="Opened"),
    "a text for a number": report(report="Progress", frames="1"),
    "a truth for a number": report(report="Progress", frames=True),
    "a number for a text": report(report="Opened", fingerprint=1),
    "a number for spans": report(report="Progress", spans=1),
    "a span that is none": report(report="Progress", spans=[{"name": "a"}]),
    "an unknown state": report(
        report="Ended",
        stream_id="",
        run_id="",
        state="X",
        frame_count=1,
        error=None,
        duplicate=False,
    ),
    "depth": b"[" * 100_000,
    "digits": b'{"report": "Progress", "frames": ' + b"9" * 100_000 + b"}",
    "a number that no float can be": b'{"report": "Progress", "late_seconds": 1'
    + b"0" * 400
    + b"}",
    "a time that no float can be": b'{"report": "Progress", "seconds": {"read": 1'
    + b"0" * 400
    + b"}}",
    "a count of 400 digits": report(
        report="Begun", stream_id="", run_id="", frame_count=10**400, estimated_frame_count=None
    ),
    "a count that is no long": report(report="Progress", frames=1 << 63),
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_anything_else_is_refused(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidReport):
        decoded(data)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [(1 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_report_of_any_length_is_not_waited_for(length: int) -> None:
    with pytest.raises(InvalidReport):
        ReportReader().add(length.to_bytes(4, "big"))


def says(line: Connection, data: bytes) -> None:
    """Be a worker that says something, and nothing more."""
    os.write(line.fileno(), data)
    time.sleep(3600)


def floods(line: Connection, _: bytes) -> None:
    while True:
        os.write(line.fileno(), framed(encoded(Progress())) * 100)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    yield WorkerPool(Settings.from_environ({"FRAMELOG_VIDEOS": str(tmp_path)}))
    # Where a test fails, some would stay, and the tests' process would wait for them for ever.
    for child in multiprocessing.active_children():
        child.kill()
        child.join(60)


def start(
    pool: WorkerPool, does: Callable[[Connection, bytes], None], data: bytes = b""
) -> WorkerHandle:
    settings = Settings.from_environ({})
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=does, args=(theirs, data), daemon=True
    )
    process.start()
    theirs.close()
    running = WorkerHandle(Job(Path("film"), settings.choices), process, ours, time.monotonic())
    pool._running.append(running)
    return running


def hear(pool: WorkerPool, rounds: int, seconds: float = 30) -> list[Report | Exited]:
    hints, hinting = multiprocessing.Pipe()
    with hints, hinting:
        return [said for _ in range(rounds) for _, said in pool.listen(hints, seconds)]


def test_a_worker_that_sends_garbage_is_lost_and_ended(pool: WorkerPool) -> None:
    running = start(pool, says, framed(b"garbage"))
    [exited] = hear(pool, 1)
    assert exited == Exited("sent an invalid report and was killed", hung=False, begun=False)
    assert (running.process.exitcode, pool.jobs) == (-9, [])


def test_half_a_report_is_not_waited_for(pool: WorkerPool) -> None:
    start(pool, says, framed(encoded(Progress())) + (1000).to_bytes(4, "big") + b"{")
    assert hear(pool, 1) == [Progress()]
    pool.stop()


def test_a_worker_that_never_stops_talking_does_not_keep_the_service(pool: WorkerPool) -> None:
    start(pool, floods)
    assert set(map(type, hear(pool, 3))) == {Progress}
    pool.stop()


def asks(line: Connection, _: bytes) -> None:
    while True:
        os.write(line.fileno(), framed(encoded(Lookup("0" * 12))) * 100)


def test_a_worker_that_never_reads_does_not_keep_the_service(pool: WorkerPool) -> None:
    running = start(pool, asks)
    heard: list[Report | Exited] = []

    def serve() -> None:
        while not heard or not isinstance(heard[-1], Exited):
            for report in hear(pool, 1):
                heard.append(report)
                if isinstance(report, Lookup):
                    running.send(Answer(None))

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    serving.join(60)
    running.process.kill()
    assert not serving.is_alive()
    how = "did not read replies and was killed"
    assert heard[-1] == Exited(how, hung=False, begun=True)


def hangs_up(line: Connection, _: bytes) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line.close()
    signal.pause()


def stays(line: Connection, _: bytes) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(line.fileno(), framed(encoded(Progress())))
    signal.pause()


def test_one_that_hangs_up_and_stays_is_not_waited_for(pool: WorkerPool) -> None:
    """Its end is told when it has come; the others are heard meanwhile."""
    running = start(pool, hangs_up)
    assert hear(pool, 1) == []
    assert running.process.is_alive()
    assert pool.jobs == []
    another = start(pool, says, framed(encoded(Progress())))
    assert hear(pool, 1) == [Progress()]
    running.process.kill()
    heard: list[Report | Exited] = []

    def ended() -> bool:
        heard.extend(hear(pool, 1))
        return bool(heard)

    wait_for(ended)
    assert heard == [Exited("was killed by signal 9", hung=False, begun=False)]
    assert pool.jobs == [another.job]
    pool.stop()


def test_one_that_does_not_heed_its_dismissal_is_not_waited_for(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(pool, stays)
    assert hear(pool, 1) == [Progress()]
    pool.dismiss(running)
    assert running.process.is_alive()
    assert pool.jobs == []
    pool._leaving[0].give_up = 0.0  # its time is over
    assert hear(pool, 1, 0.01) == []
    running.process.join(60)
    assert running.process.exitcode == -signal.SIGKILL
    monkeypatch.setattr("ingest.supervisor.worker_pool._GRACE_SECONDS", 0.2)
    running = start(pool, stays)
    # That the first is gone may be heard alone, of which nothing is told.
    assert wait_for(lambda: hear(pool, 1)) == [Progress()]
    pool.stop()
    running.process.join(60)
    assert running.process.exitcode == -signal.SIGKILL


def test_whatever_is_raised_while_a_worker_is_heard_it_alone_is_lost(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> Report:
        raise ZeroDivisionError("nobody had thought of this")

    monkeypatch.setattr("ingest.worker.report_codec.decoded", raising)
    start(pool, says, framed(b"{}"))
    [exited] = hear(pool, 1)
    assert isinstance(exited, Exited)
    assert pool.jobs == []
