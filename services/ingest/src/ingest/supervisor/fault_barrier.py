"""One file can't stop the service: exceptions raised while a file is handled stop here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.supervisor.finishing import Finisher
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles

_MOST_LETTERS = 300
_LATER_SECONDS = 60.0

log = logging.getLogger(__name__)


class FaultBarrier:
    """Surrounds each step of handling a file. For the main thread."""

    def __init__(self, files: TrackedFiles, finisher: Finisher, rescan_seconds: float) -> None:
        """Take the pause after a failure of the disk or the memory."""
        self._files = files
        self._finisher = finisher
        self._rescan_seconds = rescan_seconds

    @contextmanager
    def around(self, file: TrackedFile) -> Iterator[None]:
        """Let an exception within the block fail this file and no other.

        OSError and MemoryError are not the file's fault: it is tried again.
        """
        try:
            yield
        except (OSError, MemoryError) as error:
            log.error("event=not_handled reason=%r next='try again'", str(error), extra=file.about)
            self._back_off(file, self._rescan_seconds)
        except Exception as error:
            log.exception("event=file_failed", extra=file.about)
            self._fail(file, error)

    def _fail(self, file: TrackedFile, error: Exception) -> None:
        """Start a worker that records the failure; if that fails too, move the file directly."""
        file.faults += 1
        said = f"{type(error).__name__}: {error}"[:_MOST_LETTERS]
        note = f"Ingest itself failed on it ({said}). Its log has the whole trace."
        if file.faults == 1 and file.ended is None:
            file.give_up = file.give_up or note
            self._back_off(file, 0.0)
            return
        try:
            self._finisher.put_away(file, note)
        except Exception:
            log.exception("event=not_put_away next='try again'", extra=file.about)
            self._back_off(file, _LATER_SECONDS)

    def _back_off(self, file: TrackedFile, seconds: float) -> None:
        try:
            self._files.back_off(file, seconds)
        except Exception:
            log.exception("event=worker_not_ended", extra=file.about)
            file.not_before = self._files.now() + max(seconds, 1.0)
