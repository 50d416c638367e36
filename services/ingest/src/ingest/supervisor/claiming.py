"""Claiming files, once their workers have opened them and they have settled."""

import logging

from ingest.config.settings import Settings
from ingest.inbox.arrival import state_of
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.inbox.sidecars import beside
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.worker.messages import Proceed

log = logging.getLogger(__name__)


class Claimer:
    """Tells workers to go on. Until then nobody has seen anything of what they do."""

    def __init__(self, settings: Settings, folders: Folders, files: TrackedFiles) -> None:
        self._settings = settings
        self._folders = folders
        self._files = files
        self._marks = Marks(folders.root)

    def proceed(self, file: TrackedFile) -> None:
        """Claim a file whose worker has opened it, and have that go on, if it is time."""
        opened, running = file.opened, file.running
        if opened is None or running is None or not file.settled:
            return
        file.opened = None
        twins = (c for c in self._files.running if c is not file)
        if any(twin.fingerprint == opened.fingerprint for twin in twins):
            self._files.rest(file, self._settings.rescan_seconds)
            return
        if not file.claimed and not self._claim(file):
            return
        file.fingerprint = opened.fingerprint
        running.send(Proceed(file.name))

    def take_folder(self, file: TrackedFile) -> None:
        """Claim a folder of videos, which are files of their own from then on."""
        file.beside = beside(file.path)  # read by its videos, when their turn comes
        if self._claim(file):
            self._files.drop(file, "folder")

    def _claim(self, file: TrackedFile) -> bool:
        if self._marks.paused:
            self._files.rest(file, 0.0)
            return False
        try:
            if not _is_as_seen(file):
                self._files.drop(file)  # to be seen anew, and to settle
                return False
            if beside(file.path) != file.beside:
                self._files.choose_again(file)  # since its worker has begun
                return False
            claimed = self._folders.claim(file.path)
        except OSError as error:
            log.error("event=not_claimed reason=%r", str(error), extra=file.about)
            self._files.rest(file, self._settings.rescan_seconds)
            return False
        if claimed is None:
            self._files.drop(file)
            return False
        self._files.claimed(file, claimed)
        return True


def _is_as_seen(file: TrackedFile) -> bool:
    """Whether the file is what its worker has opened: that began when it was seen like this."""
    try:
        now = state_of(file.path, file.path.lstat())
    except FileNotFoundError:
        return False
    return file.still is not None and now == file.still.state
