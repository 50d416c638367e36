"""A reverse proxy that gives the viewer a path of its own, as nginx or Traefik would."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}
TIMEOUT_SECONDS = 60


@contextmanager
def reverse_proxy(port: int, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Serve 127.0.0.1:port under the prefix; yield the base address and the paths outside of it."""
    strays: list[str] = []

    class Handler(_Forwarding):
        target = port
        mounted_at = prefix
        outside = strays

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}/", strays
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Forwarding(BaseHTTPRequestHandler):
    target: ClassVar[int]
    mounted_at: ClassVar[str]
    outside: ClassVar[list[str]]

    def _forward(self) -> None:
        self.close_connection = True
        if not self.path.startswith(f"{self.mounted_at}/"):
            self.outside.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        headers |= {
            "Host": f"127.0.0.1:{self.target}",
            "X-Forwarded-Host": self.headers["Host"],
            "X-Forwarded-Prefix": self.mounted_at,
        }
        upstream = HTTPConnection("127.0.0.1", self.target, timeout=TIMEOUT_SECONDS)
        try:
            upstream.request(self.command, self.path.removeprefix(self.mounted_at), body, headers)
            answer = upstream.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            while chunk := answer.read1(65536):
                self.wfile.write(chunk)
        except OSError:
            # Either side went away; the other notices by the closed connection.
            pass
        finally:
            upstream.close()

    # The names by which http.server finds them.
    do_GET = do_HEAD = do_POST = do_PUT = _forward  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: the test says what matters."""
