"""Ingests one file: opens it, resolves duplicates, sends its frames and ends its stream."""

import logging
import os
import time
import uuid
from hashlib import sha256
from pathlib import Path

from framelog_service.logs import Lines

from ingest.config.settings import Settings
from ingest.inbox.marker_files import Begun, Marks
from ingest.inbox.open_file import Content, HeldFile
from ingest.kafka.connection import Connection
from ingest.kafka.record_limits import Learned
from ingest.kafka.stream_lookup import Known
from ingest.media.container_end.end_status import End
from ingest.media.fingerprint import content_id, stream_id
from ingest.media.image_sequence import ImageSequence
from ingest.media.opening import check_size, open_pictures
from ingest.media.picture_source import Limits, PictureSource
from ingest.media.video_file import VideoFile
from ingest.model.errors import Fenced, FileChanged, StartOver, Unfinished, Unreadable
from ingest.model.stream import Stream
from ingest.model.video_description import NOTHING_KNOWN, Description
from ingest.model.wording import printable
from ingest.telemetry.worker_probe import Probe, Progress
from ingest.worker import duplicate_rules
from ingest.worker.duplicate_lookup import DuplicateLookup, Resolved
from ingest.worker.frame_pipeline import FramePipeline, now_us
from ingest.worker.messages import Begun as RunBegun
from ingest.worker.messages import Busy, Changed, Ended, Job, Lookup, Opened, Waiting
from ingest.worker.service_link import Link
from ingest.worker.stream_ending import StreamEnding
from ingest.worker.stream_session import Session

_RETRY_SECONDS = 1.0
_BEING_WRITTEN = "A program has it open for writing."

log = logging.getLogger(__name__)


class Worker:
    """Opens a file, begins or resumes its stream, and sends what is not in the log."""

    def __init__(
        self, settings: Settings, job: Job, link: Link, probe: Probe, lines: Lines
    ) -> None:
        self._settings = settings
        self._job = job
        self._link = link
        self._probe = probe
        self._lines = lines
        self._ending = StreamEnding(settings, job, link, probe)
        self._pipeline = FramePipeline(settings, job, link, probe, self._ending)
        self._marks = Marks(settings.videos)
        self._known: dict[str, Known | None] = {}
        self._connection: Connection | None = None

    def run(self) -> Ended | Busy | Changed:
        """Bring the job's stream to its end. Raises Unreadable, Unfinished and Fenced."""
        path = self._job.path
        if self._job.give_up is not None:
            return self._end_with(self._job.give_up)
        settings, choices = self._settings, self._job.choices
        limits = Limits(settings.decoder_threads, settings.largest_pixels)
        with HeldFile(path) as held, self._opened(held, limits) as source:
            self._check_whole(held, source)
            description = source.describe(choices)
            check_size(description, choices)
            return self._ingest(held, description, source)

    def _opened(self, held: HeldFile, limits: Limits) -> VideoFile | ImageSequence:
        """Open the pictures of a held file. Raises Unreadable, Unfinished and Fenced."""
        path = self._job.path
        try:
            with self._probe.trace.span("open"):
                return open_pictures(path, limits, self._probe.pulling, self._link.show_life)
        except (OSError, Unreadable) as error:
            self._check_there(held)
            if not self._is_begun(held) and held.is_being_written():
                raise Unfinished(_BEING_WRITTEN, is_being_written=True) from error
            if isinstance(error, OSError):
                raise Unreadable(f"It can't be read: {error.strerror or error}.") from error
            raise

    def _check_there(self, held: HeldFile) -> None:
        """Raise Unfinished or Fenced if the file was replaced or removed."""
        if not held.is_at(self._job.path):
            if self._job.is_resumed:
                raise Fenced("The file was removed.")
            raise Unfinished("Another file has replaced it.")

    def _is_begun(self, held: HeldFile) -> bool:
        """Whether a run was begun from the file; in a claimed folder, that is not certain."""
        return self._job.is_resumed and self._marks.begun(held.state.inode) is not None

    def _check_whole(self, held: HeldFile, source: PictureSource) -> None:
        """Raise Unfinished if the file may be incomplete."""
        self._check_there(held)
        if self._is_begun(held):
            return
        says_whole = source.end is End.WHOLE
        if held.is_being_written() and (self._job.may_grow or not says_whole):
            raise Unfinished(_BEING_WRITTEN, is_being_written=True)
        if self._job.may_grow and source.end is End.MISSING:
            raise Unfinished("Its end is missing, and may still arrive.")
        if self._job.may_grow and not says_whole:
            raise Unfinished("Its container does not state where it ends: more may still arrive.")

    def _ingest(
        self,
        held: HeldFile,
        description: Description,
        source: PictureSource | None,
        reason: str = "",
    ) -> Ended | Busy | Changed:
        """Ingest a held file; without a source, only end its stream with reason."""
        resolved, name = self._resolved(held)
        match resolved.decision:
            case duplicate_rules.Duplicate(stream):
                return _ended(stream, held, duplicate=True)
            case duplicate_rules.AlreadyFinished(stream):
                return _ended(stream, held)
            case duplicate_rules.WaitForOther(stream):
                is_paced = stream.pace != "fast"
                return Busy(stream.stream_id, stream.run_id, stream.segment_count, is_paced)
        fresh = self._fresh(held, description, resolved.content, name)
        session = self._session(resolved, fresh)
        if session.stream.ended:  # another worker ended it before it was fenced
            is_own = session.stream.run_id == resolved.own_run
            return _ended(session.stream, held, duplicate=not is_own)
        self._note_begun(held, session.stream)
        session.content_sha256 = held.known_sha256
        try:
            if source is None:
                self._ending.end(session, held, reason)
            else:
                self._link.send(_begun(session.stream))
                self._pipeline.send(source, session, held)
        except StartOver:
            self._note_begun(held, session.stream)
            raise
        except FileChanged:
            session.close()
            stream = session.stream
            with self._link.showing_life():
                self._deduplication(held).forget(stream.fingerprint, stream.run_id)
            return Changed()
        return _ended(session.stream, held)

    @property
    def learned(self) -> Learned | None:
        """What is known about record sizes, once a stream was begun."""
        return self._job.learned if self._connection is None else self._connection.book.learned

    def _end_with(self, reason: str) -> Ended | Busy | Changed:
        """End the stream: nothing, or nothing more, of the file can be decoded."""
        try:
            with HeldFile(self._job.path) as held:
                return self._ingest(held, NOTHING_KNOWN, None, reason)
        except Unreadable:
            return self._end_unread(reason)

    def _end_unread(self, reason: str) -> Ended:
        """End the stream of a file that can't be read, of which only the name is known."""
        called = b"unreadable " + os.fsencode(self._called())
        content = Content(sha256(called).hexdigest(), is_whole=True)
        self._link.send(Opened(content.fingerprint))
        name = self._link.wait_for_go().name
        connection = Connection(self._settings, content.fingerprint, self._probe, self._job.learned)
        resolved = Resolved(
            content,
            duplicate_rules.BeginStream(),
            connection,
            lambda *_: duplicate_rules.BeginStream(),
        )
        session = self._session(resolved, self._fresh(None, NOTHING_KNOWN, content, name))
        is_known = session.stream.ended
        if not is_known:
            with self._link.showing_life(), self._probe.trace.span("end"):
                session.end(reason)
        return _ended(session.stream, None, duplicate=is_known)

    def _called(self) -> Path:
        """Return the file's path within incoming/ or the replica's folder."""
        _, *within = self._job.path.relative_to(self._settings.videos).parts
        return Path(*(within[1:] if self._job.is_resumed else within))

    def _resolved(self, held: HeldFile) -> tuple[Resolved, str]:
        """Report the file's content, wait for the claim, and look up duplicates.

        Returns the decision, and the name under which the file was claimed.
        """
        with self._probe.trace.span("fingerprint"):
            content = held.identify(self._link.show_life)
        asking = self._deduplication(held)
        connection = asking.connection(content)
        self._lookup(content_id(content.fingerprint))  # before the claim is waited for
        self._link.send(Opened(content.fingerprint))
        with self._link.showing_life(), self._probe.trace.span("prepare"):
            connection.prepare()
        with self._probe.trace.span("claim"):
            name = self._link.wait_for_go().name
        if not self._job.is_resumed:
            self._marks.end(held.state.inode)  # a mark that is left belongs to another file
        with self._link.showing_life(), self._probe.trace.span("resolve"):
            resolved = asking.resolve(
                content,
                connection,
                is_resumed=self._job.is_resumed,
                abandoned=self._job.abandoned,
            )
        return resolved, name

    def _deduplication(self, held: HeldFile) -> DuplicateLookup:
        return DuplicateLookup(
            self._settings,
            held,
            self._probe,
            learned=self._job.learned,
            lookup=self._lookup,
            wait=self._wait,
            alive=self._link.show_life,
        )

    def _fresh(
        self, held: HeldFile | None, description: Description, content: Content, name: str
    ) -> Stream:
        return Stream.begin(
            description,
            stream_id=stream_id(name, content.fingerprint),
            run_id=uuid.uuid4().hex,
            source_name=printable(name),
            source_bytes=held.state.size_bytes if held is not None else 0,
            fingerprint=content.fingerprint,
            choices=self._job.choices,
            now_us=now_us(),
        )

    def _session(self, resolved: Resolved, fresh: Stream) -> Session:
        """Become the only writer of the stream."""
        self._connection = resolved.connection
        session = Session(
            resolved.connection.open,
            self._wait,
            now_us,
            self._probe.step,
        )
        with self._link.showing_life(), self._probe.trace.span("connect"):
            self._lines.concern(stream_id=fresh.stream_id, run_id=fresh.run_id)
            stream = session.open(fresh, resolved.supersedes)
            self._lines.concern(stream_id=stream.stream_id, run_id=stream.run_id)
        return session

    def _note_begun(self, held: HeldFile, stream: Stream) -> None:
        """Mark from which file the run was begun, before the log has anything of it."""
        try:
            self._marks.begin(Begun(stream.fingerprint, stream.run_id, held.state))
        except OSError as error:
            log.warning("event=not_noted reason=%r", str(error))

    def _lookup(self, content: str) -> Known | None:
        """Ask the service where the records of a content are, once for each content."""
        if content not in self._known:
            self._known[content] = self._link.ask(Lookup(content))
        return self._known[content]

    def _wait(self, reason: str) -> None:
        self._link.send(Progress(kafka=self._probe.kafka.take()))
        self._link.send(Waiting(reason))
        time.sleep(_RETRY_SECONDS)


def _begun(stream: Stream) -> RunBegun:
    return RunBegun(
        stream.stream_id, stream.run_id, stream.frame_count, stream.estimated_frame_count
    )


def _ended(stream: Stream, held: HeldFile | None, *, duplicate: bool = False) -> Ended:
    return Ended(
        stream.stream_id,
        stream.run_id,
        stream.state,
        stream.frame_count,
        stream.error,
        duplicate,
        stream.source_name,
        stream.fingerprint,
        None if held is None else held.state,
    )
