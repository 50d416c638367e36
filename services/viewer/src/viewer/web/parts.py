"""The parts that answer requests, made by one place and handed to all who need them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.stream_view import StreamView
from viewer.config.settings import Settings
from viewer.delivery.open_streams import Watchers
from viewer.delivery.slow_clients import Stalls
from viewer.export.exports import Exports
from viewer.frames.reader import FrameReader, require_run
from viewer.kafka.retention import Retention
from viewer.model.errors import TryLaterError
from viewer.playback.live_edge import LiveEdges
from viewer.playback.sequences import Playback
from viewer.sharing.positions import Positions
from viewer.sharing.rooms import Rooms
from viewer.telemetry.metrics import Metrics
from viewer.telemetry.spans import Traces
from viewer.web.access import Access
from viewer.web.client_quotas import Allowances
from viewer.web.cross_site import Sites


@dataclass(frozen=True)
class Health:
    """How the viewer is, asked anew each time."""

    alive: Callable[[], bool]
    """Whether everything that must run does."""
    waiting_for: Callable[[], str | None]
    """A sentence on why it isn't ready; None when it is."""
    dead: Callable[[], Sequence[str]] = tuple
    """Names the threads that must run and don't."""
    warning: Callable[[], str | None] = lambda: None
    """A sentence on what is amiss with what it needs, though it goes on with what it has."""

    def require_alive(self) -> None:
        """Raise TryLaterError when a thread that is needed has ended or hangs."""
        if not self.alive():
            names = ", ".join(self.dead()) or "one that is needed"
            raise TryLaterError(f"A thread has ended or hangs ({names}); restart the viewer.")

    def require_ready(self) -> None:
        """Raise TryLaterError before the catalogue has been read: what isn't known may be there.

        Once it has been read, it is served, whatever is away.
        """
        self.require_alive()
        sentence = self.waiting_for()
        if sentence is not None:
            raise TryLaterError(sentence)


@dataclass(frozen=True)
class Parts:
    """Everything that the HTTP side works with."""

    settings: Settings
    access: Access
    sites: Sites
    allowances: Allowances
    catalogue: Catalogue
    reader: FrameReader
    playback: Playback
    live_edges: LiveEdges
    exports: Exports
    positions: Positions
    retention: Retention
    rooms: Rooms
    watchers: Watchers
    stalls: Stalls
    metrics: Metrics
    health: Health
    traces: Traces
    status: Callable[[], Mapping[str, object]]
    """Tells what `GET /api/status` answers."""
    away: Callable[[], Sequence[str]] = tuple
    """Tells what of the log can't be read now, each in a sentence."""

    def find(self, stream_id: str, run_id: str | None = None) -> StreamView:
        """Look a stream up for a request, which may name the run that it is to have.

        Raises NeverWasError or ReplacedError.
        """
        with self.traces.span("catalogue", {"stream_id": stream_id}) as span:
            view = self.catalogue.stream(stream_id)
            if run_id is not None:
                require_run(view, run_id)
            span.tell({"run_id": view.run_id, "frame_count": view.frame_count})
            return view
