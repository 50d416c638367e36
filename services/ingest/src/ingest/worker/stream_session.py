"""One stream being written: where it stands, and what to do when the cluster goes away."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.publisher import Publisher
from ingest.kafka.record_limits import RecordLimits
from ingest.model.errors import (
    Blocked,
    Broken,
    Fenced,
    LimitsChanged,
    Replaced,
    StartOver,
    Unavailable,
)
from ingest.model.frame import Frame
from ingest.model.stream import Placement, Stream

# So many publishers in a row may fail by what is not known to pass, until a person is asked for.
_MOST_BROKEN = 3
# Each halves the size of the records that are still sent, or nearly.
_MOST_LIMITS = 40
_MOVED_ON = "Another worker has moved the stream on."

T = TypeVar("T")


class Session:
    """Continues a stream from its committed state, and moves it on batch by batch.

    After any failure there is one way on: see whether another worker has taken the stream over,
    open a new publisher, which fences what is left of the old one, and read the committed state
    back. It tells whether the batch in doubt is in the log, so that no frame is lost and none is
    sent twice.
    """

    def __init__(
        self,
        connect: Callable[[], tuple[Publisher, CommittedLog]],
        wait: Callable[[str], None],
        now_us: Callable[[], int],
        step: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Take how to open a publisher, and the wall clock in microseconds.

        wait is told why the cluster can't be used, and pauses. step times a stage of a commit.
        """
        self._connect = connect
        self._wait = wait
        self._now_us = now_us
        self._step = step
        self.content_sha256: str | None = None
        """Of the file's bytes, once it is known; it goes into the next state."""
        self._publisher: Publisher | None = None
        self._broken = 0
        self._limits_changed = 0

    def open(
        self, fresh: Stream, supersedes: Callable[[Stream, CommittedLog], bool] = lambda *_: False
    ) -> Stream:
        """Return the stream to write: fresh, or the committed one of the same content.

        The committed one may have ended: then there is nothing to do. Where supersedes says so of
        it, fresh's run is begun in its place, and that is committed before anything else: whoever
        takes over from here goes on with the new run.
        """
        self._fresh = fresh
        committed = self._reopen(fresh)
        self.stream = committed or fresh
        if committed is not None and (
            self._ask_log(lambda committed_log: supersedes(committed, committed_log))
            or (
                not committed.ended
                and self._ask_log(lambda committed_log: committed_log.has_lost(committed))
            )
        ):
            self.stream = self._begin_again(committed, fresh)
        if self.stream.ended:
            return self.stream
        while True:
            try:
                self._digest = self._committed_log.hash_images(self.stream)
            except Unavailable as error:
                self._pause(error)
            else:
                return self.stream

    @property
    def limits(self) -> RecordLimits:
        """How large the records may be that are sent."""
        return self._writer().limits

    def commit(self, batch: Sequence[Frame], missing: str | None) -> Stream:
        """Send the next frames. With the last of them, the stream ends: missing says how.

        missing is a sentence on what of the video is not in the log, or None. Raises Fenced;
        Blocked when a person has to mend something first; StartOver when what has been read
        can't be sent as it is: then another session goes on from what is committed, which may
        be a new run that has no frames yet.
        """
        with self._step("serialize"):
            digest = None if self._digest is None else self._digest.copy()
            if digest is not None:
                for frame in batch:
                    digest.update(frame.image)

        def advance(stream: Stream, placement: Placement | None) -> Stream:
            stream = replace(stream, content_sha256=self.content_sha256 or stream.content_sha256)
            if placement is not None:
                stream = stream.with_batch(batch, placement, self._now_us())
            if placement is None or batch[-1].is_last:
                text = None if digest is None else digest.hexdigest()
                stream = stream.with_end(text, missing, self._now_us())
            return stream

        self._commit_until_settled(batch, advance)
        self._digest = digest
        return self.stream

    def end(self, missing: str) -> Stream:
        """End the stream without a further frame, because of missing."""
        return self.commit([], missing)

    def close(self) -> None:
        """Let go of the stream."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _writer(self) -> Publisher:
        assert self._publisher is not None, "the session is open"
        return self._publisher

    def _commit_until_settled(
        self,
        batch: Sequence[Frame],
        advance: Callable[[Stream, Placement | None], Stream],
    ) -> None:
        before = self.stream
        while True:
            attempted: list[Stream] = []

            def attempt(
                stream: Stream, placement: Placement | None, attempted: list[Stream] = attempted
            ) -> Stream:
                attempted[:] = [advance(stream, placement)]
                return attempted[0]

            try:
                self.stream = self._writer().commit(before, batch, attempt)
            except Replaced as error:
                found = self._reopen(before)
                if found is not None:
                    self._take_over_state(before, attempted, found)
                raise self._start_over(found or before, str(error)) from error
            except Unavailable as error:
                self._pause(error)
            else:
                self._broken = self._limits_changed = 0
                return
            # Whoever has taken the stream over meanwhile is not to be fenced: look first.
            self._take_over_state(before, attempted, self._committed(before))
            found = self._reopen(before)
            is_committed = self._take_over_state(before, attempted, found)
            self._require_kept(before, found)
            if is_committed:
                return

    def _require_kept(self, before: Stream, found: Stream | None) -> None:
        """Raise StartOver, once a new run has begun, if Kafka lost what it had confirmed.

        A broker of 4.3 or 4.4 that is stopped can lose the COMMIT marker of a transaction that it
        has confirmed (KAFKA-20734). The next abort then discards that transaction: its frames, its
        state, or both.
        """
        if found is None:
            return
        if _is_earlier(found, before):
            reason = "Kafka has lost a commit of the stream that it had confirmed."
            raise self._start_over(found, reason)
        if self._ask_log(lambda committed_log: committed_log.has_lost(found)):
            reason = "Kafka has lost frames of the stream that it had confirmed."
            raise self._start_over(found, reason)

    def _start_over(self, old: Stream, reason: str) -> StartOver:
        """Begin a new run in place of one that is lost; return what to raise then."""
        now_us = self._now_us()
        run_id = uuid.uuid4().hex
        fresh = replace(self._fresh, run_id=run_id, started_at_us=now_us, updated_at_us=now_us)
        self.stream = self._begin_again(old, fresh)
        return StartOver(reason)

    def _take_over_state(
        self, before: Stream, attempted: Sequence[Stream], found: Stream | None
    ) -> bool:
        """Take over the committed state; return whether it includes a batch that was in doubt.

        attempted: the state that was to be committed with it, if it came so far. An earlier state
        of the same run changes nothing here; see _require_kept. Raises Fenced if another worker has
        continued the stream, or if the log does not have it any more.
        """
        if found is None:
            if before.segment_count:
                raise Fenced("The stream is not in the log any more: it was forgotten, or lost.")
            return False
        if _is_earlier(found, before) or _position(found) == _position(before):
            return False
        if _position(found) not in map(_position, attempted):
            raise Fenced(_MOVED_ON)
        self.stream = found
        return True

    def _pause(self, error: Unavailable) -> None:
        """Wait before the next try. Raises Blocked where tries like it have not helped."""
        if isinstance(error, LimitsChanged) and self._limits_changed < _MOST_LIMITS:
            self._limits_changed += 1
            return
        self._broken += isinstance(error, Broken | LimitsChanged)
        if self._broken >= _MOST_BROKEN:
            raise Blocked(f"{error} It has happened {self._broken} times in a row.") from error
        self._wait(str(error))

    def _ask_log(self, ask: Callable[[CommittedLog], T]) -> T:
        """Ask the committed log, and wait for its answer for as long as it takes."""
        while True:
            try:
                return ask(self._committed_log)
            except Unavailable as error:
                self._pause(error)

    def _begin_again(self, old: Stream, fresh: Stream) -> Stream:
        new = old.again(fresh)
        while True:
            try:
                return self._writer().commit(old, [], lambda *_: new)
            except Unavailable as error:
                self._pause(error)
            # As in _commit_until_settled: look first.
            for ask in (self._committed, self._reopen):
                found = ask(new)
                is_begun = found is not None and found.run_id == new.run_id
                if not is_begun and (found is None or _position(found) != _position(old)):
                    raise Fenced(_MOVED_ON)
            if is_begun:
                assert found is not None
                return found

    def _committed(self, own: Stream) -> Stream | None:
        """Return what is committed of own's content, if anything is; fences nobody."""
        return self._ask_log(lambda committed_log: _latest(committed_log.find(own.fingerprint)))

    def _reopen(self, own: Stream) -> Stream | None:
        """Open a new publisher and return what is committed of own's content, if anything is."""
        while True:
            self.close()
            try:
                self._publisher, self._committed_log = self._connect()
                return _latest(self._committed_log.find(own.fingerprint))
            except Unavailable as error:
                self._pause(error)


def _latest(found: Sequence[Stream]) -> Stream | None:
    """Return the stream that was changed last of those that hold frames, or will."""
    holding = [stream for stream in found if stream.holds_frames]
    return holding[-1] if holding else None


def _position(stream: Stream) -> tuple[str, int, int, int | None, bool]:
    """Return what tells one state of a stream from the others."""
    last = stream.last_offset
    return stream.run_id, stream.segment_count, stream.frame_count, last, stream.ended


def _is_earlier(found: Stream, before: Stream) -> bool:
    """Whether a committed state is an earlier one of the run whose state before was committed."""
    is_behind = found.segment_count < before.segment_count
    return found.run_id == before.run_id and is_behind and not found.ended
