"""Sends live frames: each new frame is encoded once, and one thread sends it to all subscribers.

Follows ustreamer's design: subscribers share the newest frames and never wait for each other. A
subscriber with a full socket continues when the socket has room (docs/decisions/0013).
"""

import errno
import logging
import os
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

from viewer.http_streaming.direct_sending import Connection, rest_after, send_all
from viewer.model.errors import ViewerError
from viewer.playback.live_subscribers import Broadcast, Edge, SharedFrame, Subscriber
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_WAKE_SECONDS = 1.0
_CALLS_AT_ONCE = 64
_PAUSE_SECONDS = 0.1
_STALL_CHECK_SECONDS = 0.25


class LiveFrameSender:
    """Sends the newest frames of all watched streams.

    Threads of requests call `subscribe`, which blocks until the subscription ends. One thread for
    each edge makes its frames; it blocks on the log, on the pace, and when too many frames wait.
    One sending thread, started by the first call, writes all sockets and never blocks on one. It
    alone reads and changes broadcasts and subscribers; other threads hand it calls by a queue.
    """

    def __init__(
        self, metrics: Metrics, stall_seconds: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        """End subscriptions whose socket accepts nothing for this long; `now` gives seconds."""
        self._metrics = metrics
        self._stall_seconds = stall_seconds
        self._now = now
        self._broadcasts: dict[Hashable, Broadcast] = {}
        self._blocked: set[Subscriber] = set()
        # Added to the metrics once for each wake-up: updating them for each frame takes longer.
        self._started: list[tuple[str, int]] = []
        self._handed_over: list[int] = []
        self._next_stall_check = 0.0
        self._selector = selectors.DefaultSelector()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the sending thread runs, or has not been started yet."""
        return self._thread is None or self._thread.is_alive()

    def subscribe(
        self,
        edge: Edge,
        connection: Connection,
        next_frame: int,
        *,
        skips: bool,
    ) -> Subscriber:
        """Send frames from `next_frame` on; block until the subscription ends; return its state.

        It ends when the edge ends, or when a frame that may not be skipped is no longer shared.
        Until then the sending thread owns the connection. Raises the socket's errors, such as
        BlockingIOError if it accepts nothing for too long. While it accepts nothing, it is
        registered with the connection's `stalled_clients`.
        """
        sock, stalled_clients = connection.sock, connection.stalled_clients
        subscriber = Subscriber(sock, Broadcast(edge), next_frame, skips, stalled_clients)
        self._call(partial(self._subscribe, subscriber))
        subscriber.left.wait()
        if subscriber.error is not None:
            raise subscriber.error
        if subscriber.rest_bytes:
            send_all(sock, subscriber.rest, self._stall_seconds, stalled_clients)
        return subscriber

    def _call(self, call: Callable[[], None]) -> None:
        """Queue a call for the sending thread, which the first call starts. Any thread may call."""
        with self._lock:
            if self._thread is None:
                self._wake_reader, self._wake_writer = os.pipe()
                self._selector.register(self._wake_reader, selectors.EVENT_READ)
                self._thread = threading.Thread(target=self._run, name="live edges", daemon=True)
                self._thread.start()
        self._calls.put(call)
        os.write(self._wake_writer, b"!")

    def _run(self) -> None:
        while True:
            try:
                self._run_once()
            except Exception:
                # All subscribers depend on this thread, so it survives every error.
                logger.exception("event=live_edges_failed next='continue'")
                time.sleep(_PAUSE_SECONDS)

    def _run_once(self) -> None:
        """Run the queued calls, and send to the sockets that have room again."""
        self._handle_events(_WAKE_SECONDS if self._blocked else None)
        # Not every time: hundreds may be blocked, each for a moment.
        if self._now() >= self._next_stall_check:
            self._next_stall_check = self._now() + _STALL_CHECK_SECONDS
            self._check_for_stalls()
        self._count()

    def _check_for_stalls(self) -> None:
        """End the subscriptions that have stalled for too long; register new stalls."""
        if self._blocked_for(self._stall_seconds):
            # If this process was paused, sockets may have room that was not noticed yet.
            self._handle_events(0)
        for subscriber in self._blocked_for(self._stall_seconds):
            self._unsubscribe(subscriber, BlockingIOError(errno.EAGAIN, "stalled"))
        for subscriber in self._blocked_for(_STALL_CHECK_SECONDS):
            if not subscriber.is_stalling:
                subscriber.is_stalling = True
                subscriber.stalled_clients.begin(subscriber.sock)

    def _handle_events(self, timeout_seconds: float | None) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if key.fd == self._wake_reader:
                for _ in os.read(self._wake_reader, _CALLS_AT_ONCE):
                    self._run_call(self._calls.get())
            elif key.data in self._blocked:
                self._send_or_remove(key.data)

    def _blocked_for(self, seconds: float) -> list[Subscriber]:
        since = self._now() - seconds
        return [subscriber for subscriber in self._blocked if subscriber.blocked_since < since]

    def _run_call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            logger.exception("event=live_edges_failed next='run the next call'")

    def _subscribe(self, subscriber: Subscriber) -> None:
        try:
            self._add_to_broadcast(subscriber)
        except Exception:
            # The request's thread sends the rest, as after every edge.
            logger.exception("event=live_edge_not_joined next='send in its own thread'")
            subscriber.is_over = True
            self._remove(subscriber)
        else:
            self._send_or_remove(subscriber)

    def _add_to_broadcast(self, subscriber: Subscriber) -> None:
        edge = subscriber.broadcast.edge
        if edge.key in self._broadcasts:
            subscriber.broadcast = self._broadcasts[edge.key]
        else:
            make_frames = partial(self._make_frames, subscriber.broadcast, subscriber.next_frame)
            threading.Thread(target=make_frames, name="live edge", daemon=True).start()
            self._broadcasts[edge.key] = subscriber.broadcast
        subscriber.broadcast.subscribers.append(subscriber)

    def _make_frames(self, broadcast: Broadcast, start: int) -> None:
        """Produce an edge's frames until it ends or has no subscribers, in a thread of its own."""
        try:
            for delivery in broadcast.edge.deliveries(start):
                # Blocks while the sending thread is behind; this thread is late then, and skips.
                broadcast.slots.acquire()
                if broadcast.has_ended:
                    return
                self._call(
                    partial(self._publish, broadcast, SharedFrame.of(broadcast.edge, delivery))
                )
        except ViewerError as error:
            # Each subscriber's own thread continues, and gets the error again if it lasts.
            logger.debug("event=live_edge_over reason=%r", str(error))
        except Exception:
            logger.exception("event=live_edge_failed next='send in their own threads'")
        finally:
            self._call(partial(self._end_broadcast, broadcast))

    def _publish(self, broadcast: Broadcast, shared_frame: SharedFrame) -> None:
        """Send a frame to all subscribers with room; end a broadcast without subscribers."""
        broadcast.slots.release()
        if not broadcast.subscribers:
            broadcast.has_ended = True
            self._end_broadcast(broadcast)
            return
        broadcast.recent.add(shared_frame.delivery.frame, shared_frame)
        for subscriber in list(broadcast.subscribers):
            if not subscriber.rest_bytes:
                self._send_or_remove(subscriber)

    def _end_broadcast(self, broadcast: Broadcast) -> None:
        """End all subscriptions; their own threads send what is left."""
        if self._broadcasts.get(broadcast.edge.key) is broadcast:
            del self._broadcasts[broadcast.edge.key]
        for subscriber in list(broadcast.subscribers):
            subscriber.is_over = True
            self._unsubscribe(subscriber)

    def _unsubscribe(self, subscriber: Subscriber, error: OSError | None = None) -> None:
        if subscriber in self._blocked:
            self._stop_waiting(subscriber)
        subscriber.broadcast.subscribers.remove(subscriber)
        subscriber.error = error
        subscriber.left.set()

    def _remove(self, subscriber: Subscriber, error: OSError | None = None) -> None:
        """End a subscription, whatever state it is in."""
        if subscriber in self._blocked:
            self._blocked.remove(subscriber)
            self._note_progress(subscriber)
            with suppress(KeyError, ValueError, OSError):
                self._selector.unregister(subscriber.sock)
        if subscriber in subscriber.broadcast.subscribers:
            subscriber.broadcast.subscribers.remove(subscriber)
        subscriber.error = error
        subscriber.left.set()

    def _send_or_remove(self, subscriber: Subscriber) -> None:
        """Send what the socket has room for; end the subscription on an error."""
        try:
            self._send(subscriber)
        except Exception:
            logger.exception("event=live_edge_subscriber_failed next='end its connection'")
            self._remove(subscriber, ConnectionResetError(errno.ECONNRESET, "failed"))

    def _send(self, subscriber: Subscriber) -> None:
        while subscriber.rest_bytes or self._start_next_frame(subscriber):
            try:
                sent = subscriber.sock.sendmsg(subscriber.rest, (), socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._unsubscribe(subscriber, error)
                return
            subscriber.rest_bytes -= sent
            if subscriber.rest_bytes:
                subscriber.rest = rest_after(subscriber.rest, sent)
                self._wait_for_room(subscriber, sent)
                return
            if subscriber.last is not None and subscriber.last.is_live:
                self._handed_over.append(subscriber.last.frame.captured_at)
        if subscriber in self._blocked:
            self._stop_waiting(subscriber)

    def _start_next_frame(self, subscriber: Subscriber) -> bool:
        """Choose the subscriber's next frame; return False if there is none."""
        broadcast = subscriber.broadcast
        if subscriber.next_frame > broadcast.recent.newest_frame:
            return False
        shared_frame = broadcast.recent.at(subscriber.next_frame)
        skipped = shared_frame.delivery.frame.frame_index - subscriber.next_frame
        if skipped and not subscriber.skips:
            self._unsubscribe(subscriber)
            return False
        if skipped != shared_frame.delivery.skipped:
            # The producing thread has counted the frames that no subscriber gets.
            own = max(skipped - shared_frame.delivery.skipped, 0)
            self._metrics.skipped.labels("slow_client").inc(own)
            shared_frame = SharedFrame.of(
                broadcast.edge, replace(shared_frame.delivery, skipped=skipped)
            )
        subscriber.last, subscriber.rest = shared_frame.delivery, shared_frame.pieces
        subscriber.rest_bytes = shared_frame.size_bytes
        subscriber.next_frame += skipped + 1
        self._started.append((broadcast.edge.route, len(shared_frame.delivery.frame.image)))
        return True

    def _wait_for_room(self, subscriber: Subscriber, sent: int) -> None:
        """Continue with a subscriber once its socket has room."""
        if sent or subscriber not in self._blocked:
            subscriber.blocked_since = self._now()
            self._note_progress(subscriber)
        if subscriber not in self._blocked:
            self._blocked.add(subscriber)
            self._selector.register(subscriber.sock, selectors.EVENT_WRITE, subscriber)

    def _stop_waiting(self, subscriber: Subscriber) -> None:
        self._blocked.remove(subscriber)
        self._note_progress(subscriber)
        self._selector.unregister(subscriber.sock)

    def _note_progress(self, subscriber: Subscriber) -> None:
        if subscriber.is_stalling:
            subscriber.is_stalling = False
            subscriber.stalled_clients.end(subscriber.sock)

    def _count(self) -> None:
        """Add what was sent since the last call to the metrics."""
        started, self._started = self._started, []
        handed_over, self._handed_over = self._handed_over, []
        for (route, image_bytes), frames in Counter(started).items():
            self._metrics.delivered(route, image_bytes, frames)
        for captured_at, frames in Counter(handed_over).items():
            self._metrics.handed_over(captured_at, frames)
