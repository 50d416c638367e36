"""Time from asking the viewer for one frame to having it, beside a bare Kafka assign and poll."""

from __future__ import annotations

import http.client
import random
import time
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition

from bench.benchmark import Benchmark, Context
from bench.results.measurements import Figure, Result, Spread, at_most, compare
from bench.viewer.service import sample_jpegs, write_recorded_stream
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cluster import Topics

_FRAMES, _SEEKS = 2400, 150
_NAMES = {"cold": "from a cold cache", "warm": "from a warm cache"}
_GATES = {"cold": 4, "warm": 2}
_HIGHEST_MS = 30


def _seeking(context: Context) -> Iterator[Result]:
    with (
        context.topics() as topics,
        running_viewer(topics, context.folder, FRAMELOG_VIEWER_CACHE_BYTES="0") as cold,
        running_viewer(topics, context.folder) as warm,
    ):
        stream = write_recorded_stream(context, topics, sample_jpegs(720), _FRAMES)
        contenders: dict[str, Callable[[int], int]] = {}
        for name, viewer in (("cold", cold), ("warm", warm)):
            viewer.wait_for_frames(stream.stream_id, _FRAMES)
            asked = http.client.HTTPConnection("127.0.0.1", viewer.port)
            contenders[name] = partial(_ask, asked, f"/streams/{stream.stream_id}/frames")
        consumer = _consumer(context)
        contenders["assign + poll"] = partial(_poll, consumer, topics, stream.offsets)
        median_ms: dict[str, list[float]] = {name: [] for name in contenders}
        slowest_ms: dict[str, list[float]] = {name: [] for name in contenders}
        chance = random.Random(context.rounds)  # noqa: S311 (any numbers will do)
        for number in range(context.rounds + 1):
            for name, times in _turns(contenders, stream.images, chance).items():
                if number:
                    hundredths = quantiles(times, n=100, method="inclusive")
                    median_ms[name].append(hundredths[49])
                    slowest_ms[name].append(hundredths[98])
        consumer.close()
    for ours, words in _NAMES.items():
        yield compare(
            f"seek {words}, median",
            "ms",
            median_ms,
            "assign + poll",
            ours=ours,
            gate=at_most(_GATES[ours]),
        )
    for name, words in {**_NAMES, "assign + poll": "by assign + poll"}.items():
        yield Figure(
            f"seek {words}, 99th percentile",
            "ms",
            Spread.of(slowest_ms[name]),
            target=at_most(_HIGHEST_MS) if name == "cold" else None,
        )


def _turns(
    contenders: dict[str, Callable[[int], int]], shown: list[bytes], chance: random.Random
) -> dict[str, list[float]]:
    """Have each contender get the same frames, one after another; return the milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(_SEEKS):
        frame = chance.randrange(_FRAMES)
        for name, get in contenders.items():
            if name == "warm":
                get(frame)
            began = time.perf_counter()
            size = get(frame)
            times[name].append((time.perf_counter() - began) * 1000)
            assert size >= len(shown[frame])
    return times


def _ask(connection: http.client.HTTPConnection, path: str, frame: int) -> int:
    connection.request("GET", f"{path}/{frame}")
    answer = connection.getresponse()
    assert answer.status == 200
    return len(answer.read())


def _consumer(context: Context) -> Consumer:
    """Make a consumer as anyone would, with the library's defaults."""
    return Consumer(
        {
            "bootstrap.servers": context.cluster.bootstrap_servers,
            "group.id": "bench",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )


def _poll(consumer: Consumer, topics: Topics, offsets: list[int], frame: int) -> int:
    consumer.assign([TopicPartition(topics.frames, 0, offsets[frame])])
    while (message := consumer.poll(10)) is None or message.error():
        continue
    assert message.offset() == offsets[frame]
    return len(message.value() or b"")


VIEWER_SEEKING = Benchmark("viewer-seeking", _seeking, in_gate=True)
