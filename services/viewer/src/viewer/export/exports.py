"""Exports clips: the published images in ZIP or MP4, or the log's records in Avro; streamed."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from framelog_service.logs import about

from viewer.export import avro_file, mp4_file, zip_file
from viewer.export.clip import Clip
from viewer.frames.frame_reader import FrameReader
from viewer.http_streaming.direct_sending import BrokenOffError
from viewer.kafka.wire_format import RegistryAwayError, UnknownSchemaError
from viewer.model.errors import ExpiredError, TryLaterError, ViewerError
from viewer.model.records import Record

logger = logging.getLogger(__name__)

Kind = Literal["zip", "mp4", "avro"]
CONTENT_TYPES = {"zip": "application/zip", "mp4": "video/mp4", "avro": "application/avro"}
_TABLE = "frames.csv"
_TABLE_HEAD = b"index,pts_ns,duration_ns,offset\r\n"


@dataclass(frozen=True)
class Export:
    """An exported file."""

    body: Iterator[bytes]
    length: int | None
    """Its size in bytes; None if unknown before it is read."""


class Exports:
    """Makes files from clips. Safe to share by threads; a body blocks while it reads the log."""

    def __init__(
        self,
        reader: FrameReader,
        schema_text: Callable[[int], str],
        stopping: threading.Event,
        delivered: Callable[[int], None],
    ) -> None:
        """Break off when `stopping` is set; call `delivered` with each image's size."""
        self._reader = reader
        self._schema_text = schema_text
        self._stopping = stopping
        self._delivered = delivered

    def export(self, clip: Clip, kind: Kind) -> Export:
        """Make a file from a clip. Its first part is fetched now, so that errors are raised here.

        Raises NeverWasError, ExpiredError, TryLaterError, or BadRequestError if this kind of file
        can't hold the images. The body raises BrokenOffError if it can't be completed.
        """
        if kind == "avro":
            identity = f"{clip.view.run_id}/{clip.first}/{clip.stop}"
            body = avro_file.written(self._blocks(clip), self._schema, identity)
            return Export(_unbroken(_begun(body), clip), None)
        if kind == "mp4":
            length = mp4_file.length(clip)
            body = mp4_file.written(clip, _begun(self._images(clip)))
        else:
            table = sum(map(len, _table(clip)))
            length = zip_file.length(_members(clip, table))
            bodies = chain([b"".join(_table(clip))], _begun(self._images(clip)))
            body = zip_file.written(lambda: _members(clip, table), bodies)
        return Export(_unbroken(body, clip), length)

    def _images(self, clip: Clip) -> Iterator[bytes]:
        at = clip.first
        while at < clip.stop:
            segment = self._reader.segment(clip.view, at)
            first = segment[0].frame_index
            for frame in segment[at - first : clip.stop - first]:
                if len(frame.image) != clip.sizes_bytes[frame.frame_index - clip.first]:
                    # Another program may have written a wrong index.
                    raise ExpiredError(
                        f"Frame {frame.frame_index} has another size than its index says; "
                        "request .avro, or the frames after it.",
                        frame.frame_index + 1,
                    )
                self._send(clip, frame.frame_index)
                yield frame.image
            at = segment[-1].frame_index + 1

    def _blocks(self, clip: Clip) -> Iterator[list[Record]]:
        at = clip.first
        while at < clip.stop:
            records = self._reader.records(clip.view, at)
            wanted = [record for record in records if at <= record.frame_index < clip.stop]
            for record in wanted:
                self._send(clip, record.frame_index)
            yield wanted
            at = wanted[-1].frame_index + 1

    def _send(self, clip: Clip, frame: int) -> None:
        if self._stopping.is_set():
            raise TryLaterError("The viewer is stopping; try again.")
        self._delivered(clip.sizes_bytes[frame - clip.first])

    def _schema(self, schema_id: int) -> str:
        try:
            return self._schema_text(schema_id)
        except (RegistryAwayError, UnknownSchemaError) as error:
            raise TryLaterError(f"The schema registry can't be reached: {error}.") from error


def _begun(items: Iterator[bytes]) -> Iterator[bytes]:
    """Get the first item now, so that its errors are raised here."""
    return chain([next(items)], items)


def _unbroken(body: Iterator[bytes], clip: Clip) -> Iterator[bytes]:
    """Yield a body. Raises BrokenOffError if it can't be completed."""
    try:
        yield from body
    except (ViewerError, ValueError) as error:
        whose = about(clip.view.stream_id, clip.view.run_id)
        logger.warning("event=export_broken_off reason=%r", str(error), extra=whose)
        raise BrokenOffError(str(error)) from error


def _members(clip: Clip, table_bytes: int) -> Iterator[zip_file.Member]:
    extension = {"JPEG": "jpg"}.get(clip.view.stream.encoding, clip.view.stream.encoding.lower())
    yield _TABLE, table_bytes
    for i, size_bytes in enumerate(clip.sizes_bytes, clip.first):
        yield f"{i:08}.{extension}", size_bytes


def _table(clip: Clip) -> Iterator[bytes]:
    yield _TABLE_HEAD
    rows = zip(clip.pts_ns, clip.durations_ns(), clip.offsets, strict=True)
    for i, (pts_ns, duration_ns, offset) in enumerate(rows, clip.first):
        yield b"%d,%d,%d,%d\r\n" % (i, pts_ns, duration_ns, offset)
