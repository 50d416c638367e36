"""Notifications of changes in a folder: hints that make the next scan come sooner."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_CHANGES = frozenset({"created", "moved", "closed", "modified"})

# How often a watch that has ended is started again, at most.
_MEND_SECONDS = 5.0

log = logging.getLogger(__name__)


class Watcher(FileSystemEventHandler):
    """Makes its file descriptor readable when the folder changes. A context manager.

    A hint only: bind mounts and network file systems drop notifications, and a folder that
    is deleted takes its watch with it, until mend is called.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Take the folder, and a monotonic clock in seconds."""
        self._folder = folder
        self._now = now
        self._observer: BaseObserver | None = None
        self._put_up = now()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Self:
        self._watch()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._read)
        os.close(self._write)

    def mend(self) -> None:
        """Start the watch again if it has ended: its folder was recreated, or a thread died."""
        if self._watches or self._now() - self._put_up < _MEND_SECONDS:
            return
        log.info("event=watched_again folder=%r", str(self._folder))
        self._end()
        self._watch()
        self.wake()

    @property
    def _watches(self) -> bool:
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        emitters = list(observer.emitters)
        return bool(emitters) and all(emitter.is_alive() for emitter in emitters)

    def _watch(self) -> None:
        self._put_up = self._now()
        observer = Observer()
        try:
            observer.start()
            self._observer = observer
            observer.schedule(self, str(self._folder))
        except (OSError, RuntimeError) as error:
            # No folder, no more watches, no more threads.
            log.warning("event=not_notified reason=%r next='rescan periodically'", str(error))

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def clear(self) -> bool:
        """Discard the hints so far; return whether there were any."""
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
        except OSError:  # just closed: the service is stopping
            log.debug("event=hint_too_late")

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Handle a notification. Called by watchdog's thread."""
        if event.event_type in _CHANGES:
            self.wake()
