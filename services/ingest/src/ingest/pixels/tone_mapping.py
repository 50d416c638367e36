"""Maps HDR pictures to standard dynamic range by a simple tone mapping."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc

Values = npt.NDArray[np.float64]

_CURVES = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
_WHITE_NITS = 203.0  # of diffuse white, ITU-R BT.2408
_BRIGHTEST = 1000.0 / _WHITE_NITS  # what is mapped to full white
# Linear BT.2020 to BT.709, ITU-R BT.2087.
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_TABLE_SIDE = 65
_FINENESS = 10_000


def curve(frame: VideoFrame) -> str | None:
    """Return the name of a frame's HDR transfer curve; None when it is an ordinary picture."""
    return _CURVES.get(frame.color_trc)


def steps(name: str) -> list[str]:
    """Return the steps (see filter_graph) from a curve's colours to ordinary ones, in RGB."""
    return ["format=gbrp16", f"lut3d={name}"]


def tone_mapped(coded: Values, name: str) -> Values:
    """Return RGB of BT.2020 and the curve name as RGB of BT.709, shape (..., 3), all 0 to 1.

    Diffuse white becomes white less some room for highlights up to 1000 nits, by Reinhard's
    curve on the brightest of a colour's components, so that hues stay; gamma is BT.1886's, 2.4.
    """
    light = np.maximum(_linear(coded, name) @ _TO_709.T, 0.0)
    peak = light.max(axis=-1, keepdims=True)
    light *= (1.0 + peak / _BRIGHTEST**2) / (1.0 + peak)
    shown: Values = np.minimum(light, 1.0) ** (1 / 2.4)
    return shown


@contextmanager
def table_file(name: str) -> Iterator[str]:
    """Write tone_mapped as a table of colours (Adobe's .cube), and yield the file's path."""
    side = np.linspace(0, 1, _TABLE_SIDE)
    blue, green, red = np.meshgrid(side, side, side, indexing="ij")  # red changes fastest
    shown = tone_mapped(np.stack([red, green, blue], axis=-1), name).reshape(-1, 3)
    numbers = [f"{number / _FINENESS:.4f}" for number in range(_FINENESS + 1)]
    within, ending = (np.array([number + end for number in numbers], "S") for end in " \n")
    red, green, blue = np.round(shown.T * _FINENESS).astype(int)
    lines = np.stack([within[red], within[green], ending[blue]], axis=-1)
    with NamedTemporaryFile(suffix=".cube") as file:
        file.write(b"LUT_3D_SIZE %d\n" % _TABLE_SIDE + lines.tobytes())
        file.flush()
        yield file.name


def _linear(value: Values, name: str) -> Values:
    """Return light relative to diffuse white (SMPTE ST 2084; BT.2100)."""
    nits: Values
    if name == "PQ":
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = value ** (1 / m2)
        nits = 10_000.0 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
        nits = 1000.0 * scene**1.2
    return nits / _WHITE_NITS
