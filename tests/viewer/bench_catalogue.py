"""How long the catalogue takes to be read: `python -m tests.viewer.bench_catalogue`.

Writes 10,000 streams of 100 segments of 32 frames to the cluster that the variables
FRAMELOG_TEST_BOOTSTRAP_SERVERS and FRAMELOG_TEST_REGISTRY_URL name, then starts a viewer on them
and says what it takes. With FRAMELOG_BENCH_TOPICS as it says, it reads what another call wrote.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid

import framelog_setup
import psutil
from confluent_kafka import Producer
from viewer.app import create_app
from viewer.settings import Settings
from viewer.wiring import assemble

from tests.support.cluster import Cluster, Topics
from tests.support.log_writer import Wire
from tests.support.processes import wait_for
from tests.viewer.builders import stream

STREAMS, SEGMENTS, FRAMES = 10_000, 100, 32
FRAME_NS = 33_366_667


def written() -> Topics:
    """Write all the records, and return where."""
    cluster = Cluster(
        os.environ["FRAMELOG_TEST_BOOTSTRAP_SERVERS"], os.environ["FRAMELOG_TEST_REGISTRY_URL"]
    )
    unique = uuid.uuid4().hex[:8]
    names = {part: f"bench-{unique}.{part}" for part in ("frames", "index", "streams")}
    environment = {
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": cluster.registry_url,
        **{f"FRAMELOG_{part.upper()}_TOPIC": name for part, name in names.items()},
    }
    framelog_setup.set_up(framelog_setup.from_environment(environment))
    topics = Topics(**names, environment=environment)
    wire = Wire(cluster, topics)
    producer = Producer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for i in range(STREAMS):
        stream_id, run_id = f"a-video-of-some-name-{i:012x}", uuid.uuid4().hex
        for n in range(SEGMENTS):
            record = {
                "stream_id": stream_id, "run_id": run_id, "segment_number": n, "partition": i % 6,
                "first_frame": n * FRAMES,
                "offsets": [i // 6 * 4000 + n * (FRAMES + 1), *[1] * (FRAMES - 1)],
                "pts_ns": [n * FRAMES * FRAME_NS, *[FRAME_NS] * (FRAMES - 1)],
                "sizes_bytes": [90_000 + n] * FRAMES, "end_pts_ns": (n + 1) * FRAMES * FRAME_NS,
            }  # fmt: skip
            producer.produce(
                topics.index, wire.encode(topics.index, record), f"{stream_id}/{n:08}", i % 6
            )
        state = stream(
            FRAMES * SEGMENTS, stream_id=stream_id, run_id=run_id, partition=i % 6,
            segment_count=SEGMENTS, started_at=time.time_ns() // 1000,
            first_offset=i // 6 * 4000, last_offset=i // 6 * 4000 + SEGMENTS * (FRAMES + 1) - 2,
        )  # fmt: skip
        fields = {name: getattr(state, name) for name in state.__slots__}
        producer.produce(topics.streams, wire.encode(topics.streams, fields), stream_id, 0)
        producer.poll(0)
    assert producer.flush(120) == 0
    return topics


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    given = os.environ.get("FRAMELOG_BENCH_TOPICS")
    environment = json.loads(given) if given else dict(written().environment)
    say(f"export FRAMELOG_BENCH_TOPICS='{json.dumps(environment)}'")
    began, used = time.perf_counter(), time.process_time()
    parts, close = assemble(Settings.from_environ(environment))
    wait_for(lambda: parts.health.waiting_for() is None, 300, what="the catalogue to be read")
    took, cpu = time.perf_counter() - began, time.process_time() - used
    streams, segments, index_bytes = parts.catalogue.size
    rss = psutil.Process().memory_info().rss
    say(f"ready: {took:.1f} s, {cpu:.1f} s of CPU, {streams} streams, {segments} segments")
    say(f"index: {index_bytes / 1e6:.0f} MB; resident: {rss / 1e6:.0f} MB")
    client = create_app(parts).test_client()
    for _ in range(3):
        began = time.perf_counter()
        page = client.get("/api/streams")
        say(f"GET /api/streams: {time.perf_counter() - began:.3f} s, {len(page.data)} bytes")
        known = page.json["streams"][5000] if page.json else {}
        assert known["frame_count"] == FRAMES * SEGMENTS
    close()


if __name__ == "__main__":
    main()
