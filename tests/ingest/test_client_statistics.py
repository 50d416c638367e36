"""What Kafka's client tells of itself, gathered."""

from confluent_kafka import KafkaError
from ingest.telemetry.client_statistics import ClientReport, Statistics

from tests.support.client_reports import reported


def test_the_slowest_broker_counts() -> None:
    statistics = Statistics(1)
    statistics.on_statistics(
        reported(queued=5, a=(1500, 90_000, 0, 0), b=(2000, 80_000, 0, 0), c=(0, 0, 0, 0))
    )
    assert statistics.take() == ClientReport({"0.5": 0.002, "0.99": 0.09}, 5)


def test_a_quiet_second_leaves_the_round_trip_as_it_was() -> None:
    statistics = Statistics(1)
    statistics.on_statistics(reported(a=(1500, 90_000, 0, 0)))
    statistics.on_statistics(reported(a=(0, 0, 0, 0)))
    assert statistics.take().round_trip_seconds == {"0.5": 0.0015, "0.99": 0.09}


def test_errors_are_told_once_however_clients_come_and_go() -> None:
    statistics = Statistics(1)
    statistics.on_statistics(reported(a=(0, 0, 2, 1), b=(0, 0, 1, 0)))
    assert statistics.take().errors == {"timeout": 3, "retry": 1}
    statistics.on_statistics(reported(a=(0, 0, 2, 1), b=(0, 0, 1, 0)))
    assert statistics.take().errors == {}
    statistics.on_statistics(reported("producer-2", a=(0, 0, 0, 4)))
    statistics.on_statistics(reported("producer-2", a=(0, 0, 1, 5)))
    assert statistics.take().errors == {"timeout": 1, "retry": 5}


def test_lost_connections_are_counted_and_nothing_else() -> None:
    statistics = Statistics(1)
    for code in (KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN):
        statistics.on_error(KafkaError(code))
    assert statistics.take().errors == {"transport": 2}


def test_clients_that_are_not_asked_tell_nothing() -> None:
    assert Statistics(0).configuration() == {}
    assert Statistics(2).configuration()["statistics.interval.ms"] == 2000
