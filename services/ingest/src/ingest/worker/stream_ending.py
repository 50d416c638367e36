"""Ends a stream: whether it becomes COMPLETE, TRUNCATED or FAILED, and with which sentence."""

from ingest.config.settings import Settings
from ingest.inbox.open_file import HeldFile
from ingest.media.picture_source import PictureSource
from ingest.model.errors import FileChanged, Unreadable
from ingest.telemetry.worker_probe import Probe
from ingest.worker.messages import Job
from ingest.worker.service_link import Link
from ingest.worker.stream_session import Session

_CHANGED = "The file was changed repeatedly while it was read."


class StreamEnding:
    """Finds what of a file is not in the log. With nothing missing, its stream is COMPLETE.

    For one thread. Reads the file as long as its hash takes, and shows life meanwhile.
    """

    def __init__(self, settings: Settings, job: Job, link: Link, probe: Probe) -> None:
        self._settings = settings
        self._job = job
        self._link = link
        self._probe = probe

    def shortfall(self, source: PictureSource) -> str | None:
        """Return a sentence on what of the file was not decoded; None if nothing is missing."""
        try:
            with self._link.showing_life():
                return source.shortfall()
        except OSError as error:
            return f"It can't be read: {error.strerror or error}."

    def missing(self, sentence: str | None, session: Session, held: HeldFile) -> str | None:
        """Return what a stream that is about to end lacks, and set its content's hash.

        Raises FileChanged if the file no longer has the bytes that were read.
        """
        try:
            with self._link.showing_life():
                session.content_sha256 = self._sha256(held)
                is_changed = held.is_changed(self._link.show_life)
        except Unreadable as error:  # the decoder may have read it all, another way
            return sentence or str(error)
        if not is_changed:
            return sentence
        if not self._job.is_final:
            raise FileChanged(_CHANGED)
        return _CHANGED

    def _sha256(self, held: HeldFile) -> str | None:
        """Return the hash of all bytes; for a file that is given up, only if it is known soon.

        Such a file may be a sparse one of terabytes, on which a worker hung.
        """
        if self._job.give_up is None:
            return held.sha256(self._link.show_life)
        return held.sha256_within(self._settings.stall_seconds, self._link.show_life)

    def end(self, session: Session, held: HeldFile, reason: str) -> None:
        """End the stream without a further frame; reason says what is missing."""
        missing = self.missing(reason, session, held)
        with self._link.showing_life(), self._probe.trace.span("end"):
            session.end(missing or reason)
