"""A window of a stream's frames, as a request asks for it. Pure."""

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
    """Every `stride`-th frame from `start`, `count` at most, to the end or on along with it."""

    view: StreamView
    start: int
    count: int | None
    stride: int
    follow: Follow
    is_lasting: bool
    """Whether its address stands for the same bytes for as long as the view's run does."""

    @property
    def frames(self) -> range:
        """Those of its frames that are there; who doesn't follow gets exactly these."""
        there = range(self.start, self.view.frame_count, self.stride)
        return there if self.count is None else there[: self.count]

    @property
    def in_a_row(self) -> int | None:
        """How many frames are wanted one after another; None when that isn't known."""
        return self.count if self.stride == 1 else None

    @property
    def etag(self) -> str:
        """Tell its bytes, when nothing is followed, from those of all others."""
        return f"{self.view.run_id}-{self.start}-{len(self.frames)}-{self.stride}"


def window_asked(view: StreamView, args: Mapping[str, str]) -> Window:
    """Read a window of a view. Raises BadRequestError, NeverWasError or ExpiredError."""
    stride = request_input.integer(args, "stride", 1, _MAX_STRIDE) or 1
    count = request_input.integer(args, "count", 1)
    word = request_input.one_of(args, "follow", "0", "0", "1", "live")
    follow = cast("Follow", {"0": "no", "1": "all", "live": "live"}[word])
    start = start_asked(view, args)
    there = len(range(start, view.frame_count, stride))
    # Without these two, what is there decides where it begins and where it ends.
    is_fixed = args.get("from", "live") != "live" and count is not None and count <= there
    return Window(view, start, count, stride, follow, "run" in args and is_fixed)


def start_asked(view: StreamView, args: Mapping[str, str]) -> int:
    """Read where to start: at a frame that is there, or at the one that comes next."""
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
