"""A photo with what an edit has made of it so far: finished areas at full size, forming ones in a smaller preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.areas import Area, Box, bounding_box, inside
from engine.blending import auto_feather, blended, depths
from engine.resizing import resize_photo
from engine.sizes import preview_size, shrink_region
from engine.types import EditRequest, Photo, Region

AROUND = 64  # pixels about a region that tell a blend what the photo is like there
DEEP = 0.25  # of a part's depth at most is faded in over, where nothing else is asked for


@dataclass(frozen=True, eq=False)
class Part:
    """Pixels of an area that are faded in alike: region, of the area's size; feather, in pixels of the photo."""

    region: Region
    feather: float


@dataclass(frozen=True, eq=False)
class Place:
    """Where an area lies in the preview: its box there, its parts, and their regions at that size."""

    area: Area
    box: Box
    parts: tuple[Part, ...]
    small: tuple[Region, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The size (h, w) of the area's window in the preview."""
        return self.small[0].shape


class Montage:
    """As many of them as pictures are made at a time; all begin as the photo.

    pictures: (N, H, W, 3) uint8, of the photo's size. preview: (N, h, w, 3), the same no larger than can be shown
    after every step.
    """

    def __init__(self, request: EditRequest, count: int) -> None:
        self.request = request
        self.pictures = np.repeat(request.photo[None], count, axis=0)
        self.preview = np.repeat(small_photo(request.photo)[None], count, axis=0)

    def seen_by(self, area: Area, again: bool) -> NDArray[np.uint8]:
        """(N or 1, h, w, 3): an area's window as its making begins. `again`: around it is what was made, inside it the
        photo as it was, so that a lower strength keeps what the photo has there, whatever was made of it before."""
        photo = self.request.photo[area.box]
        return np.where(area.region[:, :, None], photo, self.pictures[:, *area.box]) if again else photo[None]

    def place(self, area: Area) -> Place:
        sides = zip(area.box, self.preview.shape[1:3], self.request.photo.shape[:2], strict=True)
        box = tuple(slice(at.start * small // most, -(-at.stop * small // most)) for at, small, most in sides)
        size = [at.stop - at.start for at in box]
        parts = parts_of(self.request, area.region)
        return Place(area, box, parts, tuple(shrink_region(part.region, *size) for part in parts))

    def with_forming(self, place: Place, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The preview with pictures (N, *place.shape, 3) laid over a place, without colour and grain; none is kept."""
        shown = self.preview.copy()
        scale = shown.shape[1] / self.request.photo.shape[0]
        for whole, picture in zip(shown, pictures, strict=True):
            for part, region in zip(place.parts, place.small, strict=True):
                whole[place.box] = blended(whole[place.box], picture, region, part.feather * scale, "plain", 0)
        return shown

    def lay(self, place: Place, pictures: NDArray[np.uint8], seeds: Sequence[int]) -> None:
        """Finished pictures (N, h, w, 3) of an area's window, blended over what is there; grain is drawn by `seeds`."""
        area = place.area
        for part in place.parts:
            box = bounding_box(part.region, AROUND)
            at, region = inside(box, area.box), part.region[box]
            for whole, picture, seed in zip(self.pictures, pictures, seeds, strict=True):
                whole[at] = blended(whole[at], picture[box], region, part.feather, self.request.blend, seed)
        small = [resize_photo(whole[area.box], *place.shape) for whole in self.pictures]
        self.preview[:, *place.box] = small


def small_photo(photo: Photo) -> Photo:
    """A photo at its preview's size. Of a large one only some rows and columns are looked at."""
    size = preview_size(*photo.shape[:2])
    hop = max(1, min(whole // small for whole, small in zip(photo.shape[:2], size, strict=True)) // 2)
    return resize_photo(np.ascontiguousarray(photo[::hop, ::hop]), *size)


def parts_of(request: EditRequest, region: Region) -> tuple[Part, ...]:
    """A region (not empty) as parts that are faded in alike: over as many pixels as asked for, else over a share of the
    photo's short side. In windows that is no more than a quarter of the depth of what is connected: something small
    would else nowhere be covered, in a large photo or beside something large. Depths of about one size share a part,
    so that there are few.
    """
    automatic = auto_feather(*request.photo.shape[:2])
    if request.feather is not None or request.extent == "whole":
        return (Part(region, automatic if request.feather is None else request.feather),)
    count, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, labels.ravel(), depths(region).ravel())
    feathers = np.minimum(automatic, DEEP * deepest)
    halvings = np.ceil(np.log2(automatic / np.maximum(feathers, min(1, automatic))))
    found = np.unique(halvings[1:])
    if len(found) == 1:
        return (Part(region, float(feathers[1:].min())),)
    return tuple(Part(region & (halvings == n)[labels], float(feathers[1:][halvings[1:] == n].min())) for n in found)
