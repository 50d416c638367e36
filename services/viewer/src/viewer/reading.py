"""Where a request ends in what has come of it: the head, and a body of a length or of chunks.

RFC 9112. What is no HTTP is passed on as it is: the server's parser says what is wrong with it.
"""

import re
from dataclasses import dataclass

MOST_HEAD_BYTES = 32 << 10
MOST_BODY_BYTES = 4096
# What chunks may take, whatever they hold.
_MOST_CHUNKED_BYTES = 16 << 10
_HEAD_END = b"\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*(?:;.*)?", re.DOTALL)


class RefusedError(Exception):
    """Answer with this status and sentence, and close: more of this is not read."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Arrival:
    """What has come of a request."""

    end: int | None
    """Where it ends; None when more must come."""
    path: bytes = b""
    """What it asks for, without a query; empty until the head is there."""
    expects_go_ahead: bool = False
    """Whether its body waits for a 100 (Continue)."""


def arrival_of(data: bytes | bytearray) -> Arrival:
    """Tell what has come of the first request in `data`. Raises RefusedError."""
    # One empty line before a request is passed over.
    start = 2 if data.startswith(b"\r\n") else 0
    head_end = data.find(_HEAD_END, start)
    if head_end < 0:
        if b"\n\n" in data:
            return Arrival(len(data))
        if len(data) > MOST_HEAD_BYTES:
            raise RefusedError(431, f"A request's head has at most {MOST_HEAD_BYTES} bytes.")
        return Arrival(None)
    if head_end > MOST_HEAD_BYTES:
        raise RefusedError(431, f"A request's head has at most {MOST_HEAD_BYTES} bytes.")
    line, *fields = bytes(data[start:head_end]).split(b"\r\n")
    words = line.split(b" ")
    path = words[1].partition(b"?")[0] if len(words) > 1 else b""
    named = [(name.lower(), text.strip()) for name, _, text in (f.partition(b":") for f in fields)]
    lengths = [text for name, text in named if name == b"content-length"]
    codings = [text for name, text in named if name == b"transfer-encoding"]
    body = head_end + len(_HEAD_END)
    if codings and not lengths and codings[-1].lower().endswith(b"chunked"):
        end = _end_of_chunks(data, body)
    elif len(lengths) == 1 and not codings and lengths[0].isdigit():
        end = body + _length(lengths[0])
    else:
        # It has no body, or one that the parser refuses.
        end = body
    if end is not None and end <= len(data):
        return Arrival(end, path)
    expects = any(name == b"expect" and text.lower() == b"100-continue" for name, text in named)
    return Arrival(None, path, expects)


def _length(digits: bytes) -> int:
    if len(digits) > 9 or int(digits) > MOST_BODY_BYTES:
        raise RefusedError(413, f"A body has at most {MOST_BODY_BYTES} bytes.")
    return int(digits)


def _end_of_chunks(data: bytes | bytearray, start: int) -> int | None:
    at, body_bytes = start, 0
    while True:
        line_end = data.find(b"\r\n", at)
        if body_bytes > MOST_BODY_BYTES or len(data) - start > _MOST_CHUNKED_BYTES:
            raise RefusedError(413, f"A body has at most {MOST_BODY_BYTES} bytes.")
        if line_end < 0:
            return None
        line = bytes(data[at:line_end])
        if not _CHUNK_SIZE.fullmatch(line):
            raise RefusedError(400, "A chunk of the body has no size that can be read.")
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            # After the last chunk there may be trailers.
            trailers_end = data.find(_HEAD_END, line_end)
            return None if trailers_end < 0 else trailers_end + len(_HEAD_END)
        body_bytes += size
        at = line_end + 2 + size + 2
        if at - 2 <= len(data) and body_bytes <= MOST_BODY_BYTES:
            ending = data[at - 2 : at]
            if ending != b"\r\n"[: len(ending)]:
                raise RefusedError(400, "A chunk of the body is not as long as it says.")
