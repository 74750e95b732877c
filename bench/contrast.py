"""Does guidance burn pictures to black and white, and what does rescaling it (--guidance-rescale) give back?

    python3 bench/contrast.py --data DIR [--maps 24] [--guidance 2.5 4] [--rescale 0 0.5 0.7] [--strip FILE.png]

DIR: images/ and labels/, never trained on. A row is a setting. Of pictures made from whole maps, and of the photos:
`burnt`, the share of pixels with a colour within 3 of 0 or 255; `contrast`, the deviation of lightness (CIE Lab); and
how far the mean colours of a map's classes are from the photo's (of 255). Of edits, which make one class of a photo
into another from nothing (strength 1): `burnt` in the region, and how far its mean colour is from the new class's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.pipeline import Model, edit, generate, load_model, pictures_of
from engine.presets import DEFAULT, preset
from engine.training.crops import centre
from engine.training.pairs import load_pairs
from engine.types import EditRequest, LabelMap, Photo, Region, RenderRequest, Sampling
from engine.writing import save_png

MARGIN = 3  # of 255, from black or white
LEAST = 0.03  # of a map: a class with less has no colour of its own
SWAPS = (("grass", "water"), ("sky", "building"), ("building", "tree"), ("road", "grass"))
EACH = 3  # photos a swap
SEEDS = (3, 4)


def burnt(picture: Photo, where: Region | tuple[()] = ()) -> float:
    colours = picture[where].reshape(-1, 3)
    return 100 * float(((colours <= MARGIN) | (colours >= 255 - MARGIN)).any(1).mean())


def contrast(picture: Photo) -> float:
    return float(rgb2lab(picture)[..., 0].std())


def class_colours(picture: Photo, labels: LabelMap) -> dict[int, NDArray[np.float64]]:
    """The mean colour of each class that has a share of the map."""
    large = (index for index in np.unique(labels).tolist() if (labels == index).mean() > LEAST)
    return {index: picture[labels == index].mean(0) for index in large}


def apart(one: dict[int, NDArray], other: dict[int, NDArray]) -> float:
    return float(np.mean([np.abs(one[index] - other[index]).mean() for index in one]))


def typical_colours(
    pairs: list[tuple[Photo, LabelMap]], middle: Callable[..., NDArray[np.float64]] = np.median
) -> dict[int, NDArray[np.float64]]:
    """Of each class, the middle over the photos of its mean colour in them."""
    found: dict[int, list[NDArray]] = {}
    for photo, labels in pairs:
        for index, colour in class_colours(photo, labels).items():
            found.setdefault(index, []).append(colour)
    return {index: middle(colours, 0) for index, colours in found.items()}


def swapped(model: Model, pairs: list[tuple[Photo, LabelMap]]) -> Iterator[tuple[EditRequest, int]]:
    """Edits that make all of one class another one, and the index of that."""
    for old, new in (map(model.palette.index_of, swap) for swap in SWAPS):
        having = [pair for pair in pairs if 0.08 < (pair[1] == old).mean() < 0.7]
        for photo, labels in having[:: max(1, len(having) // EACH)][:EACH]:
            region = labels == old
            yield EditRequest(model.name, np.where(region, np.uint8(new), labels), photo, region, strength=1.0), new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--maps", type=int, default=24)
    parser.add_argument("--guidance", type=float, nargs="+", default=[2.5])
    parser.add_argument("--rescale", type=float, nargs="+", default=[0.0, 0.5, 0.7])
    parser.add_argument("--strip", type=Path, help="the first picture of some maps and edits by every setting")
    args = parser.parse_args()
    model = load_model(args.model)
    size = model.network.config.image_size
    everything = [centre(pair, size) for pair in load_pairs(args.data, model.palette, size)]
    pairs = everything[:: max(1, len(everything) // args.maps)][: args.maps]
    typical, edits = typical_colours(everything), list(swapped(model, everything))
    columns = []

    print("| guidance | rescale | burnt, % | contrast | classes off | edits: burnt, % | off the class |")
    print("|---|---|---|---|---|---|---|")
    row = np.mean([(burnt(photo), contrast(photo)) for photo, _ in pairs], 0)
    print(f"| the photos | | {row[0]:.1f} | {row[1]:.1f} | | | |", flush=True)
    for guidance, rescale in [(1.0, 0.0), *((g, r) for g in args.guidance for r in args.rescale)]:
        sampling = replace(preset(DEFAULT), guidance=guidance, guidance_rescale=rescale, seeds=SEEDS)
        made = [made_of(model, labels, sampling) for _, labels in pairs]
        of_maps = [
            (burnt(picture), contrast(picture), apart(class_colours(photo, labels), class_colours(picture, labels)))
            for (photo, labels), pictures in zip(pairs, made, strict=True)
            for picture in pictures
        ]
        repainted = [pictures_of(edit(model, replace(request, sampling=sampling))) for request, _ in edits]
        of_edits = [
            (burnt(picture, request.region), np.abs(picture[request.region].mean(0) - typical[new]).mean())
            for (request, new), pictures in zip(edits, repainted, strict=True)
            for picture in pictures
        ]
        figures = " | ".join(f"{each:.1f}" for each in (*np.mean(of_maps, 0), *np.mean(of_edits, 0)))
        print(f"| {guidance:g} | {rescale:g} | {figures} |", flush=True)
        columns.append(np.concatenate([each[0] for each in (*made[:: max(1, len(made) // 6)], *repainted)]))
    if args.strip:
        save_png(args.strip, np.concatenate(columns, 1), {})


def made_of(model: Model, labels: LabelMap, sampling: Sampling) -> NDArray[np.uint8]:
    return pictures_of(generate(model, RenderRequest(model.name, labels, sampling)))


if __name__ == "__main__":
    main()
