"""The streams of the log, for the operators' commands."""

from typing import Protocol

from ingest.config.settings import Settings
from ingest.kafka.connection import connect, reading
from ingest.model.errors import Fenced, Refused, Unknown
from ingest.model.stream import Stream


class Catalogue(Protocol):
    """What the commands need of the log. Methods raise Unavailable without the cluster."""

    def stream(self, stream_id: str) -> Stream | None:
        """Return the state of a stream."""

    def holding(self, fingerprint: str) -> Stream | None:
        """Return the state of the stream that has, or receives, this content."""

    def forget(self, stream: Stream) -> None:
        """Remove a stream from the catalogue and the index, in one transaction.

        Raises Unknown if it is gone, and Refused if it has changed meanwhile.
        """


class KafkaCatalogue:
    """See Catalogue. Connects for each call; any thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def stream(self, stream_id: str) -> Stream | None:
        """See Catalogue.stream."""
        wanted = stream_id.encode()
        with reading(self._settings) as (committed_log, _):
            return next(iter(committed_log.streams(lambda key: key == wanted)), None)

    def holding(self, fingerprint: str) -> Stream | None:
        """See Catalogue.holding."""
        with reading(self._settings) as (committed_log, _):
            found = [stream for stream in committed_log.find(fingerprint) if stream.holds_frames]
        return found[-1] if found else None

    def forget(self, stream: Stream) -> None:
        """See Catalogue.forget. Fences any writer of the stream."""
        publisher, committed_log = connect(self._settings, stream.fingerprint)
        try:
            key = stream.stream_id.encode()
            now = next(iter(committed_log.streams(lambda other: other == key)), None)
            if now is None:
                raise Unknown(f"The stream {stream.stream_id} does not exist any more.")
            if (now.run_id, now.segment_count) != (stream.run_id, stream.segment_count):
                raise Fenced
            index = self._settings.index_topic
            segments = {
                (key, message.partition() or 0)
                for message in committed_log.records(index, committed_log.whole(index))
                if (key := message.key() or b"").startswith(f"{stream.stream_id}/".encode())
            }
            publisher.forget(stream.stream_id, sorted(segments))
        except Fenced:
            raise Refused(
                f"{stream.stream_id} is being ingested: wait until it has ended."
            ) from None
        finally:
            publisher.close()
