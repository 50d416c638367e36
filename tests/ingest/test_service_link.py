"""A worker that works is heard, however long the cluster takes."""

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import Waiting
from ingest.worker.report_codec import decoded
from ingest.worker.service_link import Link

from tests.ingest.clock import FakeClock

Line = tuple[Connection, Connection]


@pytest.fixture
def line() -> Iterator[Line]:
    service, worker = multiprocessing.Pipe()
    yield service, worker
    service.close()
    worker.close()


def said(service: Connection) -> list[object]:
    heard: list[object] = []
    while service.poll():
        heard.append(decoded(service.recv_bytes()))
    return heard


def test_a_sign_of_life_is_due_after_a_silence(line: Line) -> None:
    service, worker = line
    clock = FakeClock()
    link = Link(worker, clock, 2.0)
    clock.sleep(1.5)
    link.show_life()
    assert said(service) == []
    clock.sleep(0.5)
    link.show_life()
    assert said(service) == [Progress()]
    clock.sleep(1.5)
    link.send(Waiting("why"))
    clock.sleep(1.5)
    link.show_life()
    assert said(service) == [Waiting("why")]


def test_life_is_shown_while_the_cluster_is_asked(line: Line) -> None:
    service, worker = line
    link = Link(worker, time.monotonic, 0.01)
    with link.showing_life():
        for _ in range(3):
            assert service.poll(30)
            assert decoded(service.recv_bytes()) == Progress()
    said(service)
    assert not service.poll(0.1)


def test_a_service_that_is_gone_is_found_out_by_the_next_report(line: Line) -> None:
    service, worker = line
    link = Link(worker, time.monotonic, 0.001)
    service.close()
    with link.showing_life():
        pass
    with pytest.raises(OSError, match="Broken pipe"):
        link.send(Progress())
