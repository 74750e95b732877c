"""Line plots as SVG, drawn here: small, sharp at any size, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

Point = tuple[float, float, float | None, float | None]  # x, y, and y's interval

WIDTH, HEIGHT = 380, 270  # px of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 44
# Okabe and Ito's colours, which those who see few colours tell apart; the marks tell the rest.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    "M-4-4H4V4H-4z",
    "M0-5L5 4H-5z",
    "M0-5L5 0L0 5L-5 0z",
    "M-4-4L4 4M4-4L-4 4",
)
LINE = 18  # px of a line of the legend


@dataclass(frozen=True)
class Panel:
    """One plot: lines by their names, the same names in every panel of a figure."""

    title: str
    across: str
    lines: Mapping[str, Sequence[Point]]


def svg(panels: Sequence[Panel], columns: int = 2) -> str:
    """The panels side by side, `columns` in a row, and below them one legend."""
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    width, height = columns * WIDTH, rows * HEIGHT + LINE * len(names) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for i, panel in enumerate(panels):
        parts.append(f'<g transform="translate({i % columns * WIDTH} {i // columns * HEIGHT})">')
        parts += [*_panel(panel, names), "</g>"]
    parts += _legend(names, rows * HEIGHT)
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, names: list[str]) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    x = Scale.of([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Scale.of([v for point in points for v in point[1:] if v is not None], HEIGHT - BOTTOM, TOP)
    yield f'<text x="{LEFT}" y="20" font-weight="bold">{escape(panel.title)}</text>'
    for value in y.ticks:
        at = y(value)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>'
    for value in sorted({point[0] for point in points}):
        yield f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(panel.across)}</text>'
    for name, line in panel.lines.items():
        yield from _line(sorted(line), x, y, names.index(name))


def _line(line: Sequence[Point], x: Scale, y: Scale, number: int) -> Iterator[str]:
    colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
    way = "L".join(f"{x(point[0]):.1f} {y(point[1]):.1f}" for point in line)
    yield f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for at, value, low, high in line:
        if low is not None and high is not None:
            yield f'<path d="M{x(at):.1f} {y(low):.1f}V{y(high):.1f}" stroke="{colour}" stroke-opacity="0.4"/>'
        yield _mark(x(at), y(value), colour, mark)


def _mark(x: float, y: float, colour: str, mark: str) -> str:
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{mark}" fill="{colour}" stroke="{colour}"/>'


def _legend(names: list[str], top: float) -> Iterator[str]:
    for i, name in enumerate(names):
        at = top + LINE * i + 10
        yield _mark(LEFT, at, COLOURS[i % len(COLOURS)], MARKS[i % len(MARKS)])
        yield f'<text x="{LEFT + 12}" y="{at + 4}">{escape(name)}</text>'


@dataclass(frozen=True)
class Scale:
    """Values onto pixels: `low` at `start`, `high` at `end`. ticks: round values in between."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> Scale:
        """With room on either side of the values."""
        low, high = min(values), max(values)
        room = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
        low, high = low - room, high + room
        rough = (high - low) / 5
        step = min((m * 10.0 ** np.floor(np.log10(rough)) for m in (1, 2, 5, 10)), key=lambda each: abs(each - rough))
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        return cls(low, high, start, end, tuple(float(f"{tick:.6g}") + 0.0 for tick in ticks))

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
