"""The streams of the log, for those who ask about one or have it forgotten."""

from typing import Protocol

from ingest.config.settings import Settings
from ingest.kafka.connection import connect, reading
from ingest.model.errors import Fenced, Refused, Unknown
from ingest.model.stream import Stream


class Catalogue(Protocol):
    """What control needs of the log. Each method raises Unavailable when the cluster is away."""

    def stream(self, stream_id: str) -> Stream | None:
        """Return the state of a stream."""

    def holding(self, fingerprint: str) -> Stream | None:
        """Return the state of the stream that holds, or is getting, this content."""

    def forget(self, stream: Stream) -> None:
        """Take a stream out of the catalogue and the index, in one transaction.

        Raises Unknown when it is gone, and Refused when it is not as it was any more.
        """


class KafkaCatalogue:
    """See Catalogue. Connects anew for each call; safe to use from any thread."""

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
        """See Catalogue.forget. Whoever was writing the stream is fenced."""
        publisher, committed_log = connect(self._settings, stream.fingerprint)
        try:
            key = stream.stream_id.encode()
            now = next(iter(committed_log.streams(lambda other: other == key)), None)
            if now is None:
                raise Unknown(f"There is no stream {stream.stream_id} any more.")
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
