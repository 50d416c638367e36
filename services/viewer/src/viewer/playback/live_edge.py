"""The live edge: each new frame is made ready once, and one thread gives it to all who wait there.

After ustreamer's design: what is exposed is shared, nobody waits for another, and a taker whose
socket is full goes on once it has room. docs/decisions/0013 tells what that saves.
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

from viewer.delivery.response_writer import rest_after, send_all
from viewer.delivery.slow_clients import Stalls
from viewer.model.errors import ViewerError
from viewer.playback.subscribers import Channel, Edge, Exposed, Taker
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_CALLS_AT_ONCE = 64
_PAUSE_SECONDS = 0.1
_ROUND_SECONDS = 0.25


class LiveEdges:
    """The edges of all streams that are watched. Safe to share by threads.

    A thread for each edge makes its frames. One thread gives them to all takers; it alone touches
    what is below.
    """

    def __init__(
        self, metrics: Metrics, stall_seconds: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Give up takers whose socket takes nothing for so long; `now` gives seconds."""
        self._metrics = metrics
        self._stall_seconds = stall_seconds
        self._now = now
        self._channels: dict[Hashable, Channel] = {}
        self._full: set[Taker] = set()
        # To be counted together, once a wake: a dictionary updated for each frame takes longer.
        self._begun: list[tuple[str, int]] = []
        self._handed_over: list[int] = []
        self._next_round = 0.0
        self._selector = selectors.DefaultSelector()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread that gives frames to all runs, once somebody has asked for any."""
        return self._thread is None or self._thread.is_alive()

    def serve(
        self, edge: Edge, sock: socket.socket, next_frame: int, *, skips: bool, stalls: Stalls
    ) -> Taker:
        """Send frames from `next_frame` on until no more come this way; tell how far that went.

        It ends when the edge is over, or when frames that may not be skipped lie too far behind.
        Raises as the socket does: BlockingIOError when it takes nothing for too long, of which
        `stalls` knows meanwhile.
        """
        taker = Taker(sock, Channel(edge), next_frame, skips, stalls)
        self._call(partial(self._join, taker))
        taker.left.wait()
        if taker.error is not None:
            raise taker.error
        if taker.rest_bytes:
            send_all(sock, taker.rest, self._stall_seconds, stalls)
        return taker

    def _call(self, call: Callable[[], None]) -> None:
        """Have the thread do something; the first to ask starts it."""
        with self._lock:
            if self._thread is None:
                self._bell, self._rope = os.pipe()
                self._selector.register(self._bell, selectors.EVENT_READ)
                self._thread = threading.Thread(target=self._run, name="live edges", daemon=True)
                self._thread.start()
        self._calls.put(call)
        os.write(self._rope, b"!")

    def _run(self) -> None:
        while True:
            try:
                self._give()
            except Exception:
                # All who watch wait for this thread: it goes on without what it can't do.
                logger.exception("event=live_edges_failed next='go on'")
                time.sleep(_PAUSE_SECONDS)

    def _give(self) -> None:
        """Do what has been asked for, and give those who had no room what they have room for."""
        self._heed(_LOOK_SECONDS if self._full else None)
        # Not each time: hundreds may be full, each for a moment.
        if self._now() >= self._next_round:
            self._next_round = self._now() + _ROUND_SECONDS
            self._look_after_the_full()
        self._count()

    def _look_after_the_full(self) -> None:
        """Give those up who stall for too long, and let it be known who begins to."""
        if self._stalled(self._stall_seconds):
            # If this process stood still, they may have taken something that nobody saw.
            self._heed(0)
        for taker in self._stalled(self._stall_seconds):
            self._leave(taker, BlockingIOError(errno.EAGAIN, "stalled"))
        for taker in self._stalled(_ROUND_SECONDS):
            if not taker.is_stalling:
                taker.is_stalling = True
                taker.stalls.begin(taker.sock)

    def _heed(self, timeout_seconds: float | None) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if key.fd == self._bell:
                for _ in os.read(self._bell, _CALLS_AT_ONCE):
                    self._do(self._calls.get())
            elif key.data in self._full:
                self._advance(key.data)

    def _stalled(self, seconds: float) -> list[Taker]:
        since = self._now() - seconds
        return [taker for taker in self._full if taker.full_since < since]

    def _do(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            logger.exception("event=live_edges_failed next='go on with the next call'")

    def _join(self, taker: Taker) -> None:
        try:
            self._seat(taker)
        except Exception:
            # Its own thread goes on, as it does wherever an edge is over.
            logger.exception("event=live_edge_not_joined next='send it by a thread of its own'")
            taker.is_over = True
            self._drop(taker)
        else:
            self._advance(taker)

    def _seat(self, taker: Taker) -> None:
        edge = taker.channel.edge
        if edge.key in self._channels:
            taker.channel = self._channels[edge.key]
        else:
            feed = partial(self._feed, taker.channel, taker.next_frame)
            threading.Thread(target=feed, name="live edge", daemon=True).start()
            self._channels[edge.key] = taker.channel
        taker.channel.takers.append(taker)

    def _feed(self, channel: Channel, start: int) -> None:
        """Make an edge's frames, in a thread of their own, until there are none or no takers."""
        try:
            for delivery in channel.edge.deliveries(start):
                # More takers than one thread can serve make the feed late, which leaves out then.
                channel.room.acquire()
                if channel.is_deserted:
                    return
                self._call(partial(self._expose, channel, Exposed.of(channel.edge, delivery)))
        except ViewerError as error:
            # Each taker's own thread goes on, and meets it where it lasts.
            logger.debug("event=live_edge_over reason=%r", str(error))
        except Exception:
            logger.exception("event=live_edge_failed next='send by threads of their own'")
        finally:
            self._call(partial(self._end, channel))

    def _expose(self, channel: Channel, exposed: Exposed) -> None:
        """Give a frame to all who have room; end an edge that nobody watches."""
        channel.room.release()
        if not channel.takers:
            channel.is_deserted = True
            self._end(channel)
            return
        channel.add(exposed)
        for taker in list(channel.takers):
            if not taker.rest_bytes:
                self._advance(taker)

    def _end(self, channel: Channel) -> None:
        """Let all go: if more comes for them, it does not come this way."""
        if self._channels.get(channel.edge.key) is channel:
            del self._channels[channel.edge.key]
        for taker in list(channel.takers):
            taker.is_over = True
            self._leave(taker)

    def _leave(self, taker: Taker, error: OSError | None = None) -> None:
        if taker in self._full:
            self._have_room(taker)
        taker.channel.takers.remove(taker)
        taker.error = error
        taker.left.set()

    def _drop(self, taker: Taker, error: OSError | None = None) -> None:
        """Let a taker go, whatever state it is in."""
        if taker in self._full:
            self._full.remove(taker)
            self._goes_on(taker)
            with suppress(KeyError, ValueError, OSError):
                self._selector.unregister(taker.sock)
        if taker in taker.channel.takers:
            taker.channel.takers.remove(taker)
        taker.error = error
        taker.left.set()

    def _advance(self, taker: Taker) -> None:
        """Give a taker what its socket has room for; one where that fails is let go."""
        try:
            self._hand_over(taker)
        except Exception:
            logger.exception("event=live_edge_taker_failed next='end its connection'")
            self._drop(taker, ConnectionResetError(errno.ECONNRESET, "failed"))

    def _hand_over(self, taker: Taker) -> None:
        while taker.rest_bytes or self._begin(taker):
            try:
                sent = taker.sock.sendmsg(taker.rest, (), socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._leave(taker, error)
                return
            taker.rest_bytes -= sent
            if taker.rest_bytes:
                taker.rest = rest_after(taker.rest, sent)
                self._be_full(taker, sent)
                return
            if taker.last is not None and taker.last.is_live:
                self._handed_over.append(taker.last.frame.captured_at)
        if taker in self._full:
            self._have_room(taker)

    def _begin(self, taker: Taker) -> bool:
        """Choose what a taker gets next; tell whether there is anything."""
        channel = taker.channel
        if taker.next_frame > channel.newest_frame:
            return False
        exposed = channel.at(taker.next_frame)
        skipped = exposed.delivery.frame.frame_index - taker.next_frame
        if skipped and not taker.skips:
            self._leave(taker)
            return False
        if skipped != exposed.delivery.skipped:
            # What nobody gets here has been counted.
            own = max(skipped - exposed.delivery.skipped, 0)
            self._metrics.skipped.labels("slow_client").inc(own)
            exposed = Exposed.of(channel.edge, replace(exposed.delivery, skipped=skipped))
        taker.last, taker.rest = exposed.delivery, exposed.pieces
        taker.rest_bytes = exposed.size_bytes
        taker.next_frame += skipped + 1
        self._begun.append((channel.edge.route, len(exposed.delivery.frame.image)))
        return True

    def _be_full(self, taker: Taker, sent: int) -> None:
        """Have a taker go on once its socket has room."""
        if sent or taker not in self._full:
            taker.full_since = self._now()
            self._goes_on(taker)
        if taker not in self._full:
            self._full.add(taker)
            self._selector.register(taker.sock, selectors.EVENT_WRITE, taker)

    def _have_room(self, taker: Taker) -> None:
        self._full.remove(taker)
        self._goes_on(taker)
        self._selector.unregister(taker.sock)

    def _goes_on(self, taker: Taker) -> None:
        if taker.is_stalling:
            taker.is_stalling = False
            taker.stalls.end(taker.sock)

    def _count(self) -> None:
        """Tell the metrics what has happened since it was counted last."""
        begun, self._begun = self._begun, []
        handed_over, self._handed_over = self._handed_over, []
        for (route, image_bytes), frames in Counter(begun).items():
            self._metrics.delivered(route, image_bytes, frames)
        for captured_at, frames in Counter(handed_over).items():
            self._metrics.handed_over(captured_at, frames)
