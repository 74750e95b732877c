"""The grain of a photo: how strong it is, what a picture lacks of it, and noise that makes up for that.

It is told and drawn in octaves, each at half the size of the one before, and as much alike in the three colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.tiles import Box, enlarged_smoothly, shrunk, shrunk_by_tiles, strips, tiles, with_around
from engine.types import Photo, Region

Values: TypeAlias = NDArray[np.float32]  # (H, W, 3), of 0 to 255
Spread: TypeAlias = NDArray[np.float64]  # (3, 3), the covariance of red, green and blue in grain

OCTAVES = 3
FINE = 1.0  # pixels of blur: what is finer counts to an octave
HALO = 4  # pixels over which that blur reaches
WHITE = 0.873  # the deviation in it of white noise of 1
BLOCK = 8  # pixels a side in which it is measured
LEAST_BLOCKS = 4
HALF, ALL = 0.505, 0.999  # of a pixel of the next octave, as near as whole values of 255 tell
QUIET = 0.05  # of the blocks, those with the least detail, tell grain; in most of the others are things
QUIET_BIAS = 1.26  # what the quiet blocks of pure noise lack in variance by chance
FULL = (6, 249)  # values beyond have lost their grain
ROOM = 24  # of 255, from black or white: from there on grain shows whole
LEAST_GRAIN = 0.35  # of 255, standard deviation: what rounding to whole values looks like
MOST_GRAIN = 16.0  # what is above is no grain


@dataclass(frozen=True, eq=False)
class Grain:
    """Noise for a picture of `shape` (H, W): octaves, each at its own size; the finest is held in half precision."""

    shape: tuple[int, int]
    octaves: tuple[NDArray[np.floating], ...]

    def at(self, box: Box) -> Values:
        """The noise (h, w, 3) of a box; all zero where there are no octaves."""
        noise = np.zeros((*(at.stop - at.start for at in box), 3), np.float32)
        for octave in self.octaves:
            same = octave.shape[:2] == self.shape
            noise += octave[box] if same else enlarged_smoothly(octave, self.shape, box)
        return noise


def missing_grain(photo: Photo, picture: Photo, region: Region, seed: int) -> Grain:
    """What the picture inside the region lacks of the grain that the photo has around it, all (H, W, 3).

    As strong in each octave, and as much alike in the three colours: a picture that was computed small and enlarged has
    none in the finest.
    """
    generator, octaves = np.random.default_rng(seed), []
    there, here, usable = photo, picture, (unclipped(photo), unclipped(picture))
    for _ in range(OCTAVES):
        if min(there.shape[:2]) < BLOCK:
            break
        lacking = root(grain_of(there, ~region, usable[0]) - grain_of(here, region, usable[1]))
        there, size, here = smaller(there), here.shape[:2], smaller(here)
        if lacking.any():
            noise, half = drawn(generator, size, lacking / WHITE)
            octaves.append(noise if size == photo.shape[:2] else noise.astype(np.float32))
            here += half
        region, *usable = (shrunk_share(each) > least for each, least in ((region, HALF), *((u, ALL) for u in usable)))
    return Grain(photo.shape[:2], tuple(octaves))


def drawn(
    generator: np.random.Generator, shape: tuple[int, int], mixing: Spread
) -> tuple[NDArray[np.floating], Values]:
    """The finest octave of white noise (H, W, 3), its colours mixed, and the same at half the size.

    In strips, which makes no difference to what is drawn.
    """
    height, width = shape
    noise, small = np.empty((*shape, 3), np.float16), np.empty((-(-height // 2), -(-width // 2), 3), np.float32)
    white, top = np.empty((0, width, 3), np.float32), 0
    for rows in strips(height):
        ahead = min(rows.stop + HALO, height)
        more = generator.standard_normal((ahead - top - len(white), width, 3), np.float32)
        white = np.concatenate([white, more])
        made = cv2.transform(fine(white)[rows.start - top : rows.stop - top], mixing)
        noise[rows], small[rows.start // 2 : -(-rows.stop // 2)] = made, shrunk(made)
        white, top = white[-2 * HALO :], max(top, ahead - 2 * HALO)
    return noise, small


def fine(values: Values) -> Values:
    """The finest octave of detail."""
    return values - cv2.GaussianBlur(values, (0, 0), FINE)


def unclipped(picture: Photo) -> Region:
    """Where no colour is so dark or so light that grain is lost."""
    dark, light = FULL
    return cv2.inRange(picture, (dark,) * 3, (light,) * 3) > 0


def smaller(picture: NDArray) -> Values:
    """(H, W, 3) at half the size."""
    return shrunk_by_tiles(lambda box: picture[box].astype(np.float32), picture.shape)


def shrunk_share(region: Region) -> NDArray[np.float32]:
    """At half the size, which share of each pixel is in the region, to a percent."""
    return shrunk(region.view(np.uint8) * np.uint8(255)).astype(np.float32) / 255


def room_in(laid: Values) -> Values:
    """Of grain the share that shows: less and less where a colour is nearly black or white, as in any photo."""
    return (np.minimum(laid, 255 - laid) / ROOM).clip(0, 1)


def grain_of(picture: NDArray, among: Region, usable: Region) -> Spread:
    """The covariance of the colours in its grain's finest octave, told by the quietest usable blocks of those among
    which to look, or of all where those are too few; zeros where these are, too."""
    for where in (among & usable, usable):
        chosen = whole_blocks(where)
        if chosen.sum() >= LEAST_BLOCKS:
            return quiet_spread(picture, chosen) * QUIET_BIAS
    return np.zeros((3, 3))


def quiet_spread(picture: NDArray, chosen: NDArray[np.bool_]) -> Spread:
    """The mean covariance over the share QUIET of the chosen blocks that have the least detail."""
    energy = energies(picture, chosen)
    count = max(LEAST_BLOCKS, round(QUIET * chosen.sum()))
    limit = np.partition(energy[chosen], count - 1)[count - 1]
    values = fine_blocks(picture, *np.nonzero(chosen & (energy <= limit)))
    return values.T.astype(np.float64) @ values / len(values)


def energies(picture: NDArray, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much fine detail each of the picture's blocks has; told where any of its tile is chosen."""
    energy = np.full(chosen.shape, np.inf, np.float32)
    for box in tiles(*(side * BLOCK for side in chosen.shape)):
        blocks = tuple(slice(at.start // BLOCK, at.stop // BLOCK) for at in box)
        if chosen[blocks].any():
            seen, inner = with_around(box, HALO, picture.shape)
            band = fine(picture[seen].astype(np.float32))[inner]
            energy[blocks] = block_means(cv2.transform(band * band, np.ones((1, 3), np.float32)))
    return energy


def fine_blocks(picture: NDArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """(n, 3): the finest detail of all pixels of some blocks. Each is cut out with what the blur sees around it."""
    around = np.arange(-HALO, BLOCK + HALO)
    ys, xs = (
        mirrored(each[:, None] * BLOCK + around, side)
        for each, side in zip((rows, columns), picture.shape, strict=False)
    )
    cut = picture[ys[:, :, None], xs[:, None, :]].astype(np.float32)
    band = fine(cut.reshape(-1, len(around), 3)).reshape(cut.shape)  # one below the other: no halo is needed between
    return band[:, HALO:-HALO, HALO:-HALO].reshape(-1, 3)


def mirrored(at: NDArray[np.intp], side: int) -> NDArray[np.intp]:
    """Places beyond a picture's border, turned back into it as blurs do."""
    return np.where(at >= side, 2 * (side - 1) - at, np.abs(at))


def block_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W), of whole blocks -> their means."""
    rows, columns = (side // BLOCK for side in values.shape)
    return cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)


def whole_blocks(region: Region) -> NDArray[np.bool_]:
    """Which blocks lie in the region as a whole."""
    rows, columns = (side // BLOCK for side in region.shape)
    inside = region[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return inside.all((1, 3))


def root(covariance: Spread) -> Spread:
    """What makes noise of that covariance of independent noise; without what is negative or no grain."""
    variances, directions = np.linalg.eigh(covariance)
    deviations = np.sqrt(variances.clip(0, MOST_GRAIN**2))
    return (directions * np.where(deviations < LEAST_GRAIN, 0, deviations)) @ directions.T
