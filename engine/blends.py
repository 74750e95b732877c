"""Antialiased borders: pixels whose colour is a blend of two areas beside them go to one of the two, to no third."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

HALO = 3  # pixels around one in which its areas are sought: borders that were scaled are up to four pixels wide
REACH = 2 * HALO + 1  # how far away a pixel can be that has a say: it may decide over one that decides over another
FOREIGN = -1  # the ink of a colour that is none
HIDDEN = -2  # of a pixel that doesn't count
SLOTS = 4  # inks that may meet around a pixel
TOLERANCE = 12.0  # how far in RGB a blend may be from the line between its two: rounding, profiles, mild compression
FARTHER = 0.5  # of that, what an ink that is one place farther away must be better by

SQUARE = np.ones((2 * HALO + 1, 2 * HALO + 1), np.uint8)
_NEAR_FIRST = sorted(
    ((dy, dx) for dy in range(-HALO, HALO + 1) for dx in range(-HALO, HALO + 1) if dy or dx),
    key=lambda step: step[0] ** 2 + step[1] ** 2,
)


def settle(pixels: NDArray[np.uint8], inks: NDArray[np.int16], colours: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Which inks the blends among the pixels are of: (H, W), FOREIGN where it can't be told; inks elsewhere.

    pixels: (H, W, 3). inks: (H, W), for each pixel the position of its colour in `colours` (K, 3), FOREIGN or HIDDEN.
    Near FOREIGN pixels a single pixel or a line of an ink counts as a blend too, if it could be one by its colour:
    blends of two inks at times hit a third one exactly.
    """
    settled = inks.copy()
    foreign = inks == FOREIGN
    solid = _in_blocks(inks)
    near = cv2.dilate(foreign.astype(np.uint8), SQUARE) > 0
    doubtful = (inks >= 0) & ~solid & near
    _settle_among(settled, foreign | doubtful, np.where(solid, inks, FOREIGN), pixels, colours)
    thin = np.where(doubtful & (settled != inks), FOREIGN, inks)
    _settle_among(settled, settled == FOREIGN, thin, pixels, colours)
    return settled


def _in_blocks(inks: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(H, W): whether a pixel is in a 2 × 2 block of its ink."""
    inside = np.zeros(inks.shape, bool)
    same_right = inks[:, 1:] == inks[:, :-1]
    block = same_right[1:] & same_right[:-1] & (inks[1:, 1:] == inks[:-1, 1:]) & (inks[1:, 1:] >= 0)
    for dy in (0, 1):
        for dx in (0, 1):
            inside[dy : inks.shape[0] - 1 + dy, dx : inks.shape[1] - 1 + dx] |= block
    return inside


def _settle_among(
    settled: NDArray[np.int16],
    targets: NDArray[np.bool_],
    known: NDArray[np.int16],
    pixels: NDArray[np.uint8],
    colours: NDArray[np.uint8],
) -> None:
    """Writes to `settled` the ink of each target (H, W) that is a blend of inks `known` (H, W) near it."""
    ys, xs = np.nonzero(targets & _several_near(known))
    if not len(ys):
        return
    found = _inks_near(known, ys, xs)
    ink = _best_blend(pixels[ys, xs].astype(np.float32), found, colours.astype(np.float32))
    told = ink >= 0
    settled[ys[told], xs[told]] = ink[told]


def _several_near(known: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(H, W): whether two different inks are within HALO."""
    highest = cv2.dilate(known, SQUARE)
    lowest = cv2.erode(np.where(known >= 0, known, np.int16(2**15 - 1)), SQUARE)
    return (highest >= 0) & (lowest < highest)


def _inks_near(known: NDArray[np.int16], ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.int16]:
    """(n, SLOTS): the different inks around each of n pixels, the nearest first, FOREIGN where there are no more."""
    padded = np.pad(known, HALO, constant_values=FOREIGN)
    found = np.full((len(ys), SLOTS), FOREIGN, np.int16)
    count = np.zeros(len(ys), np.intp)
    for dy, dx in _NEAR_FIRST:
        ink = padded[ys + HALO + dy, xs + HALO + dx]
        new = np.flatnonzero((ink >= 0) & (found != ink[:, None]).all(1) & (count < SLOTS))
        found[new, count[new]] = ink[new]
        count[new] += 1
    return found


def _best_blend(pixels: NDArray, found: NDArray[np.int16], colours: NDArray) -> NDArray[np.int16]:
    """(n, 3) colours -> (n,) the ink that weighs most in the blend that fits, FOREIGN where none of two or three does.

    Programs blend the stored values, or the light that they stand for; either may fit.
    """
    best = np.full(len(pixels), TOLERANCE + 1e-3, np.float32)
    ink = np.full(len(pixels), FOREIGN, np.int16)
    for first, second in combinations(range(SLOTS), 2):
        one, other = found[:, first], found[:, second]
        for encode, decode in ((_same, _same), (_light, _values)):
            share, distance = _on_line(pixels, colours[one], colours[other], encode, decode)
            score = distance + FARTHER * (first + second - 1)
            better = (other >= 0) & (distance <= TOLERANCE) & (score < best)
            best[better] = score[better]
            ink[better] = np.where(share > 0.5, other, one)[better]
    corner = np.flatnonzero((ink < 0) & (found[:, 2] >= 0))
    ink[corner] = _in_triangle(pixels[corner], found[corner, :3], colours)
    return ink


def _on_line(pixels: NDArray, one: NDArray, other: NDArray, encode, decode) -> tuple[NDArray, NDArray]:
    """How far each pixel (n, 3) is on the way from one colour to the other, 0 to 1, and its distance from that way."""
    start, way = encode(one), encode(other) - encode(one)
    share = ((encode(pixels) - start) * way).sum(1) / np.maximum((way**2).sum(1), 1e-6)
    share = share.clip(0, 1)
    return share, np.linalg.norm(decode(start + share[:, None] * way) - pixels, axis=1)


def _in_triangle(pixels: NDArray, found: NDArray[np.int16], colours: NDArray) -> NDArray[np.int16]:
    """Where three areas meet: (n, 3) pixels, their (n, 3) inks -> (n,) the one that weighs most, or FOREIGN."""
    corners = colours[found].astype(np.float64)  # (n, 3 inks, 3 channels)
    edges = corners[:, 1:] - corners[:, :1]
    gram = edges @ edges.transpose(0, 2, 1) + 1e-3 * np.eye(2)  # three greys are on one line: then any answer will do
    aim = (edges @ (pixels - corners[:, 0])[:, :, None])[..., 0]
    shares = np.linalg.solve(gram, aim[..., None])[..., 0]
    shares = np.concatenate([1 - shares.sum(1, keepdims=True), shares], 1)
    distance = np.linalg.norm((shares[:, :, None] * corners).sum(1) - pixels, axis=1)
    inside = (shares > -0.02).all(1) & (distance <= TOLERANCE)
    return np.where(inside, found[np.arange(len(found)), shares.argmax(1)], FOREIGN).astype(np.int16)


def _same(colours: NDArray) -> NDArray:
    return colours


def _light(colours: NDArray) -> NDArray:
    """sRGB values 0 to 255 -> light 0 to 1."""
    value = colours / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _values(light: NDArray) -> NDArray:
    """The inverse of `_light`."""
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return value * 255.0
