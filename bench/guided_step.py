"""A guided step, ours beside the plain way: both branches whole, γ and β computed at every step, every class convolved.

    python3 bench/guided_step.py

Prints the median seconds of both in one run and their ratio, since machines differ and drift.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.condition import condition_from, null_condition
from engine.denoiser import NetworkDenoiser, SharedEncoder
from engine.guidance import guided
from engine.model.config import NetworkConfig
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.types import Level

LEVEL = Level(timestep=500.0, alpha=0.6, sigma=0.8)
ROUNDS = 5


def networks() -> dict[str, UNet]:
    torch.manual_seed(0)
    wide = NetworkConfig(image_size=128, num_classes=151, model_channels=64, channel_mult=(1, 1, 2, 3, 4))
    shipped, _ = load_checkpoint(find_checkpoint("scenes"))
    return {"step-ours": shipped, "step-128-64-151": UNet(wide).eval().requires_grad_(False)}


def painted(size: int) -> torch.Tensor:
    """A map of five classes in bands: sky, tree, grass, road, building."""
    return torch.tensor([2, 4, 9, 6, 1]).repeat_interleave(-(-size // 5))[:size].view(1, size, 1).expand(1, size, size)


def plain_step(network: UNet, labels: torch.Tensor, x: torch.Tensor) -> Callable[[], object]:
    one_hot = functional.one_hot(labels, network.config.num_classes).permute(0, 3, 1, 2).float()
    conditions = [Condition(one_hot), Condition(torch.zeros_like(one_hot))]
    t = torch.tensor([LEVEL.timestep])
    return lambda: [network(x, t, condition) for condition in conditions]


def our_step(network: UNet, labels: torch.Tensor, x: torch.Tensor) -> Callable[[], object]:
    encoder = SharedEncoder(network)
    conditions = [condition_from(labels, network.config.num_classes), null_condition(*labels.shape)]
    denoise = guided(*(NetworkDenoiser(encoder, network.modulate(condition)) for condition in conditions), 1.5)
    return lambda: denoise(x.clone(), LEVEL)  # a new x, as in every step: the encoder runs


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    with torch.inference_mode():
        for name, network in networks().items():
            size = network.config.image_size
            x = torch.randn(1, 3, size, size)
            plain, ours = plain_step(network, painted(size), x), our_step(network, painted(size), x)
            plain(), ours()
            times = [(seconds(plain), seconds(ours)) for _ in range(ROUNDS)]
            plain_s, fast_s = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(a / b for a, b in times)
            print(f"{name:16} plain {plain_s:.3f} s, ours {fast_s:.3f} s, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
