"""Decides what to do with a file whose content the log may have: pure rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.inbox.open_file import Content
from ingest.model.stream import Stream


@dataclass(frozen=True)
class BeginStream:
    """Begin a stream: the log does not have this content."""


@dataclass(frozen=True)
class ResumeRun:
    """Continue the run of this stream: it has this content, and no other worker writes it."""

    stream: Stream


@dataclass(frozen=True)
class BeginNewRun:
    """Begin a new run in place of this stream's run, which is not usable as a whole."""

    stream: Stream


@dataclass(frozen=True)
class AlreadyFinished:
    """Move the file: its own run has ended, and only the move is left to do."""

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
    """Look up the hash of all bytes: this stream's content is equal only in samples."""

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
    """What entitles a file to a stream.

    run_id: the run that was begun from this file. superseded: the ended run that a new run
    replaces. abandoned: run and number of segments of a stream that has made no progress for
    long, so that its worker counts as lost.
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
    """Decide; found are the streams with the content's fingerprint, the latest change last.

    sha256 returns the hash of all the file's bytes, which may take long: it is called only if
    it decides. is_readable says whether every frame of an ended stream can be read.
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
    """Whether a file has exactly the bytes that the stream was made from; None: unknown."""
    if content.is_whole:
        return True
    return None if stream.content_sha256 is None else stream.content_sha256 == sha256()
