"""Takes records of the streams and the index topics into the catalogue, and counts what is not."""

import logging

from confluent_kafka import Message

from viewer.catalogue import Catalogue
from viewer.metrics import Metrics
from viewer.packing import PackedSegment, SegmentDecoder
from viewer.records import stream_from
from viewer.settings import Settings
from viewer.wire import Decoder, ForeignRecordError

logger = logging.getLogger(__name__)


class Intake:
    """Applies records one by one; segments are collected, as a log has a million of them."""

    def __init__(
        self, settings: Settings, decoder: Decoder, catalogue: Catalogue, metrics: Metrics
    ) -> None:
        """Apply records of the settings' topics to the catalogue."""
        self._streams_topic = settings.streams_topic
        self._index_topic = settings.index_topic
        self._decoder = decoder
        self._catalogue = catalogue
        self._metrics = metrics
        self._segment_decoder = SegmentDecoder(decoder)
        self._segments: list[tuple[PackedSegment, int]] = []

    def take(self, message: Message) -> None:
        """Take one record in; `flush` lets the catalogue know of segments.

        Raises RegistryAwayError when the record can't be read yet.
        """
        if message.topic() == self._index_topic:
            quick = self._segment_decoder.quick(message.key(), message.value())
            if quick is not None:
                self._segments.append((quick, message.timestamp()[1]))
                return
        try:
            self._apply(message)
        except ForeignRecordError as error:
            self._metrics.foreign.labels(error.reason).inc()
            logger.warning(
                "record=foreign reason=%s topic=%s partition=%s offset=%s",
                error.reason, message.topic(), message.partition(), message.offset(),
            )  # fmt: skip

    def flush(self) -> None:
        """Hand the segments that were taken to the catalogue."""
        if self._segments:
            self._catalogue.put_segments(self._segments)
            self._segments = []

    def _apply(self, message: Message) -> None:
        key, value = message.key() or b"", message.value()
        is_stream = message.topic() == self._streams_topic
        if value is None:
            if is_stream:
                self._catalogue.remove_stream(key.decode(errors="replace"))
            return
        try:
            if is_stream:
                _, record = self._decoder.decode(value, "Stream")
                stream = stream_from(record)
                _require_key(key, stream.stream_id)
                self._catalogue.put_stream(stream)
            else:
                segment = self._segment_decoder.decode(value)
                _require_key(key, f"{segment.stream_id}/{segment.segment_number:08}")
                self._segments.append((segment, message.timestamp()[1]))
        except (TypeError, ValueError) as error:
            raise ForeignRecordError("malformed") from error


def _require_key(key: bytes, expected: str) -> None:
    if key != expected.encode():
        raise ForeignRecordError("other_key")
