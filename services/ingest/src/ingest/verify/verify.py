"""Reads the log back, and reports for each stream whether it is complete."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import Message, TopicPartition

from ingest.api.command_line import plain, size
from ingest.config.settings import Settings
from ingest.kafka.avro_codec import Codec
from ingest.kafka.avro_records import segment_key
from ingest.kafka.committed_log import CommittedLog
from ingest.kafka.connection import reading
from ingest.media.fingerprint import fingerprint
from ingest.model.errors import Foreign, IngestError, Refused, Unavailable, Unknown
from ingest.model.stream import Segment, Stream
from ingest.verify.consistency import Findings, Found, check
from ingest.verify.source_comparison import compared

OK, DIFFERS, NOT_CHECKED = 0, 1, 2
# What ingest may put beside a frame.
_HEADERS = {"traceparent"}
# A frame's value begins with its stream's id.
_HEAD_BYTES = 256


def main(settings: Settings, wanted: str, file: Path | None) -> int:
    """Check one stream, or all, and print a line for each.

    Returns the exit status: 0 when all are whole, 1 when one differs, 2 when none does but
    not all could be checked.
    """
    statuses = {OK}

    def foreign(key: bytes, error: Foreign) -> None:
        statuses.add(DIFFERS)
        name = plain(key.decode(errors="replace"))
        _say(f"BAD      {name}  its record in {settings.streams_topic}: {plain(str(error))}")

    try:
        with reading(settings, foreign) as (committed_log, codec):
            streams = committed_log.streams(lambda key: wanted == "all" or key == wanted.encode())
            if not streams and wanted != "all" and statuses == {OK}:
                raise Unknown(f"There is no stream {wanted!r}.")
            verifier = Verifier(settings, committed_log, codec)
            for stream in streams:
                statuses.add(_verify(verifier, stream, file))
    except (IngestError, OSError) as error:
        sys.stderr.write(f"Not checked: {plain(str(error))}\n")
        statuses.add(NOT_CHECKED)
    return DIFFERS if DIFFERS in statuses else max(statuses)


def _verify(verifier: "Verifier", stream: Stream, file: Path | None) -> int:
    try:
        findings = verifier.check(stream, file)
    except (IngestError, OSError) as error:
        return _not_checked(stream, str(error))
    except Exception as error:
        return _not_checked(stream, f"{error!r}.")
    _say(result_line(stream, findings))
    return DIFFERS if findings.differences else OK


def _not_checked(stream: Stream, why: str) -> int:
    _say(f"?        {plain(stream.stream_id)}  not checked: {plain(why)}")
    return NOT_CHECKED


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def result_line(stream: Stream, findings: Findings) -> str:
    """Return the result line of a stream."""
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

    def __init__(self, settings: Settings, committed_log: CommittedLog, codec: Codec) -> None:
        self._settings = settings
        self._committed_log = committed_log
        self._codec = codec
        self._counts: dict[str, int] = {}
        # Partitions that did not give what was asked for: up to where they do, and why.
        self._stuck: dict[tuple[str, int], tuple[int, str]] = {}

    def check(self, stream: Stream, file: Path | None) -> Findings:
        """Compare frames, index and catalogue, and the pictures with the file's if there is one."""
        findings = Findings()
        if file is not None and not _is_of(stream, file):
            raise Refused(f"{file} is not the file that {stream.stream_id} was made from.")
        frames: Iterator[Found] = iter(())
        segments: Iterator[Segment] = iter(())
        begins_at = index_begins_at = 0
        if stream.partition is not None:
            if stream.frames_topic_id not in (None, self._topic_id):
                findings.differ(
                    "topic",
                    f"{self._settings.frames_topic} was deleted and recreated since: none of "
                    f"{stream.frame_count} frames is there",
                )
                return findings
            topic = self._settings.frames_topic
            if stream.partition >= self._count(topic):
                findings.differ("partition", f"{topic} has no partition {stream.partition}")
                return findings
            place, end = self._partition(topic, stream.partition)
            begins_at = place.offset
            if stream.last_offset is not None and stream.last_offset >= end:
                findings.differ("end", f"partition {stream.partition} ends at offset {end}")
            frames = self._frames(stream, begins_at, end, findings)
            place, end = self._partition(self._settings.index_topic, stream.partition)
            index_begins_at = place.offset
            segments = self._segments(stream, place, end, findings)
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

    @cached_property
    def _topic_id(self) -> str | None:
        return self._committed_log.frames_topic_id()

    def _partition(self, topic: str, partition: int) -> tuple[TopicPartition, int]:
        """Return where a partition begins and ends; the index has its own way to number them."""
        number = partition % self._count(topic)
        self._refuse_again(topic, number, 0)
        try:
            whole = self._committed_log.whole(topic, number)
        except Unavailable as error:
            self._stuck[topic, number] = (-1, str(error))
            raise
        [(place, end)] = whole.items()
        return place, end

    def _count(self, topic: str) -> int:
        """Return how many partitions a topic has, as it had them when it was first asked for."""
        if topic not in self._counts:
            self._counts[topic] = self._committed_log.partition_count(topic)
        return self._counts[topic]

    def _records(self, topic: str, place: TopicPartition, end: int) -> Iterator[Message]:
        """Yield the records of a range; where they don't come, no other range waits for them."""
        self._refuse_again(topic, place.partition, end)
        reached = place.offset
        try:
            for message in self._committed_log.records(topic, {place: end}):
                reached = (message.offset() or 0) + 1
                yield message
        except Unavailable as error:
            why = (
                f"{error} Partition {place.partition} can't be read to offset {end}: it is "
                "offline, or a transaction has been left open."
            )
            self._stuck[topic, place.partition] = (reached, why)
            raise Unavailable(why) from error

    def _refuse_again(self, topic: str, partition: int, end: int) -> None:
        """Raise Unavailable where a partition did not give what lies before end."""
        reached, why = self._stuck.get((topic, partition), (end, ""))
        if why and reached < end:
            raise Unavailable(why)

    def _frames(
        self, stream: Stream, begins_at: int, ends_at: int, findings: Findings
    ) -> Iterator[Found]:
        assert stream.partition is not None
        if stream.first_offset is None or stream.last_offset is None:
            return
        topic, key = self._settings.frames_topic, stream.stream_id.encode()
        start = TopicPartition(topic, stream.partition, max(stream.first_offset, begins_at))
        end = min(stream.last_offset + 1, ends_at)
        if start.offset >= end:
            return
        for message in self._records(topic, start, end):
            value, offset = message.value(), message.offset() or 0
            if message.key() != key:
                if value is not None and key in value[:_HEAD_BYTES]:
                    self._check_key(stream, value, offset, findings)
                continue
            if value is None:
                findings.differ("record", f"the record at offset {offset} has no value")
                continue
            headers: Any = message.headers() or []
            if strange := {name for name, _ in headers} - _HEADERS:
                findings.differ(
                    "header", f"the record at offset {offset} has a header {min(strange)!r}"
                )
            try:
                record = self._codec.read_frame(value)
            except Foreign as error:
                findings.differ("record", f"the record at offset {offset} is no frame ({error})")
                continue
            quality = record.get("attributes", {}).get("quality")
            names = [name for name in Found.__dataclass_fields__ if name in record]
            yield Found(offset, **{name: record[name] for name in names}, quality=quality)

    def _check_key(self, stream: Stream, value: bytes, offset: int, findings: Findings) -> None:
        """Note a frame that says that it is of the stream, and has not its key."""
        with suppress(Foreign):
            if self._codec.read_frame(value)["stream_id"] == stream.stream_id:
                findings.differ("key", f"the frame at offset {offset} has another key")

    def _segments(
        self, stream: Stream, place: TopicPartition, end: int, findings: Findings
    ) -> Iterator[Segment]:
        prefix = f"{stream.stream_id}/".encode()
        for message in self._records(place.topic, place, end) if place.offset < end else ():
            value, key = message.value(), message.key() or b""
            if value is None or not key.startswith(prefix):
                continue
            try:
                segment = self._codec.read_segment(value)
            except Foreign as error:
                findings.differ(
                    "row", f"the index's row at offset {message.offset()} is no segment ({error})"
                )
                continue
            if segment_key(segment).encode() != key:
                findings.differ(
                    "row", f"the index's row at offset {message.offset()} has another's key"
                )
            yield segment


def _is_of(stream: Stream, file: Path) -> bool:
    """Tell whether all of a file's bytes are those that the stream was made from."""
    if fingerprint(file) != stream.fingerprint:
        return False
    if stream.content_sha256 is None or file.is_dir():
        return True
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == stream.content_sha256
