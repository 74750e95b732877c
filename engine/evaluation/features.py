"""What the fidelity figures look at: a picture as a row of features, by our segmenter or by an Inception network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.evaluation.scripts import argument_names, load_script, run_script
from engine.resizing import resize_photo
from engine.segmentation.data import position_planes
from engine.segmentation.segmenter import Segmenter
from engine.types import UserError

BATCH = 16
GRID = 4  # cells a side of the spatial features of ours
MIXED = 16  # channels in each of them
# sFID (Nash 2021, arXiv 2103.03841): the first channels of this layer, 17 x 17 cells each
INCEPTION_SIDE, INCEPTION_CHANNELS = 299, 7
INCEPTION_LAYERS = (
    "conv", "conv_1", "conv_2", "pool0", "conv_3", "conv_4", "pool1", "mixed", "mixed_1", "mixed_2", "mixed_3",
    "mixed_4", "mixed_5", "mixed_6.conv",
)  # fmt: skip

Pictures = NDArray[np.uint8]  # (N, H, W, 3)
Scale = Literal["fixed", "photos"]  # as they are, or so that the photos' features have a mean square of 1


@dataclass(frozen=True)
class Features:
    """pooled: (N, D), what each picture shows as a whole. spatial: (N, E), what it shows where, or None."""

    pooled: NDArray[np.float64]
    spatial: NDArray[np.float64] | None = None


class Extractor(Protocol):
    """name: what its figures are called after. scale: in what size its features are compared."""

    name: str
    scale: Scale

    def __call__(self, pictures: Pictures) -> Features: ...


def joined(parts: list[Features]) -> Features:
    """The rows of all, one below the other."""
    pooled = np.concatenate([part.pooled for part in parts])
    if any(part.spatial is None for part in parts):
        return Features(pooled)
    return Features(pooled, np.concatenate([part.spatial for part in parts]))


class SegmenterFeatures:
    """The coarsest features of our own segmenter: their mean over the picture, and their mean in each of GRID x GRID
    cells, the channels mixed down to MIXED by a fixed random rotation.

    A segmenter tells what things are, so these distances see layout, colour and texture of classes it has learnt. They
    are no FID: compare them among models of one palette, measured by one segmenter.
    """

    name, scale = "ours", "photos"  # a ReLU's outputs have no size of their own

    def __init__(self, segmenter: Segmenter) -> None:
        self.network = segmenter.network
        channels = self.network.config.widths[-1]
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((channels, channels)))[0]
        self.mix = rotation[:, : min(MIXED, channels)]

    @torch.inference_mode()
    def __call__(self, pictures: Pictures) -> Features:
        return joined([self._some(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)])

    def _some(self, pictures: Pictures) -> Features:
        coarsest = self.network.encode(as_input(self.network, pictures))[-1]
        cells = functional.adaptive_avg_pool2d(coarsest, GRID).flatten(2).double().cpu().numpy()  # (N, C, cells)
        spatial = np.einsum("ncx,cm->nmx", cells, self.mix).reshape(len(cells), -1)
        return Features(coarsest.mean((2, 3)).double().cpu().numpy(), spatial)


def as_input(network: torch.nn.Module, pictures: Pictures) -> Tensor:
    """(N, H, W, 3) -> (N, 3 + POSITION, h, w): at the side the segmenter learnt at, the proportions kept."""
    config, where = network.config, next(network.parameters()).device
    shares = np.array(pictures.shape[1:3]) / min(pictures.shape[1:3])
    height, width = (max(1, round(config.side * share / config.stride)) * config.stride for share in shares)
    photos = np.stack([resize_photo(picture, height, width) for picture in pictures]).astype(np.float32) / 127.5 - 1
    planes = np.broadcast_to(position_planes(height, width), (len(photos), height, width, 2))
    values = torch.from_numpy(np.concatenate([photos, planes], axis=3))
    return values.permute(0, 3, 1, 2).to(where, memory_format=torch.channels_last)


class InceptionFeatures:
    """Those of a TorchScript network from pictures, uint8 (N, 3, H, W), to features (N, D).

    Where it has an Inception's layers under their public names, the spatial features of sFID too.
    """

    name, scale = "inception", "fixed"  # so that FID is FID

    def __init__(self, path: Path, device: torch.device) -> None:
        self.path, self.device = path, device
        self.script = load_script(path, device)
        self.options = {"return_features": True} if "return_features" in argument_names(self.script) else {}
        self.layers = layers_of(self.script)

    def __call__(self, pictures: Pictures) -> Features:
        return joined([self._some(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)])

    def _some(self, pictures: Pictures) -> Features:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().to(self.device)
        pooled = run_script(self.path, self.script, x, **self.options).flatten(1)
        if len(pooled) != len(pictures) or pooled.shape[1] < 2:
            raise UserError(
                f"{self.path.name} gives {tuple(pooled.shape)} for {len(pictures)} pictures. It must give a row of "
                "features for each."
            )
        return Features(pooled.double().cpu().numpy(), None if self.layers is None else self._spatial(x))

    def _spatial(self, x: Tensor) -> NDArray[np.float64]:
        x = functional.interpolate(x.float(), (INCEPTION_SIDE, INCEPTION_SIDE), mode="bilinear", align_corners=False)
        x = (x - 128) / 128
        for layer in self.layers:
            x = run_script(self.path, layer, x)
        return x[:, :INCEPTION_CHANNELS].flatten(1).double().cpu().numpy()


def layers_of(script: torch.jit.ScriptModule) -> list[torch.jit.ScriptModule] | None:
    """An Inception's layers from the picture to the features of sFID, or None where it has others."""
    found = dict(script.named_modules())
    names = [f"layers.{name}" for name in INCEPTION_LAYERS]
    return [found[name] for name in names] if all(name in found for name in names) else None
