"""How the viewer's start, its list and its seeks grow with what lies in the log."""

from __future__ import annotations

import time
import uuid
from statistics import median
from typing import TYPE_CHECKING, Any

import requests
from confluent_kafka import Producer

from bench.benchmark import Benchmark, Context
from bench.results.measurements import Growth, Result, at_most
from bench.viewer.service import resident_bytes, sample_jpegs
from tests.support.log_writer import StreamWriter, Wire
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Topics
    from tests.support.viewing import Viewer

_STREAMS, _SEGMENTS, _FRAMES, _FRAME_NS = (10, 100, 1000, 10_000), 10, 32, 40_000_000
_PARTITIONS, _WRITERS, _SEEKS = (1, 4, 16, 64), 4, 60
_LISTS = 5


def _streams(context: Context) -> Iterator[Result]:
    ready, listed, memory = [], [], []
    with context.topics() as topics:
        there = 0
        for count in _STREAMS:
            _write_catalogue(context, topics, range(there, count))
            there = count
            began = time.monotonic()
            with running_viewer(topics, context.folder) as viewer:
                ready.append((count, time.monotonic() - began))
                listed.append((count, median(_list_ms(viewer, count) for _ in range(_LISTS))))
                assert viewer.process
                memory.append((count, resident_bytes(viewer.process.pid) / 1e6))
    yield _grown("start of the viewer", "streams", "s", ready)
    yield _grown("list of streams", "streams", "ms", listed)
    yield _grown("memory of the viewer", "streams", "MB", memory)


def _partitions(context: Context) -> Iterator[Result]:
    ready, seeks, memory = [], [], []
    for count in _PARTITIONS:
        with context.topics(count) as topics:
            streams = _spread(context, topics, count)
            began = time.monotonic()
            with running_viewer(topics, context.folder, FRAMELOG_VIEWER_CACHE_BYTES="0") as viewer:
                ready.append((count, time.monotonic() - began))
                for stream in streams:
                    viewer.wait_for_frames(stream.stream_id, len(stream.images))
                seeks.append((count, _seek_ms(viewer, streams)))
                assert viewer.process
                memory.append((count, resident_bytes(viewer.process.pid) / 1e6))
    yield _grown("start of the viewer", "partitions", "s", ready)
    yield _grown("seek from a cold cache", "partitions", "ms", seeks)
    yield _grown("memory of the viewer", "partitions", "MB", memory)


def _grown(name: str, size: str, unit: str, points: list[tuple[int, float]]) -> Growth:
    return Growth(name, size, unit, points, target=at_most(1))


def _list_ms(viewer: Viewer, count: int) -> float:
    began = time.perf_counter()
    answer = requests.get(f"{viewer.url}/api/streams", timeout=30)
    took = (time.perf_counter() - began) * 1000
    assert answer.text.count('"stream_id"') == count
    return took


def _spread(context: Context, topics: Topics, partitions: int) -> list[StreamWriter]:
    """Write a few streams that lie as far apart as the partitions let them."""
    streams = []
    for partition in sorted({i * (partitions - 1) // (_WRITERS - 1) for i in range(_WRITERS)}):
        stream = StreamWriter(
            context.cluster, topics, stream_id=f"clip-{partition:012x}", partition=partition
        )
        for first in range(0, 96, _FRAMES):
            stream.write(
                sample_jpegs(720) + sample_jpegs(720)[:8],
                state="INGESTING" if first < 64 else "COMPLETE",
            )
        streams.append(stream)
    return streams


def _seek_ms(viewer: Viewer, streams: list[StreamWriter]) -> float:
    times = []
    with requests.Session() as session:
        for number in range(_SEEKS):
            stream = streams[number % len(streams)]
            frame = number * 37 % len(stream.images)
            began = time.perf_counter()
            answer = session.get(f"{viewer.watch(stream.stream_id)}/frames/{frame}", timeout=30)
            times.append((time.perf_counter() - began) * 1000)
            assert answer.content == stream.images[frame]
    return median(times)


def _write_catalogue(context: Context, topics: Topics, numbers: range) -> None:
    """Write streams and their segments, which a catalogue reads; their frames nobody asks for."""
    wire = Wire(context.cluster, topics)
    producer = Producer(
        {
            "bootstrap.servers": context.cluster.bootstrap_servers,
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for number in numbers:
        stream_id, run_id = f"a-video-of-some-name-{number:012x}", uuid.uuid4().hex
        for segment in range(_SEGMENTS):
            record = _segment(stream_id, run_id, number, segment)
            key = f"{stream_id}/{segment:08}"
            producer.produce(topics.index, wire.encode(topics.index, record), key, 0)
        record = _stream(stream_id, run_id, number)
        producer.produce(topics.streams, wire.encode(topics.streams, record), stream_id, 0)
        producer.poll(0)
    assert producer.flush(120) == 0


def _segment(stream_id: str, run_id: str, number: int, segment: int) -> dict[str, Any]:
    first = segment * _FRAMES
    return {
        "stream_id": stream_id, "run_id": run_id, "segment_number": segment, "partition": 0,
        "first_frame": first,
        "offsets": [_first_offset(number) + segment * (_FRAMES + 1), *[1] * (_FRAMES - 1)],
        "pts_ns": [first * _FRAME_NS, *[_FRAME_NS] * (_FRAMES - 1)],
        "sizes_bytes": [90_000 + segment] * _FRAMES,
        "end_pts_ns": (first + _FRAMES) * _FRAME_NS,
    }  # fmt: skip


def _stream(stream_id: str, run_id: str, number: int) -> dict[str, Any]:
    count, now = _SEGMENTS * _FRAMES, time.time_ns() // 1000
    return {
        "stream_id": stream_id, "run_id": run_id, "state": "COMPLETE", "source_name": "clip.mp4",
        "source_bytes": 1, "fingerprint": "0" * 64, "container": "mp4", "codec": "h264",
        "width": 1280, "height": 720, "rotation": 0, "frame_rate_num": 25, "frame_rate_den": 1,
        "frame_count": count, "segment_count": _SEGMENTS, "duration_ns": count * _FRAME_NS,
        "bytes": count * 90_000, "partition": 0, "first_offset": _first_offset(number),
        "last_offset": _first_offset(number) + _SEGMENTS * (_FRAMES + 1) - 2, "pace": "fast",
        "encoding": "JPEG", "quality": 90, "started_at": now, "updated_at": now, "ended_at": now,
    }  # fmt: skip


def _first_offset(number: int) -> int:
    return number * _SEGMENTS * (_FRAMES + 1)


VIEWER_STREAMS = Benchmark("viewer-streams", _streams)
VIEWER_PARTITIONS = Benchmark("viewer-partitions", _partitions)
