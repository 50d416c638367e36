"""Traces of requests, as a collector receives them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.collector import Collector, attributes, running_collector
from tests.support.log_writer import StreamWriter, jpeg, write_stream
from tests.support.processes import wait_for
from tests.viewer.running import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cluster import Cluster, Topics
    from tests.support.processes import Process

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
BATCH = "0af7651916cd43dd8448eb211c80319c"
SERVER, ERROR = 2, 2


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as started:
        yield started


def test_a_request_is_a_span_from_its_arrival_to_its_last_byte(
    cluster: Cluster,
    topics: Topics,
    serve: Callable[..., Process],
    base: str,
    collector: Collector,
) -> None:
    writer = StreamWriter(cluster, topics, traceparent=f"00-{BATCH}-b7ad6b7169203331-01")
    writer.write([jpeg(n) for n in range(4)], state="COMPLETE")
    process = serve(**collector.environment)
    stream = f"{base}/api/streams/{writer.stream_id}"
    wait_for(lambda: answers(stream), alive=process)
    traceparent = f"00-{CALLER}-00f067aa0ba902b7-01"
    url = f"{base}/streams/{writer.stream_id}/frames"
    window = requests.get(url, headers={"traceparent": traceparent}, timeout=60)
    assert window.content.count(b"FLF1") == 4
    name = "GET /streams/<stream_id>/frames"
    wait_for(lambda: collector.named(name), alive=process, what="the request's span")
    (asked,) = collector.named(name)
    assert collector.services == {"framelog-viewer"}
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (CALLER, "00f067aa0ba902b7")
    assert asked.kind == SERVER
    assert attributes(asked)["http.response.status_code"] == 200

    trace = [span for span in collector.spans if span.trace_id == asked.trace_id]
    by_name = {span.name: span for span in trace}
    assert set(by_name) == {name, "catalogue", "fetch", "send"}
    for span in trace:
        assert asked.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= asked.end_time_unix_nano
        assert span is asked or span.parent_span_id == asked.span_id
    assert attributes(by_name["catalogue"])["run_id"] == writer.run_id
    fetched = attributes(by_name["fetch"])
    assert (fetched["stream_id"], fetched["first_offset"]) == (writer.stream_id, writer.offsets[0])
    links = by_name["fetch"].links
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in links] == [
        (BATCH, "b7ad6b7169203331")
    ]

    # What is in memory is not fetched again; nor does one request's span hold the next.
    requests.get(f"{url}/2", timeout=60)
    name = "GET /streams/<stream_id>/frames/<number>"
    wait_for(lambda: collector.named(name), alive=process, what="the next request's span")
    (second,) = collector.named(name)
    assert not second.parent_span_id
    inner = {span.name for span in collector.spans if span.trace_id == second.trace_id}
    assert inner == {name, "catalogue", "send"}
    # What machines ask every few seconds is no news.
    assert not [span for span in collector.spans if "readyz" in span.name or "static" in span.name]


def test_what_fails_says_so_and_a_stop_sends_what_is_there(
    serve: Callable[..., Process], base: str, collector: Collector
) -> None:
    long_delay = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
    process = serve(
        until="healthz",
        **(collector.environment | long_delay),
        FRAMELOG_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
    )
    assert requests.get(f"{base}/streams/clip/frames/0", timeout=60).status_code == 503
    assert process.stop() == 0
    (asked,) = collector.named("GET /streams/<stream_id>/frames/<number>")
    assert (asked.status.code, attributes(asked)["http.response.status_code"]) == (ERROR, 503)


def test_nothing_is_traced_unless_it_is_asked_for(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str
) -> None:
    writer = write_stream(cluster, topics, 4)
    process = serve()
    wait_for(lambda: answers(f"{base}/streams/{writer.stream_id}/frames/0"), alive=process)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
    assert listed, "the worker is a child"
    for pid in (str(process.pid), *listed):
        mapped = Path(f"/proc/{pid}/maps").read_text("ascii")
        assert "google/_upb" not in mapped, "protobuf is loaded, so OpenTelemetry is"
