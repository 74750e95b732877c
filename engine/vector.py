"""A label map as outlines: closed paths along the borders of its pixels, which cover exactly what they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from engine.palette import Palette
from engine.types import LabelMap

Ring = NDArray[np.int32]  # (n, 2): the corners x, y of a closed path in pixels, the first edge horizontal

NOWHERE = -1  # the class outside the map


def outlines(labels: LabelMap) -> dict[int, list[Ring]]:
    """(H, W) -> for each class the rings around its areas and their holes: inside is what an odd number encloses.

    Corners are whole numbers, 0 to W and 0 to H; no ring has a corner on a straight line. Two classes' paths along
    their common border are the same edges.
    """
    label, y, x = _corners(labels)
    along_row = _partners(label, y, x)
    along_column = _partners(label, x, y)
    rings: dict[int, list[Ring]] = {}
    for ring in _rings(along_row, along_column):
        rings.setdefault(int(label[ring[0]]), []).append(np.stack([x[ring], y[ring]], 1))
    return dict(sorted(rings.items()))


def svg(labels: LabelMap, palette: Palette) -> str:
    """The map as SVG in its own pixels: for each class one path in its display colour, named by id and title.

    Raises UserError for a label outside the palette.
    """
    palette.check(labels)
    height, width = labels.shape
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'shape-rendering="crispEdges" fill-rule="evenodd">',
        f"<title>{escape(palette.title)}</title>",
    ]
    for index, rings in outlines(labels).items():
        each = palette.classes[index]
        name = re.sub(r"[^\w.-]+", "-", each.name)
        colour = "#" + bytes(each.colour).hex()
        lines.append(
            f'<path id={quoteattr(f"class-{index}-{name}")} fill="{colour}" d="{"".join(map(_drawn, rings))}">'
            f"<title>{escape(each.name)}</title></path>"
        )
    return "\n".join([*lines, "</svg>", ""])


def _corners(labels: LabelMap) -> tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.int32]]:
    """(n,) each, in that order: class, y and x of the corners of all areas; one where two areas touch counts twice."""
    padded = np.pad(labels.astype(np.int16), 1, constant_values=NOWHERE)
    quads = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
    y, x = np.nonzero((quads[0] != quads[1]) | (quads[0] != quads[2]) | (quads[0] != quads[3]))
    around = np.stack([quad[y, x] for quad in quads], 1)  # upper left, upper right, lower left, lower right
    found = []
    for place in range(4):
        own = around[:, place]
        same = around == own[:, None]
        first = ~same[:, :place].any(1) & (own != NOWHERE)  # each class once
        odd = same.sum(1) % 2 == 1
        across = (same.sum(1) == 2) & (same[:, 0] == same[:, 3])
        for which in (first & (odd | across), first & across):
            found.append((own[which], y[which].astype(np.int32), x[which].astype(np.int32)))
    label, y, x = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((x, y, label))
    return label[order], y[order], x[order]


def _partners(label: NDArray, line: NDArray, along: NDArray) -> NDArray[np.intp]:
    """(n,): for each corner the one at the other end of its edge on that line.

    Along a line, edges begin and end in turn. Of two corners at one place the first in order ends an edge and the
    second begins one, on rows and columns alike, so that the path goes on there.
    """
    order = np.lexsort((along, line, label))  # stable
    partner = np.empty(len(order), np.intp)
    partner[order[0::2]] = order[1::2]
    partner[order[1::2]] = order[0::2]
    return partner


def _rings(along_row: NDArray[np.intp], along_column: NDArray[np.intp]) -> Iterator[list[int]]:
    """The corners of each closed path, by turns along a row and along a column."""
    rows, columns = along_row.tolist(), along_column.tolist()
    done = bytearray(len(rows))
    for start in range(len(rows)):
        if done[start]:
            continue
        ring, at = [], start
        while not done[at]:
            there = rows[at]
            done[at] = done[there] = 1
            ring += [at, there]
            at = columns[there]
        yield ring


def _drawn(ring: Ring) -> str:
    """A path in SVG's words: to the first corner, then across and down by turns; its last edge closes it."""
    (x, y), *rest = ring.tolist()
    parts = [f"M{x} {y}"]
    parts += [f"H{x}" if number % 2 == 0 else f"V{y}" for number, (x, y) in enumerate(rest)]
    return "".join([*parts, "Z"])
