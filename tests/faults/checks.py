"""What holds after any fault: every frame is in the log once, as its stream and index say."""

import hashlib
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader, Record
from tests.support.painting import decode, read
from tests.support.videos import Recipe, make_video


@dataclass(frozen=True)
class Film:
    """A video of the test, and the numbers that are painted in its pictures."""

    path: Path
    numbers: range

    @property
    def name(self) -> str:
        """The name under which it is dropped."""
        return self.path.name


def make_film(path: Path, recipe: Recipe) -> Film:
    """Write the video of recipe."""
    numbers = range(recipe.first, recipe.first + recipe.frames)
    return Film(make_video(path, recipe), numbers)


def check_exactly_once(cluster: Cluster, topics: Topics, *films: Film) -> None:
    """Hold the whole log against the films: each frame of each once, and nothing else."""
    reader = LogReader(cluster)
    frames, segments = reader.read(topics.frames), reader.read(topics.index)
    streams = {record.key: record.value for record in reader.read(topics.streams)}
    assert sorted(s["source_name"] for s in streams.values()) == sorted(f.name for f in films)
    assert {frame.key for frame in frames} == set(streams)
    by_name = {film.name: film for film in films}
    for stream_id, stream in streams.items():
        own = [frame for frame in frames if frame.key == stream_id]
        _check_stream(stream, own, by_name[stream["source_name"]])
        index = [s.value for s in segments if s.value["stream_id"] == stream_id]
        _check_index(index, own)


def _check_stream(stream: dict[str, Any], frames: list[Record], film: Film) -> None:
    values = [frame.value for frame in frames]
    assert [value["frame_index"] for value in values] == list(range(len(film.numbers)))
    assert [read(decode(value["image"])) for value in values] == list(film.numbers)
    assert [value["is_last"] for value in values] == [False] * (len(values) - 1) + [True]
    assert {value["run_id"] for value in values} == {stream["run_id"]}
    images = b"".join(value["image"] for value in values)
    assert (stream["state"], stream["error"]) == ("COMPLETE", None)
    assert (stream["frame_count"], stream["bytes"]) == (len(values), len(images))
    assert stream["digest"] == hashlib.sha256(images).hexdigest()
    assert (stream["first_offset"], stream["last_offset"]) == (frames[0].offset, frames[-1].offset)


def _check_index(segments: list[dict[str, Any]], frames: list[Record]) -> None:
    assert [s["segment_number"] for s in segments] == list(range(len(segments)))
    assert [offset for s in segments for offset in accumulate(s["offsets"])] == [
        frame.offset for frame in frames
    ]
    assert [pts for s in segments for pts in accumulate(s["pts_ns"])] == [
        frame.value["pts_ns"] for frame in frames
    ]


def check_folders(ingest: Ingest, *films: Film) -> None:
    """Every file lies in done/, and nothing is left on the way there."""
    videos = ingest.videos
    on_the_way = [p for name in ("incoming", "processing") for p in (videos / name).rglob("*")]
    assert [path for path in on_the_way if path.is_file() and path.name != ".alive"] == []
    assert list((videos / "failed").iterdir()) == []
    done = {p.name for p in (videos / "done").iterdir() if not p.name.endswith(".reason.txt")}
    assert done == {film.name for film in films}
