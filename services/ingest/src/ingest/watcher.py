"""Hints that something has changed in a folder, so that nobody waits for the next rescan."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_CHANGES = frozenset({"created", "moved", "closed", "modified"})

log = logging.getLogger(__name__)


class Watcher(FileSystemEventHandler):
    """Makes its file descriptor readable when the folder changes. A context manager.

    A hint only: bind mounts and network file systems drop notifications, and a folder that
    is deleted takes its watch with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._observer: BaseObserver | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Self:
        self._observer = Observer()
        self._observer.start()
        try:
            self._observer.schedule(self, str(self._folder))
        except OSError as error:
            log.warning("event=not_notified reason=%r next='look now and then'", str(error))
        return self

    def __exit__(self, *_: object) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def clear(self) -> bool:
        """Forget the hints so far, and return whether there were any."""
        hinted = False
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                hinted = True
        return hinted

    def wake(self) -> None:
        """Give a hint."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            log.debug("event=hints_pending")

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take a notification; called by watchdog's thread."""
        if event.event_type in _CHANGES:
            self.wake()
