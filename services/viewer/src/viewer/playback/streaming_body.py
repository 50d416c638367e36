"""A streaming response's body: sent by the request's thread, or by the live edge's thread."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from framelog_service.logs import about

from viewer.catalogue.stream_view import StreamView
from viewer.http_streaming.direct_sending import BrokenOffError, Connection, Pieces, chunk
from viewer.model.errors import TryLaterError, ViewerError
from viewer.playback.frame_sequences import Delivery
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.playback.live_subscribers import Edge
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamingBody:
    """A stream's frames as one client requests them."""

    route: Literal["frames", "mjpg"]
    view: StreamView
    start: int
    play: Callable[[int, bool], Iterator[Delivery]]
    """Yields the frames from this one on; the flag says whether it waits for future frames."""
    encode: Callable[[Delivery], Pieces]
    length: int | None = None
    """The body's size in bytes, if known."""
    trailer: Callable[[Delivery], Pieces] = lambda _: ()
    """Encodes what follows the last frame."""
    is_shared: bool = False
    """Whether all clients at the live edge get the same bytes."""
    skips: bool = False
    """Whether a slow client skips to the newest frame."""
    max_lag_ns: int = 0
    """How far behind the newest frame it may be before it skips."""

    def send_or_yield(
        self, connection: Connection | None, metrics: Metrics, edges: LiveFrameSender
    ) -> Iterator[bytes]:
        """Send the frames; without a connection, yield them. The request's thread runs it.

        It blocks for the client, for future frames, and while the live edge sends. Raises
        BrokenOffError if the body can't be completed.
        """
        try:
            yield from self._sent(connection, metrics, edges)
        except ViewerError as error:
            whose = about(self.view.stream_id, self.view.run_id)
            logger.info(
                "event=answer_broken_off route=%s reason=%r", self.route, str(error), extra=whose
            )
            raise BrokenOffError(str(error)) from error

    def _sent(
        self, connection: Connection | None, metrics: Metrics, edges: LiveFrameSender
    ) -> Iterator[bytes]:
        # Makes gunicorn send the headers now: the next frame may take a while.
        yield b""
        last: Delivery | None = None
        at, is_over, sent = self.start, False, 0

        def deliver(waits: bool) -> Iterator[bytes]:
            nonlocal last, at, sent
            for delivery in self.play(at, waits):
                last, at = delivery, delivery.frame.frame_index + 1
                pieces = self.encode(delivery)
                sent += sum(map(len, pieces))
                if self.length is not None and sent > self.length:
                    # The client would take further bytes for the next response.
                    break
                metrics.delivered(self.route, len(delivery.frame.image))
                if connection is not None:
                    connection.send(pieces)
                else:
                    yield b"".join(pieces)
                # A yielded frame has been sent once the next one is requested.
                if delivery.is_live:
                    metrics.handed_over(delivery.frame.captured_at)

        while connection is not None and self.is_shared and not is_over:
            yield from deliver(waits=False)
            subscriber = edges.subscribe(
                self._edge(connection.is_chunked), connection, at, skips=self.skips
            )
            last, at, is_over = subscriber.last or last, subscriber.next_frame, subscriber.is_over
        yield from deliver(waits=True)
        if self.length not in {None, sent}:
            raise TryLaterError("The index has other sizes than the frames.")
        if last is not None:
            yield b"".join(self.trailer(last))

    def _edge(self, is_chunked: bool) -> Edge:
        def encode(delivery: Delivery) -> Pieces:
            pieces = self.encode(delivery)
            return chunk(pieces) if is_chunked else pieces

        return Edge(
            (self.view.stream_id, self.view.run_id, self.route, is_chunked),
            self.route,
            lambda start: self.play(start, True),
            encode,
            self.max_lag_ns,
        )
