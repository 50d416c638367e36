"""Maps errors of Kafka's client to ingest's errors: wait, stop, or ask a person."""

from collections.abc import Mapping

from confluent_kafka import KafkaError

from ingest.model.errors import Blocked, Broken, Fenced, IngestError, Unavailable

# ruff: noqa: SLF001  (the client's public constants have such names)

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
"""Errors of records that are larger than their topic accepts."""

PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
"""Errors of records that were not sent because another record failed."""

BAD_STATE = KafkaError._STATE
"""The error of a call that comes too late: the transaction has failed before."""

DOORS: Mapping[int, str] = {
    KafkaError._AUTHENTICATION: "rejected ingest's login: check FRAMELOG_KAFKA_SASL_USERNAME "
    "and FRAMELOG_KAFKA_SASL_PASSWORD.",
    KafkaError._SSL: "can't be reached by TLS: check FRAMELOG_KAFKA_SSL_CA_LOCATION.",
}
"""Why no connection is possible, as the end of a sentence that begins with Kafka."""

_FENCED = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
)

_LOGIN = "check FRAMELOG_KAFKA_SASL_USERNAME, FRAMELOG_KAFKA_SASL_PASSWORD and its mechanism"
_VERSION = "the broker is older than ingest's client can work with, or lacks a feature: upgrade it"
_TOPIC_SETTING = "correct the topic's setting that forbids it (deploy/setup/topics.toml)"
_SETTING = "correct the broker's setting that forbids it"

# Errors that no retry fixes, and what a person has to do.
_FOR_A_PERSON: Mapping[int, str] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "let its user describe, read and write the topics",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "let its user read the group framelog-ingest",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "let its user describe and write "
    "transactional ids that begin with the frames topic's name",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "let its user write idempotently to the cluster",
    KafkaError.DELEGATION_TOKEN_AUTHORIZATION_FAILED: _LOGIN,
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _LOGIN,
    KafkaError.ILLEGAL_SASL_STATE: _LOGIN,
    KafkaError.SECURITY_DISABLED: _LOGIN,
    KafkaError.UNSUPPORTED_VERSION: _VERSION,
    KafkaError._UNSUPPORTED_FEATURE: _VERSION,
    KafkaError._NOT_IMPLEMENTED: _VERSION,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: _VERSION,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: _TOPIC_SETTING,
    KafkaError.INVALID_TIMESTAMP: "set this machine's clock right: it is further from the "
    "broker's than the topic's message.timestamp.after.max.ms and before.max.ms allow",
    KafkaError.INVALID_RECORD: _TOPIC_SETTING,
    KafkaError.INVALID_REQUIRED_ACKS: _TOPIC_SETTING,
    KafkaError.TOPIC_EXCEPTION: "check the topics' names",
    KafkaError.MSG_SIZE_TOO_LARGE: "raise the topics' max.message.bytes",
    KafkaError.RECORD_LIST_TOO_LARGE: "raise the topics' max.message.bytes",
    KafkaError.INVALID_MSG_SIZE: "raise the topics' max.message.bytes",
    KafkaError.POLICY_VIOLATION: _SETTING,
    KafkaError.INVALID_CONFIG: _SETTING,
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "raise the broker's transaction.max.timeout.ms to "
    "10 s or more",
    KafkaError._INVALID_ARG: "check ingest's settings for Kafka",
}

# Errors that end by themselves, or with an ordinary change of the cluster.
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._RETRY,
        KafkaError._WAIT_COORD,
        KafkaError._WAIT_CACHE,
        KafkaError._QUEUE_FULL,
        KafkaError._INTR,
        KafkaError._DESTROY_BROKER,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._LOG_TRUNCATION,
        KafkaError._UNKNOWN_BROKER,
        KafkaError._NODE_UPDATE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.INCONSISTENT_TOPIC_ID,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
        KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.TRANSACTION_COORDINATOR_FENCED,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.NOT_CONTROLLER,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.STALE_BROKER_EPOCH,
        KafkaError.STALE_CTRL_EPOCH,
        KafkaError.REBOOTSTRAP_REQUIRED,
        # Errors of one producer, which the next producer does not have.
        KafkaError.TRANSACTION_ABORTABLE,
        KafkaError.UNKNOWN_PRODUCER_ID,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.DUPLICATE_SEQUENCE_NUMBER,
        KafkaError.OPERATION_NOT_ATTEMPTED,
        *PURGED,
    }
)


def ingest_error(error: KafkaError, doing: str) -> IngestError:
    """Return the error to raise; doing names what failed, such as "the transaction".

    If the client says that a call may be repeated, that counts before the code. An error that
    is neither known to pass nor known to need a person is Broken.
    """
    code, said = error.code(), error.str()
    if code in _FENCED:
        return Fenced("Another worker has taken over the stream.")
    if door := DOORS.get(code):
        # A broker that is stopping breaks off TLS too, so that alone may pass.
        return (Unavailable if code == KafkaError._SSL else Blocked)(f"Kafka {door}")
    if not error.retriable() and (to_do := _FOR_A_PERSON.get(code)):
        return Blocked(f"Kafka rejected {doing}: {said}. To fix it, {to_do}.")
    if error.retriable() or code in _PASSING:
        return Unavailable(f"Kafka did not complete {doing}: {said}.")
    return Broken(f"Kafka rejected {doing}: {said}.")
