"""Does a part of a photo that is made into another class take that class's colour?

    python3 bench/edit_colours.py --data DIR [--model scenes] [--photos 10] [--variations 6] [--guidance 2.5]

DIR: images/ and labels/, never trained on. Edits at strength 1 by the default preset, under three maps: the right one,
the photo's own, and one that asks for some other class. How far the part's mean colour is from the class's typical one
(the mean over the photos of DIR that have it), of 255: of each edit, then of the mean over the edits, in which the
light of single photos cancels; and as CIE Lab's a and b alone, which are colour without lightness.

Every photo has seeds of its own: how light a part becomes is decided by the mean of the noise it begins with, so
pictures of one seed err together.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.contrast import SWAPS, typical_colours
from engine.pipeline import Model, edit, load_model, pictures_of
from engine.presets import DEFAULT, preset
from engine.training.crops import centre
from engine.training.pairs import load_pairs
from engine.types import EditRequest, LabelMap, Photo, Sampling

MAPS = ("right map", "own map", "another class")


def hue(colour: NDArray) -> NDArray[np.float64]:
    """Lab's a and b of a colour of 0 to 255."""
    return rgb2lab(colour[None, None] / 255)[0, 0, 1:]


def made_colours(
    model: Model, pair: tuple[Photo, LabelMap], old: int, asked: tuple[int, ...], sampling: Sampling
) -> NDArray[np.float64]:
    """(variations, classes asked for, 3): the mean colour of the part of class `old` once it is each of them."""
    photo, labels = pair
    region = labels == old
    wanted = (np.where(region, np.uint8(new), labels) for new in asked)
    requests = (EditRequest(model.name, new, photo, region, strength=1.0, sampling=sampling) for new in wanted)
    made = [[picture[region].mean(0) for picture in pictures_of(edit(model, request))] for request in requests]
    return np.swapaxes(made, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=10, help="of each swap, from all over DIR")
    parser.add_argument("--variations", type=int, default=6, help="of each photo")
    parser.add_argument("--guidance", type=float, default=2.5)
    args = parser.parse_args()
    model, random = load_model(args.model), np.random.default_rng(1)
    size = model.network.config.image_size
    pairs = [centre(pair, size) for pair in load_pairs(args.data, model.palette, size)]
    typical = typical_colours(pairs, np.mean)
    print(f"| edit | each: {', '.join(MAPS)} | their mean | a, b of each |")
    print("|---|---|---|---|")
    for names in SWAPS:
        old, new = map(model.palette.index_of, names)
        others = [index for index in typical if index not in (old, new)]
        having = [pair for pair in pairs if 0.08 < (pair[1] == old).mean() < 0.7]
        having = having[:: max(1, len(having) // args.photos)][: args.photos]
        made = []
        for number, pair in enumerate(having):
            seeds = tuple(range(number * args.variations, (number + 1) * args.variations))
            sampling = replace(preset(DEFAULT), guidance=args.guidance, seeds=seeds)
            made.extend(made_colours(model, pair, old, (new, old, int(random.choice(others))), sampling))
        made = np.array(made)
        each = np.abs(made - typical[new]).mean(2).mean(0)
        together = np.abs(made.mean(0) - typical[new]).mean(1)
        hues = np.mean([[np.linalg.norm(hue(c) - hue(typical[new])) for c in row] for row in made], 0)
        cells = " | ".join(", ".join(f"{value:.1f}" for value in column) for column in (each, together, hues))
        print(f"| {names[0]} to {names[1]}, {len(having)} photos | {cells} |", flush=True)


if __name__ == "__main__":
    main()
