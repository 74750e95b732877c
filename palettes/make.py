"""Choose the display colours of palettes: far from each other to the eye, yet near to what the classes mean.

    python palettes/make.py palettes/ade20k.json ...

Rewrites `colour` in each palette's JSON, writes the same as swatches for painting programs (.gpl, .ase, .aco) and
prints the smallest CIEDE2000 distance between two classes. The same palette always gets the same colours.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from engine.palette import Palette, load_palette, palette_to_json
from engine.swatches import SWATCHES

UNLABELLED = (36, 36, 36)
ENOUGH = 18.0  # CIEDE2000 between two classes, beyond which nearness to their meaning is worth more
NEAR = 16.0  # how far, in CIEDE2000, a class with a MEANING may be from it
MEANINGS = {
    "sky": (125, 190, 245),
    "clouds": (215, 225, 235),
    "fog": (180, 195, 200),
    "tree": (35, 120, 45),
    "vegetation": (35, 120, 45),
    "bush": (75, 120, 30),
    "palm tree": (20, 145, 95),
    "plant": (90, 165, 60),
    "leaves": (75, 150, 70),
    "grass": (150, 215, 90),
    "terrain": (150, 215, 90),
    "field": (190, 200, 75),
    "flower": (255, 105, 180),
    "road": (120, 120, 125),
    "sidewalk": (200, 185, 200),
    "pavement": (200, 185, 200),
    "path": (215, 175, 125),
    "earth": (125, 85, 50),
    "dirt": (125, 85, 50),
    "ground": (125, 85, 50),
    "mud": (85, 65, 40),
    "land": (160, 125, 80),
    "sand": (240, 215, 150),
    "rock": (110, 100, 90),
    "stone": (145, 140, 130),
    "mountain": (150, 120, 160),
    "hill": (125, 140, 85),
    "snow": (240, 250, 255),
    "water": (60, 125, 205),
    "sea": (20, 75, 160),
    "river": (45, 155, 205),
    "lake": (70, 100, 185),
    "waterfall": (150, 225, 230),
    "swimming pool": (60, 205, 220),
    "building": (180, 115, 105),
    "house": (205, 115, 65),
    "skyscraper": (110, 135, 175),
    "wall": (185, 180, 165),
    "bridge": (150, 95, 85),
    "windowpane": (185, 215, 225),
    "door": (120, 60, 25),
    "fence": (190, 145, 90),
    "person": (220, 40, 70),
    "rider": (255, 60, 30),
    "car": (45, 45, 165),
    "animal": (235, 140, 50),
    "skin": (240, 195, 165),
    "nose": (220, 150, 120),
    "neck": (205, 160, 125),
    "hair": (110, 70, 40),
    "mouth": (125, 20, 40),
    "upper lip": (215, 80, 100),
    "lower lip": (240, 120, 135),
    "facade": (215, 185, 145),
    "window": (110, 165, 215),
    "background": (165, 210, 240),
}


def distances(candidates: NDArray, lab: NDArray) -> NDArray:
    """(C, 3) Lab and one Lab colour -> (C,) CIEDE2000."""
    return deltaE_ciede2000(candidates, np.broadcast_to(lab, candidates.shape))


def choose_colours(palette: Palette) -> list[tuple[int, int, int]]:
    """A display colour for every class of the palette, in order of the index."""
    level = np.arange(0, 256, 15)
    grid = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 3)
    taken = {each.standard for each in palette.classes}  # one colour must not say two classes
    grid = np.array([UNLABELLED, *(colour for colour in grid.tolist() if tuple(colour) not in taken)])
    lab = rgb2lab(grid / 255.0)
    anchors = np.array([MEANINGS.get(each.name, each.standard) for each in palette.classes])
    offset = np.stack([distances(lab, anchor) for anchor in rgb2lab(anchors / 255.0)])  # (classes, candidates)
    for each, row in zip(palette.classes, offset, strict=True):
        if each.name in MEANINGS:
            row[row > NEAR] = np.inf
    offset[palette.unlabelled] = np.inf
    offset[palette.unlabelled, 0] = 0
    chosen = spread(lab, offset)
    return [tuple(grid[candidate].tolist()) for candidate in chosen]


def spread(lab: NDArray, offset: NDArray) -> list[int]:
    """Which candidate each class takes: nearest to the anchors at first, then the closest pair is parted.

    That is repeated until it no longer helps, or ENOUGH is reached.
    lab: (C, 3) candidates. offset: (classes, C) distance of every candidate from a class's anchor, inf = not allowed.
    """
    low, high = 0.0, ENOUGH
    while high - low > 0.1:  # the widest spacing at which first come, first served finds a place for everyone
        middle = (low + high) / 2
        low, high = (middle, high) if settle(lab, offset, middle) else (low, middle)
    chosen = settle(lab, offset, low)
    apart = np.stack([distances(lab, lab[candidate]) for candidate in chosen], 1)  # (C, classes)
    rows = np.arange(len(chosen))
    while True:
        pairs = apart[chosen]
        pairs[rows, rows] = np.inf
        smallest = pairs.min()
        best = (smallest + 1e-6, -1, -1)
        if smallest >= ENOUGH:
            return chosen
        for mover in np.unravel_index(pairs.argmin(), pairs.shape):
            room = np.where(np.isfinite(offset[mover]), np.delete(apart, mover, 1).min(1), -1)
            if room.max() > best[0]:
                enough = np.where(room >= min(room.max(), smallest + 0.5), offset[mover], np.inf)
                target = int(enough.argmin())
                best = (room[target], mover, target)
        if best[1] < 0:
            return chosen
        chosen[best[1]] = best[2]
        apart[:, best[1]] = distances(lab, lab[best[2]])


def settle(lab: NDArray, offset: NDArray, spacing: float) -> list[int] | None:
    """Each class in turn, those with the fewest choices first, takes the nearest place with `spacing` around it."""
    free = np.ones(len(lab), bool)
    chosen = [-1] * len(offset)
    for each in np.argsort(np.isfinite(offset).sum(1), kind="stable"):
        wish = np.where(free, offset[each], np.inf)
        if not np.isfinite(wish.min()):
            return None
        chosen[each] = int(wish.argmin())
        free &= distances(lab, lab[chosen[each]]) >= spacing
    return chosen


def smallest_distance(palette: Palette) -> tuple[float, str, str]:
    """The smallest CIEDE2000 distance between two display colours, and whose they are."""
    lab = rgb2lab(palette.colours / 255.0)
    apart = deltaE_ciede2000(lab[:, None], lab[None])
    np.fill_diagonal(apart, np.inf)
    first, second = np.unravel_index(apart.argmin(), apart.shape)
    return float(apart.min()), palette.classes[first].name, palette.classes[second].name


def main(files: list[str]) -> None:
    for file in map(Path, files):
        palette = load_palette(file)
        colours = choose_colours(palette)
        classes = tuple(replace(each, colour=colours[each.index]) for each in palette.classes)
        palette = replace(palette, classes=classes)
        file.write_text(palette_to_json(palette), encoding="utf-8")
        for suffix, make in SWATCHES.items():
            file.with_suffix(suffix).write_bytes(make(palette))
        print(file.name, "{:.1f} between {} and {}".format(*smallest_distance(palette)))


if __name__ == "__main__":
    main(sys.argv[1:])
