"""The FFmpeg filters that convert a frame's colours and format for an encoder, and rotate it."""

from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from ingest.pixels import tone_mapping
from ingest.pixels.orientation import Orientation

Size = tuple[int, int]

_WITH_ALPHA = ("ya8", "ya16be", "ya16le", "pal8")
_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
# FFmpeg's names of matrices by ITU-T H.273's numbers; any other is BT.601, as for FFmpeg.
_MATRICES = {1: "bt709", 4: "fcc", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}
_BT601 = "bt470bg"
_UNSPECIFIED, _UNSPECIFIED_RANGE = 2, 0
# Those that mean BT.601, and those that FFmpeg shows as something else: as the note says.
_MEANING_BT601 = (_UNSPECIFIED, 5, 6)
_CONSTANT_LUMINANCE = 10
_NAMES = {
    0: "GBR",
    3: "reserved",
    8: "YCgCo",
    _CONSTANT_LUMINANCE: "BT.2020 constant luminance",
    11: "ST 2085",
    12: "derived from the primaries",
    13: "derived from the primaries, constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
# Those that FFmpeg's filters know; nothing here depends on them, but HDR's transfer curves.
_PRIMARIES = (1, 2, *range(4, 13), 22)
_TRANSFERS = (1, 2, *range(4, 9), *range(11, 19))
_GREY = ("gray", "mono", "ya")
# A JPEG of fewer chroma samples than its source loses colour; 4:1:1 and 4:1:0, which the
# encoder does not take, go as 4:4:4. Keyed by whether the chroma's width and height are halved.
_BY_HALVED_CHROMA = {
    (False, False): "yuv444p",
    (True, False): "yuv422p",
    (False, True): "yuv440p",
    (True, True): "yuv420p",
}
_TRANSPOSED = {"yuv422p": "yuv440p", "yuv440p": "yuv422p"}


def jpeg_steps(frame: VideoFrame, size: Size, orientation: Orientation) -> list[str]:
    """Return the steps to a JPEG's planes (ITU-T T.871: full-range BT.601), of size, then turned.

    They keep the frame's chroma subsampling. YUV stays YUV: a detour over RGB would blur the
    chroma twice. What is transparent is laid over black.
    """
    target = _jpeg_format(frame.format)
    turned = _TRANSPOSED.get(target, target) if orientation.transpose else target
    scale = f"scale={size[0]}:{size[1]}"
    finish = [f"scale=out_color_matrix={_BT601}:out_range=full", f"format={turned}"]
    if (curve := tone_mapping.curve(frame)) is not None:
        steps = [scale, *tone_mapping.steps(curve)]
    elif has_alpha(frame.format):
        steps = [scale, "format=gbrap", "premultiply=inplace=1"]
    elif target == "gray" or frame.format.is_rgb:
        steps = [scale]
    else:
        steps, reached = _yuv_steps(frame, size, target, is_transposed=orientation.transpose)
        finish = [] if reached == turned else finish
    return [*steps, *orientation.steps, *finish]


def rgb_steps(
    frame: VideoFrame, size: Size, orientation: Orientation, pixel_format: str
) -> list[str]:
    """Return the steps to a format of RGB, of size, then turned.

    What an encoder would write beside the pixels, as colour spaces and rotations, is taken off.
    """
    steps = [f"scale={size[0]}:{size[1]}:{_EXACT}"]
    if (curve := tone_mapping.curve(frame)) is not None:
        steps += [*tone_mapping.steps(curve), f"scale={_EXACT}"]
    bare = ("setparams=color_primaries=unknown:color_trc=unknown", "sidedata=delete")
    return [*steps, f"format={pixel_format}", *orientation.steps, *bare]


def meant(frame: VideoFrame) -> tuple[int, int]:
    """Return the matrix and the range, by FFmpeg's numbers, that a frame's numbers are taken for.

    FFmpeg's filters take no other than they know; its players take those for unspecified.
    """
    is_known = frame.colorspace in _MATRICES or frame.colorspace in _MEANING_BT601
    matrix = int(frame.colorspace) if is_known else _UNSPECIFIED
    is_spread = frame.color_range in {ColorRange.MPEG, ColorRange.JPEG}
    spread = int(frame.color_range) if is_spread else _UNSPECIFIED_RANGE
    return 9 if matrix == _CONSTANT_LUMINANCE else matrix, spread


def relabelling(frame: VideoFrame) -> list[str]:
    """Return the steps that have a frame say what is meant by it; none where it does.

    Each filter looks at the frame itself too, and refuses the numbers that it does not know.
    """
    matrix, spread = meant(frame)
    labels = {}
    if (matrix, spread) != (int(frame.colorspace), int(frame.color_range)):
        labels = {"colorspace": matrix, "range": spread}
    if frame.color_primaries not in _PRIMARIES:
        labels["color_primaries"] = _UNSPECIFIED
    if frame.color_trc not in _TRANSFERS:
        labels["color_trc"] = _UNSPECIFIED
    options = ":".join(f"{name}={number}" for name, number in labels.items())
    return [f"setparams={options}"] if labels else []


def approximation(frame: VideoFrame) -> str | None:
    """Say what is shown in place of a frame's matrix; None where it is shown as it is meant."""
    matrix, source = frame.colorspace, frame.format
    is_coloured = not source.is_rgb and not source.has_palette and len(source.components) > 2
    known = matrix in _MEANING_BT601 or matrix in _MATRICES
    if not is_coloured or (known and matrix != _CONSTANT_LUMINANCE):
        return None
    shown = "BT.2020" if matrix == _CONSTANT_LUMINANCE else "BT.601"
    return f"{int(matrix)} ({_NAMES.get(matrix, 'unknown')}), shown as {shown}"


def has_alpha(source: VideoFormat) -> bool:
    """Whether pictures of this format can be transparent."""
    return len(source.components) == 4 or source.name in _WITH_ALPHA


def bits(source: VideoFormat) -> int:
    """Return the bits of a format's deepest component."""
    return max(part.bits for part in source.components)


def _yuv_steps(
    frame: VideoFrame, size: Size, target: str, *, is_transposed: bool
) -> tuple[list[str], str]:
    """Return the steps from YUV to 8 bits of a JPEG's colours, and the format reached.

    That is target, or 4:4:4 where a filter needs it: `colorspace` knows no 4:4:0 and no odd
    sizes, `transpose` nothing that is subsampled in one direction alone.
    """
    source, (width, height) = frame.format, size
    is_full = frame.color_range == ColorRange.JPEG or source.name.startswith("yuvj")
    matrix, depth = _MATRICES.get(frame.colorspace, _BT601), bits(source)
    is_ready = is_full and matrix == _BT601 and depth == 8
    is_odd = width % 2 + height % 2 > 0
    is_taken = (is_ready or not (is_odd or target == "yuv440p")) and not (
        is_transposed and target in _TRANSPOSED
    )
    reached = target if is_taken else "yuv444p"
    packed = reached + ("" if depth == 8 else "10le" if depth <= 10 else "12le")
    spread = "pc" if is_full else "tv"
    steps = [f"scale={width}:{height}:in_range={spread}:out_range={spread}", f"format={packed}"]
    if not is_ready:
        colours = (
            f"colorspace=ispace={matrix}:iprimaries=bt709:itrc=bt709:irange={spread}"
            f":space={_BT601}:primaries=bt709:trc=bt709:range=pc:format={reached}"
        )
        pad = f"pad={width + width % 2}:{height + height % 2}"
        crop = f"crop={width}:{height}:0:0:exact=1"
        steps += [pad, colours, crop] if is_odd else [colours]
    return steps, reached


def _jpeg_format(source: VideoFormat) -> str:
    """Return the format of 8 bits with the source's own chroma subsampling."""
    if source.name.startswith(_GREY):
        return "gray"
    if source.is_rgb or source.has_palette or len(source.components) < 3:
        return "yuv444p"
    halved = (source.chroma_width(1024) == 512, source.chroma_height(1024) == 512)
    return _BY_HALVED_CHROMA[halved]
