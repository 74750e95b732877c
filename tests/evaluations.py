"""What evaluations are tested with: a segmenter and a model of random weights, a folder of pairs, TorchScript files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from engine.checkpoint import save_checkpoint
from engine.palette import load_palette
from engine.segmentation.config import SegmenterConfig
from engine.segmentation.files import SegmenterDescription, save_segmenter
from engine.segmentation.network import SegmenterNetwork
from engine.segmentation.segmenter import Segmenter
from tests.models import tiny_model

FACADES = load_palette("facades")
SMALL = SegmenterConfig((2, 3, 5, 7), widths=(8, 12, 16), blocks=(1, 1, 1), decoder=8, side=32)


def tiny_segmenter(config: SegmenterConfig = SMALL, palette: str = "facades") -> Segmenter:
    """Random weights, spread enough that pictures look different to it."""
    generator = torch.Generator().manual_seed(0)
    network = SegmenterNetwork(config).eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            parameter.data = torch.randn(parameter.shape, generator=generator) * (2 / fan_in) ** 0.5
    return Segmenter(network, SegmenterDescription("Tiny", config, load_palette(palette)))


def save_tiny_segmenter(path: Path, palette: str = "facades") -> Path:
    segmenter = tiny_segmenter(palette=palette)
    save_segmenter(path, segmenter.network, segmenter.description)
    return path


def save_tiny_model(path: Path, seed: int = 0) -> Path:
    model = tiny_model(seed)
    save_checkpoint(path, model.network.state_dict(), model.description)
    return path


def pairs_in(folder: Path, count: int, seed: int = 0) -> Path:
    """`count` pairs of 20 x 24 px in facades' classes: areas of one class each, noisy colours over them."""
    rng = np.random.default_rng(seed)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for i in range(count):
        labels = np.kron(rng.choice([0, 2, 3, 5, 7], (4, 4)), np.ones((5, 6))).astype(np.uint8)
        photo = (FACADES.colours[labels] / 2 + rng.uniform(0, 127, (20, 24, 3))).astype(np.uint8)
        Image.fromarray(photo).save(folder / "images" / f"{i:03d}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{i:03d}.png")
    return folder


def save_script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module.eval()).save(str(path))
    return path


class Means(nn.Module):
    """Features of a picture: the means of its quarters, 12 numbers."""

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(img.float(), 2).flatten(1)


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 9, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).relu()


class Layers(nn.Module):
    """An Inception's layers by name, tiny."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=17)
        self.conv_1, self.conv_2, self.conv_3, self.conv_4 = (nn.Conv2d(8, 8, 1) for _ in range(4))
        self.pool0, self.pool1 = nn.ReLU(), nn.ReLU()
        self.mixed, self.mixed_1, self.mixed_2, self.mixed_3, self.mixed_4, self.mixed_5 = (
            nn.Identity() for _ in range(6)
        )
        self.mixed_6 = Mixed()


class Inception(nn.Module):
    """Made as the public file is: `return_features`, and layers under its names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = Layers()

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        x = img.float().mean((2, 3))
        return x if return_features else x * 0


class Distance(nn.Module):
    """LPIPS as a distance of two batches."""

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one - other).square().mean((1, 2, 3))


class Embedding(nn.Module):
    """LPIPS as rows whose squared distance it is."""

    def forward(self, img: torch.Tensor, resize_images: bool = True, return_lpips: bool = False) -> torch.Tensor:
        rows = img.float().flatten(1) / 255
        return rows if return_lpips and not resize_images else rows * 0


class Greys(nn.Module):
    """A segmentation by brightness: of `classes` classes, class c where it is nearest to 10 c; at half the size."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("levels", 10.0 * torch.arange(classes))

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        x = photo[:, :, ::2, ::2].float().mean(1, keepdim=True)
        return -(x - self.levels[:, None, None]).abs()
