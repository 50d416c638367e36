"""What a worker's process tells of its end."""

import pytest
from ingest.config.settings import Settings
from ingest.model.errors import Fenced, Unreadable
from ingest.worker.file_worker import Worker
from ingest.worker.messages import NotAVideo, StreamTakenOver
from ingest.worker.worker_process import final_report_of


class Failing(Worker):
    """A worker of which nothing is left but how it ends."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def run(self) -> None:  # type: ignore[override]
        raise self._error


def settings() -> Settings:
    return Settings.from_environ({})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreadable("There is no video."), "There is no video."),
        (
            ZeroDivisionError("division by zero"),
            "Ingest failed on it by a fault of its own: ZeroDivisionError, division by zero. "
            "Its log has the trace.",
        ),
    ],
)
def test_any_error_becomes_a_sentence(error: Exception, reason: str) -> None:
    assert final_report_of(Failing(error), settings()) == NotAVideo(reason)


def test_a_fault_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    final_report_of(Failing(ZeroDivisionError()), settings())
    (record,) = caplog.records
    assert record.getMessage() == "event=worker_failed"
    assert record.exc_info is not None


def test_what_concerns_no_file_is_no_reason() -> None:
    assert final_report_of(Failing(Fenced("Another has it.")), settings()) == StreamTakenOver()
    with pytest.raises(ConnectionError):
        final_report_of(Failing(ConnectionError()), settings())
