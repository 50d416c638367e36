"""Claims files that their workers have opened and that have settled."""

import logging

from ingest.inbox.file_state import state_of
from ingest.inbox.folders import Folders
from ingest.inbox.sidecars import beside
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.worker.messages import Proceed

log = logging.getLogger(__name__)


class Claimer:
    """Moves files to processing/ and tells their workers to go on. For the main thread.

    Before Proceed, a worker writes nothing to the log.
    """

    def __init__(self, files: TrackedFiles, folders: Folders, rescan_seconds: float) -> None:
        """Take the files, the folders, and the pause before a failed claim is tried again."""
        self._files = files
        self._folders = folders
        self._rescan_seconds = rescan_seconds

    def proceed(self, file: TrackedFile) -> None:
        """Claim a file that its worker has opened, and tell the worker to go on, if it is time."""
        opened, running = file.opened, file.worker
        if opened is None or running is None or not file.settled:
            return
        file.opened = None
        twins = (other for other in self._files.with_worker if other is not file)
        if any(twin.fingerprint == opened.fingerprint for twin in twins):
            self._files.back_off(file, self._rescan_seconds)
            return
        if not file.claimed and not self._claim(file):
            return
        file.fingerprint = opened.fingerprint
        running.send(Proceed(file.name))

    def take_folder(self, file: TrackedFile) -> None:
        """Claim a folder of videos. From then on each video is tracked as a file of its own."""
        file.beside = beside(file.path)  # read by its videos, when their turn comes
        if self._claim(file):
            self._files.drop(file, "folder")

    def _claim(self, file: TrackedFile) -> bool:
        if self._folders.marks.paused:
            self._files.back_off(file, 0.0)
            return False
        try:
            if not _is_unchanged(file):
                self._files.drop(file)  # the next scan finds it as a new file
                return False
            if beside(file.path) != file.beside:
                self._files.choose_again(file)  # its settings have changed since the worker began
                return False
            claimed = self._folders.claim(file.path)
        except OSError as error:
            log.error("event=not_claimed reason=%r", str(error), extra=file.about)
            self._files.back_off(file, self._rescan_seconds)
            return False
        if claimed is None:
            self._files.drop(file)
            return False
        self._files.claimed(file, claimed)
        return True


def _is_unchanged(file: TrackedFile) -> bool:
    """Whether the file is the one that its worker has opened, with the state of that scan."""
    try:
        now = state_of(file.path, file.path.lstat())
    except FileNotFoundError:
        return False
    return file.steady is not None and now == file.steady.state
