"""What the service measures: names, sentences, closed sets of labels."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from ingest.model.stream import State
from ingest.telemetry.client_statistics import ERRORS, ClientReport
from ingest.telemetry.metrics import QUANTILES, RESTARTS, RESULTS, STAGES, Metrics
from ingest.telemetry.snapshot import FileSnapshot, InboxSnapshot, Slots
from ingest.telemetry.worker_probe import Progress
from prometheus_client import CollectorRegistry

ENDINGS = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
}
SLOTS = 3
AT_WORK = FileSnapshot("b", True, True, 2.0, 30, 120, False, None)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), "1.2.3", SLOTS)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"framelog_ingest_{name}", labels)


def on_scan(
    metrics: Metrics,
    files: Sequence[FileSnapshot],
    waiting: int = 0,
    longest_seconds: float = 0.0,
    *,
    paused: bool = False,
) -> None:
    metrics.on_scan(InboxSnapshot(files, waiting, longest_seconds, paused, 30, 100))


def test_names_are_prometheus_own_and_each_has_a_sentence(metrics: Metrics) -> None:
    families = list(metrics.registry.collect())
    assert len(families) >= 20
    for family in families:
        assert re.fullmatch(r"framelog_ingest(_[a-z]+)+", family.name)
        assert re.fullmatch(r"[A-Z].*[.a-z0-9]\.", family.documentation)
        for sample in family.samples:
            ending = sample.name.removeprefix(family.name)
            assert ending in ENDINGS[family.type]


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [
        ("files_total", "result", RESULTS),
        ("worker_restarts_total", "reason", RESTARTS),
        ("stage_seconds_count", "stage", STAGES),
        ("worker_progress_ratio", "slot", ("1", "2", "3")),
        ("worker_frames_committed", "slot", ("1", "2", "3")),
        ("kafka_round_trip_seconds", "quantile", QUANTILES),
        ("kafka_errors_total", "kind", ERRORS),
    ],
)
def test_every_series_is_there_from_the_start(
    metrics: Metrics, name: str, label: str, values: Sequence[str]
) -> None:
    assert [value(metrics, name, **{label: each}) for each in values] == [0] * len(values)
    assert value(metrics, "worker_progress_ratio", slot="4") is None


def test_every_ending_has_a_result() -> None:
    endings = {state.value.lower() for state in State if state is not State.INGESTING}
    assert {*endings, "duplicate"} == set(RESULTS)


def test_progress_is_counted(metrics: Metrics) -> None:
    kafka = ClientReport(errors={"timeout": 2})
    metrics.progress(Progress(3, 1000, {"decode": 0.5, "encode": 0.25}, None, 0.125, kafka))
    metrics.progress(Progress(1, 500, {"decode": 0.5}, 0.75))
    metrics.progress(Progress())
    assert value(metrics, "frames_committed_total") == 4
    assert value(metrics, "bytes_committed_total") == 1500
    assert value(metrics, "stage_seconds_sum", stage="decode") == 1.0
    assert value(metrics, "stage_seconds_count", stage="decode") == 2
    assert value(metrics, "stage_seconds_sum", stage="encode") == 0.25
    assert value(metrics, "commit_seconds_sum") == 0.125
    assert value(metrics, "commit_seconds_count") == 1
    assert value(metrics, "late_seconds_sum") == 0.75
    assert value(metrics, "batch_frames_bucket", le="1.0") == 1
    assert (value(metrics, "batch_frames_count"), value(metrics, "batch_bytes_sum")) == (2, 1500)
    assert value(metrics, "kafka_errors_total", kind="timeout") == 2


def test_a_look_shows_how_things_stand(metrics: Metrics) -> None:
    other = replace(AT_WORK, key="c", idle_seconds=9.0, waits_for_cluster=True)
    crashed = replace(AT_WORK, key="d", has_worker=False, idle_seconds=5.0)
    opened = replace(AT_WORK, key="e", claimed=False, idle_seconds=100.0)
    on_scan(metrics, [AT_WORK, other, crashed, opened], 2, 4.0, paused=True)
    shown = {
        "files_waiting": 3,
        "oldest_waiting_seconds": 4,
        "longest_without_frame_seconds": 9,
        "workers_active": 3,
        "waiting_workers": 1,
        "paused": 1,
        "disk_free_bytes": 30,
        "disk_size_bytes": 100,
    }
    assert {name: value(metrics, name) for name in shown} == shown
    on_scan(metrics, [])
    assert {name: value(metrics, name) for name in shown if "disk" not in name} == dict.fromkeys(
        [name for name in shown if "disk" not in name], 0
    )


def test_each_worker_shows_its_file(metrics: Metrics) -> None:
    on_scan(
        metrics, [AT_WORK, replace(AT_WORK, key="x", frame_count=7, estimated_frame_count=None)]
    )
    assert value(metrics, "worker_progress_ratio", slot="1") == 0.25
    assert value(metrics, "worker_frames_committed", slot="1") == 30
    assert value(metrics, "worker_progress_ratio", slot="2") == 0
    assert value(metrics, "worker_frames_committed", slot="2") == 7
    on_scan(metrics, [replace(AT_WORK, key="x", frame_count=200)])
    assert value(metrics, "worker_frames_committed", slot="1") == 0
    assert value(metrics, "worker_progress_ratio", slot="2") == 1


def test_the_slowest_client_and_all_queues_are_shown(metrics: Metrics) -> None:
    told = [ClientReport({"0.5": 0.1, "0.99": 0.4}, 3), ClientReport({"0.5": 0.2, "0.99": 0.3}, 4)]
    on_scan(metrics, [replace(AT_WORK, key=str(n), kafka=one) for n, one in enumerate(told)])
    trips = [value(metrics, "kafka_round_trip_seconds", quantile=q) for q in QUANTILES]
    assert (trips, value(metrics, "kafka_queued_messages")) == ([0.2, 0.4], 7)
    on_scan(metrics, [])
    trips = [value(metrics, "kafka_round_trip_seconds", quantile=q) for q in QUANTILES]
    assert (trips, value(metrics, "kafka_queued_messages")) == ([0, 0], 0)


def test_a_slot_is_kept_and_the_lowest_free_one_given() -> None:
    slots = Slots()
    assert slots.assign(["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    assert slots.assign(["c"]) == {"c": 3}
    assert slots.assign(["d", "c", "e"]) == {"d": 1, "c": 3, "e": 2}
    assert slots.assign([]) == {}


def test_two_services_can_live_in_one_process() -> None:
    first, second = (Metrics(CollectorRegistry(), "1", SLOTS) for _ in range(2))
    first.files.labels("failed").inc()
    assert value(first, "files_total", result="failed") == 1
    assert value(second, "files_total", result="failed") == 0
