"""Laying a new picture over a photo inside a region: its edge, its colour along the edge, and its grain.

Everything works on the arrays it is given, so a caller cuts out a box around the region first; what of the photo lies
around the region is what the new picture is made to match. Outside the region no value changes.

plain: the picture, faded in. gradient: the picture's gradients, begun at the photo's colours (Perez 2003, Poisson image
editing): the whole region takes what lies between them. matched: the same only near the edge, so that what is deep
inside keeps its colours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.grain import Values, missing_grain, room_in
from engine.tiles import Box, enlarged, shrunk, shrunk_by_tiles, tiles, with_around
from engine.types import BlendName, Photo, Region

Colour: TypeAlias = Callable[[Box], Values]  # what is added to a picture's colours, box by box

FEATHER_SHARE = 1 / 64  # of the photo's short side
CAST, ANOTHER = 20.0, 60.0  # of 255: a difference in colour up to the one is the picture's cast, from the other on its
# being of another thing: to pull a wall towards the sky that was there would only make it pale
REACH = 4  # feathers over which a cast is pulled to the photo's; any other difference, over one
LEAST_REACH = 8  # pixels
WIDE = 8  # pixels: a mean over more is taken at a smaller size
LARGE = 2**23  # pixels: of more a membrane is solved at a smaller size
SWEEPS, SWEEP = 4, 0.8  # of a smaller solution enlarged: Jacobi's, so that a pixel's neighbours alone are needed
COARSEST = 4  # pixels a side of the membrane's coarsest grid
WORK = 2**22  # pixels times steps of solving on each grid: many on coarse ones, on fine ones what the rim needs
LEAST_STEPS, MOST_STEPS = 2, 400
DONE = 3e-4  # of 255: what a pixel may be off its neighbours' mean
TINY = np.float32(1e-20)


def grown(region: Region, pixels: int) -> Region:
    """The region and all within `pixels` of it, Euclidean."""
    if not region.any():
        return region.copy()
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= pixels


def auto_feather(height: int, width: int) -> float:
    """The feather of a photo of that size where none is asked for, in its pixels."""
    return min(height, width) * FEATHER_SHARE


def opacity(depth: NDArray[np.float32], feather: float) -> NDArray[np.float32]:
    """(H, W) of the new picture: 0 outside the region, 1 inside, rising over `feather` pixels from its edge inwards, so
    that no pixel outside is touched. depth: see `depths`."""
    return np.clip(depth / (feather + 1), 0, 1)


def depths(region: Region) -> NDArray[np.float32]:
    """(H, W) how far each pixel lies from the nearest one outside the region, in pixels: 0 outside, from 1 inside."""
    return cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def blended(photo: Photo, picture: Photo, region: Region, feather: float, blend: BlendName, seed: int) -> Photo:
    """The picture over the photo, both (H, W, 3) uint8, inside the region (H, W); outside the photo to the bit.

    feather: pixels, see `opacity`. seed: of the grain that is drawn. Give at least some pixels of the photo around the
    region: they tell its colour and grain.
    """
    depth, adding = depths(region), blend != "plain" and not region.all()
    if adding:
        colour = correction(photo, picture, region, depth, feather, blend)
        grain = missing_grain(photo, picture, region, seed)
    result = photo.copy()
    for box in tiles(*region.shape):
        if not region[box].any():
            continue
        old, laid, share = photo[box], picture[box].astype(np.float32), opacity(depth[box], feather)
        if adding:
            laid += colour(box)
            laid += grain.at(box) * room_in(laid)
            laid, share = laid.clip(0, 255), eased(share)
        inside = old + (laid - old) * share[:, :, None]
        result[box] = np.where(region[box][:, :, None], np.rint(inside), old)
    return result


def correction(
    photo: Photo, picture: Photo, region: Region, depth: NDArray[np.float32], feather: float, blend: BlendName
) -> Colour:
    """What is added to the picture inside the region so that it meets the photo's colours at the region's edge."""
    if blend == "gradient":
        return spanned(photo, picture, rim(region))
    near, far = feather + 1, max(LEAST_REACH, REACH * feather)
    beside = (depth > 0) & (depth <= near)
    pull, cast = (averaged(photo, picture, beside, radius) for radius in (near, far))

    def matched(box: Box) -> Values:
        if depth[box].min() >= far + 1:  # there nothing is left of it
            return np.zeros((1, 1, 3), np.float32)
        lasting = of_cast(cast(box))
        return lasting * faded(depth[box], far) + (pull(box) - lasting) * faded(depth[box], near)

    return matched


def of_cast(difference: Values) -> Values:
    """(H, W, 3): what of a difference in colour is a cast: all of a small one, nothing of a large one."""
    size = np.abs(difference).max(2, keepdims=True)
    return difference * ((ANOTHER - size) / (ANOTHER - CAST)).clip(0, 1)


def rim(region: Region) -> Region:
    """The region's pixels that have one outside of it beside, above or below them."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return region & (cv2.erode(region.astype(np.uint8), cross) == 0)


def faded(depth: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """(H, W, 1): 1 at a region's rim, falling smoothly to 0 `reach` pixels further in."""
    return eased((1 - (depth - 1) / reach).clip(0, 1))[:, :, None]


def eased(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 1 as the share goes, but level at both ends, so that nothing begins at once."""
    return share * share * (3 - 2 * share)


def averaged(photo: Photo, picture: Photo, among: Region, radius: float) -> Colour:
    """The mean difference of two pictures about each pixel, of pixels of `among` alone, the nearer ones counting more;
    0 where there is none within twice the radius."""

    if radius <= WIDE:
        weight = among.astype(np.float32)
        total = difference(photo, picture) * weight[:, :, None]
    else:
        total, weight = halved_difference(photo, picture, among)
        radius /= 2
    while radius > WIDE and min(weight.shape) > 1:
        total, weight, radius = shrunk(total), shrunk(weight), radius / 2
    side = (2 * max(1, round(radius)) + 1,) * 2
    total, weight = (cv2.blur(cv2.blur(each, side), side) for each in (total, weight))  # twice a box is a tent
    mean = total / np.maximum(weight, 1e-6)[:, :, None]
    return lambda box: enlarged(mean, among.shape, box)


def difference(photo: Photo, picture: Photo) -> Values:
    return np.subtract(photo, picture, dtype=np.float32)


def halved_difference(photo: Photo, picture: Photo, among: Region) -> tuple[Values, NDArray[np.float32]]:
    """At half the size, (h, w, 3) and (h, w): the difference of the pixels of `among`, and how many of them there are,
    both as shares of each 2 x 2; made by tiles."""

    def counted(box: Box) -> NDArray[np.float32]:
        return among[box].astype(np.float32)

    def total(box: Box) -> Values:
        if not among[box].any():
            return np.zeros(photo[box].shape, np.float32)
        return difference(photo[box], picture[box]) * counted(box)[:, :, None]

    return shrunk_by_tiles(total, photo.shape), shrunk_by_tiles(counted, among.shape)


def spanned(photo: Photo, picture: Photo, edge: Region) -> Colour:
    """The `membrane` through the pictures' difference along an edge.

    Of more than LARGE pixels it is solved at half the size, or less, and enlarged tile by tile. Where the edge holds it
    is then smoothed a little, which brings it as near to the exact one as solving at full size does.
    """
    if edge.size <= LARGE:
        return membrane(difference(photo, picture), edge).__getitem__
    total, weight = halved_difference(photo, picture, edge)
    while weight.size > LARGE:
        total, weight = shrunk(total), shrunk(weight)
    surface = membrane(total / np.maximum(weight, 1e-6)[:, :, None], weight > 0)

    def smoothed(box: Box) -> Values:
        seen, inner = with_around(box, SWEEPS, edge.shape)
        values, known, held = (
            enlarged(surface, edge.shape, seen),
            edge[seen][:, :, None],
            difference(photo[seen], picture[seen]),
        )
        values = np.where(known, held, values)
        for _ in range(SWEEPS):
            values = np.where(known, held, values + SWEEP * (mean_of_neighbours(values) - values))
        return values[inner]

    return smoothed


def membrane(values: Values, known: Region) -> Values:
    """The smoothest surface through the values of the known pixels: elsewhere each is the mean of its four neighbours
    (Laplace's equation; the array's own border is free).

    Each grid begins with a coarser one's answer. tests/test_blending.py says how near that comes to the exact one.
    """
    height, width = known.shape
    if min(height, width) > COARSEST:
        coarse = membrane(*halved(values, known))
        surface = cv2.resize(coarse, None, fx=2, fy=2)[:height, :width]
    else:
        surface = np.broadcast_to(values[known].mean(0), values.shape)
    surface = np.where(known[:, :, None], values, surface)
    return settled(surface, ~known[:, :, None], min(MOST_STEPS, max(LEAST_STEPS, WORK // known.size)))


def settled(surface: Values, free: NDArray[np.bool_], most: int) -> Values:
    """The surface with its free pixels (H, W, 1) nearer to the mean of their neighbours, by at most so many steps of
    conjugate gradients (Hestenes 1952), the colours each for itself."""
    left = (mean_of_neighbours(surface) - surface) * free
    way, size = left, squares(left)
    for _ in range(most):
        if size.max() <= DONE**2 * surface.size:
            break
        bent = (way - mean_of_neighbours(way)) * free
        length = size / np.maximum(squares(way, bent), TINY)
        surface, left = surface + length * way, left - length * bent
        before, size = size, squares(left)
        way = left + size / np.maximum(before, TINY) * way
    return surface


def squares(one: Values, other: Values | None = None) -> NDArray[np.float32]:
    """(3,) the colours' products with themselves, or with another's."""
    return np.einsum("hwc,hwc->c", one, one if other is None else other)


def halved(values: Values, known: Region) -> tuple[Values, Region]:
    """At half the size: the means of the known values of every 2 x 2, known where any of them is."""
    share = shrunk(known.astype(np.float32))
    return shrunk(values * known[:, :, None]) / np.maximum(share, 1e-6)[:, :, None], share > 0


def mean_of_neighbours(values: Values) -> Values:
    kernel = np.float32([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    return cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)
