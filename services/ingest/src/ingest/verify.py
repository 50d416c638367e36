"""Reading the log back, and saying of each stream whether it is whole."""

import sys
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import TopicPartition

from ingest.cli import plain, size
from ingest.cluster import reading
from ingest.codec import Codec
from ingest.errors import Foreign, IngestError, Refused, Unknown
from ingest.fingerprint import fingerprint
from ingest.ledger import Ledger
from ingest.settings import Settings
from ingest.stream import Segment, Stream
from ingest.verify_check import Findings, Found, check
from ingest.verify_source import compared

OK, DIFFERS, NOT_CHECKED = 0, 1, 2


def main(settings: Settings, wanted: str, file: Path | None) -> int:
    """Check one stream, or all, and print a line for each.

    Returns the exit status: 0 when all are whole, 1 when one differs, 2 when none does but
    not all could be checked.
    """
    statuses = {OK}
    try:
        with reading(settings) as (ledger, codec):
            streams = ledger.streams(lambda key: wanted == "all" or key == wanted.encode())
            if not streams and wanted != "all":
                raise Unknown(f"There is no stream {wanted!r}.")
            for stream in streams:
                statuses.add(_verify(Verifier(settings, ledger, codec), stream, file))
    except (IngestError, OSError) as error:
        sys.stderr.write(f"Not checked: {plain(str(error))}\n")
        statuses.add(NOT_CHECKED)
    return DIFFERS if DIFFERS in statuses else max(statuses)


def _verify(verifier: "Verifier", stream: Stream, file: Path | None) -> int:
    try:
        findings = verifier.check(stream, file)
    except (IngestError, OSError) as error:
        sys.stdout.write(f"?        {plain(stream.stream_id)}  not checked: {plain(str(error))}\n")
        return NOT_CHECKED
    sys.stdout.write(f"{verdict(stream, findings)}\n")
    sys.stdout.flush()
    return DIFFERS if findings.differences else OK


def verdict(stream: Stream, findings: Findings) -> str:
    """Return the line that tells what was found of a stream."""
    if findings.differences:
        word, what = "BAD", "; ".join(findings.differences.values())
    elif findings.first_frame >= stream.frame_count > 0:
        word, what = "expired", f"none of {stream.frame_count} frames is there any more"
    elif findings.first_frame:
        word = "expired"
        what = (
            f"frames {findings.first_frame} to {stream.frame_count - 1} of {stream.frame_count} "
            "are still there, and agree"
        )
    else:
        word, what = "ok", f"{stream.frame_count} frames  {size(findings.bytes)}"
        if stream.partition is not None:
            what += (
                f"  partition {stream.partition}, "
                f"offsets {stream.first_offset} to {stream.last_offset}"
            )
    return f"{word:<7}  {plain(stream.stream_id)}  {stream.state.value}  {plain(what)}"


class Verifier:
    """Reads what the log has of a stream and has it checked; holds one frame at a time.

    Raises Unavailable, and Refused when the file is not the stream's.
    """

    def __init__(self, settings: Settings, ledger: Ledger, codec: Codec) -> None:
        self._settings = settings
        self._ledger = ledger
        self._codec = codec

    def check(self, stream: Stream, file: Path | None) -> Findings:
        """Compare frames, index and catalogue, and the pictures with the file's if there is one."""
        findings = Findings()
        if file is not None and fingerprint(file) != stream.fingerprint:
            raise Refused(f"{file} is not the file that {stream.stream_id} was made from.")
        frames: Iterator[Found] = iter(())
        segments: Iterator[Segment] = iter(())
        begins_at = index_begins_at = 0
        if stream.partition is not None:
            place, _ = self._partition(self._settings.frames_topic, stream.partition)
            begins_at = place.offset
            frames = self._frames(stream, findings)
            place, end = self._partition(self._settings.index_topic, stream.partition)
            index_begins_at = place.offset
            segments = self._segments(stream, place, end)
            if file is not None:
                frames = compared(frames, file, stream, self._settings, findings)
        check(
            stream,
            frames,
            segments,
            findings,
            begins_at=begins_at,
            index_begins_at=index_begins_at,
        )
        return findings

    def _partition(self, topic: str, partition: int) -> tuple[TopicPartition, int]:
        """Return where a partition begins and ends; the index has its own way to number them."""
        places = {place.partition: (place, end) for place, end in self._ledger.whole(topic).items()}
        return places[partition % len(places)]

    def _frames(self, stream: Stream, findings: Findings) -> Iterator[Found]:
        assert stream.partition is not None
        if stream.first_offset is None or stream.last_offset is None:
            return
        topic, key = self._settings.frames_topic, stream.stream_id.encode()
        start = TopicPartition(topic, stream.partition, stream.first_offset)
        for message in self._ledger.records(topic, {start: stream.last_offset + 1}):
            value, offset = message.value(), message.offset() or 0
            if message.key() != key or value is None:
                continue
            try:
                record = self._codec.read_frame(value)
            except Foreign as error:
                findings.differ("record", f"the record at offset {offset} is no frame ({error})")
                continue
            names = [name for name in Found.__dataclass_fields__ if name != "offset"]
            yield Found(offset, **{name: record[name] for name in names})

    def _segments(self, stream: Stream, place: TopicPartition, end: int) -> Iterator[Segment]:
        prefix = f"{stream.stream_id}/".encode()
        for message in self._ledger.records(place.topic, {place: end}):
            value = message.value()
            if value is not None and (message.key() or b"").startswith(prefix):
                yield self._codec.read_segment(value)
