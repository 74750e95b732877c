"""Do the pictures follow their maps? Coarse colours of each picture against the photo whose map it was made from, and
against the photo of another map.

    python3 bench/map_following.py --model scenes --data DIR      (a folder with images/ and labels/, never trained on)

Prints the mean absolute difference (0 to 255) of both on an 8 x 8 grid, and how often the right photo is the nearer.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.pipeline import Model, generate, load_model, pictures_of
from engine.presets import DEFAULT, PRESETS, preset
from engine.resizing import resize_photo
from engine.training.crops import centre
from engine.training.pairs import load_pairs
from engine.types import Photo, RenderRequest, Sampling

GRID = 8


def coarse(photo: Photo) -> np.ndarray:
    return resize_photo(photo, GRID, GRID).astype(float)


def distances(model: Model, data: Path, sampling: Sampling) -> tuple[np.ndarray, np.ndarray]:
    """(maps,) each: from the picture made of a map to that map's photo, and to the next one's."""
    size = model.network.config.image_size
    pairs = [centre(pair, size) for pair in load_pairs(data, model.palette, size)]
    made = []
    for _, labels in pairs:
        made.append(coarse(pictures_of(generate(model, RenderRequest(model.name, labels, sampling)))[0]))
    photos = [coarse(photo) for photo, _ in pairs]
    right = np.array([np.abs(m - p).mean() for m, p in zip(made, photos, strict=True)])
    wrong = np.array([np.abs(m - p).mean() for m, p in zip(made, photos[1:] + photos[:1], strict=True)])
    return right, wrong


def in_words(right: np.ndarray, wrong: np.ndarray) -> str:
    return (
        f"{len(right)} maps: right photo {right.mean():.1f}, another photo {wrong.mean():.1f}, "
        f"ratio {wrong.mean() / right.mean():.2f}, right is nearer in {(right < wrong).mean():.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preset", choices=tuple(PRESETS), default=DEFAULT)
    parser.add_argument("--guidance", type=float, default=1.5)
    args = parser.parse_args()
    sampling = replace(preset(args.preset), guidance=args.guidance, seeds=(7,))
    print(in_words(*distances(load_model(args.model), args.data, sampling)))


if __name__ == "__main__":
    main()
