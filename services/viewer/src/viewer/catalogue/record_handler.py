"""Applies records of the streams and the index topics to the catalogue; counts foreign ones."""

import logging
import re

from confluent_kafka import Message

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.packed_segments import PackedSegment, SegmentDecoder
from viewer.catalogue.stream_entry import ContradictionError
from viewer.config.settings import Settings
from viewer.kafka.foreign_records import ForeignRecords
from viewer.kafka.wire_format import Decoder, ForeignRecordError, RegistryAwayError
from viewer.model.records import ImpossibleRecordError, stream_from

logger = logging.getLogger(__name__)

_SEGMENT_KEY = re.compile(r"(.+)/([0-9]{8,10})", re.DOTALL | re.ASCII)
# Ingest's records have a hundredth of this size.
_LARGEST_STREAM_BYTES = 256 << 10


class RecordHandler:
    """Applies records one by one; collects segments, of which a log has a million, for one update.

    Only the follower's thread uses it. No record ends that thread: one that can't be applied is
    noted as foreign.
    """

    def __init__(
        self, settings: Settings, decoder: Decoder, catalogue: Catalogue, foreign: ForeignRecords
    ) -> None:
        """Apply records of the settings' topics to the catalogue; count all others in `foreign`."""
        self._streams_topic = settings.streams_topic
        self._index_topic = settings.index_topic
        self._decoder = decoder
        self._catalogue = catalogue
        self._foreign = foreign
        self._segment_decoder = SegmentDecoder(decoder)
        self._segments: list[tuple[PackedSegment, int]] = []

    def handle(self, message: Message) -> None:
        """Apply one record; segments reach the catalogue by `flush`. Blocks on the registry.

        Raises RegistryAwayError, and nothing else, when the record can't be read yet.
        """
        try:
            if message.topic() == self._index_topic:
                quick = self._segment_decoder.quick(message.key(), message.value())
                if quick is not None:
                    self._segments.append((quick, message.timestamp()[1]))
                    return
            self._apply(message)
        except RegistryAwayError:
            raise
        except ForeignRecordError as error:
            self._foreign.note(message, error.reason)
        except ContradictionError:
            self._foreign.note(message, "contradiction")
        except ImpossibleRecordError:
            self._foreign.note(message, "impossible")
        except (TypeError, ValueError):
            self._foreign.note(message, "malformed")
        except Exception:
            logger.exception("event=record_unusable topic=%s next='skip it'", message.topic())
            self._foreign.note(message, "malformed")

    def flush(self) -> None:
        """Give the collected segments to the catalogue."""
        collected, self._segments = self._segments, []
        if not collected:
            return
        try:
            self._catalogue.put_segments(collected)
        except Exception:
            logger.exception(
                "event=segments_unusable count=%d next='apply each one by itself'", len(collected)
            )
            for one in collected:
                self._put_alone(one)

    def _put_alone(self, segment: tuple[PackedSegment, int]) -> None:
        try:
            self._catalogue.put_segments([segment])
        except Exception:
            logger.exception("event=segment_unusable number=%d next='skip it'", segment[0][2])

    def _apply(self, message: Message) -> None:
        key, value = message.key() or b"", message.value()
        is_stream = message.topic() == self._streams_topic
        if value is None:
            self._remove(key, message.timestamp()[1], is_stream=is_stream)
        elif is_stream:
            if len(value) > _LARGEST_STREAM_BYTES:
                raise ImpossibleRecordError("a Stream record is larger than 256 KiB")
            _, record = self._decoder.decode(value, "Stream")
            stream = stream_from(record)
            _require_key(key, stream.stream_id)
            self._catalogue.put_stream(stream)
        else:
            segment = self._segment_decoder.decode(value)
            _require_key(key, f"{segment.stream_id}/{segment.segment_number:08}")
            self._segments.append((segment, message.timestamp()[1]))

    def _remove(self, key: bytes, asked_ms: int, *, is_stream: bool) -> None:
        """Remove the stream or segment that a tombstone names; it may be unknown."""
        self.flush()
        name = key.decode(errors="replace")
        if is_stream:
            self._catalogue.remove_stream(name, asked_ms)
        elif found := _SEGMENT_KEY.fullmatch(name):
            self._catalogue.remove_segment(found[1], int(found[2]), asked_ms)


def _require_key(key: bytes, expected: str) -> None:
    if key != expected.encode():
        raise ForeignRecordError("other_key")
