"""A label map by its colours: which class each colour is, what was guessed, and what the artist may choose instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from engine import blends
from engine.images import rgb_of, to_srgb
from engine.palette import Colour, Palette
from engine.types import LabelMap, UserError

CHUNK = 65_536  # colours compared with a palette at a time
BLOCK = 2**20  # pixels looked up at a time: NumPy widens what it indexes with to 8 bytes each
CLOSE = 2  # levels a channel that a conversion between profiles may be off by
LARGE = 0.01  # share of the map from which a colour that is none of the palette's is worth a question
MOST_QUESTIONS = 32
NEAREST = 4  # classes offered for such a colour

Choices = Mapping[Colour, int]  # colour -> index of the class that it means
Tables = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Ambiguity:
    """A colour whose class was guessed: `taken` out of `candidates` (indices, the likeliest first), for its pixels.

    shared: several classes have this very colour. Otherwise it is no class's, and a large area is painted in it.
    """

    colour: Colour
    candidates: tuple[int, ...]
    pixels: int
    taken: int
    shared: bool


@dataclass(frozen=True)
class ColourRead:
    """labels: (n,) of the opaque pixels, row by row. how: “display colours” or “standard colours”.

    snapped: pixels whose colour was no class's and nobody's choice. distance: how far off the colours are on average,
    in CIE Lab. shared, strange: what the artist may decide otherwise, by number of pixels.
    """

    labels: NDArray[np.uint8]
    how: str
    snapped: int
    distance: float
    shared: tuple[Ambiguity, ...]
    strange: tuple[Ambiguity, ...]


@dataclass(frozen=True)
class _Survey:
    """The different colours of an image. place: (2**24,) a colour's code -> its position in colours (k, 3), counts."""

    image: Image.Image
    place: NDArray[np.int32]
    colours: NDArray[np.uint8]
    counts: NDArray[np.intp]


@dataclass(frozen=True)
class _Match:
    """A survey by a palette's table (size, 3): the nearest class of each colour and its distance in CIE Lab."""

    survey: _Survey
    how: str
    table: NDArray[np.uint8]
    nearest: NDArray[np.intp]
    distance: NDArray[np.float32]

    @property
    def total(self) -> float:
        return float((self.distance * self.survey.counts).sum())


def read_colours(
    image: Image.Image, opaque: NDArray[np.bool_], palette: Palette, choices: Choices, lossy: bool
) -> ColourRead:
    """The opaque pixels (H, W) by display or by standard colours, as stored or out of their profile: what fits best.

    choices: of the artist; such a colour is no longer guessed. Where classes share a colour it is theirs together.
    lossy: compression has changed the colours, so none of them is one of the artist's own. Raises UserError where a
    choice is no class.
    """
    _check_choices(choices, palette)
    tables = {"display colours": palette.colours, "standard colours": palette.standard_colours}
    match = _best_match(image, opaque, tables)
    chosen, shared = _one_of_each(match, palette, choices)
    strange = () if lossy else _strange(match, opaque, choices)
    own = [code for code in choices if code not in set(map(tuple, match.table.tolist()))]
    inks = _Inks.of(match, chosen, [*own, *(each.colour for each in strange)])
    guessed = (match.distance > 0) & ~np.isin(_codes(match.survey.colours), _codes(_colour_rows(own)))
    labels = _settled(match.survey, chosen, opaque, inks)
    counts = match.survey.counts
    mean = float((match.distance * counts)[guessed].sum() / counts.sum())
    return ColourRead(labels[opaque], match.how, int(counts[guessed].sum()), mean, shared, strange)


def nearest(colours: NDArray[np.uint8], table: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """(n, 3) colours, (size, 3) table -> (n,) nearest index and (n,) distance in CIE Lab (1976), 0 if exact."""
    indices = exact(colours, table)
    distance = np.zeros(len(colours), np.float32)
    other = np.flatnonzero(indices < 0)
    for start in range(0, len(other), CHUNK):
        part = other[start : start + CHUNK]
        squared = _squared_distances(colours[part], table)
        indices[part] = squared.argmin(1)
        distance[part] = np.sqrt(squared.min(1).clip(min=1e-6))
    return indices, distance


def exact(colours: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(n, 3) colours, (size, 3) table -> (n,): the first index with that very colour, -1 if there is none."""
    codes, first = np.unique(_codes(table), return_index=True)
    wanted = _codes(colours)
    at = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
    return np.where(codes[at] == wanted, first[at], -1)


def different(colours: NDArray[np.uint8]) -> int:
    """How many different ones there are among (n, 3)."""
    return len(np.unique(_codes(colours)))


def bands(image: Image.Image, halo: int = 0) -> Iterator[tuple[slice, slice, NDArray[np.uint8]]]:
    """The colours (h, W, 3) of a few rows at a time, since whole copies of a large image take gigabytes.

    Yields those rows, what of them is no halo (counted from the first of them), and the colours.
    """
    rows = max(1, BLOCK // image.width)
    for top in range(0, image.height, rows):
        first, bottom = max(0, top - halo), min(top + rows, image.height)
        last = min(bottom + halo, image.height)
        band = np.asarray(rgb_of(image.crop((0, first, image.width, last))))
        yield slice(first, last), slice(top - first, bottom - first), band


# --- Which colours there are, and what fits them ---


def _best_match(image: Image.Image, opaque: NDArray[np.bool_], tables: Tables) -> _Match:
    """By the table that is nearer in all; a colour profile is applied where the colours are nearer for it."""
    match = _match(_survey(image, opaque), tables)
    if match.total and image.info.get("icc_profile"):
        converted = _match(_survey(to_srgb(image), opaque), tables)
        match = min(match, converted, key=lambda each: each.total)
    return match


def _match(survey: _Survey, tables: Tables) -> _Match:
    matches = (_Match(survey, how, table, *nearest(survey.colours, table)) for how, table in tables.items())
    return min(matches, key=lambda each: each.total)


def _survey(image: Image.Image, opaque: NDArray[np.bool_]) -> _Survey:
    place = np.zeros(2**24, np.int32)  # how often each colour occurs, then its position among those that occur
    for rows, _, band in bands(image):
        codes, times = np.unique(_codes(band[opaque[rows]]), return_counts=True)
        place[codes] += times.astype(np.int32)
    seen = np.flatnonzero(place).astype(np.int32)
    counts = place[seen].astype(np.intp)
    place[seen] = np.arange(len(seen), dtype=np.int32)
    colours = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], 1).astype(np.uint8)
    return _Survey(image, place, colours, counts)


def _codes(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(..., 3) -> (...): red, green and blue in one number."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _colour_rows(colours: list[Colour]) -> NDArray[np.uint8]:
    return np.array(colours, np.uint8).reshape(-1, 3)


def _squared_distances(colours: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 3), (size, 3) -> (n, size): squares of the distances in CIE Lab."""
    given, lab = _lab(colours), _lab(table)
    return (given**2).sum(1)[:, None] - 2 * given @ lab.T + (lab**2).sum(1)


def _lab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rgb2lab((colours / 255.0).astype(np.float32))


# --- What the artist may choose ---


def _check_choices(choices: Choices, palette: Palette) -> None:
    for colour, index in choices.items():
        if not 0 <= index < palette.size:
            raise UserError(
                f"Class {index}, chosen for the colour {colour}, is outside {palette.title} (0 to {palette.size - 1}). "
                "Choose one of its classes."
            )


def _one_of_each(match: _Match, palette: Palette, choices: Choices) -> tuple[LabelMap, tuple[Ambiguity, ...]]:
    """(k,): the class of every colour, and which were guessed because classes share them.

    Of those it is what was chosen, else unlabelled if it is one of them, else the first.
    """
    chosen = match.nearest.astype(np.uint8)
    guessed = []
    for index in np.unique(match.nearest):
        colour = tuple(match.table[index].tolist())
        same = np.flatnonzero((match.table == match.table[index]).all(1))
        here = match.nearest == index
        taken = palette.unlabelled if palette.unlabelled in same else int(same[0])
        chosen[here] = choices.get(colour, taken)
        if len(same) > 1 and colour not in choices:
            pixels = int(match.survey.counts[here].sum())
            guessed.append(Ambiguity(colour, tuple(same.tolist()), pixels, taken, shared=True))
    for at, colour in enumerate(map(tuple, match.survey.colours.tolist())) if choices else ():
        chosen[at] = choices.get(colour, chosen[at])
    return chosen, tuple(sorted(guessed, key=lambda each: -each.pixels))


def _strange(match: _Match, opaque: NDArray[np.bool_], choices: Choices) -> tuple[Ambiguity, ...]:
    """The colours of large flat areas that are no class's and that nobody has chosen a class for."""
    survey = match.survey
    large = np.flatnonzero(~_close(match) & (survey.counts >= LARGE * survey.counts.sum()))
    large = large[np.argsort(-survey.counts[large], kind="stable")][:MOST_QUESTIONS]
    found = []
    for at in large[_flat(survey, opaque, large)] if len(large) else ():
        colour = tuple(survey.colours[at].tolist())
        if colour not in choices:
            order = np.argsort(_squared_distances(survey.colours[at : at + 1], match.table)[0], kind="stable")
            candidates = tuple(order[:NEAREST].tolist())
            found.append(Ambiguity(colour, candidates, int(survey.counts[at]), candidates[0], shared=False))
    return tuple(found)


def _close(match: _Match) -> NDArray[np.bool_]:
    """(k,): is a colour its class's, but for what a conversion may be off by?"""
    apart = match.survey.colours.astype(np.int16) - match.table[match.nearest]
    return (np.abs(apart) <= CLOSE).all(1)


def _flat(survey: _Survey, opaque: NDArray[np.bool_], wanted: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the colours `wanted` are areas: a quarter of their pixels has eight neighbours of the same."""
    inner = np.zeros(len(survey.counts), np.intp)
    for rows, core, band in bands(survey.image, halo=1):
        at = np.where(opaque[rows], survey.place[_codes(band)], -1)
        middle = at[1:-1, 1:-1]
        same = np.isin(middle, wanted)
        for dy in (0, 1, 2):
            for dx in (0, 1, 2):
                same &= at[dy : dy + middle.shape[0], dx : dx + middle.shape[1]] == middle
        own = same[max(0, core.start - 1) : core.stop - 1]
        found, times = np.unique(middle[max(0, core.start - 1) : core.stop - 1][own], return_counts=True)
        inner[found] += times
    return inner[wanted] * 4 >= survey.counts[wanted]


# --- Borders between areas ---


@dataclass(frozen=True)
class _Inks:
    """What areas are painted in: `colours` (K, 3), the class of each (K,), and of_colour (k,): a survey's in these."""

    colours: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    of_colour: NDArray[np.int16]

    @classmethod
    def of(cls, match: _Match, chosen: LabelMap, own: list[Colour]) -> _Inks:
        """The palette's colours, as far as they occur, and the artist's own."""
        survey, size = match.survey, len(match.table)
        of_colour = np.where(_close(match), match.nearest, blends.FOREIGN).astype(np.int16)
        classes = np.zeros(size + len(own), np.uint8)
        used = np.flatnonzero(of_colour >= 0)
        classes[of_colour[used]] = chosen[used]
        for number, colour in enumerate(own, size):
            for at in np.flatnonzero((survey.colours == np.array(colour)).all(1)):
                of_colour[at], classes[number] = number, chosen[at]
        return cls(np.concatenate([match.table, _colour_rows(own)]), classes, of_colour)


def _settled(survey: _Survey, chosen: LabelMap, opaque: NDArray[np.bool_], inks: _Inks) -> LabelMap:
    """(H, W): the class of every pixel's colour, but on blends, which are of the areas beside them."""
    labels = np.zeros(opaque.shape, np.uint8)
    mixed = bool((inks.of_colour == blends.FOREIGN).any() and (inks.of_colour >= 0).any())
    for rows, core, band in bands(survey.image, blends.REACH if mixed else 0):
        at = survey.place[_codes(band)]
        found = chosen[at]
        if mixed:
            given = np.where(opaque[rows], inks.of_colour[at], blends.HIDDEN).astype(np.int16)
            settled = blends.settle(band, given, inks.colours)
            found = np.where(settled != given, inks.classes[settled.clip(min=0)], found)
        labels[rows][core] = found[core]
    return labels
