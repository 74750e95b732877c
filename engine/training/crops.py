"""What training cuts out of a pair: our way, the published code's, and the middle for validation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.model.config import NetworkConfig
from engine.resizing import resize_labels
from engine.training.pairs import Pair
from engine.training.recipe import Cropping
from engine.types import LabelMap, Photo

Size = tuple[int, int]  # height, width in pixels
VALIDATED = 2  # times the picture's side
LARGEST = 1.25  # the published code's: how many times the picture's side a photo's short side is at most


@dataclass(frozen=True)
class Crop:
    """photo (H, W, 3), labels (H, W), instances (H, W) or None, all of the size that was asked for."""

    photo: Photo
    labels: LabelMap
    instances: NDArray[np.uint16] | None = None


def picture_size(config: NetworkConfig) -> Size:
    """Of a network's training pictures: the short side upright, the long one across, in whole strides."""
    across = config.stride * max(1, round(config.image_size * config.aspect / config.stride))
    return config.image_size, across


def stored_side(config: NetworkConfig, shortest: float, cropping: Cropping) -> int | None:
    """How large a photo's short side is held in memory at most; None: as it is, since every resize starts there."""
    return None if cropping == "paper" else round(config.image_size / shortest)


def validated_side(config: NetworkConfig) -> int:
    """How large a held-out photo's short side is held at most: the same whatever training cuts out. A photo that was
    made smaller twice is softer and easier to tell from noise, so runs of different crops would not compare.
    """
    return VALIDATED * config.image_size


def ours(pair: Pair, size: Size, shortest: float, rng: np.random.Generator) -> Crop:
    """A place anywhere in the pair, of the size's proportions, `shortest` to 1 of the largest there is."""
    height, width = pair.labels.shape
    scale = min(height / size[0], width / size[1]) * rng.uniform(shortest, 1.0)
    tall, wide = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    return cut(pair, top, left, tall, wide, size)


def centred(pair: Pair, size: Size) -> Crop:
    """The largest part in the middle that has the size's proportions."""
    height, width = pair.labels.shape
    scale = min(height / size[0], width / size[1])
    tall, wide = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return cut(pair, (height - tall) // 2, (width - wide) // 2, tall, wide, size)


def centre(pair: Pair, side: int) -> tuple[Photo, LabelMap]:
    """The largest centred square, `side` pixels wide: photo and labels."""
    crop = centred(pair, (side, side))
    return crop.photo, crop.labels


def cut(pair: Pair, top: int, left: int, height: int, width: int, size: Size) -> Crop:
    """Cut out and resized: the photo by area or cubic, labels and instances by nearest."""
    part = np.s_[top : top + height, left : left + width]
    shrinks = height >= size[0] and width >= size[1]
    photo = cv2.resize(pair.photo[part], size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    maps = (
        None if each is None else cv2.resize(each[part], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        for each in (pair.labels, pair.instances)
    )
    return Crop(photo, *maps)


def as_published(pair: Pair, size: Size, rng: np.random.Generator) -> Crop:
    """As the published code (WeilunWang/semantic-diffusion-model, image_datasets.py) does.

    Square pictures: the photo's short side becomes 1 to 1.25 times theirs, then a place is drawn. Others (Cityscapes,
    twice as wide as high): the whole photo at the picture's height; only what reaches over the picture's width is cut.
    """
    height, width = pair.labels.shape
    if size[0] == size[1]:
        scale = int(rng.integers(size[0], math.ceil(size[0] * LARGEST) + 1)) / min(height, width)
    else:
        scale = max(size[0] / height, size[1] / width)
    tall, wide = max(size[0], round(height * scale)), max(size[1], round(width * scale))
    photo = resized_as_published(pair.photo, tall, wide)
    maps = [None if each is None else resize_labels(each, tall, wide) for each in (pair.labels, pair.instances)]
    top, left = rng.integers(tall - size[0] + 1), rng.integers(wide - size[1] + 1)
    part = np.s_[top : top + size[0], left : left + size[1]]
    return Crop(photo[part], *(None if each is None else each[part] for each in maps))


def resized_as_published(photo: Photo, height: int, width: int) -> Photo:
    """Halved by means of four as long as it stays large enough, then bicubic (Dhariwal 2021's loader)."""
    image = Image.fromarray(photo)
    while min(image.size) >= 2 * min(height, width):
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
