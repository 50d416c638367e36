"""A live edge with more subscribers than one thread can serve in time."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from viewer.playback.frame_sequences import Delivery
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.playback.live_subscribers import Edge
from viewer.telemetry.metrics import Metrics

from tests.viewer.builders import connection_of, frame

if TYPE_CHECKING:
    from collections.abc import Iterator


class Crowd(socket.socket):
    """Stands for so many subscribers that sending them one frame takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.is_all_made = threading.Event()
        self.made = self.sent = self.most_waiting = 0

    def deliveries(self, start: int) -> Iterator[Delivery]:
        for index in range(start, 500):
            self.made = index + 1
            yield Delivery(frame(index))
        self.is_all_made.set()

    def sendmsg(self, pieces: Any, *_: object) -> int:
        if self.sent == 0:
            self.is_all_made.wait(1)  # long enough to make all of them, if that were done
        self.most_waiting = max(self.most_waiting, self.made - self.sent)
        self.sent += 1
        return sum(map(len, pieces))


def test_frames_that_nobody_can_be_given_yet_do_not_pile_up() -> None:
    with Crowd() as crowd:
        edge = Edge("edge", "frames", crowd.deliveries, lambda one: (one.frame.image,), 1 << 60)
        LiveFrameSender(Metrics(CollectorRegistry()), 60).subscribe(
            edge, connection_of(crowd), 0, skips=False
        )
        assert crowd.sent == crowd.made == 500
        assert crowd.most_waiting < 100
