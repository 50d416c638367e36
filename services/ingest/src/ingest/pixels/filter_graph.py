"""Applies FFmpeg's filters to frames: the one module that builds filter graphs."""

from collections.abc import Sequence
from functools import cache

from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from ingest.pixels import tone_mapping
from ingest.pixels.colour_conversion import meant, relabelling

_END_THE_PROCESS = ("yaf32be", "yaf32le")  # FFmpeg's converter aborts at an assertion of its own
_TRIED_SIDE = 16

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
        colours = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
        kind = (*shape, *colours, *steps)
        if kind != self._kind:
            self._graph = _graph(frame, steps)
            self._kind = kind
        self._graph.vpush(frame)
        return self._graph.vpull()


def can_convert(frame: VideoFrame) -> bool:
    """Whether FFmpeg's filters can make a frame of this format another one."""
    name = frame.format.name
    # Of a mosaic of colours the converter needs two rows, and ends the process where it has one.
    return (frame.height > 1 or not name.startswith("bayer")) and _takes(name)


@cache
def _takes(pixel_format: str) -> bool:
    if pixel_format in _END_THE_PROCESS:
        return False
    try:
        frame = VideoFrame(_TRIED_SIDE, _TRIED_SIDE, pixel_format)
        Filters().apply(frame, [f"scale={_TRIED_SIDE}:{_TRIED_SIDE}", "format=rgb24"])
    except (FFmpegError, ValueError):
        return False
    return True


def _graph(frame: VideoFrame, steps: Steps) -> Graph:
    graph = Graph()
    graph.threads = 1  # a frame's parts are too small to be shared among threads
    matrix, spread = meant(frame)
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        colorspace=str(matrix),
        range=str(spread),
        time_base="1/1",  # times are kept beside the frames
    )
    steps = [*relabelling(frame), *steps]
    graph.link_nodes(source, *(_filter(graph, step) for step in steps), graph.add("buffersink"))
    graph.configure()
    return graph


def _filter(graph: Graph, step: str) -> FilterContext:
    name, _, options = step.partition("=")
    if name == "lut3d":
        with tone_mapping.table_file(options) as path:  # it is read here, once
            return graph.add(name, file=path)
    return graph.add(name, options or None)
