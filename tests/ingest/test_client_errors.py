"""What follows from each error that Kafka's client can give, wherever it gives it."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from ingest.kafka.avro_codec import Codec
from ingest.kafka.client_errors import BAD_STATE, PURGED, TOO_LARGE, ingest_error
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.record_limits import LearnedLimits
from ingest.model.errors import (
    Blocked,
    Broken,
    Fenced,
    IngestError,
    LimitsChanged,
    Unavailable,
)
from ingest.model.frame import Frame
from ingest.model.stream import Stream
from ingest.telemetry.worker_probe import Probe

from tests.ingest.builders import frames, fresh
from tests.ingest.test_publishers import send

CODES = sorted(
    {
        code
        for name, code in vars(KafkaError).items()
        if name.lstrip("_").isupper() and isinstance(code, int) and code != KafkaError.NO_ERROR
    }
)
FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
FOR_A_PERSON = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
}
PASSING = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._SSL,
    KafkaError.NOT_COORDINATOR,
    KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TRANSACTION_ABORTABLE,
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
}


def kind(code: int, **marks: bool) -> type[IngestError]:
    return type(ingest_error(KafkaError(code, "It is so", **marks), "a transaction"))


@pytest.mark.parametrize("code", CODES)
def test_every_error_asks_for_one_of_four_things(code: int) -> None:
    expected = {
        **dict.fromkeys(FENCED, Fenced),
        **dict.fromkeys(FOR_A_PERSON, Blocked),
        **dict.fromkeys(PASSING, Unavailable),
    }
    for fatal, abort in itertools.product((False, True), repeat=2):
        error = ingest_error(
            KafkaError(code, "It is so", fatal=fatal, txn_requires_abort=abort), "a transaction"
        )
        assert type(error) in {Fenced, Blocked, Unavailable, Broken}
        assert type(error) is expected.get(code, type(error)), error
        assert str(error).endswith(".")


@pytest.mark.parametrize("code", sorted(set(CODES) - FENCED - {KafkaError._AUTHENTICATION}))
def test_what_the_client_says_may_be_repeated_is_waited_for(code: int) -> None:
    assert kind(code, retriable=True) is Unavailable


def test_what_a_person_has_to_mend_says_what_to_do() -> None:
    error = ingest_error(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "a transaction")
    assert "let its user describe, read and write the topics" in str(error)


class FakeCodec(Codec):
    """Makes values of a byte."""

    def __init__(self) -> None:
        pass

    def frame(self, frame: Frame, stream: Stream) -> bytes:  # noqa: ARG002
        return b"f"

    def stream(self, stream: Stream) -> bytes:  # noqa: ARG002
        return b"s"

    def segment(self, segment: object) -> bytes:  # noqa: ARG002
        return b"i"


class FakeMessage:
    """A record that was delivered."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return 0


class FakeProducer:
    """A producer whose transaction fails at one stage, with one error, so many times."""

    def __init__(self, stage: str, error: KafkaError, times: int = 1) -> None:
        self._stage, self._error, self._left = stage, error, times
        self._pending: list[Callable[[], None]] = []
        self._offset = 0
        self.called: list[str] = []

    def _reach(self, stage: str) -> None:
        if stage == self._stage and self._left:
            self._left -= 1
            raise KafkaException(self._error)

    def begin_transaction(self) -> None:
        self._reach("begin")

    def produce(self, topic: str, *record: Any, headers: Any) -> None:
        told = record[3]
        assert headers == []
        stage = f"produce {topic}"
        if stage == self._stage and self._left and self._error.code() == KafkaError._QUEUE_FULL:
            self._left -= 1
            raise BufferError("Local: Queue full")
        self._reach(stage)
        self._offset += 1
        message = FakeMessage(self._offset)
        failed = f"deliver {topic}" == self._stage and self._left
        self._left -= bool(failed)
        error = self._error if failed else None
        self._pending.append(lambda: told(error, message))

    def poll(self, _: float) -> None:
        pending, self._pending = self._pending, []
        for tell in pending:
            tell()

    def commit_transaction(self, _: float) -> None:
        self.poll(0)
        self.called.append("commit")
        self._reach("commit")

    def abort_transaction(self, _: float) -> None:
        self.called.append("abort")
        self._pending.clear()


class FakedPublisher(KafkaPublisher):
    """A publisher with its producer given; the log's limits and topics never change."""

    def __init__(self, producer: FakeProducer) -> None:
        self._topics = self._frames_topic, self._index_topic, self._streams_topic = (
            "frames", "index", "streams",
        )  # fmt: skip
        self._codec = FakeCodec()
        self._probe = Probe(lambda: 0.0, lambda: 0)
        self._book = LearnedLimits(self._topics)
        self._index_partitions = 1
        self._faults = []
        self._door = None
        self._asked = float("inf")
        self._topic_ids = {"frames": "one", "index": "two"}
        fake: Any = producer
        self._producer = fake


STAGES = [
    "begin", "produce frames", "deliver frames", "produce index", "produce streams", "commit",
]  # fmt: skip


def failing(stage: str, error: KafkaError, times: int = 1) -> tuple[FakeProducer, KafkaPublisher]:
    producer = FakeProducer(stage, error, times)
    return producer, FakedPublisher(producer)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("code", sorted(FENCED | FOR_A_PERSON | PASSING))
def test_a_commit_fails_as_its_error_asks(code: int, stage: str) -> None:
    """Before the commit, the transaction is aborted: then nothing of it is in the log."""
    producer, publisher = failing(stage, KafkaError(code, "It is so"))
    before_the_commit = stage != "commit"
    expected: dict[int, type[IngestError]] = {
        **dict.fromkeys(FENCED, Fenced),
        **dict.fromkeys(FOR_A_PERSON, Blocked),
        **dict.fromkeys(PASSING, Unavailable),
    }
    if code in TOO_LARGE and stage == "deliver frames":
        expected[code] = LimitsChanged
    with pytest.raises(expected[code]) as raised:
        send(publisher, fresh(), frames(0, 3))
    assert type(raised.value) is expected[code]
    assert ("abort" in producer.called) is before_the_commit


@pytest.mark.parametrize("code", sorted(PASSING))
def test_a_commit_that_asks_to_be_aborted_is(code: int) -> None:
    producer, publisher = failing("commit", KafkaError(code, "It is so", txn_requires_abort=True))
    with pytest.raises(Unavailable):
        send(publisher, fresh(), frames(0, 3))
    assert producer.called == ["commit", "abort"]


def test_frames_that_are_never_confirmed_do_not_hold_readers_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The transaction is aborted, not left open until Kafka ends it."""
    monkeypatch.setattr("ingest.kafka.publisher._GIVE_UP_SECONDS", 0.0)
    producer, publisher = failing("never", KafkaError(KafkaError._FAIL))
    monkeypatch.setattr(producer, "poll", lambda _: None)
    with pytest.raises(Unavailable, match="does not acknowledge the frames"):
        send(publisher, fresh(), frames(0, 3))
    assert producer.called == ["abort"]


def test_a_commit_that_may_be_repeated_is() -> None:
    error = KafkaError(KafkaError._TIMED_OUT, "Not yet", retriable=True)
    producer, publisher = failing("commit", error, times=3)
    assert send(publisher, fresh(), frames(0, 3)).frame_count == 3
    assert producer.called == ["commit"] * 4


@pytest.mark.parametrize("topic", ["frames", "index", "streams"])
def test_a_full_queue_is_waited_for(topic: str) -> None:
    error = KafkaError(KafkaError._QUEUE_FULL)
    producer, publisher = failing(f"produce {topic}", error, times=3)
    assert send(publisher, fresh(), frames(0, 3)).frame_count == 3
    assert producer.called == ["commit"]


@pytest.mark.parametrize("told", [BAD_STATE, *sorted(PURGED)])
def test_why_the_first_record_failed_counts_not_what_followed_from_it(told: int) -> None:
    """The client purges the others, and refuses further calls."""
    producer, publisher = failing("commit", KafkaError(told, "x", txn_requires_abort=True))
    refused = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    real, first = producer.produce, iter([True])

    def produce(topic: str, *arguments: Any, **named: Any) -> None:
        if topic == "index" and next(first, False):
            arguments[3](refused, FakeMessage(0))
        real(topic, *arguments, **named)

    producer.produce = produce  # type: ignore[method-assign]
    with pytest.raises(Blocked, match="let its user describe, read and write"):
        send(publisher, fresh(), frames(0, 3))
