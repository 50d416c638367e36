"""Looks up the stream of a request."""

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.stream_view import StreamView
from viewer.frames.frame_reader import require_run
from viewer.telemetry.spans import Traces


class StreamLookup:
    """Finds streams in the catalogue, and traces each lookup. Safe to share by threads."""

    def __init__(self, catalogue: Catalogue, traces: Traces) -> None:
        """Look up in `catalogue`; record each lookup as a span."""
        self._catalogue = catalogue
        self._traces = traces

    def find(self, stream_id: str, run_id: str | None = None) -> StreamView:
        """Return the stream of this id; it must have this run, if given.

        Raises NeverWasError or ReplacedError.
        """
        with self._traces.span("catalogue", {"stream_id": stream_id}) as span:
            view = self._catalogue.stream(stream_id)
            if run_id is not None:
                require_run(view, run_id)
            span.set_attributes({"run_id": view.run_id, "frame_count": view.frame_count})
            return view
