"""Which frames the log no longer has."""

from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from viewer.catalogue import Catalogue

if TYPE_CHECKING:
    from concurrent.futures import Future

_RPC_SECONDS = 5.0


class Expiry:
    """Tells a catalogue where each partition of the frames topic begins."""

    def __init__(self, admin: AdminClient, catalogue: Catalogue, topic: str) -> None:
        self._admin = admin
        self._catalogue = catalogue
        self._topic = topic

    def ask(self) -> None:
        """Ask for the low watermarks; the answers come on the admin client's own thread."""
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        asked = {
            TopicPartition(self._topic, partition): earliest
            for partition in self._catalogue.partitions
        }
        if asked:
            answers = self._admin.list_offsets(asked, request_timeout=_RPC_SECONDS)
            for where, answer in answers.items():
                answer.add_done_callback(partial(self._set_low, where.partition))

    def _set_low(self, partition: int, answer: "Future[ListOffsetsResultInfo]") -> None:
        if answer.exception() is None:
            self._catalogue.set_low_watermarks({partition: answer.result().offset})
