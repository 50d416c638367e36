"""What the status page is told: the numbers of the last minutes, and how each service is."""

from __future__ import annotations

import json
from contextlib import contextmanager
from math import inf
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Any

import pytest
import requests
from viewer.status.http_probe import HttpProbe
from viewer.status.ingest_files import ask_files
from viewer.status.metric_scrapes import Scrape
from viewer.status.plot_history import KEPT_SECONDS, Moment, PlotHistory, point_of
from viewer.status.rates import quantile_of
from viewer.status.service_checks import every_address

from tests.support.log_writer import write_stream
from tests.support.processes import wait_for
from tests.support.serving import Quiet, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cluster import Cluster, Topics
    from tests.support.processes import Process

COMMITTED = "framelog_ingest_frames_committed_total"
SKIPPED = "framelog_viewer_frames_skipped_total"
SIZE = 'kafka_log_log_size_bytes{topic="%s",partition="%d"}'
NOTHING = Scrape({})


def ingest_of(committed: float, waiting: float = 0) -> Scrape:
    return Scrape({COMMITTED: [({}, committed)], "framelog_ingest_files_waiting": [({}, waiting)]})


def seeks_of(*counts: float) -> Scrape:
    """Make a scrape of seeks that took up to 10 ms, 100 ms, and longer."""
    name = "framelog_viewer_seek_seconds_bucket"
    bounds = ("0.01", "0.1", "+Inf")
    series = [({"le": le}, count) for le, count in zip(bounds, counts, strict=True)]
    return Scrape({name: series})


def test_rates_are_of_the_time_between_two_moments() -> None:
    skipped = Scrape({SKIPPED: [({"reason": "expired"}, 5), ({"reason": "pace"}, 900)]})
    moments = [
        Moment(1000, Scrape({SKIPPED: [({"reason": "expired"}, 0)]}), {"one": ingest_of(100)}),
        Moment(3500, skipped, {"one": ingest_of(150)}),
    ]
    point = point_of(moments)
    assert point["frames_committed_per_second"] == 20
    # What the speed asked for leaves out is no loss.
    assert point["frames_skipped_per_second"] == 2
    assert point_of(moments[:1])["frames_committed_per_second"] is None


def test_replicas_add_up_and_one_that_restarts_or_is_away_makes_no_spike() -> None:
    before = Moment(0, NOTHING, {"one": ingest_of(1000, 3), "two": ingest_of(500, 3)})
    after = Moment(
        1000,
        NOTHING,
        {"new": ingest_of(70_000, 2), "one": ingest_of(1010, 2), "two": ingest_of(5, 2)},
    )
    assert point_of([before, after])["frames_committed_per_second"] == 15
    assert point_of([before, after])["files_waiting"] == 2, "they see the same folder"
    gone = Moment(2000, NOTHING, {})
    assert point_of([before, after, gone])["frames_committed_per_second"] is None
    assert point_of([before, after, gone])["files_waiting"] is None


def test_quantiles_are_of_what_was_counted_within_the_window() -> None:
    moments = [Moment(n, scrape, {}) for n, scrape in enumerate([
        seeks_of(1000, 1000, 1000), seeks_of(1000, 1050, 1050), seeks_of(1000, 1100, 1100),
    ])]  # fmt: skip
    # 100 seeks between 10 and 100 ms; the thousand before are long past.
    assert point_of(moments)["seek_p99_seconds"] == pytest.approx(0.01 + 0.99 * 0.09)
    assert point_of(moments[:1])["seek_p99_seconds"] is None
    assert point_of([moments[0], moments[0]])["seek_p99_seconds"] is None
    # A viewer that was started anew counts from 0.
    restarted = [moments[0], Moment(3, seeks_of(10, 10, 10), {})]
    assert point_of(restarted)["seek_p99_seconds"] == pytest.approx(0.0099)


def test_a_quantile_beyond_the_highest_bound_is_that_bound() -> None:
    assert quantile_of(0.99, {0.1: 1, 1.0: 1, inf: 10}) == 1.0
    assert quantile_of(0.5, {0.1: 0, 1.0: 10, inf: 10}) == pytest.approx(0.55)
    assert quantile_of(0.5, {}) is None


def test_only_the_last_minutes_are_kept() -> None:
    history = PlotHistory()
    for n in range(1000):
        history.add(Moment(n * 5000, NOTHING, {}))
    told: dict[str, Any] = history.as_dict()
    assert told["times_ms"][-1] - told["times_ms"][0] == KEPT_SECONDS * 1000
    assert {len(points) for points in told["series"].values()} == {len(told["times_ms"])}


def test_each_replica_behind_a_name_is_asked() -> None:
    def resolve(host: str, port: int, **_: object) -> list[Any]:
        assert (host, port) == ("ingest", 8001)
        here, there, other = "10.0.0.7", "10.0.0.12", "fd00::7"
        found = [(AF_INET, a, port) for a in (here, there, here)] + [(AF_INET6, other, port)]
        return [(family, 1, 6, "", (address, port)) for family, address, port in found]

    assert every_address("http://ingest:8001", resolve) == [
        "http://10.0.0.12:8001",
        "http://10.0.0.7:8001",
    ]
    assert every_address("https://ingest:8001", resolve) == ["https://ingest:8001"]


def test_a_name_of_one_address_or_none_is_asked_as_it_is() -> None:
    def unknown(*_: object, **__: object) -> list[Any]:
        raise OSError("unknown")

    assert every_address("http://127.0.0.1:8001") == ["http://127.0.0.1:8001"]
    assert every_address("http://nobody:8001", unknown) == ["http://nobody:8001"]


@contextmanager
def ingest_service(
    answers: dict[str, tuple[int, str]], shown: list[str | None] | None = None
) -> Iterator[str]:
    """Answer as an ingest service does: with a status and a text, by path.

    What each request shows as its Authorization is added to shown.
    """

    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802 (the server's name)
            if shown is not None:
                shown.append(self.headers["Authorization"])
            status, text = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with serving(Handler) as url:
        yield url


def status(base: str, **headers: str) -> dict[str, Any]:
    return dict(requests.get(f"{base}/api/status", headers=headers, timeout=60).json())


def services(told: dict[str, Any]) -> dict[str, Any]:
    return {service["name"]: service for service in told["services"]}


def test_all_of_a_stack_is_told(
    cluster: Cluster, topics: Topics, serve: Callable[..., Process], base: str
) -> None:
    writer = write_stream(cluster, topics, 20)
    lines = [f"{COMMITTED} 7", 'framelog_ingest_build_info{version="9.8"} 1']
    answers = {
        "/readyz": (200, "ok\n"),
        "/metrics": (200, "\n".join(lines) + "\n"),
        "/jmx": (200, "\n".join(f"{SIZE % (topics.frames, p)} 500" for p in range(6)) + "\n"),
    }

    def ingest() -> Any:
        return services(status(base))["ingest"]

    with ingest_service(answers) as url:
        process = serve(
            FRAMELOG_VIEWER_INGEST_URLS=url, FRAMELOG_VIEWER_KAFKA_METRICS_URLS=f"{url}/jmx"
        )

        def all_ready() -> dict[str, Any]:
            found = services(status(base))
            states = [service["state"] for service in found.values()]
            return found if states == ["ready"] * 4 else {}

        known = wait_for(all_ready, alive=process, what="four services to be ready")
        assert known["ingest"]["version"] == "9.8"
        assert known["registry"]["version"]
        found = wait_for(lambda: status(base)["topics"], alive=process, what="the topics")
        sizes = {topic["name"]: topic["disk_bytes"] for topic in found}
        assert sizes == {topics.frames: 3000, topics.index: None, topics.streams: None}

        answers["/readyz"] = (503, "The folder is gone.\n")
        wait_for(lambda: ingest()["state"] == "waiting", alive=process)
        assert ingest()["sentence"] == "The folder is gone."
        answers["/metrics"] = (200, "<html>")
        wait_for(lambda: ingest()["state"] == "away", alive=process)
        assert "Check the address." in ingest()["sentence"]
    wait_for(lambda: "can't be reached: connection refused" in ingest()["sentence"], alive=process)

    told = status(base)
    committed = told["series"]["frames_committed_per_second"]
    assert committed[:2] == [None, 0]
    assert committed[-1] is None
    assert len(committed) == len(told["times_ms"])
    images = sum(map(len, writer.images))
    wait_for(lambda: status(base)["topics"][0]["image_bytes"] == images, alive=process)
    wait_for(lambda: status(base)["topics"][0]["disk_bytes"] is None, alive=process)
    found = status(base)["topics"]
    assert [topic["name"] for topic in found] == [topics.frames, topics.index, topics.streams]
    # 20 frames, and the mark of each of the two transactions.
    assert found[0]["offsets"] == 22
    assert found[0]["retention_ms"] == 7 * 24 * 3600 * 1000


def test_nobody_is_told_who_is_not_let_in(serve: Callable[..., Process], base: str) -> None:
    secrets = {"token": "one-that-is-secret", "users": "ann:secret-too", "registry": "ben:secret"}
    serve(
        FRAMELOG_VIEWER_TOKEN=secrets["token"],
        FRAMELOG_VIEWER_USERS=secrets["users"],
        FRAMELOG_SCHEMA_REGISTRY_USER_INFO=secrets["registry"],
    )
    for path in ("/status", "/api/status"):
        assert requests.get(base + path, timeout=60).status_code == 401
    assert "secret" not in str(status(base, Authorization=f"Bearer {secrets['token']}"))


def test_a_stack_that_is_away_is_told_too(serve: Callable[..., Process], base: str) -> None:
    serve(
        until="healthz",
        FRAMELOG_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        FRAMELOG_SCHEMA_REGISTRY_URL="http://127.0.0.1:1",
    )
    expected = {"viewer": "waiting", "ingest": "unasked", "kafka": "away", "registry": "away"}
    wait_for(lambda: {n: s["state"] for n, s in services(status(base)).items()} == expected)
    assert status(base)["topics"] is None
    assert requests.get(f"{base}/status", timeout=60).status_code == 200


HOSTILE = "<img src=x onerror=alert(1)>\n\x1b[2J"


def files_answer(**changes: Any) -> str:
    file = {"name": "shots", "state": "waiting", "reason": "It is an empty folder.", "bytes": 0}
    answer = {
        "paused": True,
        "totals": {"waiting": 3, "ingesting": 1, "failed": 1, "done": 9},
        "files": [
            file,
            {**file, "reason": None},
            {**file, "name": HOSTILE, "state": "failed", "reason": "x" * 9000},
            {**file, "state": "done"},
        ],
    }
    return json.dumps({**answer, **changes})


def test_files_are_told_with_their_reasons() -> None:
    with ingest_service({"/api/files?newest=20": (200, files_answer())}) as url:
        files = ask_files(HttpProbe(), ["http://127.0.0.1:1", url])
    assert files is not None
    assert (files.paused, files.totals["done"]) == (True, 9)
    assert [(file.name, file.state) for file in files.told] == [
        ("shots", "waiting"),
        (HOSTILE, "failed"),
    ]
    assert [len(file.reason) for file in files.told] == [22, 501]


def test_files_are_asked_for_with_ingests_token() -> None:
    shown: list[str | None] = []
    token = "a token of ingest"  # noqa: S105
    with ingest_service({"/api/files?newest=20": (200, files_answer())}, shown) as url:
        assert ask_files(HttpProbe(token=token), [url]) is not None
    assert shown == [f"Bearer {token}"]


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[]",
        "[" * 100_000,
        files_answer(files=None),
        files_answer(files=[{"name": "x"}]),
        files_answer(totals={}),
        files_answer(totals={"waiting": "x", "ingesting": 1, "failed": 1, "done": 1}),
    ],
)
def test_what_is_no_list_of_files_is_not_told(said: str) -> None:
    with ingest_service({"/api/files?newest=20": (200, said)}) as url:
        assert ask_files(HttpProbe(), [url]) is None
