"""Frames through FFmpeg's filters: the one module that builds filter graphs."""

from collections.abc import Sequence

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from ingest import hdr

_UNSPECIFIED, _RESERVED = 2, 3  # matrices, by ITU-T H.273's numbers

Steps = Sequence[str]
"""Filters as FFmpeg writes them, `name=options`. `lut3d=PQ` and `lut3d=HLG` are hdr's tables."""


class Filters:
    """Filters that a video's frames pass, built once and anew where frames change."""

    def __init__(self) -> None:
        self._kind: tuple[object, ...] = ()
        self._graph = Graph()

    def apply(self, frame: VideoFrame, steps: Steps) -> VideoFrame:
        """Return what steps make of frame."""
        shape = (frame.width, frame.height, frame.format.name)
        kind = (*shape, frame.colorspace, frame.color_range, *steps)
        if kind != self._kind:
            self._graph = _graph(frame, steps)
            self._kind = kind
        self._graph.vpush(frame)
        return self._graph.vpull()


def _graph(frame: VideoFrame, steps: Steps) -> Graph:
    graph = Graph()
    graph.threads = 1  # a frame's parts are too small to be shared among threads
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        colorspace=str(_UNSPECIFIED if frame.colorspace == _RESERVED else int(frame.colorspace)),
        range=str(int(frame.color_range)),
        time_base="1/1",  # times are kept beside the frames
    )
    graph.link_nodes(source, *(_filter(graph, step) for step in steps), graph.add("buffersink"))
    graph.configure()
    return graph


def _filter(graph: Graph, step: str) -> FilterContext:
    name, _, options = step.partition("=")
    if name == "lut3d":
        with hdr.table_file(options) as path:  # it is read here, once
            return graph.add(name, file=path)
    return graph.add(name, options or None)
