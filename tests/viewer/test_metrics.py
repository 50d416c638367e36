"""What a running viewer measures, as Prometheus reads it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import requests
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry
from viewer.catalogue.follower import ConsumerLag
from viewer.telemetry.client_statistics import ClientStatistics
from viewer.telemetry.metrics import Metrics

from tests.support.log_writer import StreamWriter, jpeg, write_stream
from tests.support.processes import wait_for
from tests.viewer.running import answers, metric
from tests.viewer.world import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cluster import Cluster, Topics
    from tests.support.processes import Process

# One report of librdkafka's, less what nobody reads.
BROKER = '{"rtt": {"cnt": %d, "p50": %d, "p99": %d}, "req_timeouts": %d, "txretries": %d}'


def report(*brokers: tuple[int, int, int, int, int]) -> str:
    each = ",".join(f'"{n}": {BROKER % numbers}' for n, numbers in enumerate(brokers))
    return f'{{"name": "viewer", "msg_cnt": 0, "brokers": {{{each}}}}}'


def test_a_running_viewer_measures_what_it_does(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str
) -> None:
    done = write_stream(cluster, topics, 20, stream_id="done-0123456789ab")
    live = StreamWriter(cluster, topics, stream_id="live-0123456789ab", partition=1)
    live.write([jpeg(0)])
    process = serve()
    url = f"{base}/streams/{done.stream_id}/frames"
    wait_for(lambda: answers(f"{url}/19"), alive=process)
    assert requests.get(f"{url}/3", headers={"Range": "bytes=0-9"}, timeout=60).status_code == 206
    # What carries no picture is no seek.
    assert requests.get(f"{url}/99", timeout=60).status_code == 404
    etag = requests.get(f"{url}/3", timeout=60).headers["ETag"]
    assert requests.get(f"{url}/3", headers={"If-None-Match": etag}, timeout=60).status_code == 304
    wait_for(lambda: metric(base, "framelog_viewer_seek_seconds_count") == 3, alive=process)
    assert 0 < metric(base, "framelog_viewer_seek_seconds_sum") < 15
    fetched = metric(base, "framelog_viewer_fetch_bytes_total")
    images = len(done.images[3]) + len(done.images[19])
    assert images < fetched < images + 2 * 1000

    follow = f"{base}/streams/{live.stream_id}/frames?from=live&follow=live"
    with ExitStack() as stack:
        watched = stack.enter_context(requests.get(follow, stream=True, timeout=60))
        # What was there when it was asked for was captured long ago.
        records = watched.iter_content(None)
        assert next(records).startswith(b"FLF1")
        assert metric(base, "framelog_viewer_live_latency_seconds_count") == 0
        began = time.time()
        live.write([jpeg(1), jpeg(2)], state="COMPLETE")
        assert b"".join(records).count(b"FLF1") == 2
    wait_for(lambda: metric(base, "framelog_viewer_live_latency_seconds_count") == 2)
    assert 0 < metric(base, "framelog_viewer_live_latency_seconds_sum") < 2 * (time.time() - began)

    wait_for(lambda: metric(base, "framelog_viewer_catalogue_lag_seconds") == 0, alive=process)
    trip = 'framelog_viewer_kafka_round_trip_seconds{quantile="0.99"}'
    wait_for(lambda: metric(base, trip) > 0, alive=process, what="the client's first report")
    assert metric(base, "framelog_viewer_kafka_errors_total") == 0
    for name in ("process_cpu_seconds_total", "python_info", "python_gc_collections_total"):
        assert metric(base, name) > 0


def test_every_series_is_there_from_the_start_and_explained() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    families = list(registry.collect())
    assert all(family.samples for family in families)
    assert all(family.documentation.endswith(".") for family in families)


def test_a_report_of_the_client_becomes_metrics() -> None:
    metrics = Metrics(CollectorRegistry())
    stats = ClientStatistics(metrics, waits_for_data=False)
    stats.on_statistics(report((3, 1000, 3000, 1, 5), (1, 2000, 2500, 0, 0), (0, 0, 0, 0, 0)))
    assert value(metrics, "kafka_round_trip_seconds", quantile="0.5") == 0.002
    assert value(metrics, "kafka_round_trip_seconds", quantile="0.99") == 0.003
    # The totals of a client only grow, but a broker that is forgotten takes its own along.
    stats.on_statistics(report((0, 0, 0, 1, 6)))
    stats.on_statistics(report((0, 0, 0, 0, 0)))
    assert value(metrics, "kafka_errors_total", kind="timeout") == 1
    assert value(metrics, "kafka_errors_total", kind="retry") == 6
    # What was measured last stands until something is measured again.
    assert value(metrics, "kafka_round_trip_seconds", quantile="0.5") == 0.002
    ClientStatistics(metrics, waits_for_data=True).on_statistics(
        report((9, 900_000, 900_000, 0, 0))
    )
    assert value(metrics, "kafka_round_trip_seconds", quantile="0.99") == 0.003


def test_a_failed_name_tls_or_login_counts_as_a_failed_connection() -> None:
    metrics = Metrics(CollectorRegistry())
    stats = ClientStatistics(metrics, waits_for_data=False)
    for code in (
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._SSL,
        KafkaError._AUTHENTICATION,
        KafkaError._ALL_BROKERS_DOWN,
    ):
        stats.on_error(KafkaError(code))
    assert value(metrics, "kafka_errors_total", kind="transport") == 4


def test_kafka_that_is_away_is_counted(serve: Callable[..., Process], free_port: int) -> None:
    serve(until="healthz", FRAMELOG_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    base = f"http://127.0.0.1:{free_port}"
    wait_for(lambda: metric(base, 'framelog_viewer_kafka_errors_total{kind="transport"}') > 0)


def test_consumer_lag_is_as_old_as_its_oldest_record() -> None:
    now = 1000.0
    lag = ConsumerLag(lambda: now)
    assert lag.age_seconds == 0
    lag.on_record("streams", 0, 999_000)
    lag.on_record("index", 1, 990_000)
    assert lag.age_seconds == 10
    lag.on_partition_end("index", 1)
    assert lag.age_seconds == 1
    lag.on_record("streams", 0, 1_001_000)
    assert lag.age_seconds == 0, "clocks that disagree make no negative age"
    lag.on_partition_end("streams", 0)
    assert lag.age_seconds == 0
