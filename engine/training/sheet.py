"""The sample sheet: for fixed validation pairs, what the model makes beside what there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engine.label_files import colour_map
from engine.library import Model
from engine.pipeline import generate, pictures_of
from engine.resizing import resize_photo
from engine.training.crops import centred, picture_size
from engine.training.pairs import Pair
from engine.types import Photo, RenderRequest, Sampling

SHOWN = 12
PER_ROW = 2


def sample_sheet(model: Model, pairs: Sequence[Pair], sampling: Sampling, cell: int = 128) -> Photo:
    """One strip a pair: map | a sample a seed | photo."""
    return sheet((_cells(model, pair, sampling) for pair in shown(pairs)), cell)


def shown(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """SHOWN of the pairs at most, always the same."""
    return pairs[:: max(1, len(pairs) // SHOWN)][:SHOWN]


def sheet(strips: Iterable[Sequence[Photo]], cell: int) -> Photo:
    """Strips of pictures of one size, each resized to a height of `cell` pixels, `PER_ROW` strips side by side."""
    joined = [_joined(pictures, cell) for pictures in strips]
    joined += [np.full_like(joined[0], 255)] * (-len(joined) % PER_ROW)
    return np.concatenate([np.concatenate(joined[i : i + PER_ROW], axis=1) for i in range(0, len(joined), PER_ROW)])


def _cells(model: Model, pair: Pair, sampling: Sampling) -> list[Photo]:
    crop = centred(pair, picture_size(model.network.config))
    request = RenderRequest(model.name, crop.labels, sampling, instances=crop.instances)
    return [colour_map(crop.labels, model.palette), *pictures_of(generate(model, request)), crop.photo]


def _joined(pictures: Sequence[Photo], cell: int) -> Photo:
    width = round(cell * pictures[0].shape[1] / pictures[0].shape[0])
    framed = [np.pad(resize_photo(p, cell, width), ((2, 2), (2, 2), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate([*framed, np.full((cell + 4, 8, 3), 255, np.uint8)], axis=1)
