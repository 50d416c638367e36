"""What Kafka's client reports of itself, read."""

import pytest
from confluent_kafka import KafkaError, Producer
from framelog_service.client_statistics import (
    ClientStatistics,
    FailureCounts,
    is_failed_connection,
    read_statistics,
)

from tests.support.client_reports import reported
from tests.support.processes import wait_for


def test_the_slowest_broker_counts_and_failures_of_all_are_added() -> None:
    text = reported(queued=5, a=(1500, 90_000, 2, 1), b=(2000, 80_000, 1, 0), c=(0, 0, 0, 0))
    failures = {"timeout": 3, "retry": 1}
    expected = ClientStatistics("producer-1", 5, {"0.5": 0.002, "0.99": 0.09}, failures)
    assert read_statistics(text) == expected


def test_without_an_answer_there_is_no_round_trip() -> None:
    assert read_statistics(reported(a=(0, 0, 0, 0))).round_trip_seconds == {}
    assert read_statistics(reported()).round_trip_seconds == {}


def test_each_failure_is_counted_once_however_clients_and_brokers_come_and_go() -> None:
    counts = FailureCounts()

    def added(text: str) -> tuple[int, int]:
        found = counts.added(read_statistics(text))
        return found["timeout"], found["retry"]

    assert added(reported(a=(0, 0, 2, 1), b=(0, 0, 1, 0))) == (3, 1)
    assert added(reported(a=(0, 0, 2, 1), b=(0, 0, 1, 0))) == (0, 0)
    assert added(reported("producer-2", a=(0, 0, 0, 4))) == (0, 4)
    assert added(reported("producer-2", a=(0, 0, 1, 5))) == (1, 1)
    assert added(reported(a=(0, 0, 2, 1))) == (0, 0)
    assert added(reported(a=(0, 0, 4, 1))) == (2, 0)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError._TRANSPORT, True),
        (KafkaError._RESOLVE, True),
        (KafkaError._SSL, True),
        (KafkaError._AUTHENTICATION, True),
        (KafkaError._ALL_BROKERS_DOWN, False),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
    ],
)
def test_a_failed_name_tls_or_login_is_a_failed_connection(code: int, expected: bool) -> None:
    assert is_failed_connection(KafkaError(code)) is expected


def test_what_a_real_client_reports_can_be_read(free_port: int) -> None:
    heard: list[ClientStatistics] = []
    producer = Producer(
        {
            "bootstrap.servers": f"127.0.0.1:{free_port}",
            "client.id": "it",
            "statistics.interval.ms": 10,
            "stats_cb": lambda text: heard.append(read_statistics(text)),
            "error_cb": lambda _: None,
            "log_level": 0,
        }
    )

    def heard_of() -> list[ClientStatistics]:
        producer.poll(0.1)
        return heard

    assert wait_for(heard_of, what="the client's statistics")[0].client.startswith("it#producer")
