"""Looks up whether the log has a file's content already, and decides what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ingest.config.settings import Settings
from ingest.inbox.marker_files import Begun, Marks
from ingest.inbox.open_file import Content, HeldFile
from ingest.kafka.avro_records import segment_key_of
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.connection import Connection
from ingest.kafka.record_limits import Learned
from ingest.kafka.stream_lookup import Known
from ingest.model.errors import Fenced, Unavailable
from ingest.model.stream import Stream
from ingest.telemetry.worker_probe import Probe
from ingest.worker.duplicate_rules import (
    BeginNewRun,
    BeginStream,
    Claim,
    CompareAllBytes,
    Decision,
    decide,
)


@dataclass(frozen=True)
class Resolved:
    """A file's content, the decision about it, and the connection to write it."""

    content: Content
    decision: Decision
    connection: Connection
    decide_again: Callable[[Sequence[Stream], Claim, CommittedLog], Decision]
    own_run: str | None = None
    """The run that was begun from this very file, if there is one."""

    def supersedes(self, stream: Stream, committed_log: CommittedLog) -> bool:
        """Whether to begin a new run in place of the stream that is committed now.

        If its run is not the one that was looked up, another worker has begun it meanwhile. That
        worker is fenced now, so it counts as lost. Raises Fenced if its content differs.
        """
        decided = self.decision
        if isinstance(decided, BeginStream) or decided.stream.run_id != stream.run_id:
            lost = Claim(abandoned=(stream.run_id, stream.segment_count))
            decided = self.decide_again([stream], lost, committed_log)
        if isinstance(decided, CompareAllBytes):
            raise Fenced("Another worker has begun a stream of similar content.")
        return isinstance(decided, BeginNewRun)


class DuplicateLookup:
    """Asks the log about one file's content. Fences nobody, except in forget.

    wait is called with the reason if the cluster is unavailable, and pauses. alive is called
    repeatedly during long work.
    """

    def __init__(
        self,
        settings: Settings,
        held: HeldFile,
        probe: Probe,
        *,
        learned: Learned | None,
        lookup: Callable[[str], Known | None],
        wait: Callable[[str], None],
        alive: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._held = held
        self._probe = probe
        self._learned = learned
        self._lookup = lookup
        self._wait = wait
        self._alive = alive
        self._marks = Marks(settings.videos)

    def connection(self, content: Content) -> Connection:
        """Return a connection to write this content, not opened yet."""
        return self._to(content.fingerprint)

    def _to(self, fingerprint: str) -> Connection:
        return Connection(self._settings, fingerprint, self._probe, self._learned, self._lookup)

    def resolve(
        self,
        content: Content,
        connection: Connection,
        *,
        is_resumed: bool,
        abandoned: tuple[str, int] | None,
    ) -> Resolved:
        """Decide what to do. Blocks while the cluster is unavailable.

        is_resumed: the file was claimed before. abandoned: see Claim. Raises Unreadable, and
        Fenced if another worker has continued a stream that had to be forgotten.
        """
        begun = self._marks.begun(self._held.state.inode) if is_resumed else None
        own = None if begun is None else self._own_run(begun, content)
        if own is not None and own.fingerprint != content.fingerprint:
            connection.close()
            content = Content(own.fingerprint, is_whole=True)
            connection = self.connection(content)
        own_run = None if own is None else own.run_id
        while True:
            claim = Claim(own_run, self._marks.superseded(content.fingerprint), abandoned)
            decided = self._asked(content, connection, claim)
            if not isinstance(decided, CompareAllBytes):
                decide_again = partial(self._decide, content)
                return Resolved(content, decided, connection, decide_again, own_run)
            connection.close()
            content = Content(self._held.sha256(self._alive), is_whole=True)
            connection = self.connection(content)

    def forget(self, fingerprint: str, run_id: str) -> None:
        """Remove the stream of a run from the log: the bytes that it was begun from are gone.

        An ended stream with frames stays. Raises Fenced.
        """
        connection = self._to(fingerprint)
        while True:
            try:
                publisher, committed_log = connection.open()
            except Unavailable as error:
                self._wait(str(error))
                continue
            try:
                for stream in committed_log.find(fingerprint):
                    if stream.run_id == run_id and not (stream.ended and stream.holds_frames):
                        publisher.forget(stream.stream_id, _segments(stream))
            except Unavailable as error:
                self._wait(str(error))
            else:
                return
            finally:
                publisher.close()

    def _own_run(self, begun: Begun, content: Content) -> Stream | None:
        """Return the stream of the run that was begun from exactly these bytes.

        A run that was begun from earlier bytes of the file is forgotten: nothing could end it.
        """
        stream = self._stream_of(begun)
        if stream is None or self._is_of_these_bytes(stream, begun, content):
            return stream
        if not (stream.ended and stream.holds_frames):
            self.forget(begun.fingerprint, begun.run_id)
        return None

    def _stream_of(self, begun: Begun) -> Stream | None:
        connection = self._to(begun.fingerprint)
        try:
            while True:
                try:
                    found = connection.committed_log.find(begun.fingerprint)
                except Unavailable as error:
                    connection.close()
                    self._wait(str(error))
                else:
                    return next((s for s in found if s.run_id == begun.run_id), None)
        finally:
            connection.close()

    def _is_of_these_bytes(self, stream: Stream, begun: Begun, content: Content) -> bool:
        if begun.file_state == self._held.state:
            return True
        if begun.file_state.size_bytes != self._held.state.size_bytes:
            return False
        if content.is_whole:
            return begun.fingerprint == content.fingerprint
        return self._held.sha256(self._alive) in (stream.content_sha256, begun.fingerprint)

    def _asked(self, content: Content, connection: Connection, claim: Claim) -> Decision:
        while True:
            try:
                return self._ask(content, connection.committed_log, claim)
            except Unavailable as error:
                connection.close()
                self._wait(str(error))

    def _ask(self, content: Content, committed_log: CommittedLog, claim: Claim) -> Decision:
        return self._decide(content, committed_log.find(content.fingerprint), claim, committed_log)

    def _decide(
        self, content: Content, found: Sequence[Stream], claim: Claim, committed_log: CommittedLog
    ) -> Decision:
        return decide(
            found, content, claim, lambda: self._held.sha256(self._alive), committed_log.holds_all
        )


def _segments(stream: Stream) -> list[tuple[bytes, int]]:
    """Return the key and the frames' partition of each segment that a stream has committed."""
    if stream.partition is None:
        return []
    partition = stream.partition
    keys = (segment_key_of(stream.stream_id, number) for number in range(stream.segment_count))
    return [(key.encode(), partition) for key in keys]
