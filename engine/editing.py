"""Editing a photo: which levels to walk, what stays known on the way, and how the result is laid over the original."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.denoiser import Denoiser
from engine.types import Level, Photo, Prediction, Region, UserError


def check_region(region: Region, photo: Photo) -> None:
    """Raises UserError where the region is of another size than the photo, or empty."""
    if region.shape != photo.shape[:2]:
        raise UserError(
            f"The region is {region.shape[1]} x {region.shape[0]} px, the photo {photo.shape[1]} x {photo.shape[0]}. "
            "Give a region of the photo's size."
        )
    if not region.any():
        raise UserError(
            "The region is empty: 0 pixels are marked. Mark what shall change (white in the region's file)."
        )


def keep_known(denoise: Denoiser, region: Tensor, photo: Tensor, noise: Tensor) -> Denoiser:
    """Outside `region` the answer is known: x0 is the photo, eps the one noise it was drowned in.

    region: (1, 1, H, W) bool; photo: (1, 3, H, W) in [-1, 1]; noise: (N, 3, H, W), drawn once a run. A sampler that
    combines x0 and eps then carries the known pixels at exactly the noise of every level it visits.
    """

    def denoise_unknown(x: Tensor, level: Level) -> Prediction:
        x = torch.where(region, x, level.alpha * photo + level.sigma * noise)
        p = denoise(x, level)
        return Prediction(torch.where(region, p.x0, photo), torch.where(region, p.eps, noise), p.log_variance)

    return denoise_unknown


def shrink_region(region: Region, height: int, width: int) -> Region:
    """The region on the model's grid: every cell that it touches."""
    small = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return small > 0


def seam(region: Region, softness: float) -> NDArray[np.float32]:
    """(H, W) opacity of the new picture: 0 outside the region, 1 inside, rising over `softness` pixels from its edge
    inwards, so that no pixel outside is touched."""
    distance = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(distance / (softness + 1), 0, 1)


def lay_over(photo: Photo, picture: Photo, region: Region) -> Photo:
    """The picture inside the region, the photo's own pixels, untouched, outside. Costs what the region's box costs."""
    box = bounding_box(region)
    opacity = seam(region[box], softness=min(photo.shape[:2]) / 64)[:, :, None]
    laid = photo.copy()
    inside = photo[box] + (picture[box].astype(np.float32) - photo[box]) * opacity
    laid[box] = np.where(region[box][:, :, None], np.rint(inside), photo[box]).astype(np.uint8)
    return laid


def bounding_box(region: Region) -> tuple[slice, slice]:
    """The rows and columns that the region (not empty) spans, one more on each side where the picture has it: what is
    known right beside the region is needed to tell how far inside a pixel is."""
    rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    return tuple(slice(max(0, at[0] - 1), at[-1] + 2) for at in (rows, columns))
