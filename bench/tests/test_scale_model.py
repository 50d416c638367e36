"""docs/scale.md says what the model says, and the model moves the way it should."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale.model import DEMANDS, Demand, Measured, plan, plans, read_for_one, shares

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"


@pytest.mark.parametrize(("name", "table"), [("plans", plans()), ("shares", shares())])
def test_the_document_has_the_models_table(name: str, table: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", text, re.DOTALL)

    assert found
    assert found[1].strip() == table.strip()


def test_the_document_names_what_each_thing_costs() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    cost = Measured()

    for written in (
        f"{cost.frame_bytes / 1e3:.0f} kB",
        f"{cost.ingest_cpu * 1e3:.1f} ms of a core",
        f"{cost.delivery_cpu * 1e6:.0f} µs of a core",
        f"{cost.transaction_cpu * 1e3:.1f} ms of a core",
        f"{cost.written_cpu * 1e9:.1f} s; {cost.read_cpu * 1e9:.1f} s of a core",
        f"{cost.index_bytes_a_frame:.0f} bytes a frame",
    ):
        assert written in text


def test_ten_times_the_cameras_take_ten_times_the_work() -> None:
    few, many = (plan(Demand(cameras, 10), Measured()) for cameras in (10, 100))

    assert many.written == pytest.approx(10 * few.written)
    assert many.ingest_cores == pytest.approx(10 * few.ingest_cores)
    assert many.viewer_memory == pytest.approx(10 * few.viewer_memory)
    assert many.sent == few.sent


def test_what_is_short_is_what_more_brokers_are_for() -> None:
    cameras = Demand(1_000, 0, local_hours=1)

    assert plan(Demand(1_000, 0), Measured()).limit == "disk space"
    assert plan(cameras, Measured(transaction_cpu=1.0)).limit == "processors"
    assert plan(Demand(1, 0, local_hours=1), Measured()).limit == "copies"
    slower = plan(replace(cameras, batch_seconds=1.0), Measured())
    assert slower.transactions * 4 == plan(cameras, Measured()).transactions


def test_streams_that_share_are_fewer_with_more_partitions() -> None:
    assert read_for_one(1, 1) == 1
    assert read_for_one(100, 1) == 100
    # A neighbour is one of the others, each in one's own partition with a chance of 1 to 100.
    assert read_for_one(100, 100) == pytest.approx(1 + 99 / 100, rel=0.1)


def test_every_step_of_the_document_is_a_demand() -> None:
    assert {demand.cameras for demand in DEMANDS.values()} == {10, 100, 1_000}
