"""Writes one stream, batch by batch, and recovers after failures of the cluster."""

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

# After so many Broken publishers in a row, a person is asked for.
_MOST_BROKEN = 3
# Each about halves the largest record size.
_MOST_LIMITS = 40
_CONTINUED = "Another worker has continued the stream."

T = TypeVar("T")


class Session:
    """Continues a stream from its committed state, batch by batch.

    After any failure it looks whether another worker has taken the stream over, opens a new
    publisher, which fences the old one, and reads the committed state back. That state shows
    whether the batch in doubt is in the log, so no frame is lost and none is sent twice.
    """

    def __init__(
        self,
        connect: Callable[[], tuple[Publisher, CommittedLog]],
        wait: Callable[[str], None],
        now_us: Callable[[], int],
        step: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Take a function that opens a publisher, and the wall clock in microseconds.

        wait is called with the reason if the cluster is unavailable, and pauses. step times a
        stage of a commit.
        """
        self._connect = connect
        self._wait = wait
        self._now_us = now_us
        self._step = step
        self.content_sha256: str | None = None
        """The hash of the file's bytes, once it is known; the next state includes it."""
        self._publisher: Publisher | None = None
        self._broken = 0
        self._limits_changed = 0

    def open(
        self, fresh: Stream, supersedes: Callable[[Stream, CommittedLog], bool] = lambda *_: False
    ) -> Stream:
        """Return the stream to write: fresh, or the committed one of the same content.

        If the committed one has ended, there is nothing to do. If supersedes returns true for it,
        fresh's run replaces it. That is committed before anything else, so that any worker that
        takes over continues the new run.
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
        """The largest records that may be sent."""
        return self._writer().limits

    def commit(self, batch: Sequence[Frame], missing: str | None) -> Stream:
        """Send the next frames. The last frame ends the stream: missing says how.

        missing is a sentence on what of the video is not in the log, or None. Raises Fenced;
        Blocked if a person has to fix something first; StartOver if what was read can't be sent
        as it is. Another session then continues from the committed state, which may be a new
        run without frames.
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
        """End the stream without a further frame; missing says why."""
        return self.commit([], missing)

    def close(self) -> None:
        """Close the publisher."""
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
        attempted: list[Stream] = []

        def attempt(stream: Stream, placement: Placement | None) -> Stream:
            attempted.append(advance(stream, placement))
            return attempted[-1]

        while True:
            attempted.clear()
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
            # Do not fence a worker that has taken over the stream meanwhile.
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
        """Begin a new run in place of a lost one; return the error to raise."""
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
            raise Fenced(_CONTINUED)
        self.stream = found
        return True

    def _pause(self, error: Unavailable) -> None:
        """Wait before the next try. Raises Blocked after several tries without success."""
        if isinstance(error, LimitsChanged) and self._limits_changed < _MOST_LIMITS:
            self._limits_changed += 1
            return
        self._broken += isinstance(error, Broken | LimitsChanged)
        if self._broken >= _MOST_BROKEN:
            raise Blocked(f"{error} It has happened {self._broken} times in a row.") from error
        self._wait(str(error))

    def _ask_log(self, ask: Callable[[CommittedLog], T]) -> T:
        """Ask the committed log; retry until it answers."""
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
                    raise Fenced(_CONTINUED)
            if is_begun:
                assert found is not None
                return found

    def _committed(self, own: Stream) -> Stream | None:
        """Return the committed stream of own's content, if there is one. Fences nobody."""
        return self._ask_log(lambda committed_log: _latest(committed_log.find(own.fingerprint)))

    def _reopen(self, own: Stream) -> Stream | None:
        """Open a new publisher; return the committed stream of own's content, if there is one."""
        while True:
            self.close()
            try:
                self._publisher, self._committed_log = self._connect()
                return _latest(self._committed_log.find(own.fingerprint))
            except Unavailable as error:
                self._pause(error)


def _latest(found: Sequence[Stream]) -> Stream | None:
    """Return the stream that was changed last, of those that have not failed."""
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
