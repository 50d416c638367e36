"""What the broker tells of topics: which ones they are."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from ingest.model.errors import Unavailable

_UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAA"


def topic_ids(admin: AdminClient, topics: Sequence[str], seconds: float) -> dict[str, str | None]:
    """Return each topic's id as Kafka's tools print it; a topic made anew has another one.

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
