"""`verify` on a real log: whole streams are ok, and every damage is found and named."""

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, Message, Producer
from ingest.media.fingerprint import fingerprint

from tests.contract.avro import register, schema
from tests.ingest.clips import Clip, make
from tests.support.cluster import Cluster, Topics, make_anew, topic_id
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, Wire, jpeg, write_stream
from tests.support.videos import Recipe, make_video

FRAMES, BATCH = 24, 8
ANOTHER_RUN = "b" * 32


@dataclass
class Damager(StreamWriter):
    """Writes a stream with one thing wrong in it, at frame 11 of 24 where there is a choice."""

    damage: str = ""

    def _send(
        self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
    ) -> None:
        sent = dict(record)
        if topic == self.topics.streams and sent["state"] != "INGESTING":
            digest = hashlib.sha256(b"".join(self.images)).hexdigest()
            sent["digest"] = "0" * 64 if self.damage == "digest" else digest
        if topic == self.topics.frames and sent["frame_index"] == 11:
            if self.damage == "is_last":
                sent["is_last"] = True
            if self.damage == "run":
                sent["run_id"] = ANOTHER_RUN
            if self.damage == "missing":
                sent["stream_id"], key = "other-0123456789ab", "other-0123456789ab"
            if self.damage == "doubled":
                super()._send(topic, key, sent, partition)
        if topic == self.topics.index and sent["segment_number"] == 1 and self.damage == "index":
            sent["offsets"] = [sent["offsets"][0] + 1, *sent["offsets"][1:]]
        super()._send(topic, key, sent, partition, done)


SAID = {
    "missing": "frame 11 is missing before frame 12",
    "doubled": "frame 11 is there again, at offset",
    "digest": f"the catalogue's digest is {'0' * 64}",
    "index": "the index has offset",
    "is_last": "frame 11 (offset ",
    "run": f"a frame of run {ANOTHER_RUN}",
}


def test_every_damage_is_found_among_streams_that_are_whole(
    cluster: Cluster, topics: Topics
) -> None:
    kinds = ["", *SAID]
    writers = [
        Damager(cluster, topics, f"{kind or 'whole'}-0123456789ab", damage=kind) for kind in kinds
    ]
    images = [jpeg(number) for number in range(FRAMES)]
    for start in range(0, FRAMES, BATCH):  # in turns: in their one partition they are interleaved
        ended = start + BATCH >= FRAMES
        for writer in writers:
            batch = images[start : start + BATCH]
            writer.write(batch, state="COMPLETE" if ended else "INGESTING")
    status, said = verify(topics.environment, "all")
    lines = {line.split()[1].removesuffix("-0123456789ab"): line for line in said.splitlines()}
    assert status == 1, said
    assert lines.pop("whole").startswith("ok ")
    assert set(lines) == set(SAID)
    for kind, line in lines.items():
        assert line.startswith("BAD "), line
        assert SAID[kind] in line, line
    assert verify(topics.environment, "whole-0123456789ab")[0] == 0


def test_what_can_not_be_checked_is_said(cluster: Cluster, topics: Topics, tmp_path: Path) -> None:
    assert verify(topics.environment, "all") == (0, "")
    status, said = verify(topics.environment, "none-0123456789ab")
    assert (status, said) == (2, "Not checked: There is no stream 'none-0123456789ab'.\n")
    away = {**topics.environment, "FRAMELOG_SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}
    assert verify(away, "all")[0] == 2


def test_pictures_are_compared_with_the_file(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    kinds = {
        "jpeg.mp4": "",
        "png.mp4": 'encoding = "png"',
        "webp, small and thinned.mp4": 'encoding = "webp"\nlongest_side = 160\nevery_nth = 3',
        "low quality.mp4": "quality = 5",
    }
    videos = [
        make_video(tmp_path / name, Recipe(frames=30, first=100 * number))
        for number, name in enumerate(kinds)
    ]
    clip = Clip(frames=30, codec="mjpeg", pixel_format="yuvj420p", codec_options={})
    videos.append(make(tmp_path / "passed through.avi", clip))
    ingest.start()
    for video in videos:
        if video.name in kinds:
            choices = ingest.videos / "incoming" / f"{video.name}.toml"
            choices.write_text(kinds[video.name])
        ingest.drop(video)
    for video in videos:
        done = ingest.wait_for_file(f"done/{video.name}", f"failed/{video.name}")
        [stream_id] = {
            record.key
            for record in LogReader(cluster).read(topics.streams)
            if record.value["source_name"] == video.name
        }
        status, said = verify(topics.environment, stream_id, "--file", str(done))
        assert status == 0, said
        assert said.startswith("ok "), said


def test_pictures_of_another_video_are_found_out(
    cluster: Cluster, topics: Topics, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "film.mp4", Recipe(frames=FRAMES, width=160, height=90))

    class Named(Damager):
        def _send(
            self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
        ) -> None:
            if topic == self.topics.streams:
                record = {**record, "fingerprint": fingerprint(video)}
            super()._send(topic, key, record, partition, done)

    writer = Named(cluster, topics)
    writer.write([jpeg(number) for number in range(FRAMES)], state="COMPLETE")
    status, said = verify(topics.environment, writer.stream_id, "--file", str(video))
    assert status == 1, said
    assert "frame 0 is not the file's picture (PSNR " in said
    longer = shutil.copy(video, tmp_path / "longer.mp4")
    with Path(longer).open("ab") as file:
        file.write(b"x")
    status, said = verify(topics.environment, writer.stream_id, "--file", str(longer))
    assert status == 2
    assert "is not the file that" in said


def foreign(cluster: Cluster, topic: str, key: str, value: bytes | None, **more: Any) -> int:
    """Write a record that is none of ingest's, outside of any transaction; return its offset."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    told: list[int] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        told.append(message.offset() or 0)

    producer.produce(topic, value, key.encode(), 0, delivered, **more)
    assert producer.flush(60) == 0
    return told[0]


FOREIGN = {
    "bytes": "is no frame",
    "nothing": "has no value",
    "header": "has a header 'x'",
    "key": "has another key",
    "again": "frame 2 is there again",
    "run": f"a frame of run {ANOTHER_RUN}",
    "row": "is no segment",
}


def write_with_foreign_record(
    cluster: Cluster, topics: Topics, what: str, frame: dict[str, Any]
) -> None:
    """Write a stream, and within it a record that is none of its own, made of another's frame."""
    writer = StreamWriter(cluster, topics, f"{what}-0123456789ab")
    writer.write([jpeg(number) for number in range(4)])
    frame = frame | {"stream_id": writer.stream_id, "run_id": writer.run_id}
    if what == "again":
        frame["frame_index"] = 2
    if what == "run":
        frame["run_id"] = ANOTHER_RUN
    key = "other-0123456789ab" if what == "key" else writer.stream_id
    value = writer.wire.encode(topics.frames, frame)
    if what == "row":
        foreign(cluster, topics.index, f"{writer.stream_id}/00000009", b"no row")
    else:
        given = {"bytes": b"no frame", "nothing": None}.get(what, value)
        headers = [("x", b"y")] if what == "header" else []
        foreign(cluster, topics.frames, key, given, headers=headers)
    writer.write([jpeg(4)], state="COMPLETE")


def test_foreign_records_within_a_stream_are_found(cluster: Cluster, topics: Topics) -> None:
    write_stream(cluster, topics, 4, stream_id="whole-0123456789ab")
    frame = LogReader(cluster).read(topics.frames)[0].value
    frame["captured_at"] = frame["ingested_at"] = 0
    for what in FOREIGN:
        write_with_foreign_record(cluster, topics, what, frame)
    status, said = verify(topics.environment, "all")
    lines = {line.split()[1].removesuffix("-0123456789ab"): line for line in said.splitlines()}
    assert status == 1, said
    assert lines.pop("whole").startswith("ok "), said
    assert lines.keys() == FOREIGN.keys(), said
    for what, line in lines.items():
        assert line.startswith("BAD "), line
        assert FOREIGN[what] in line, line


def test_a_record_that_is_no_stream_stops_no_other(cluster: Cluster, topics: Topics) -> None:
    write_stream(cluster, topics, 4)
    foreign(cluster, topics.streams, "foreign-0123456789ab", b"no stream")
    status, said = verify(topics.environment, "all")
    assert status == 1
    assert sorted(line[:4] for line in said.splitlines()) == ["BAD ", "ok  "], said
    assert f"its record in {topics.streams}" in said
    assert verify(topics.environment, "foreign-0123456789ab")[0] == 1


def test_what_can_not_be_read_is_said_once_waited_for_and_the_rest_is_checked(
    cluster: Cluster, topics: Topics
) -> None:
    """A producer died in a transaction, with two streams behind it in its partition."""
    write_stream(cluster, topics, 4, stream_id="before-0123456789ab", partition=1)
    held = Producer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "transactional.id": topics.frames,
            "transaction.timeout.ms": 600_000,
        }
    )
    held.init_transactions(60)
    held.begin_transaction()
    held.produce(topics.frames, b"held", b"stranger", 1)
    assert held.flush(60) == 0
    for number in range(4):
        write_stream(cluster, topics, 4, stream_id=f"behind{number}-0123456789ab", partition=1)
    write_stream(cluster, topics, 4, stream_id="elsewhere-0123456789ab", partition=2)
    started = time.monotonic()
    status, said = verify(topics.environment, "all")
    seconds = time.monotonic() - started
    held.abort_transaction(60)
    assert status == 2
    assert sorted(line[:4] for line in said.splitlines()) == ["?   "] * 4 + ["ok  "] * 2, said
    assert said.count("a transaction has been left open") == 4
    assert seconds < 45, "each stream was waited for"
    assert verify(topics.environment, "all")[0] == 0


def test_a_strangers_stream_in_a_partition_that_is_not_there_is_not_waited_for(
    cluster: Cluster, topics: Topics
) -> None:
    write_stream(cluster, topics, 4)
    stream, wire = LogReader(cluster).read(topics.streams)[-1].value, Wire(cluster, topics)
    numbers = (99, 1 << 20, (1 << 31) - 1)
    for number in numbers:
        strange = {**stream, "stream_id": f"strange-{number:012}", "partition": number}
        foreign(cluster, topics.streams, strange["stream_id"], wire.encode(topics.streams, strange))
    started = time.monotonic()
    status, said = verify(topics.environment, "all")
    assert status == 1
    assert sorted(line[:4] for line in said.splitlines()) == ["BAD "] * 3 + ["ok  "], said
    for number in numbers:
        assert f"{topics.frames} has no partition {number}" in said
    assert time.monotonic() - started < 40, "each was waited for"


def test_a_topic_that_was_made_anew_is_said(cluster: Cluster, topics: Topics) -> None:
    write_stream(cluster, topics, 4, frames_topic_id=topic_id(cluster, topics.frames))
    assert verify(topics.environment, "all")[0] == 0
    make_anew(cluster, topics.frames)
    status, said = verify(topics.environment, "all")
    assert (status, said[:4]) == (1, "BAD "), said
    assert "was deleted and recreated since: none of 4 frames is there" in said


def test_a_topic_that_is_gone_is_not_waited_for(cluster: Cluster, topics: Topics) -> None:
    for number in range(4):
        write_stream(cluster, topics, 4, stream_id=f"film{number}-0123456789ab")
    missing = {**topics.environment, "FRAMELOG_INDEX_TOPIC": f"{topics.index}-gone"}
    register(cluster.registry_url, f"{topics.index}-gone-value", schema("segment"))
    started = time.monotonic()
    status, said = verify(missing, "all")
    assert (status, [line[:4] for line in said.splitlines()]) == (2, ["?   "] * 4), said
    assert time.monotonic() - started < 45
