"""Everything that is done for one file."""

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from hashlib import sha256
from typing import TypeVar

from ingest.choices import Choices, with_named
from ingest.cluster import Connection
from ingest.decoded import Limits, Pictures
from ingest.description import NOTHING_KNOWN, Description
from ingest.encoders import encoder
from ingest.encoding import Encoding
from ingest.errors import Unfinished, Unreadable
from ingest.file_end import End
from ingest.fingerprint import fingerprint, printable, stream_id
from ingest.frame import BatchLimits, Frame, batches, first_alone
from ingest.image_folder import size_bytes
from ingest.link import Link
from ingest.logs import Lines
from ingest.messages import Begun, Ended, Job, Opened, Progress, Waiting
from ingest.opening import check_size, open_pictures
from ingest.pacing import Pacer
from ingest.probe import Probe, Pulled
from ingest.record_limits import Learned
from ingest.sampling import sampled
from ingest.session import Session
from ingest.settings import Settings
from ingest.stream import Stream
from ingest.timing import timed

_RETRY_SECONDS = 1.0
# Streams that are to keep a schedule come before those that are sent as quickly as possible.
_UNHURRIED = 10
_FEWER = "Fewer frames could be decoded than in the run before it was interrupted."

P = TypeVar("P")


class Worker:
    """Opens a file, begins or goes on with its stream, and sends what is not in the log."""

    def __init__(
        self, settings: Settings, job: Job, link: Link, probe: Probe, lines: Lines
    ) -> None:
        self._settings = settings
        self._job = job
        self._link = link
        self._probe = probe
        self._lines = lines
        self._supersedes: str | None = None

    def run(self) -> Ended:
        """Bring the job's stream to its end. Raises Unreadable, Unfinished and Fenced."""
        if self._job.give_up is not None:
            return self._end_with(self._job.give_up)
        settings, choices = self._settings, self._job.choices
        limits = Limits(settings.decoder_threads, settings.largest_pixels)
        with self._probe.trace.span("open"):
            source = open_pictures(
                self._job.path, limits, self._probe.pulling, self._link.show_life
            )
        with source:
            if self._job.may_grow and source.end is not End.WHOLE:
                raise Unfinished(f"{self._job.path.name!r} may go on.")
            description = source.describe(choices)
            check_size(description, choices)
            session = self._session(self._announced(description), self._supersedes)
            duplicate = session.stream.ended
            if not duplicate:
                self._link.send(_begun(session.stream))
                self._send(source, session)
            return _ended(session.stream, duplicate)

    @property
    def learned(self) -> Learned:
        """What is known of how large records may be, once a stream was begun."""
        return self._connection.book.learned

    def _send(self, source: Pictures, session: Session) -> None:
        """Publish every frame that is not in the log yet: the pipeline."""
        settings, timing = self._settings, self._probe.pulling.timing
        # What the run began with, not what is asked for now: its indices depend on it.
        choices = with_named(Choices(), session.stream.choices)
        largest_bytes = min(
            settings.largest_frame_bytes, session.limits.image_bytes(session.stream)
        )
        batch_frames = min(settings.batch_frames, session.limits.segment_frames(session.stream))
        limits = BatchLimits(batch_frames, settings.batch_bytes, settings.batch_seconds)
        pacer = Pacer(choices.pace, time.monotonic, self._sleep, settings.batch_seconds)
        encoding = Encoding(
            encoder(choices, largest_bytes),
            choices.encoding,
            largest_bytes,
            lower_oversize=settings.lower_oversize,
            attributes=_attributes(session.stream),
            now_us=_now_us,
        )
        if choices.pace is None:
            os.nice(_UNHURRIED)

        decoded = timing("decode", timed(source.pictures(choices), source.nominal(choices)))
        picked = sampled(self._alive(decoded), choices.every_nth, choices.rate)
        unsent = (picture for picture in picked if picture.index >= session.stream.frame_count)
        frames = timing("encode", encoding.frames(timing("pace", pacer.due(unsent))))
        # What a lost worker had decoded and not committed: one batch, and the next one's frames.
        in_doubt = 2 * settings.batch_frames if self._job.after_loss else 0
        alone = max(1, in_doubt)  # the first one in any case, so that it can be watched soon
        with ThreadPoolExecutor(1, "commit") as committer:
            committing: Future[None] | None = None
            for batch in batches(first_alone(frames, alone), limits, time.monotonic):
                self._await(committing)
                missing = source.shortfall() if batch[-1].is_last else None
                # Taken here, while nothing of the next batch has been pulled.
                pulled = self._probe.pulled(pacer.take_late_seconds())
                committing = committer.submit(self._commit, session, batch, missing, pulled)
                if self._job.after_loss and len(batch) == 1:
                    self._await(committing)
            self._await(committing)
        if not session.stream.ended:
            self._end(session, encoding.failure or _FEWER)

    def _commit(
        self, session: Session, batch: list[Frame], missing: str | None, pulled: Pulled
    ) -> None:
        with self._probe.batch(batch, pulled):
            session.commit(batch, missing)
        self._link.send(self._probe.committed(batch, pulled))

    def _await(self, committing: Future[None] | None) -> None:
        if committing is None:
            return
        if not committing.done():
            with self._link.showing_life():
                wait([committing])
        committing.result()

    def _end(self, session: Session, reason: str) -> None:
        with self._link.showing_life(), self._probe.trace.span("end"):
            session.end(reason)

    def _alive(self, pictures: Iterable[P]) -> Iterator[P]:
        """Show the service that pictures come, also while none of them is sent."""
        for picture in pictures:
            self._link.show_life()
            yield picture

    def _end_with(self, reason: str) -> Ended:
        session = self._session(self._announced(NOTHING_KNOWN))
        duplicate = session.stream.ended
        if not duplicate:
            self._end(session, reason)
        return _ended(session.stream, duplicate)

    def _announced(self, description: Description) -> Stream:
        """Tell what the file holds, wait for the claim, and return its stream's first state."""
        with self._probe.trace.span("fingerprint"):
            content, content_bytes = self._content()
        self._link.send(Opened(content))
        self._connection = Connection(self._settings, content, self._probe, self._job.learned)
        with self._link.showing_life(), self._probe.trace.span("prepare"):
            self._connection.prepare()
        with self._probe.trace.span("claim"):
            go = self._link.wait_for_go()
        name, self._supersedes = go.name, go.supersedes
        return Stream.begin(
            description,
            stream_id=stream_id(name, content),
            run_id=uuid.uuid4().hex,
            source_name=printable(name),
            source_bytes=content_bytes,
            fingerprint=content,
            choices=self._job.choices,
            now_us=_now_us(),
        )

    def _content(self) -> tuple[str, int]:
        """Return the file's fingerprint and its size in bytes."""
        path = self._job.path
        try:
            return fingerprint(path, self._link.show_life), size_bytes(path)
        except (OSError, Unreadable) as error:
            if self._job.give_up is None:
                reason = getattr(error, "strerror", None) or error
                raise Unreadable(f"It can't be read: {reason}.") from error
            # What becomes of it has to stand somewhere: its name is all that is known of it.
            return sha256(b"unreadable " + os.fsencode(path.name)).hexdigest(), 0

    def _session(self, fresh: Stream, supersedes: str | None = None) -> Session:
        session = Session(
            self._connection.open,
            self._wait,
            _now_us,
            self._probe.step,
        )
        with self._link.showing_life(), self._probe.trace.span("connect"):
            self._lines.concern(stream_id=fresh.stream_id, run_id=fresh.run_id)
            stream = session.open(fresh, supersedes)
            self._lines.concern(stream_id=stream.stream_id, run_id=stream.run_id)
        return session

    def _wait(self, reason: str) -> None:
        self._link.send(Progress(kafka=self._probe.kafka.take()))
        self._link.send(Waiting(reason))
        time.sleep(_RETRY_SECONDS)

    def _sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._link.sign_of_life_seconds))
        self._link.show_life()


def _begun(stream: Stream) -> Begun:
    return Begun(stream.stream_id, stream.run_id, stream.frame_count, stream.estimated_frame_count)


def _ended(stream: Stream, duplicate: bool) -> Ended:
    return Ended(
        stream.stream_id, stream.run_id, stream.state, stream.frame_count, stream.error, duplicate
    )


def _attributes(stream: Stream) -> dict[str, str]:
    width, height = stream.sample_aspect_num, stream.sample_aspect_den
    return {} if width == height else {"sample_aspect_ratio": f"{width}:{height}"}


def _now_us() -> int:
    return time.time_ns() // 1000
