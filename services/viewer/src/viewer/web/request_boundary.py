"""Finds the end of a request in received bytes: its head, then a body by length or in chunks.

Follows RFC 9112. Bytes that are not HTTP are passed on unchanged: the server's parser says what is
wrong with them.
"""

import re
from dataclasses import dataclass

MOST_HEAD_BYTES = 32 << 10
MOST_BODY_BYTES = 4096
# The most bytes of a chunked body, with its chunk headers.
_MOST_CHUNKED_BYTES = 16 << 10
_HEAD_END = b"\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*(?:;.*)?", re.DOTALL)


class RefusedError(Exception):
    """Answer with this status and sentence, and close the connection without reading more."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Received:
    """What is known of a request from the bytes received so far."""

    end: int | None
    """Where it ends; None while it is incomplete."""
    target: bytes = b""
    """The request's target, undecoded; empty until the head is complete."""
    expects_go_ahead: bool = False
    """Whether its body waits for a 100 (Continue)."""


class RequestBoundary:
    """Finds the end of one request. Reads each byte once, in however many pieces they arrive."""

    __slots__ = ("_at", "_body", "_body_bytes", "_expects", "_is_chunked", "_target")

    def __init__(self) -> None:
        # All bytes before this index have been searched: in the head, then in the body's chunks.
        self._at = 0
        self._body = 0
        self._body_bytes = 0
        self._is_chunked = False
        self._target = b""
        self._expects = False

    def find_end(self, data: bytes | bytearray) -> Received:
        """Search for the end; `data` holds the request from its start. Raises RefusedError."""
        if not self._body and not self._read_head(data):
            return Received(len(data) if b"\n\n" in data else None)
        end = self._end_of_chunks(data) if self._is_chunked else self._body + self._body_bytes
        if end is not None and end <= len(data):
            return Received(end, self._target)
        return Received(None, self._target, self._expects)

    def _read_head(self, data: bytes | bytearray) -> bool:
        """Parse the head; return whether it is complete."""
        # One empty line before a request is skipped.
        start = 2 if data.startswith(b"\r\n") else 0
        head_end = data.find(_HEAD_END, max(start, self._at))
        self._at = max(len(data) - len(_HEAD_END) + 1, 0)
        if head_end > MOST_HEAD_BYTES or (head_end < 0 and len(data) > MOST_HEAD_BYTES):
            raise RefusedError(431, f"A request's head has at most {MOST_HEAD_BYTES} bytes.")
        if head_end < 0:
            return False
        line, *fields = bytes(data[start:head_end]).split(b"\r\n")
        words = line.split(b" ")
        self._target = words[1] if len(words) > 1 else b""
        pairs = (field.partition(b":") for field in fields)
        named = [(name.lower(), text.strip()) for name, _, text in pairs]
        lengths = [text for name, text in named if name == b"content-length"]
        codings = [text for name, text in named if name == b"transfer-encoding"]
        self._expects = (b"expect", b"100-continue") in [(n, text.lower()) for n, text in named]
        self._body = self._at = head_end + len(_HEAD_END)
        # In all other cases there is no body, or the server's parser rejects the request.
        if codings and not lengths and codings[-1].lower().endswith(b"chunked"):
            self._is_chunked = True
        elif len(lengths) == 1 and not codings and lengths[0].isdigit():
            self._body_bytes = _length(lengths[0])
        return True

    def _end_of_chunks(self, data: bytes | bytearray) -> int | None:
        while True:
            at = self._at
            line_end = data.find(b"\r\n", at)
            is_long = len(data) - self._body > _MOST_CHUNKED_BYTES
            if self._body_bytes > MOST_BODY_BYTES or is_long:
                raise RefusedError(413, f"A body has at most {MOST_BODY_BYTES} bytes.")
            if line_end < 0:
                return None
            line = bytes(data[at:line_end])
            if not _CHUNK_SIZE.fullmatch(line):
                raise RefusedError(400, "A chunk of the body has no valid size.")
            size = int(line.partition(b";")[0], 16)
            if size == 0:
                # After the last chunk there may be trailers.
                trailers_end = data.find(_HEAD_END, line_end)
                return None if trailers_end < 0 else trailers_end + len(_HEAD_END)
            end = line_end + 2 + size
            if self._body_bytes + size > MOST_BODY_BYTES:
                raise RefusedError(413, f"A body has at most {MOST_BODY_BYTES} bytes.")
            ending = data[end : end + 2]
            if ending != b"\r\n"[: len(ending)]:
                raise RefusedError(400, "A chunk of the body does not have its stated size.")
            if len(ending) < 2:
                return None
            self._body_bytes += size
            self._at = end + 2


def _length(digits: bytes) -> int:
    if len(digits) > 9 or int(digits) > MOST_BODY_BYTES:
        raise RefusedError(413, f"A body has at most {MOST_BODY_BYTES} bytes.")
    return int(digits)
