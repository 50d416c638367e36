"""One file's pipeline: decode, sample, pace, encode, gather batches and commit them."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ingest.config.settings import Settings
from ingest.encode.frame_builder import Encoding
from ingest.encode.image_encoders import encoder
from ingest.inbox.open_file import HeldFile
from ingest.media.picture_source import PictureSource
from ingest.model.choices import Choices, with_named
from ingest.model.frame import BatchLimits, Frame, batches, first_alone
from ingest.model.sampling import sampled
from ingest.model.stream import Stream
from ingest.model.timing import timed
from ingest.telemetry.worker_probe import Probe, Pulled
from ingest.worker.messages import Job
from ingest.worker.pacing import Pacer
from ingest.worker.service_link import Link
from ingest.worker.stream_ending import StreamEnding
from ingest.worker.stream_session import Session

# Paced streams have priority over those that are sent as fast as possible.
_UNHURRIED = 10
_FEWER = "Fewer frames could be decoded than in the run before it was interrupted."

P = TypeVar("P")


class FramePipeline:
    """Sends the frames of one file. The calling thread pulls them; a second thread commits.

    While one batch is committed, the next is decoded and encoded, and no more: pulling bounds the
    memory.
    """

    def __init__(
        self, settings: Settings, job: Job, link: Link, probe: Probe, ending: StreamEnding
    ) -> None:
        self._settings = settings
        self._job = job
        self._link = link
        self._probe = probe
        self._ending = ending

    def send(self, source: PictureSource, session: Session, held: HeldFile) -> None:
        """Publish every frame that is not in the log yet; end the stream. Raises FileChanged."""
        settings, timing = self._settings, self._probe.pulling.timing
        # The choices of the run, not today's settings: frame indices depend on them.
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
            now_us=now_us,
        )
        if choices.pace is None:
            os.nice(_UNHURRIED)

        decoded = timing("decode", timed(source.pictures(choices), source.nominal(choices)))
        picked = sampled(self._alive(decoded), choices.every_nth, choices.rate)
        unsent = (picture for picture in picked if picture.index >= session.stream.frame_count)
        frames = timing("encode", encoding.frames(timing("pace", pacer.due(unsent))))
        # A lost worker may have decoded two batches that it had not committed.
        in_doubt = 2 * settings.batch_frames if self._job.after_loss else 0
        alone = max(1, in_doubt)  # the first frame always, so that it is visible soon
        with ThreadPoolExecutor(1, "commit") as committer:
            committing: Future[None] | None = None
            for batch in batches(first_alone(frames, alone), limits, time.monotonic):
                self._await(committing)
                missing = None
                if batch[-1].is_last:
                    missing = self._ending.missing(self._ending.shortfall(source), session, held)
                # Measured here, before anything of the next batch is pulled.
                pulled = self._probe.pulled(pacer.take_late_seconds())
                session.content_sha256 = held.known_sha256
                committing = committer.submit(self._commit, session, batch, missing, pulled)
                held.begin_hash()  # not earlier: hashing must not delay the first frame
                if self._job.after_loss and len(batch) == 1:
                    self._await(committing)
            self._await(committing)
        if not session.stream.ended:
            self._ending.end(session, held, encoding.failure or _FEWER)

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

    def _alive(self, pictures: Iterable[P]) -> Iterator[P]:
        """Send signs of life while pictures are decoded, even if none of them is sent."""
        for picture in pictures:
            self._link.show_life()
            yield picture

    def _sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._link.sign_of_life_seconds))
        self._link.show_life()


def _attributes(stream: Stream) -> dict[str, str]:
    width, height = stream.sample_aspect_num, stream.sample_aspect_den
    return {} if width == height else {"sample_aspect_ratio": f"{width}:{height}"}


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000
