"""Diversity: how far apart the pictures of one map look, to LPIPS or to our segmenter's features."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.evaluation.features import Pictures, as_input
from engine.evaluation.scripts import argument_names, load_script, run_script
from engine.segmentation.segmenter import Segmenter

TINY = 1e-10


class Likeness(Protocol):
    """name: what its figures are called after."""

    name: str

    def spread(self, pictures: Pictures) -> float:
        """The mean distance of the pairs among N pictures of one map; nan for fewer than two."""


class SegmenterLikeness:
    """As LPIPS (Zhang 2018, arXiv 1801.03924) without weights it learnt: at each of the segmenter's sizes the features
    of a place are brought to length 1, their squared distance is averaged over the places, and summed over the sizes.
    """

    name = "ours"

    def __init__(self, segmenter: Segmenter) -> None:
        self.network = segmenter.network

    @torch.inference_mode()
    def spread(self, pictures: Pictures) -> float:
        vectors = [unit(each).flatten(1).cpu() for each in self.network.encode(as_input(self.network, pictures))]
        return mean_of_pairs(torch.cat(vectors, dim=1))


def unit(features: Tensor) -> Tensor:
    """(N, C, H, W), each place of length 1, divided so that squared distances are means over the places."""
    places = features.shape[2] * features.shape[3]
    return features / (features.norm(dim=1, keepdim=True) + TINY) / places**0.5


def mean_of_pairs(vectors: Tensor) -> float:
    """Of (N, D), the mean squared distance of the pairs."""
    if len(vectors) < 2:
        return float("nan")
    return float(torch.pdist(vectors.double()).square().mean())


class ScriptLikeness:
    """LPIPS from a TorchScript file: of two batches in -1 to 1, (N, 3, H, W), to N distances; or one whose squared
    distances of rows are LPIPS (`return_lpips`), of a batch in 0 to 255.
    """

    name = "lpips"

    def __init__(self, path: Path, device: torch.device) -> None:
        self.path, self.device = path, device
        self.script = load_script(path, device)
        self.gives_rows = "return_lpips" in argument_names(self.script)

    def spread(self, pictures: Pictures) -> float:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().to(self.device).float()
        if self.gives_rows:
            return mean_of_pairs(run_script(self.path, self.script, x, resize_images=False, return_lpips=True).cpu())
        pairs = list(combinations(x / 127.5 - 1, 2))
        return float(np.mean([self._distance(*pair) for pair in pairs])) if pairs else float("nan")

    def _distance(self, one: Tensor, other: Tensor) -> float:
        return float(run_script(self.path, self.script, one[None], other[None]).mean())
