"""Plots of the results, as SVG that is small enough to be kept and to be read in a diff."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.results.measurements import Comparison, Growth

if TYPE_CHECKING:
    from collections.abc import Sequence

_INK, _MEASURED, _TARGET, _GRID = "#404040", "#1f6feb", "#d1242f", "#d8dee4"
_ROW, _LEFT, _WIDTH = 24, 260, 760


def ratios(compared: Sequence[Comparison]) -> str:
    """Draw each ratio: whole spread, quartiles, median, and the target as an upright line."""
    reach = [r for one in compared for r in (one.ratios.lowest, one.ratios.highest, 1.0)]
    reach += [one.target.value for one in compared if one.target]
    low, high = log10(min(reach)) - 0.05, log10(max(reach)) + 0.05

    def x(ratio: float) -> float:
        return round(_LEFT + (log10(ratio) - low) / (high - low) * (_WIDTH - _LEFT - 20), 1)

    bottom = _ROW * len(compared) + 10
    parts = [_line(x(1), 4, x(1), bottom, _GRID), _text(x(1), bottom + 14, "1×", "middle")]
    for number, one in enumerate(compared):
        y = _ROW * number + 20
        spread = one.ratios
        parts += [
            _text(_LEFT - 10, y + 4, f"{one.name} / {one.peer_name}", "end"),
            _line(x(spread.lowest), y, x(spread.highest), y, _MEASURED),
            f'<rect x="{x(spread.lower_quartile)}" y="{y - 5}" height="10" fill="{_MEASURED}" '
            f'width="{max(1, x(spread.upper_quartile) - x(spread.lower_quartile)):.1f}"/>',
            f'<circle cx="{x(one.ratio)}" cy="{y}" r="4" fill="white" stroke="{_MEASURED}"/>',
        ]
        if one.target is not None:
            at = x(one.target.value)
            parts.append(_line(at, y - 9, at, y + 9, _TARGET))
    return _drawing(parts, bottom + 22)


def growth(one: Growth) -> str:
    """Draw a quantity over the size that it grows with, both on scales of logarithms."""
    sizes, values = [p[0] for p in one.points], [p[1] for p in one.points]
    left, bottom, height = 70, 250, 230
    low_x, high_x = log10(min(sizes)), log10(max(sizes)) or 1.0
    # Whole decades, so that a flat line looks flat.
    low_y, high_y = floor(log10(min(values))), ceil(log10(max(values)))
    high_y = max(high_y, low_y + 1)

    def x(size: float) -> float:
        return round(left + (log10(size) - low_x) / (high_x - low_x) * (_WIDTH - left - 60), 1)

    def y(value: float) -> float:
        return round(bottom - (log10(value) - low_y) / (high_y - low_y) * height, 1)

    parts = [_text(left, 14, f"{one.name}: {one.unit} by {one.size}", "start")]
    for decade in range(low_y, high_y + 1):
        at = y(10.0**decade)
        parts += [_line(left, at, _WIDTH - 50, at, _GRID)]
        parts += [_text(left - 8, at + 4, f"{10.0**decade:g}", "end")]
    track = " ".join(f"{x(size)},{y(value)}" for size, value in one.points)
    parts.append(f'<polyline points="{track}" fill="none" stroke="{_MEASURED}" stroke-width="2"/>')
    for size, value in one.points:
        parts += [
            f'<circle cx="{x(size)}" cy="{y(value)}" r="4" fill="{_MEASURED}"/>',
            _text(x(size), y(value) - 9, f"{value:.3g}", "middle"),
            _text(x(size), bottom + 16, f"{size:g}", "middle"),
        ]
    return _drawing(parts, bottom + 26)


def _drawing(parts: Sequence[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
