"""Laying a new picture over a photo inside a region: its edge, its colour along the edge, and its grain.

Everything works on the arrays it is given, so a caller cuts out a box around the region first; what of the photo lies
around the region is what the new picture is made to match. Outside the region no value changes.

plain: the picture, faded in. gradient: the picture's gradients, begun at the photo's colours (Perez 2003, Poisson image
editing): the whole region takes what lies between them. matched: the same only near the edge, so that what is deep
inside keeps its colours.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.types import BlendName, Photo, Region

Values: TypeAlias = NDArray[np.float32]  # (H, W, 3), of 0 to 255
Spread: TypeAlias = NDArray[np.float64]  # (3, 3), the covariance of red, green and blue in grain

FEATHER_SHARE = 1 / 64  # of the photo's short side
LASTING = 20.0  # of 255: a difference in colour up to here is the picture's cast; what is above it is another thing
REACH = 4  # feathers over which a cast is pulled to the photo's; what is above it, over one
LEAST_REACH = 8  # pixels
WIDE = 8  # pixels: a mean over more is taken at a smaller size
COARSEST = 4  # pixels a side of the membrane's coarsest grid
WORK = 2**22  # pixels times steps of solving on each grid: many on coarse ones, on fine ones what the rim needs
LEAST_STEPS, MOST_STEPS = 2, 400
DONE = 3e-4  # of 255: what a pixel may be off its neighbours' mean
TINY = np.float32(1e-20)

OCTAVES = 3  # in which grain is measured and drawn, each at half the size of the one before
FINE = 1.0  # pixels of blur: what is finer counts to an octave
WHITE = 0.873  # the deviation in it of white noise of 1
BLOCK = 8  # pixels a side in which it is measured
LEAST_BLOCKS = 4
QUIET = 0.05  # of the blocks, those with the least detail, tell grain; in most of the others are things
QUIET_BIAS = 1.26  # what the quiet blocks of pure noise lack in variance by chance
FULL = (6, 249)  # values beyond have lost their grain
ROOM = 24  # of 255, from black or white: from there on grain shows whole
LEAST_GRAIN = 0.35  # of 255, standard deviation: what rounding to whole values looks like
MOST_GRAIN = 16.0  # what is above is no grain


def grown(region: Region, pixels: int) -> Region:
    """The region and all within `pixels` of it, Euclidean."""
    if not region.any():
        return region.copy()
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= pixels


def auto_feather(height: int, width: int) -> float:
    """The feather of a photo of that size where none is asked for, in its pixels."""
    return min(height, width) * FEATHER_SHARE


def opacity(region: Region, feather: float) -> NDArray[np.float32]:
    """(H, W) of the new picture: 0 outside the region, 1 inside, rising over `feather` pixels from its edge inwards, so
    that no pixel outside is touched."""
    return np.clip(depths(region) / (feather + 1), 0, 1)


def depths(region: Region) -> NDArray[np.float32]:
    """(H, W) how far each pixel lies from the nearest one outside the region, in pixels: 0 outside, from 1 inside."""
    return cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def blended(photo: Photo, picture: Photo, region: Region, feather: float, blend: BlendName, seed: int) -> Photo:
    """The picture over the photo, both (H, W, 3) uint8, inside the region (H, W); outside the photo to the bit.

    feather: pixels, see `opacity`. seed: of the grain that is drawn. Give at least some pixels of the photo around the
    region: they tell its colour and grain.
    """
    laid, share = picture.astype(np.float32), opacity(region, feather)
    if blend != "plain" and not region.all():
        laid += correction(photo, picture, region, feather, blend)
        laid += missing_grain(photo, picture, region, seed) * room_in(laid)
        laid, share = laid.clip(0, 255), eased(share)
    inside = photo + (laid - photo) * share[:, :, None]
    return np.where(region[:, :, None], np.rint(inside), photo).astype(np.uint8)


def correction(photo: Photo, picture: Photo, region: Region, feather: float, blend: BlendName) -> Values:
    """What is added to the picture inside the region so that it meets the photo's colours at the region's edge."""
    difference = np.subtract(photo, picture, dtype=np.float32)
    if blend == "gradient":
        return membrane(difference, rim(region))
    depth, near, far = depths(region), feather + 1, max(LEAST_REACH, REACH * feather)
    beside = (depth > 0) & (depth <= near)
    pull = averaged(difference, beside, near)
    cast = averaged(difference, beside, far).clip(-LASTING, LASTING)
    return cast * faded(depth, far) + (pull - cast) * faded(depth, near)


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


def averaged(values: Values, among: Region, radius: float) -> Values:
    """The mean of the values about each pixel, of pixels of `among` alone, the nearer ones counting more; 0 where there
    is none within twice the radius."""
    weight = among.astype(np.float32)
    total = values * weight[:, :, None]
    while radius > WIDE and min(total.shape[:2]) > 1:
        total, weight, radius = shrunk(total), shrunk(weight), radius / 2
    side = (2 * max(1, round(radius)) + 1,) * 2
    total, weight = (cv2.blur(cv2.blur(each, side), side) for each in (total, weight))  # twice a box is a tent
    mean = total / np.maximum(weight, 1e-6)[:, :, None]
    return mean if mean.shape == values.shape else cv2.resize(mean, among.shape[::-1])


def membrane(values: Values, known: Region) -> Values:
    """The smoothest surface through the values of the known pixels: elsewhere each is the mean of its four neighbours
    (Laplace's equation; the array's own border is free).

    Each grid begins with a coarser one's answer. tests/test_blending.py says how near that comes to the exact one.
    """
    height, width = known.shape
    if min(height, width) > COARSEST:
        surface = cv2.resize(membrane(*halved(values, known)), (width, height))
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


def shrunk(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape[:2]
    return cv2.resize(values, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)


def mean_of_neighbours(values: Values) -> Values:
    kernel = np.float32([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    return cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def missing_grain(photo: Photo, picture: Photo, region: Region, seed: int) -> Values:
    """Noise (H, W, 3) with what the picture inside the region lacks of the grain that the photo has around it.

    As strong in each octave, and as much alike in the three colours: a picture that was computed small and enlarged has
    none in the finest. All zero where nothing is lacking.
    """
    generator = np.random.default_rng(seed)
    grain = np.zeros(photo.shape, np.float32)
    there, here, usable = photo.astype(np.float32), picture.astype(np.float32), (unclipped(photo), unclipped(picture))
    for _ in range(OCTAVES):
        if min(region.shape) < BLOCK:
            break
        lacking = root(grain_of(there, ~region, usable[0]) - grain_of(here, region, usable[1]))
        if lacking.any():
            noise = cv2.transform(fine(generator.standard_normal(here.shape, np.float32)), lacking / WHITE)
            here = here + noise
            grain += cv2.resize(noise, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        there, here, region = shrunk(there), shrunk(here), shrunk(region.astype(np.float32)) > 0.5
        usable = tuple(shrunk(each.astype(np.float32)) == 1 for each in usable)
    return grain


def fine(values: Values) -> Values:
    """The finest octave of detail."""
    return values - cv2.GaussianBlur(values, (0, 0), FINE)


def unclipped(picture: Photo) -> Region:
    """Where no colour is so dark or so light that grain is lost."""
    dark, light = FULL
    return cv2.inRange(picture, (dark,) * 3, (light,) * 3) > 0


def room_in(laid: Values) -> Values:
    """Of grain the share that shows: less and less where a colour is nearly black or white, as in any photo."""
    return (np.minimum(laid, 255 - laid) / ROOM).clip(0, 1)


def grain_of(picture: Values, among: Region, usable: Region) -> Spread:
    """The covariance of the colours in its grain's finest octave, told by the quietest usable blocks of those among
    which to look, or of all where those are too few; zeros where these are, too."""
    for where in (among & usable, usable):
        chosen = block_means(where.astype(np.float32)) == 1
        if chosen.sum() >= LEAST_BLOCKS:
            return quiet_spread(fine(picture), chosen) * QUIET_BIAS
    return np.zeros((3, 3))


def quiet_spread(band: Values, chosen: NDArray[np.bool_]) -> Spread:
    """The mean covariance over the share QUIET of the chosen blocks that have the least detail."""
    energy = block_means(cv2.transform(band * band, np.ones((1, 3), np.float32)))
    limit = np.partition(energy[chosen], count := max(LEAST_BLOCKS, round(QUIET * chosen.sum())) - 1)[count]
    rows, columns = np.nonzero(chosen & (energy <= limit))
    blocks = whole_blocks(band)[rows, :, columns].reshape(-1, 3)
    return blocks.T.astype(np.float64) @ blocks / len(blocks)


def block_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) -> the means of its whole blocks."""
    rows, columns = (side // BLOCK for side in values.shape)
    return cv2.resize(values[: rows * BLOCK, : columns * BLOCK], (columns, rows), interpolation=cv2.INTER_AREA)


def whole_blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) -> (rows, BLOCK, columns, BLOCK, 3)."""
    rows, columns = (side // BLOCK for side in values.shape[:2])
    return values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, 3)


def root(covariance: Spread) -> Spread:
    """What makes noise of that covariance of independent noise; without what is negative or no grain."""
    variances, directions = np.linalg.eigh(covariance)
    deviations = np.sqrt(variances.clip(0, MOST_GRAIN**2))
    return (directions * np.where(deviations < LEAST_GRAIN, 0, deviations)) @ directions.T
