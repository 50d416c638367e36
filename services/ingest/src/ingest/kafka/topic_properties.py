"""What brokers state about topics: their ids, and the largest batch that they accept."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from ingest.model.errors import Unavailable

MOST_BYTES = 16 << 20
"""The largest batch that ingest ever sends, whatever the broker accepts."""

# A request holds the batches of more than one partition: those of the index and the streams.
_REQUEST_BYTES = 64 << 10
_UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAA"
_NOT_STATED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_VERSION,
    }
)


def topic_ids(admin: AdminClient, topics: Sequence[str], seconds: float) -> dict[str, str | None]:
    """Return each topic's id as Kafka's tools print it; a recreated topic has another one.

    None: the broker is too old to have ids. Raises KafkaException, and Unavailable when there
    is no such topic.
    """
    answers = admin.describe_topics(TopicCollection(list(topics)), request_timeout=seconds)
    ids: dict[str, str | None] = {}
    for topic in topics:
        try:
            text = str(answers[topic].result().topic_id)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            raise Unavailable(no_topic(topic)) from error
        ids[topic] = None if text == _UNKNOWN_ID else text
    return ids


def no_topic(topic: str) -> str:
    """Return the sentence on a topic that is missing."""
    return f"Kafka has no topic {topic}: run the setup step (make up does)."


def batch_limits(admin: AdminClient, topics: tuple[str, ...], seconds: float) -> dict[str, int]:
    """Return the largest batch that each topic accepts, as far as the brokers state it.

    They state nothing to a client that may not ask. Raises KafkaException when no broker answers.
    """
    brokers = [str(number) for number in admin.list_topics(topics[0], seconds).brokers]
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    asked += [ConfigResource(ResourceType.BROKER, broker) for broker in brokers]
    answers = admin.describe_configs(asked, request_timeout=seconds)
    stated: dict[str, int] = {}
    request_bytes = MOST_BYTES + _REQUEST_BYTES
    for resource in asked:
        try:
            settings = answers[resource].result()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_STATED:
                raise
            continue
        if resource.restype == ResourceType.TOPIC:
            stated[resource.name] = int(settings["max.message.bytes"].value)
        else:
            request_bytes = min(request_bytes, int(settings["socket.request.max.bytes"].value))
    most = request_bytes - _REQUEST_BYTES
    return {topic: min(stated.get(topic, most), most) for topic in topics}
