"""What the broker tells of topics: which ones they are."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

_UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAA"


def topic_ids(admin: AdminClient, topics: Sequence[str], seconds: float) -> dict[str, str | None]:
    """Return each topic's id as Kafka's tools print it; a topic made anew has another one.

    None: there is no such topic, or the broker is too old to have ids. Raises KafkaException.
    """
    answers = admin.describe_topics(TopicCollection(list(topics)), request_timeout=seconds)
    ids: dict[str, str | None] = {}
    for topic in topics:
        try:
            text = str(answers[topic].result().topic_id)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            ids[topic] = None
        else:
            ids[topic] = None if text == _UNKNOWN_ID else text
    return ids
