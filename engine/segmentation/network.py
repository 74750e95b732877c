"""A small network that says of every pixel of a photo which class it shows.

A residual encoder (He 2015, arXiv 1512.03385) that looks at the whole photo at its coarsest (pooled context as in Zhao
2016, arXiv 1612.01105), and a way back that adds the finer features at each size (Lin 2016, arXiv 1612.03144).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.segmentation.config import POSITION, SegmenterConfig

STEM = 32  # channels at half size


def convolution(channels: int, out: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """A convolution and its normalisation."""
    return nn.Sequential(
        nn.Conv2d(channels, out, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(out),
    )


class Block(nn.Module):
    """x + f(x), halving the size where `stride` is 2."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = convolution(channels, out, stride)
        self.second = convolution(out, out)
        changes = stride != 1 or channels != out
        self.skip = convolution(channels, out, stride, size=1) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(functional.relu(self.first(x))) + self.skip(x))


class Context(nn.Module):
    """Adds what the photo shows as a whole, and in each of 3 x 3 parts, to every place of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.whole = nn.Conv2d(channels, channels, 1)
        self.parts = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        whole = self.whole(functional.adaptive_avg_pool2d(x, 1))
        parts = self.parts(functional.adaptive_avg_pool2d(x, 3))
        parts = functional.interpolate(parts, size, mode="bilinear", align_corners=False)
        return functional.relu(x + whole + parts)


class SegmenterNetwork(nn.Module):
    """(N, 3 + POSITION, H, W), sides whole strides -> (N, len(labels), H / 2, W / 2) logits."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = convolution(3 + POSITION, STEM, stride=2)
        stages, before = [], STEM
        for width, blocks in zip(config.widths, config.blocks, strict=True):
            stages.append(nn.Sequential(Block(before, width, 2), *(Block(width, width) for _ in range(blocks - 1))))
            before = width
        self.stages = nn.ModuleList(stages)
        self.context = Context(before)
        sides = (STEM, *config.widths)
        self.laterals = nn.ModuleList(nn.Conv2d(width, config.decoder, 1) for width in sides)
        self.merges = nn.ModuleList(convolution(config.decoder, config.decoder) for _ in sides[:-1])
        self.dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(config.decoder, len(config.labels), 1)

    def encode(self, x: Tensor) -> list[Tensor]:
        """What it sees at each size, the finest first: (N, c, H / 2**i, W / 2**i) for i from 1."""
        features = [functional.relu(self.stem(x))]
        for stage in self.stages:
            features.append(stage(features[-1]))
        features[-1] = self.context(features[-1])
        return features

    def forward(self, x: Tensor) -> Tensor:
        features = self.encode(x)
        lateral = [each(feature) for each, feature in zip(self.laterals, features, strict=True)]
        h = lateral[-1]
        for merge, finer in zip(reversed(self.merges), reversed(lateral[:-1]), strict=True):
            h = functional.interpolate(h, finer.shape[-2:], mode="bilinear", align_corners=False)
            h = functional.relu(merge(h + finer))
        return self.head(self.dropout(h))


def position_planes(height: int, width: int) -> NDArray[np.float32]:
    """(H, W, POSITION): where each pixel of a whole photo stands, from -1 to 1, down and across."""
    planes = np.empty((height, width, POSITION), np.float32)
    planes[..., 0] = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    planes[..., 1] = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return planes
