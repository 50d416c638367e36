"""A window of a stream's frames, read from a request's parameters. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from viewer.catalogue.stream_view import StreamView
from viewer.frames.frame_reader import require_available
from viewer.model import request_input
from viewer.playback.frame_sequences import Follow

_MAX_STRIDE = 1_000_000


@dataclass(frozen=True)
class Window:
    """Every `stride`-th frame from `start`, `count` at most; may follow a growing stream."""

    view: StreamView
    start: int
    count: int | None
    stride: int
    follow: Follow
    is_lasting: bool
    """Whether its URL returns the same bytes for as long as the run exists."""

    @property
    def frames(self) -> range:
        """Its frames that exist now; without `follow`, the response has exactly these."""
        there = range(self.start, self.view.frame_count, self.stride)
        return there if self.count is None else there[: self.count]

    @property
    def consecutive_count(self) -> int | None:
        """How many consecutive frames are requested; None if unknown."""
        return self.count if self.stride == 1 else None

    @property
    def etag(self) -> str:
        """The ETag of the window's bytes, for windows without `follow`."""
        return f"{self.view.run_id}-{self.start}-{len(self.frames)}-{self.stride}"


def requested_window(view: StreamView, args: Mapping[str, str]) -> Window:
    """Read a window of a view. Raises BadRequestError, NeverWasError or ExpiredError."""
    stride = request_input.integer(args, "stride", 1, _MAX_STRIDE) or 1
    count = request_input.integer(args, "count", 1)
    word = request_input.one_of(args, "follow", "0", "0", "1", "live")
    follow = cast("Follow", {"0": "no", "1": "all", "live": "live"}[word])
    start = requested_start(view, args)
    there = len(range(start, view.frame_count, stride))
    # Without `from` and `count`, the window depends on the frames that exist now.
    is_fixed = args.get("from", "live") != "live" and count is not None and count <= there
    return Window(view, start, count, stride, follow, "run" in args and is_fixed)


def requested_start(view: StreamView, args: Mapping[str, str]) -> int:
    """Read the start: an available frame, or the next frame to be committed."""
    text = args.get("from")
    if text is None:
        start = view.first_available_frame
    elif text == "live":
        start = max(view.frame_count - 1, view.first_available_frame)
    else:
        start = request_input.integer(args, "from") or 0
    if start != view.frame_count:
        require_available(view, start)
    return start
