"""What is to be done with a file, going by what the log has of its content: rules alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.inbox.open_file import Content
from ingest.model.stream import Stream


@dataclass(frozen=True)
class BeginStream:
    """Begin a stream: the log has nothing of this content."""


@dataclass(frozen=True)
class ResumeRun:
    """Go on with the run of this stream: it is of this content, and nobody else is at it."""

    stream: Stream


@dataclass(frozen=True)
class BeginNewRun:
    """Begin a new run in place of this stream's, of which not all can be used or read."""

    stream: Stream


@dataclass(frozen=True)
class AlreadyFinished:
    """Move the file: its own run has ended, and only that was left to do."""

    stream: Stream


@dataclass(frozen=True)
class Duplicate:
    """Send nothing: every frame of this content can be read from the log, in this stream."""

    stream: Stream


@dataclass(frozen=True)
class WaitForOther:
    """Wait: another worker may be sending this content, in this stream."""

    stream: Stream


@dataclass(frozen=True)
class CompareAllBytes:
    """Look the whole content's hash up: this stream's content is alike in samples alone."""

    stream: Stream


Decision = (
    BeginStream
    | ResumeRun
    | BeginNewRun
    | AlreadyFinished
    | Duplicate
    | WaitForOther
    | CompareAllBytes
)


@dataclass(frozen=True)
class Claim:
    """What gives a file a right to a stream.

    run_id: the run that was begun from this very file. superseded: the ended run in place of
    which it is to be sent again. abandoned: run and number of segments of a stream that has not
    moved for long, so that its worker is taken for lost.
    """

    run_id: str | None = None
    superseded: str | None = None
    abandoned: tuple[str, int] | None = None


def decide(
    found: Sequence[Stream],
    content: Content,
    claim: Claim,
    sha256: Callable[[], str],
    is_readable: Callable[[Stream], bool],
) -> Decision:
    """Decide; found are the streams under the content's fingerprint, the latest change last.

    sha256 gives the hash of all the file's bytes, which may take long: it is asked only where it
    decides. is_readable tells whether every frame of an ended stream can be read from the log.
    """
    holding = [stream for stream in found if stream.holds_frames]
    if not holding:
        return BeginStream()
    stream = holding[-1]
    if stream.ended and stream.run_id == claim.superseded:
        return BeginNewRun(stream)
    if stream.run_id == claim.run_id:
        return AlreadyFinished(stream) if stream.ended else ResumeRun(stream)
    return _of_another_file(stream, content, claim, sha256, is_readable)


def _of_another_file(
    stream: Stream,
    content: Content,
    claim: Claim,
    sha256: Callable[[], str],
    is_readable: Callable[[Stream], bool],
) -> Decision:
    is_same = _is_same(stream, content, sha256)
    if is_same is False or (is_same is None and stream.ended):
        return CompareAllBytes(stream)
    if stream.ended:
        return Duplicate(stream) if is_readable(stream) else BeginNewRun(stream)
    if claim.abandoned != (stream.run_id, stream.segment_count):
        return WaitForOther(stream)
    return ResumeRun(stream) if is_same else BeginNewRun(stream)


def _is_same(stream: Stream, content: Content, sha256: Callable[[], str]) -> bool | None:
    """Whether all bytes of a file are those that the stream was made from; None: not known."""
    if content.is_whole:
        return True
    return None if stream.content_sha256 is None else stream.content_sha256 == sha256()
