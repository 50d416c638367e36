"""Many who watch a live edge by sockets: quick ones, slow ones, and some that vanish."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Self

import pytest
from viewer.http_streaming.direct_sending import ResponseSocket
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.playback.frame_headers import HEADER

from tests.support.processes import wait_for
from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.world import World, value, world

if TYPE_CHECKING:
    from flask.testing import FlaskClient


IMAGE_BYTES = 20_000
CHUNK_BYTES = len(b"4E78\r\n") + HEADER.size + IMAGE_BYTES + len(b"\r\n")
LITTLE = IMAGE_BYTES // 4
NOW_MS = 1 << 60
LIVE = "frames?from=live&follow=live"


def picture(index: int) -> bytes:
    return b"%08d" % index * (IMAGE_BYTES // 8)


class Watcher:
    """A client of the live edge: it reads when it is told to."""

    def __init__(
        self,
        viewer: World,
        path: str = LIVE,
        room_bytes: int = 1 << 18,
        stalled_clients: StalledClients | None = None,
    ) -> None:
        """Ask, and wait until that has been heard; the kernel keeps `room_bytes` of the answer."""
        self.received = bytearray()
        self._slow_clients = stalled_clients or StalledClients()
        self._ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room_bytes)
        self._is_heard = threading.Event()
        self._answering = threading.Thread(
            target=self._answer, args=(viewer.app.test_client(), path, theirs), daemon=True
        )
        self._answering.start()
        assert self._is_heard.wait(60)

    def _answer(self, client: FlaskClient, path: str, sock: socket.socket) -> None:
        environ = {
            "gunicorn.socket": ResponseSocket(sock, 60, self._slow_clients),
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
        with sock, client.get(f"/streams/{STREAM_ID}/{path}", environ_overrides=environ) as answer:
            self._is_heard.set()
            try:
                for yielded in answer.iter_encoded():
                    sock.sendall(b"%X\r\n%b\r\n" % (len(yielded), yielded) if yielded else b"")
            except OSError:
                return

    def _read(self, limit_bytes: int) -> None:
        while data := self._ours.recv(min(1 << 20, limit_bytes - len(self.received))):
            self.received += data

    def read(self, limit_bytes: int = 1 << 40) -> Self:
        """Read from now on, until so much has come."""
        self._reading = threading.Thread(target=self._read, args=(limit_bytes,), daemon=True)
        self._reading.start()
        return self

    def vanish(self) -> None:
        self._ours.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Wait until everything has come."""
        for thread in (self._answering, self._reading):
            thread.join(60)
            assert not thread.is_alive()
        self._ours.close()

    @property
    def chunks(self) -> list[bytes]:
        """What has come, taken out of its chunks."""
        chunks, rest = [], bytes(self.received)
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            chunks.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) :].removeprefix(b"\r\n")
        return chunks

    @property
    def frames(self) -> list[tuple[int, int]]:
        """The number of each frame that has come, and how many were left out before it."""
        frames = []
        for chunk in self.chunks:
            header = HEADER.unpack(chunk[: HEADER.size])
            assert chunk[HEADER.size :] == picture(header[4])
            frames.append((header[4], header[-1]))
        return frames


def commit(viewer: World, first: int, state: str = "INGESTING") -> None:
    viewer.catalogue.put_segments([(segment(first, 4, size_of=lambda _: IMAGE_BYTES), NOW_MS)])
    viewer.catalogue.put_stream(stream(first + 4, state=state))


@pytest.fixture
def viewer() -> World:
    made = world(cache_bytes=64 << 20, max_streams=100)
    made.fetcher.picture = picture
    commit(made, 0)
    return made


def come(watchers: list[Watcher], frames: int) -> None:
    """Wait until everybody has so many frames."""
    enough = frames * CHUNK_BYTES
    wait_for(lambda: all(len(each.received) >= enough for each in watchers), what="frames to come")


def slow_one(
    viewer: World, path: str = LIVE, stalled_clients: StalledClients | None = None
) -> Watcher:
    """Have somebody watch who is at the live edge and reads no more."""
    watcher = Watcher(viewer, path, LITTLE, stalled_clients).read(CHUNK_BYTES)
    come([watcher], 1)
    return watcher


def film(viewer: World, quick: list[Watcher]) -> None:
    """Commit frames 4 to 47, the next when all but the slow have those before."""
    for first in range(4, 48, 4):
        come(quick, first - 3)
        commit(viewer, first)
    come(quick, 45)


def end(viewer: World, watchers: list[Watcher]) -> None:
    """Commit frames 48 to 51, the last, and have everybody read."""
    commit(viewer, 48, "COMPLETE")
    for watcher in watchers:
        watcher.end()


def test_a_slow_one_skips_and_the_quick_ones_get_every_frame(viewer: World) -> None:
    slow = slow_one(viewer)
    quick = [Watcher(viewer).read() for _ in range(50)]
    film(viewer, quick)
    slow.read()
    wait_for(lambda: picture(47) in slow.received, what="the newest frame")
    end(viewer, [slow, *quick])
    for watcher in quick:
        assert watcher.frames == [(n, 0) for n in range(3, 52)]
    # What it had begun is whole; then the newest.
    assert slow.frames == [(3, 0), (4, 0), (47, 42), *((n, 0) for n in range(48, 52))]
    assert value(viewer.metrics, "frames_skipped_total", reason="slow_client") == 42
    # However many watch, each segment is fetched once.
    assert len(viewer.fetcher.fetches) == 13
    delivered = value(viewer.metrics, "frames_delivered_total", route="frames")
    assert delivered == 50 * 49 + len(slow.frames)
    assert value(viewer.metrics, "watchers", route="frames") == 0


def test_a_slow_one_gets_the_last_frame_of_a_stream_that_ends_meanwhile(viewer: World) -> None:
    slow, quick = slow_one(viewer), [Watcher(viewer).read()]
    film(viewer, quick)
    end(viewer, quick)
    slow.read().end()
    assert slow.frames == [(3, 0), (4, 0), (51, 46)]


def test_a_slow_one_that_wants_every_frame_gets_it(viewer: World) -> None:
    slow, quick = slow_one(viewer, "frames?from=3&follow=1"), [Watcher(viewer).read()]
    film(viewer, quick)
    slow.read()
    end(viewer, [slow, *quick])
    assert slow.frames == [(n, 0) for n in range(3, 52)]
    assert value(viewer.metrics, "frames_skipped_total", reason="slow_client") == 0


def test_one_that_takes_nothing_makes_room_for_another(viewer: World) -> None:
    stalled_clients = StalledClients()
    quick, slow = Watcher(viewer).read(), slow_one(viewer, stalled_clients=stalled_clients)
    film(viewer, [quick])
    wait_for(lambda: stalled_clients.end_longest(0), what="it to stall")
    slow.read().end()
    assert not stalled_clients.end_longest(0)
    end(viewer, [quick])
    assert [number for number, _ in quick.frames] == list(range(3, 52))


def test_one_that_vanishes_in_a_frame_is_nobodys_loss(viewer: World) -> None:
    quick = [Watcher(viewer).read() for _ in range(3)]
    vanishing = slow_one(viewer)
    come(quick, 1)
    commit(viewer, 4)
    come(quick, 5)
    vanishing.vanish()
    for first in (8, 12):
        commit(viewer, first, "INGESTING" if first == 8 else "COMPLETE")
    vanishing.end()
    for watcher in quick:
        watcher.end()
        assert watcher.frames == [(n, 0) for n in range(3, 16)]


def test_who_comes_and_goes_finds_the_edge(viewer: World) -> None:
    first = Watcher(viewer).read()
    come([first], 1)
    commit(viewer, 4)
    come([first], 5)
    first.vanish()
    commit(viewer, 8)
    first.end()
    second = Watcher(viewer).read()
    come([second], 1)
    commit(viewer, 12, "COMPLETE")
    second.end()
    assert second.frames == [(n, 0) for n in range(11, 16)]


def test_mjpeg_shares_the_frames_that_are_due_and_ends_with_a_farewell(viewer: World) -> None:
    watchers = [Watcher(viewer, "video.mjpg?from=live").read() for _ in range(3)]
    for newest in (3, 7):
        wait_for(lambda: all(picture(newest) in each.received for each in watchers))  # noqa: B023 (done with before the next)
        commit(viewer, newest + 1, "INGESTING" if newest == 3 else "COMPLETE")
    for watcher in watchers:
        watcher.end()
        *_, last, farewell = watcher.chunks
        assert last == farewell
        assert picture(11) in last


def test_a_stopping_viewer_lets_go_of_everybody(viewer: World) -> None:
    quick, slow = Watcher(viewer, room_bytes=LITTLE).read(), Watcher(viewer)
    come([quick], 1)
    commit(viewer, 4)
    come([quick], 5)
    viewer.open_streams.stopping.set()
    quick.end()
    slow.read().end()
    # Whole frames, though perhaps not all.
    assert slow.frames == [(n, 0) for n in range(3, 3 + len(slow.frames))]
