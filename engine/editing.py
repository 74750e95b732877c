"""Editing a photo: what of it is made anew, in which windows and from which seeds, and how the rest stays known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.areas import Area, areas, bounding_box, whole
from engine.blending import grown
from engine.denoiser import Denoiser
from engine.noise import derived
from engine.types import EditRequest, Level, Prediction, Region, Reroll, UserError, pixels


@dataclass(frozen=True)
class Work:
    """One area that is made once. number: its place among its pass's areas. reroll: where it is made again."""

    area: Area
    number: int
    reroll: Reroll | None = None

    def seeds(self, seeds: Sequence[int], first: int) -> list[int]:
        """Its own for pictures of these `seeds`, of which the run's `first`-th is the first.

        The first area takes a picture's own, so that it looks the same edited alone; the others take seeds derived
        from it, since two windows of one size would else repeat each other.
        """
        if self.reroll:
            seeds = [self.reroll.of_picture(first + i).seed for i in range(len(seeds))]
        return [derived(seed, f"area {self.number}") if self.number else seed for seed in seeds]


def works(request: EditRequest, side: int) -> list[Work]:
    """All that a request makes, in order: the areas of its region, then those of every reroll.

    side: the short side in pixels at which an area is computed. A reroll never reaches beyond the region, and one that
    lies outside of it makes nothing. Raises UserError.
    """
    region = made_region(request)
    passes = [(region, None), *((each.region & region, each) for each in request.rerolls)]
    return [
        Work(area, number, reroll)
        for part, reroll in passes
        if part.any()
        for number, area in enumerate(whole(part) if request.extent == "whole" else areas(part, side))
    ]


def made_region(request: EditRequest) -> Region:
    """The region, grown: nothing outside of it changes. Raises UserError where that leaves nothing to make or keep."""
    check_edit(request)
    region = request.region
    if request.growth:
        box = bounding_box(region, request.growth)
        region = region.copy()
        region[box] = grown(region[box], request.growth)
    if region.all():
        more = f", grown by {request.growth} px," if request.growth else ""
        raise UserError(
            f"The region{more} is everything: nothing of the photo would stay. "
            "Mark less, or make a new picture from the map alone."
        )
    return region


def check_edit(request: EditRequest) -> None:
    """Raises UserError where photo, map and region are no such, of different sizes, or the region is empty."""
    photo, region = request.photo, request.region
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise UserError(f"The photo is {photo.dtype} {photo.shape}. Give 8-bit RGB: uint8 (height, width, 3).")
    if region.dtype != bool or region.ndim != 2:
        raise UserError(f"The region is {region.dtype} {region.shape}. Give true or false: (height, width).")
    if region.shape != photo.shape[:2]:
        raise UserError(
            f"The region is {pixels(region)}, the photo {pixels(photo)}. "
            "Fit the region to the photo, or give one of its size."
        )
    if not region.any():
        raise UserError(
            "The region is empty: 0 pixels are marked. Mark what shall change (white in the region's file)."
        )
    if request.labels.shape != region.shape:
        raise UserError(
            f"The map is {pixels(request.labels)} and the photo {pixels(photo)}. "
            "Fit the map to the photo, or give one of its size."
        )


def keep_known(denoise: Denoiser, region: Tensor, photo: Tensor, noise: Tensor) -> Denoiser:
    """Outside `region` the answer is known: x0 is the photo, eps the one noise it was drowned in.

    region: (1, 1, H, W) bool; photo: (N or 1, 3, H, W) in [-1, 1]; noise: (N, 3, H, W), drawn once a run. A sampler
    that combines x0 and eps then carries the known pixels at exactly the noise of every level it visits.
    """

    def denoise_unknown(x: Tensor, level: Level) -> Prediction:
        x = torch.where(region, x, level.alpha * photo + level.sigma * noise)
        p = denoise(x, level)
        return Prediction(torch.where(region, p.x0, photo), torch.where(region, p.eps, noise), p.log_variance)

    return denoise_unknown
