"""The floor of the viewer: a minimal MJPEG server after ustreamer's design.

`python -m bench.peers.mjpeg_server PORT IMAGE FPS` exposes the image in the file at this rate. One
thread shares the exposed frame among all clients, and the newest frame wins: a client that still
receives one frame misses those that are exposed meanwhile. `GET /live` follows the exposed frame.
`GET /<count>` gets that many frames, each by a blocking sendall().
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local.ports import free_port

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
_COPIES = 512


@dataclass
class Client:
    """A connection, what it has yet to get of a frame, and which frame that is."""

    sock: socket.socket
    rest: memoryview
    frame: int = -1
    writing: bool = False


class MjpegServer:
    """One image, exposed anew at a pace."""

    def __init__(self, image: bytes, fps: float) -> None:
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(image)
        self._part = memoryview(b"".join((head, image, b"\r\n")))
        # What is sent again and again lies in the processor's cache: a server's frames do not.
        self._copies = [bytes(self._part) for _ in range(_COPIES)]
        self._frame_seconds = 1 / fps
        self._selector = selectors.DefaultSelector()
        self._clients: list[Client] = []
        self._frame = 0

    def serve(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._selector.register(listener, selectors.EVENT_READ)
        due = time.monotonic()
        while True:
            for key, _ in self._selector.select(max(due - time.monotonic(), 0)):
                if key.data is None:
                    self._accept(listener)
                else:
                    self._advance(key.data)
            if time.monotonic() >= due:
                due += self._frame_seconds
                self._frame += 1
                for client in list(self._clients):
                    if not client.writing:
                        self._advance(client)

    def _accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        asked = sock.recv(65536).split()
        if not asked:
            return
        sock.sendall(_HEAD)
        path = asked[1]
        if path == b"/live":
            sock.setblocking(False)
            self._clients.append(Client(sock, self._part[:0]))
        else:
            threading.Thread(target=self._burst, args=(sock, int(path[1:]))).start()

    def _burst(self, sock: socket.socket, count: int) -> None:
        with sock:
            for number in range(count):
                sock.sendall(self._copies[number % _COPIES])

    def _advance(self, client: Client) -> None:
        """Send what the socket takes; begin the exposed frame when the one before is out."""
        try:
            while client.rest or client.frame < self._frame:
                if not client.rest:
                    client.rest, client.frame = self._part, self._frame
                client.rest = client.rest[client.sock.send(client.rest) :]
        except BlockingIOError:
            self._write_later(client, wanted=True)
        except OSError:
            self._write_later(client, wanted=False)
            self._clients.remove(client)
            client.sock.close()
        else:
            self._write_later(client, wanted=False)

    def _write_later(self, client: Client, *, wanted: bool) -> None:
        if wanted and not client.writing:
            self._selector.register(client.sock, selectors.EVENT_WRITE, client)
        elif client.writing and not wanted:
            self._selector.unregister(client.sock)
        client.writing = wanted


@contextmanager
def running_mjpeg_server(folder: Path, image: bytes, fps: float) -> Iterator[tuple[int, int]]:
    """Run such a server of an image; give its port and its process id."""
    path, port = folder / "exposed.jpg", free_port()
    path.write_bytes(image)
    command = [sys.executable, "-m", "bench.peers.mjpeg_server", str(port), str(path), str(fps)]
    with Process("the MJPEG server", command, log=folder / "mjpeg-server.log") as process:
        wait_for(lambda: accepts(port), alive=process, what="the MJPEG server")
        yield port, process.pid


def accepts(port: int) -> bool:
    """Tell whether something listens on this port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return False
    return True


if __name__ == "__main__":
    MjpegServer(Path(sys.argv[2]).read_bytes(), float(sys.argv[3])).serve(int(sys.argv[1]))
