"""What a training step costs, and what its thrift buys: pictures a second and memory, beside the plain way.

    python3 bench/training.py [--recipe small|paper] [--batch N] [--steps N]

No data is needed: photos and maps are noise. Each way learns the same steps, as its last loss shows.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.device import best_device
from engine.training.crops import Crop, picture_size
from engine.training.data import Batch, as_batch
from engine.training.recipe import RECIPES, Recipe
from engine.training.trainer import Means, Trainer

CLASSES = 13
WARM_UP = 2  # steps


def batches(recipe: Recipe):
    """(step) -> a batch of noise with a dozen classes."""

    def make(step: int) -> Batch:
        rng, size = np.random.default_rng(step), picture_size(recipe.network)
        crops = [
            Crop(rng.integers(0, 255, (*size, 3), np.uint8), rng.integers(0, CLASSES, size).astype(np.uint8))
            for _ in range(recipe.batch)
        ]
        return as_batch(crops, torch.zeros(recipe.batch, dtype=torch.bool))

    return make


def measure(name: str, recipe: Recipe, means: Means, steps: int) -> None:
    device = best_device()
    trainer = Trainer(recipe, batches(recipe), torch.arange(CLASSES), device, means)
    for step in range(WARM_UP):
        trainer.step(step).item()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    for step in range(WARM_UP, WARM_UP + steps):
        loss = trainer.step(step).item()
    seconds = (time.perf_counter() - started) / steps
    on_gpu = device.type == "cuda"
    peak = torch.cuda.max_memory_allocated() if on_gpu else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    speed = recipe.batch / seconds
    print(f"{name:14} {speed:8.1f} pictures/s {peak / 1e9:7.2f} GB at most, loss {loss:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="small")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", help="one way")
    args = parser.parse_args()
    recipe = replace(RECIPES[args.recipe]("facades", CLASSES, False), batch=args.batch)
    exact = replace(recipe, precision="float32")
    ways = {
        "plain": (recipe, Means()),
        "float32": (exact, Means()),
        "checkpointing": (recipe, Means(checkpointing=True)),
        "micro-batch": (recipe, Means(micro_batch=max(1, args.batch // 4))),
    }
    for name, (each, means) in ways.items():
        if args.only in (None, name):
            measure(name, each, means, args.steps)


if __name__ == "__main__":
    main()
