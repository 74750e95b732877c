"""Does the edge of an edit show? Ways of blending, and RePaint in several bands of noise levels, on photos.

    python3 bench/edit_borders.py --data DIR [--model scenes] [--photos 8] [--seeds 2] [--strength 0.8]
                                  [--only blend|resampling]                       (DIR: images/ and labels/)

Each photo's largest class and an ellipse are made anew under the photo's own map. Printed is the mean difference of
neighbours of which one is inside the region and one outside, over the photo's own there (1: the edge is as strong as
the photo itself), as a mean over the photos and the worst of them; and how many steps a run takes over one without
resampling. Blends are compared at their default feather; resampling with the picture laid on hard, which hides nothing,
and beside it runs without resampling that take as many steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.pipeline import Model, edit, load_model, pictures_of, walk_of
from engine.resampling import count
from engine.training.pairs import load_pairs
from engine.types import EditRequest, LabelMap, Photo, Region, Resampling, Sampling

BLENDS = ("plain", "matched", "gradient")
RESAMPLINGS = {
    "off": Resampling(),
    "jump 2, 2 times": Resampling(2, 2),
    "jump 2, 2 times, 0.5 to 1": Resampling(2, 2, (0.5, 1.0)),
    "jump 2, 2 times, 0.2 to 0.7": Resampling(2, 2, (0.2, 0.7)),
    "jump 2, 2 times, 0 to 0.3": Resampling(2, 2, (0.0, 0.3)),
    "jump 2, 2 times, 0.3 to 1": Resampling(2, 2, (0.3, 1.0)),
    "jump 2, 5 times": Resampling(2, 5),
    "jump 2, 5 times, 0.3 to 1": Resampling(2, 5, (0.3, 1.0)),
    "jump 4, 3 times, 0.3 to 1": Resampling(4, 3, (0.3, 1.0)),
}
MORE_STEPS = (23,)  # without resampling


def across(photo: Photo, region: Region) -> float:
    """The mean difference, of 255, of neighbours of which one is inside the region and one outside."""
    values = photo.astype(np.float32)
    found = [np.abs(np.diff(values, axis=axis)).mean(2)[np.diff(region, axis=axis)] for axis in (0, 1)]
    return float(np.concatenate(found).mean())


def regions(labels: LabelMap) -> Iterator[Region]:
    """An ellipse, and the class with the most pixels where that isn't the whole map."""
    height, width = labels.shape
    y, x = np.mgrid[:height, :width]
    yield ((y - 0.5 * height) / (0.28 * height)) ** 2 + ((x - 0.4 * width) / (0.25 * width)) ** 2 < 1
    largest = labels == np.bincount(labels.ravel()).argmax()
    if not largest.all():
        yield largest


def ratios(model: Model, requests: list[EditRequest]) -> NDArray[np.float64]:
    """Of every request the edge of its pictures over the photo's own, and the mean over its seeds: (requests,)."""
    return np.array(
        [
            np.mean([across(each, request.region) for each in pictures_of(edit(model, request))])
            / across(request.photo, request.region)
            for request in requests
        ]
    )


def row(name: str, found: NDArray[np.float64], cost: float) -> None:
    error = found.std() / len(found) ** 0.5
    print(f"| {name} | {found.mean():.2f} ± {error:.2f} | {found.max():.2f} | {cost:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--strength", type=float, default=0.8)
    parser.add_argument("--only", choices=("blend", "resampling"))
    args = parser.parse_args()
    model = load_model(args.model)
    pairs = load_pairs(args.data, model.palette, 2 * model.network.config.image_size)
    chosen = pairs[:: max(1, len(pairs) // args.photos)][: args.photos]
    sampling = Sampling(seeds=tuple(range(args.seeds)))
    requests = [
        EditRequest(model.name, pair.labels, pair.photo, region, args.strength, sampling)
        for pair in chosen
        for region in regions(pair.labels)
    ]
    print(f"{len(requests)} regions of {len(chosen)} photos, {args.seeds} seeds, strength {args.strength:g}\n")
    print("| what | edge over the photo's own | worst | steps |\n|---|---|---|---|")
    if args.only != "resampling":
        for blend in BLENDS:
            row(blend, ratios(model, [replace(each, blend=blend) for each in requests]), 1)
    if args.only == "blend":
        return
    hard = [replace(each, blend="plain", feather=0) for each in requests]
    way = walk_of(model, sampling, args.strength)
    for name, resampling in RESAMPLINGS.items():
        cost = count(way, resampling) / (len(way) - 1)
        row(name, ratios(model, [replace(each, resampling=resampling) for each in hard]), cost)
    for steps in MORE_STEPS:
        longer = replace(sampling, steps=steps)
        row(f"off, {steps} steps", ratios(model, [replace(each, sampling=longer) for each in hard]), steps / 12)


if __name__ == "__main__":
    main()
