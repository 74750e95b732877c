"""Which setting is the cheapest whose pictures can't be told from 250 ancestral steps?

    python3 bench/sweep.py --data DIR [--maps 40] [--json FILE] [--strip FILE.png]     (DIR: images/ and labels/)

Every setting makes two pictures of every map, and so do two independent ancestral runs, A and B. Of each picture some
plain measures are taken (MEASURES) and, per map, their difference to A's. Under the hypothesis that a setting draws
from the same distribution these differences are as often positive as negative, so flipping their signs at random tells
how large their mean would be by chance: p below 0.05 is told apart. `score` is the mean squared standardised mean
difference; B's own is the floor. `to exact` is the RMS difference (of 255) to 100 steps of 2M from the same noise,
which only the deterministic samplers approach.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.library import FIRST, Model, load_model
from engine.pipeline import generate, pictures_of
from engine.training.crops import centre
from engine.training.pairs import load_pairs
from engine.types import LabelMap, Photo, RenderRequest, Sampling
from engine.writing import save_png

MEASURES = (
    *(f"{statistic} of {channel}" for statistic in ("mean", "spread") for channel in ("L", "a", "b")),
    *(f"detail at {2**octave} px" for octave in range(4)),
    "darkest",
    "lightest",
)
FLIPS = 2000
SHOWN = (
    "ancestral",
    "again",
    *(f"2M SDE, lambda, {steps}" for steps in (20, 12, 8)),
    "2M, lambda, 12",
    "ddim, trailing, 20",
)
ANCESTRAL = Sampling("ddpm", 250, spacing="even")
EXACT = Sampling("dpmpp_2m", 100, spacing="lambda")


def settings(guidance: float) -> dict[str, Sampling]:
    """What is compared. Every one has the same guidance."""
    few = {"guidance": guidance}
    found = {}
    for steps in (20, 50):
        found[f"ddim, trailing, {steps}"] = Sampling("ddim", steps, spacing="trailing", **few)
    for steps in (8, 12, 20, 30):
        found[f"2M, lambda, {steps}"] = Sampling("dpmpp_2m", steps, spacing="lambda", **few)
    for steps in (6, 8, 10, 12, 15, 20):
        found[f"2M SDE, lambda, {steps}"] = Sampling("dpmpp_2m_sde", steps, spacing="lambda", **few)
    base = found["2M SDE, lambda, 12"]
    for interval in ((0.1, 1.0), (0.2, 1.0), (0.1, 0.9)):
        found[f"2M SDE 12, guided {interval[0]:g} to {interval[1]:g}"] = replace(base, guidance_interval=interval)
    found["2M SDE 12, stop at 0.02"] = replace(base, guidance_stop=0.02)
    found["2M SDE 12, encoder every 2"] = replace(base, encoder_reuse=2)
    found["2M SDE 8, guided 0.1 to 1"] = replace(base, steps=8, guidance_interval=(0.1, 1.0))
    return found


def measures(picture: Photo) -> NDArray[np.float64]:
    """(H, W, 3) -> (len(MEASURES),): colours in CIE Lab, and the energy of each octave of detail in lightness."""
    lab = rgb2lab(picture)
    light = lab[..., 0].astype(np.float32)
    octaves = []
    for _ in range(4):
        coarser = cv2.GaussianBlur(light, (0, 0), 1.0)
        octaves.append(np.log(1e-3 + np.square(light - coarser).mean()))
        light = coarser[::2, ::2]
    return np.array([*lab.mean((0, 1)), *lab.std((0, 1)), *octaves, *np.percentile(lab[..., 0], (1, 99))])


def made(model: Model, maps: list[LabelMap], sampling: Sampling, first: int, each: int) -> Iterator[NDArray[np.uint8]]:
    """`each` pictures of every map. No two share a seed: a seed's noise colours all its pictures alike."""
    for i, labels in enumerate(maps):
        seeds = tuple(range(first + i * each, first + (i + 1) * each))
        yield pictures_of(generate(model, RenderRequest(model.name, labels, replace(sampling, seeds=seeds))))


def told_apart(differences: NDArray[np.float64], scale: NDArray[np.float64]) -> tuple[float, float]:
    """(maps, measures) of differences -> score, and the share of random sign flips that score as much."""
    standard = differences / scale
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (FLIPS, len(standard), 1))
    by_chance = np.square((signs * standard).mean(1)).mean(1)
    score = np.square(standard.mean(0)).mean()
    return float(score), float((1 + (by_chance >= score).sum()) / (1 + FLIPS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=FIRST)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--maps", type=int, default=40)
    parser.add_argument("--guidance", type=float, default=Sampling().guidance)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--strip", type=Path)
    args = parser.parse_args()
    model = load_model(args.model, precision=args.precision)
    size = model.network.config.image_size
    pairs = [centre(pair, size) for pair in load_pairs(args.data, model.palette, size)]
    maps = [labels for _, labels in pairs[:: max(1, len(pairs) // args.maps)][: args.maps]]

    ancestral = replace(ANCESTRAL, guidance=args.guidance)
    a, b = [], []
    for i, four in enumerate(made(model, maps, ancestral, 10_000, 4)):
        a.append(four[:2])
        b.append(four[2:])
        print(f"\rancestral {i + 1}/{len(maps)}", end="", file=sys.stderr, flush=True)
    exact = list(made(model, maps, replace(EXACT, guidance=args.guidance), 0, 2))
    of_a = np.array([np.mean([measures(p) for p in each], 0) for each in a])

    def differences(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        return np.array([np.mean([measures(p) for p in each], 0) for each in pictures]) - of_a

    scale = differences(b).std(0)
    rows = [("250 ancestral steps again", *told_apart(differences(b), scale), None, None)]
    shown = {"ancestral": a, "again": b}
    for name, sampling in settings(args.guidance).items():
        started = time.perf_counter()
        pictures = list(made(model, maps, sampling, 0, 2))
        seconds = (time.perf_counter() - started) / (2 * len(maps))
        off = float(
            np.sqrt(np.mean([np.square(p - e.astype(float)).mean() for p, e in zip(pictures, exact, strict=True)]))
        )
        rows.append((name, *told_apart(differences(pictures), scale), off, seconds))
        shown[name] = pictures
        print(f"\r{name:40}", end="", file=sys.stderr, flush=True)
    print(f"\n{len(maps)} maps, {model.name} on {model.device} in {model.precision}, guidance {args.guidance:g}\n")
    print("| setting | score | p | to exact | s a picture |\n|---|---|---|---|---|")
    for name, score, p, off, seconds in rows:
        rest = "| | |" if off is None else f"| {off:.1f} | {seconds:.2f} |"
        print(f"| {name} | {score:.3f} | {p:.3f} {rest}")
    if args.json:
        keys = ("setting", "score", "p", "to_exact", "seconds")
        args.json.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=1) + "\n")
    if args.strip:
        chosen = [i * len(maps) // 6 for i in range(6)]
        rows_shown = [np.concatenate([shown[name][i][0] for name in SHOWN], 1) for i in chosen]
        save_png(args.strip, np.concatenate(rows_shown), {})
        print("\nThe strip's columns: " + "; ".join(SHOWN))


if __name__ == "__main__":
    main()
