"""A streaming response's body: sent by the request's thread, or at the live edge by one for all."""

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
    """Frames of a stream, as one client asks for them."""

    route: Literal["frames", "mjpg"]
    view: StreamView
    start: int
    play: Callable[[int, bool], Iterator[Delivery]]
    """Yields the frames from this one on; the flag says whether it waits for those yet to come."""
    encode: Callable[[Delivery], Pieces]
    length: int | None = None
    """How many bytes all frames will take, where that is known."""
    trailer: Callable[[Delivery], Pieces] = lambda _: ()
    """Encodes what follows the last frame."""
    is_shared: bool = False
    """Whether all who ask for what comes next get the same bytes."""
    skips: bool = False
    """Whether a slow client continues at the newest frame."""
    max_lag_ns: int = 0
    """How far behind the newest frame it may be before that."""

    def send_or_yield(
        self, connection: Connection | None, metrics: Metrics, edges: LiveFrameSender
    ) -> Iterator[bytes]:
        """Send the frames; without a connection, yield them. The request's thread runs it.

        It blocks for the client, for frames yet to come, and while the live edge sends. Raises
        BrokenOffError when not all that was promised can be sent.
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
        # Makes gunicorn send the headers: the next frame may be far off.
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
                    # The client would read more bytes as the next answer.
                    break
                metrics.delivered(self.route, len(delivery.frame.image))
                if connection is not None:
                    connection.send(pieces)
                else:
                    yield b"".join(pieces)
                # It has been handed over once the next one is asked for.
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
            raise TryLaterError("The index tells other sizes than the frames have.")
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
