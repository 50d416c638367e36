"""The life of one video, in a process of its own."""

import logging
import signal
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import NoReturn

from ingest import logs
from ingest.cluster import connect
from ingest.description import NOTHING_KNOWN, Description
from ingest.encoding import encoded
from ingest.errors import Fenced, Unreadable
from ingest.fingerprint import fingerprint, printable, stream_id
from ingest.frame import BatchLimits, Frame, batches
from ingest.link import Link
from ingest.messages import (
    Begun,
    Ended,
    Job,
    LetGo,
    NotAVideo,
    Opened,
    Progress,
    Report,
    Waiting,
)
from ingest.pacing import paced
from ingest.picture import JpegEncoder
from ingest.session import Session
from ingest.settings import Settings, pace_name
from ingest.source import Picture, Source
from ingest.stopwatch import Stopwatch
from ingest.stream import Stream
from ingest.timing import Timed, timed

_RETRY_SECONDS = 1.0
_LONGEST_SLEEP_SECONDS = 5.0

log = logging.getLogger(__name__)


def main(settings: Settings, service: Connection) -> None:
    """Wait for a job, ingest its file and tell how it went; the process's whole life."""
    logs.set_up(settings.log_level, settings.log_format)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when its workers stop
    signal.signal(signal.SIGTERM, _leave)
    link = Link(service, time.monotonic)
    try:
        job = link.wait_for_job()
        last_words = _last_words(settings, job, link)
        # The service ends the process once it has heard this; there is nothing to clean up.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        link.send(last_words)
    except (EOFError, ConnectionError) as error:
        log.info("event=worker_left reason=%r", str(error) or "the service is gone")


def _last_words(settings: Settings, job: Job, link: Link) -> Report:
    try:
        return Worker(settings, job, link).run()
    except Unreadable as error:
        return NotAVideo(str(error))
    except Fenced:
        return LetGo()


class Worker:
    """Everything that one file's process does."""

    def __init__(self, settings: Settings, job: Job, link: Link) -> None:
        self._settings = settings
        self._job = job
        self._link = link
        self._stopwatch = Stopwatch(time.perf_counter)
        self._supersedes: str | None = None

    def run(self) -> Ended:
        """Bring the job's stream to its end. Raises Unreadable and Fenced."""
        if self._job.give_up is not None:
            return self._end_with(self._job.give_up)
        with Source(self._job.path, self._settings.decoder_threads) as source:
            fresh = self._announced(source.describe())
            session = self._session(fresh, self._supersedes)
            duplicate = session.stream.ended
            if not duplicate:
                self._link.send(Begun(session.stream.stream_id, session.stream.frame_count))
                self._send(source, session)
            return _ended(session.stream, duplicate)

    def _send(self, source: Source, session: Session) -> None:
        """Publish every frame that is not in the log yet: the pipeline."""
        settings, timing = self._settings, self._stopwatch.timing
        limits = BatchLimits(settings.batch_frames, settings.batch_bytes, settings.batch_seconds)
        encoder = JpegEncoder(settings.quality, settings.largest_frame_bytes)

        decoded = timing("decode", timed(source.pictures(), source.nominal))
        unsent = self._from(session.stream.frame_count, decoded)
        due = timing(
            "pace",
            paced(unsent, settings.pace, time.monotonic, self._sleep, settings.batch_seconds),
        )
        frames = timing("encode", encoded(due, encoder, _attributes(source), _now_us))
        with ThreadPoolExecutor(1, "commit") as committer:
            committing: Future[None] | None = None
            for batch in batches(frames, limits, time.monotonic):
                if committing is not None:
                    committing.result()
                missing = source.shortfall() if batch[-1].is_last else None
                committing = committer.submit(self._commit, session, batch, missing)
            if committing is not None:
                committing.result()
        if not session.stream.ended:
            session.end("Fewer frames could be decoded than in the run before it was interrupted.")

    def _commit(self, session: Session, batch: list[Frame], missing: str | None) -> None:
        started = time.perf_counter()
        session.commit(batch, missing)
        seconds = {"commit": time.perf_counter() - started, **self._stopwatch.take()}
        self._link.send(Progress(len(batch), sum(len(frame.image) for frame in batch), seconds))

    def _from(self, first: int, pictures: Iterable[Timed[Picture]]) -> Iterator[Timed[Picture]]:
        """Pass over what is in the log already; decoding it again is what makes times exact."""
        for picture in pictures:
            self._link.show_life()
            if picture.index >= first:
                yield picture

    def _end_with(self, reason: str) -> Ended:
        session = self._session(self._announced(NOTHING_KNOWN))
        duplicate = session.stream.ended
        if not duplicate:
            session.end(reason)
        return _ended(session.stream, duplicate)

    def _announced(self, description: Description) -> Stream:
        """Tell what the file holds, wait for the claim, and return its stream's first state."""
        content = fingerprint(self._job.path)
        size_bytes = self._job.path.stat().st_size
        self._link.send(Opened(content, description.estimated_frame_count))
        go = self._link.wait_for_go()
        name, self._supersedes = go.name, go.supersedes
        return Stream.begin(
            description,
            stream_id=stream_id(name, content),
            run_id=uuid.uuid4().hex,
            source_name=printable(name),
            source_bytes=size_bytes,
            fingerprint=content,
            pace=pace_name(self._settings.pace),
            quality=self._settings.quality,
            now_us=_now_us(),
        )

    def _session(self, fresh: Stream, supersedes: str | None = None) -> Session:
        session = Session(lambda: connect(self._settings, fresh.fingerprint), self._wait, _now_us)
        session.open(fresh, supersedes)
        return session

    def _wait(self, reason: str) -> None:
        self._link.send(Waiting(reason))
        time.sleep(_RETRY_SECONDS)

    def _sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, _LONGEST_SLEEP_SECONDS))
        self._link.show_life()


def _ended(stream: Stream, duplicate: bool) -> Ended:
    return Ended(stream.stream_id, stream.state, stream.frame_count, stream.error, duplicate)


def _attributes(source: Source) -> dict[str, str]:
    aspect = source.describe().sample_aspect
    square = aspect == 1
    return {} if square else {"sample_aspect_ratio": f"{aspect.numerator}:{aspect.denominator}"}


def _leave(*_: object) -> NoReturn:
    """End on a signal: a commit under way is finished, whatever is open is closed."""
    raise SystemExit(0)


def _now_us() -> int:
    return time.time_ns() // 1000
