"""`verify` on a real log: whole streams are ok, and every damage is found and named."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ingest.fingerprint import fingerprint

from tests.ingest.clips import Clip, make
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, jpeg
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


@pytest.mark.parametrize(
    "kind",
    [
        ("mp4", ""),
        ("mp4", 'encoding = "png"'),
        ("mp4", 'encoding = "webp"\nlongest_side = 160\nevery_nth = 3'),
        ("mp4", "quality = 5"),
        ("avi", ""),
    ],
    ids=["jpeg", "png", "webp small and thinned", "low quality", "mjpeg passed through"],
)
def test_pictures_are_compared_with_the_file(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path, kind: tuple[str, str]
) -> None:
    suffix, choices = kind
    if suffix == "avi":
        clip = Clip(frames=30, codec="mjpeg", pixel_format="yuvj420p", codec_options={})
        video = make(tmp_path / "film.avi", clip)
    else:
        video = make_video(tmp_path / "film.mp4", Recipe(frames=30))
    (ingest.videos / "incoming" / f"{video.name}.toml").write_text(choices)
    ingest.drop(video)
    done = ingest.wait_for_file(f"done/{video.name}", f"failed/{video.name}")
    [stream_id] = {record.key for record in LogReader(cluster).read(topics.streams)}
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
