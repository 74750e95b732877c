"""How alike are pictures of one seed at another number of steps, on one path of noise and with noise drawn anew?

    python3 bench/noise_path.py [--maps 3] [--seeds 6]

For each number of steps: the RMS difference (of 255) to the most steps, of the stochastic 2M on example maps; beside it
that of two different seeds, which is as far apart as pictures of one map get. Then what drawing the noise costs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.label_files import read_label_map
from engine.library import Model, load_model
from engine.noise import SeededNoise
from engine.pipeline import draw_of, generate, pictures_of, walk_of
from engine.types import LabelMap, RenderRequest, Sampling

STEPS = (6, 8, 12, 16)
MOST = 24
EXAMPLES = Path(__file__).resolve().parent.parent / "app" / "static" / "examples" / "ade20k"


def rms(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def pictures(model: Model, labels: LabelMap, seeds: int, steps: int, noise: str) -> NDArray[np.float64]:
    """(seeds, H, W, 3) of the size that is computed."""
    small = labels[:: max(1, labels.shape[0] // 128), :: max(1, labels.shape[0] // 128)]
    sampling = Sampling(steps=steps, seeds=tuple(range(seeds)), noise=noise)
    return pictures_of(generate(model, RenderRequest(model.name, small, sampling))).astype(np.float64)


def compared(model: Model, maps: list[LabelMap], seeds: int, noise: str) -> dict[str, float]:
    """The mean RMS difference of each number of steps to MOST, between 8 and 12, and between two seeds."""
    found: dict[str, list[float]] = {}
    for labels in maps:
        made = {steps: pictures(model, labels, seeds, steps, noise) for steps in (*STEPS, MOST)}
        pairs = {f"{steps} to {MOST}": (made[steps], made[MOST]) for steps in STEPS}
        pairs["8 to 12"] = made[8], made[12]
        pairs["two seeds"] = made[MOST], np.roll(made[MOST], 1, axis=0)
        for name, (a, b) in pairs.items():
            found.setdefault(name, []).extend(map(rms, a, b))
    return {name: float(np.mean(values)) for name, values in found.items()}


def seconds_of_noise(model: Model, labels: LabelMap, noise: str) -> float:
    """Drawing all noise of one picture's default run; the best of several."""
    sampling = Sampling(noise=noise)
    way = walk_of(model, sampling)
    side = model.network.config.image_size
    size = side, side * labels.shape[1] // labels.shape[0]

    def draw() -> float:
        started = time.perf_counter()
        source = SeededNoise((0,), *size, torch.device("cpu"), draw_of(model, sampling, way))
        for _ in range(len(way) - 1):
            source()
        return time.perf_counter() - started

    return min(draw() for _ in range(9))


def seconds_of_run(model: Model, labels: LabelMap) -> float:
    """A picture by the default's steps, its map known; the best of several."""

    def run() -> float:
        started = time.perf_counter()
        pictures_of(generate(model, RenderRequest(model.name, labels, Sampling())))
        return time.perf_counter() - started

    return min(run() for _ in range(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=6)
    args = parser.parse_args()
    model = load_model("scenes")
    files = sorted(EXAMPLES.glob("*.png"))[: args.maps]
    maps = [read_label_map(file, model.palette).labels for file in files]
    for noise in ("steps", "path"):
        found = compared(model, maps, args.seeds, noise)
        print(f"{noise:6}", ", ".join(f"{name} steps {value:.1f}" for name, value in found.items()), flush=True)
    run, path, anew = seconds_of_run(model, maps[0]), *(seconds_of_noise(model, maps[0], n) for n in ("path", "steps"))
    print(f"A run {run:.3f} s; its noise on a path {path * 1000:.1f} ms ({path / run:.1%}), anew {anew * 1000:.1f} ms")


if __name__ == "__main__":
    main()
