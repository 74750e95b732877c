"""A loaded segmenter: a photo in, a label map of its size out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.palette import Palette
from engine.resizing import resize_labels, resize_photo
from engine.segmentation.files import SegmenterDescription, find_segmenter, read_segmenter
from engine.segmentation.network import SegmenterNetwork, position_planes
from engine.types import LabelMap, Photo, UserError

LOOKS = ((1.0, False), (1.0, True), (1.5, False), (1.5, True))  # see Segmenter
LONGEST = 1024  # px: no photo is looked at larger, and no border is finer
TOGETHER = 16  # classes that are enlarged at a time


class Segmenter:
    """Says of every pixel of a photo which class it shows. Never says “unlabelled”, nor a class it has not learnt.

    looks: how often it looks at a photo before it says, each time at this multiple of the size that it learnt at, and
    as it is or mirrored.
    """

    def __init__(
        self,
        network: SegmenterNetwork,
        description: SegmenterDescription,
        looks: tuple[tuple[float, bool], ...] = LOOKS,
    ) -> None:
        self.network, self.description, self.looks = network, description, looks
        self.labels = np.array(description.network.labels, np.uint8)
        self.mirrored = torch.tensor(mirrored_outputs(description))

    @property
    def palette(self) -> Palette:
        return self.description.palette

    @property
    def facts(self) -> dict[str, Any]:
        """Data, training and scores, as its file tells them."""
        return self.description.facts

    def segment(self, photo: Photo) -> LabelMap:
        """(H, W, 3) uint8 -> (H, W): the classes, in indices of the palette. The same photo gives the same map.

        Borders are as fine as LONGEST pixels on the long side tell. Raises UserError where it is no such photo.
        """
        check_photo(photo)
        height, width = photo.shape[:2]
        share = min(1.0, LONGEST / max(height, width))
        fine = (max(1, round(height * share)), max(1, round(width * share)))
        outputs = most_likely([self._look(photo, *look) for look in self.looks], fine)
        return resize_labels(self.labels[outputs], height, width)

    @torch.inference_mode()
    def _look(self, photo: Photo, scale: float, mirrored: bool) -> Tensor:
        """(labels, h, w): log-probabilities over the whole photo, h and w as they come."""
        seen = resize_photo(photo, *self._size(photo.shape[0], photo.shape[1], scale))
        said = functional.log_softmax(self.network(self._input(seen[:, ::-1] if mirrored else seen))[0], dim=0)
        return said.flip(2)[self.mirrored] if mirrored else said

    def _size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """Height and width in whole strides, at which a photo of that size is looked at."""
        config = self.network.config
        factor = min(scale * config.side / min(height, width), LONGEST / max(height, width))
        down, across = (max(1, round(side * factor / config.stride)) * config.stride for side in (height, width))
        return down, across

    def _input(self, photo: Photo) -> Tensor:
        """(h, w, 3) -> (1, 3 + POSITION, h, w), as in training."""
        values = np.concatenate([photo.astype(np.float32) / 127.5 - 1, position_planes(*photo.shape[:2])], axis=2)
        where = next(self.network.parameters()).device
        return torch.from_numpy(values).permute(2, 0, 1)[None].to(where, memory_format=torch.channels_last)


def segmenter_for(palette: Palette) -> Segmenter:
    """The shipped segmenter for the palette, loaded once. Raises UserError where there is none that fits."""
    path = find_segmenter(palette)
    if path is None:
        raise UserError(
            f"There is no segmenter for {palette.title}. Paint the map, open one, or leave the photo unlabelled."
        )
    segmenter = load_segmenter(path)
    if [c.name for c in segmenter.palette.classes] != [c.name for c in palette.classes]:
        raise UserError(
            f"The segmenter {path.name} knows other classes than {palette.title}. Paint the map, open one, or leave "
            "the photo unlabelled."
        )
    return segmenter


def load_segmenter(path: Path) -> Segmenter:
    """The segmenter of a file, on the CPU; read once, until the file changes. Raises UserError."""
    told = path.stat() if path.is_file() else None
    return _load(path, told and (told.st_mtime_ns, told.st_size))


@lru_cache(maxsize=4)
def _load(path: Path, _state: tuple[int, int] | None) -> Segmenter:
    return Segmenter(*read_segmenter(path))


def check_photo(photo: Photo) -> None:
    """Raises UserError for what is no RGB photo."""
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        raise UserError(f"The photo is {photo.dtype} {photo.shape}. Give uint8: (height, width, 3).")


def mirrored_outputs(description: SegmenterDescription) -> list[int]:
    """For each output of the network, the one that stands for its class in a mirrored photo."""
    labels, mirrored = description.network.labels, description.palette.mirrored
    return [labels.index(mirrored[label]) if mirrored[label] in labels else i for i, label in enumerate(labels)]


def most_likely(looks: list[Tensor], size: tuple[int, int]) -> np.ndarray:
    """Looks (labels, h, w), each of its own size, enlarged and summed -> (height, width), the output that is largest.

    A few classes are enlarged at a time, so that 150 of them need no more memory than a few.
    """
    best = number = None
    for start in range(0, len(looks[0]), TOGETHER):
        some = sum(enlarged(look[start : start + TOGETHER], size) for look in looks)
        largest, which = some.max(dim=0)
        if best is None:
            best, number = largest, which
        else:
            number = torch.where(largest > best, which + start, number)
            best = torch.maximum(best, largest)
    return number.cpu().numpy()


def enlarged(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values[None], size, mode="bilinear", align_corners=False)[0]
