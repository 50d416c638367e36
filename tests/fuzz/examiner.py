"""Does to a file what a worker does, in a process that is used for many files."""

import gc
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from ingest.encode.frame_builder import Encoding
from ingest.encode.image_encoders import encoder
from ingest.media.opening import check_size, open_pictures
from ingest.media.picture_source import Limits
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.timing import timed

LIMITS = Limits(decoder_threads=1, largest_pixels=1 << 24)
MEMORY_BYTES = 1 << 30
LARGEST_FRAME_BYTES = 15 << 20
SILENT_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """What came of one file.

    frames that came out; the sentence on what is missing, or why nothing can be sent; fault is
    what a worker must not do.
    """

    frames: int = 0
    sentence: str | None = None
    fault: str | None = None
    peak_bytes: int = 0


def examine(path: Path, connection: Connection) -> Finding:
    """Open, time and encode all of path, telling connection of each frame."""
    choices, frames, sentence = Choices(), 0, None
    try:
        with open_pictures(path, LIMITS) as source:
            check_size(source.describe(choices), choices)
            encoding = Encoding(
                encoder(choices, LARGEST_FRAME_BYTES),
                choices.encoding,
                LARGEST_FRAME_BYTES,
                lower_oversize=True,
                attributes={},
                now_us=time.monotonic_ns,
            )
            end_ns, ended = 0, False
            pictures = timed(source.pictures(choices), source.nominal(choices))
            for frame in encoding.frames(pictures):
                assert frame is not None
                assert (frame.frame_index, frame.pts_ns) == (frames, end_ns), "a gap"
                assert frame.duration_ns > 0, "a frame that is never shown"
                assert not ended, "a frame after the last"
                end_ns, ended, frames = frame.end_pts_ns, frame.is_last, frames + 1
                connection.send(frames)
            assert ended or encoding.failure, "no last frame"
            sentence = encoding.failure or source.shortfall()
    except Unreadable as error:
        sentence = str(error)
    except MemoryError:
        sentence = "It takes too much memory."
    except Exception as error:
        return Finding(frames, fault=f"raises {type(error).__name__}: {error}")
    return Finding(frames, sentence, peak_bytes=_peak_bytes())


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve(connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        connection.send(examine(path, connection))
        gc.collect()  # decoders of earlier files, and their threads: a worker has one file


class Examiner:
    """A process that examines files; one that dies or hangs is replaced."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None

    def examine(self, path: Path) -> Finding:
        """Return what comes of path."""
        if self._process is None:
            self._start()
        self._line.send(path)
        while True:
            try:
                if not self._line.poll(SILENT_SECONDS):
                    self._end()
                    return Finding(fault=f"is silent for {SILENT_SECONDS:g} s")
                answer = self._line.recv()
            except (EOFError, ConnectionError):
                return Finding(sentence=f"Its worker was ended by signal {-self._end()}.")
            if isinstance(answer, Finding):
                return answer

    def _start(self) -> None:
        self._line, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.join(1)
        if process.exitcode is None:
            process.kill()
            process.join()
        self._line.close()
        return process.exitcode or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end()
