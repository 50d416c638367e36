"""The main loop goes round whatever is raised in it, and says when its own faults keep it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ingest.inbox.folder_notifications import Watcher
from ingest.supervisor.main_loop import MainLoop
from ingest.supervisor.scan_timer import ScanTimer

from tests.ingest.service import Service


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    with Watcher(tmp_path) as made:
        made.wake()  # so that no round waits for a hint
        yield made


@pytest.fixture
def service(tmp_path: Path) -> Service:
    made = Service(tmp_path / "videos")
    made.folders.prepare()
    return made


def loop_of(service: Service) -> MainLoop:
    schedule = ScanTimer(service.scheduler.scan, 0.001, bool, now=service.clock, used=float)
    return MainLoop(service.folders, service.scheduler, schedule, service.workers, service.reports)


def test_a_round_that_does_what_it_has_to(service: Service, watcher: Watcher) -> None:
    assert loop_of(service).go_round(watcher)


@pytest.mark.parametrize("broken", ["looking", "listening", "waiting"])
def test_a_fault_of_our_own_is_told_and_the_next_round_goes_on(
    service: Service,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    def fail(*_: object) -> Any:
        raise LookupError

    with monkeypatch.context() as patch:
        match broken:
            case "looking":
                patch.setattr(service.scheduler, "scan", fail)
            case "listening":
                patch.setattr(service.workers, "listen", fail)
            case "waiting":
                patch.setattr(watcher, "clear", fail)
        loop = loop_of(service)
        assert not loop.go_round(watcher)
        assert "LookupError" in caplog.text
    loop = loop_of(service)
    watcher.wake()
    assert loop.go_round(watcher)


def test_a_disk_that_fails_is_no_fault_of_ours(
    service: Service, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> float | None:
        raise OSError(5, "Input/output error")

    loop = loop_of(service)
    assert loop.go_round(watcher)
    assert loop.unusable is None
    with monkeypatch.context() as patch:
        patch.setattr(service.scheduler, "scan", fail)
        service.clock.sleep(1)
        loop = loop_of(service)
        assert loop.go_round(watcher)
    assert loop.unusable == (
        f"The folders in {service.folders.root} can't be used: Input/output error."
    )


def test_a_report_that_fails_keeps_none_behind_it(
    service: Service, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.drop("one.mp4")
    service.drop("two.mp4")
    service.look_after(0, 1)
    first, second = service.workers.started
    heard: list[object] = []

    def hear(running: object, _: object) -> None:
        heard.append(running)
        if running is first:
            raise LookupError

    said: Callable[[object, float], Iterator[object]] = lambda *_: iter(  # noqa: E731
        [(first, None), (second, None)]
    )
    monkeypatch.setattr(service.reports, "on_report", hear)
    monkeypatch.setattr(service.workers, "listen", said)
    assert not loop_of(service).go_round(watcher)
    assert heard == [first, second]
