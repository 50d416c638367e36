"""Asks Kafka which frames have expired from the log."""

from concurrent.futures import Future
from functools import partial

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec, TopicDescription

from viewer.catalogue.catalogue import Catalogue

_RPC_SECONDS = 5.0
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"


class Expiry:
    """Tells a catalogue the first offset of each partition of the frames topic, and the topic's id.

    A topic that was deleted and created again has another id: its old frames are gone.

    Answers arrive in the admin client's thread.
    """

    def __init__(self, admin: AdminClient, catalogue: Catalogue, topic: str) -> None:
        self._admin = admin
        self._catalogue = catalogue
        self._topic = topic

    def ask(self) -> None:
        """Send the requests without waiting for the answers."""
        self._ask_topic_id()
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        asked = {
            TopicPartition(self._topic, partition): earliest
            for partition in self._catalogue.partitions
        }
        if asked:
            answers = self._admin.list_offsets(asked, request_timeout=_RPC_SECONDS)
            for where, answer in answers.items():
                answer.add_done_callback(partial(self._on_low_watermark, where.partition))

    def ask_topic_id(self) -> None:
        """Ask for the topic's id and block for the answer, for 6 s at most."""
        asked = self._ask_topic_id()
        if asked is not None:
            asked.exception(_RPC_SECONDS + 1)

    def _ask_topic_id(self) -> "Future[TopicDescription] | None":
        # The answer says nothing about topics whose streams become known in the meantime.
        seen = self._catalogue.frames_topic_ids
        if not seen:
            return None
        wanted = TopicCollection([self._topic])
        asked = self._admin.describe_topics(wanted, request_timeout=_RPC_SECONDS)[self._topic]
        asked.add_done_callback(lambda answer: self._on_topic_id(seen, answer))
        return asked

    def _on_low_watermark(self, partition: int, answer: "Future[ListOffsetsResultInfo]") -> None:
        if answer.exception() is None:
            self._catalogue.set_low_watermarks({partition: answer.result().offset})

    def _on_topic_id(self, seen: frozenset[str], answer: "Future[TopicDescription]") -> None:
        if answer.exception() is None and (found := topic_id(answer.result())):
            self._catalogue.set_gone_topics(seen - {found})


def topic_id(description: TopicDescription) -> str | None:
    """Return a topic's id as Kafka's tools print it; None if the broker is too old for ids."""
    text = str(description.topic_id)
    return None if text == _NO_ID else text


def topic_ids(admin: AdminClient, topics: list[str]) -> dict[str, str | None]:
    """Return each topic's id. Raises KafkaException."""
    answers = admin.describe_topics(TopicCollection(topics), request_timeout=_RPC_SECONDS)
    try:
        return {topic: topic_id(answers[topic].result(_RPC_SECONDS + 1)) for topic in topics}
    except TimeoutError as error:
        raise KafkaException(str(error)) from error
