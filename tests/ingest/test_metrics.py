"""What the service measures: names, sentences, closed sets of labels."""

import re

import pytest
from ingest.messages import Progress
from ingest.metrics import RESTARTS, RESULTS, STAGES, Metrics
from ingest.stream import State
from prometheus_client import CollectorRegistry

ENDINGS = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), "1.2.3")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"framelog_ingest_{name}", labels)


def test_names_are_prometheus_own_and_each_has_a_sentence(metrics: Metrics) -> None:
    families = list(metrics.registry.collect())
    assert len(families) >= 9
    for family in families:
        assert re.fullmatch(r"framelog_ingest(_[a-z]+)+", family.name)
        assert re.fullmatch(r"[A-Z].*\.", family.documentation)
        for sample in family.samples:
            ending = sample.name.removeprefix(family.name)
            assert ending in ENDINGS[family.type]


def test_every_series_is_there_from_the_start(metrics: Metrics) -> None:
    for result in RESULTS:
        assert value(metrics, "files_total", result=result) == 0
    for reason in RESTARTS:
        assert value(metrics, "worker_restarts_total", reason=reason) == 0
    for stage in STAGES:
        assert value(metrics, "stage_seconds_total", stage=stage) == 0


def test_every_ending_has_a_result() -> None:
    endings = {state.value.lower() for state in State if state is not State.INGESTING}
    assert {*endings, "duplicate"} == set(RESULTS)


def test_progress_is_counted(metrics: Metrics) -> None:
    metrics.progress(Progress(3, 1000, {"decode": 0.5, "encode": 0.25}))
    metrics.progress(Progress(1, 500, {"decode": 0.5}))
    metrics.progress(Progress())
    assert value(metrics, "frames_committed_total") == 4
    assert value(metrics, "bytes_committed_total") == 1500
    assert value(metrics, "stage_seconds_total", stage="decode") == 1.0
    assert value(metrics, "stage_seconds_total", stage="encode") == 0.25


def test_two_services_can_live_in_one_process() -> None:
    first, second = (Metrics(CollectorRegistry(), "1") for _ in range(2))
    first.frames.inc()
    assert (value(first, "frames_committed_total"), value(second, "frames_committed_total")) == (
        1,
        0,
    )
