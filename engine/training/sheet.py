"""The sample sheet: for fixed validation pairs, the map, guided samples and the photo, side by side."""

from __future__ import annotations

import numpy as np

from engine.images import resize_photo
from engine.label_files import colour_map
from engine.library import Model
from engine.pipeline import generate, pictures_of
from engine.training.data import Pair, centre
from engine.types import Photo, RenderRequest, Sampling

SHOWN = 12
PER_ROW = 2


def sample_sheet(model: Model, pairs: list[Pair], sampling: Sampling, cell: int = 128) -> Photo:
    """One row of cells a pair, `PER_ROW` pairs side by side: map | a sample a seed | photo."""
    chosen = pairs[:: max(1, len(pairs) // SHOWN)][:SHOWN]
    strips = [_strip(model, pair, sampling, cell) for pair in chosen]
    strips += [np.full_like(strips[0], 255)] * (-len(strips) % PER_ROW)
    rows = [np.concatenate(strips[i : i + PER_ROW], axis=1) for i in range(0, len(strips), PER_ROW)]
    return np.concatenate(rows)


def _strip(model: Model, pair: Pair, sampling: Sampling, cell: int) -> Photo:
    photo, labels = centre(pair, model.network.config.image_size)
    pictures = pictures_of(generate(model, RenderRequest(model.name, labels, sampling)))
    cells = [colour_map(labels, model.palette), *pictures, photo]
    framed = [np.pad(resize_photo(c, cell, cell), ((2, 2), (2, 2), (0, 0)), constant_values=255) for c in cells]
    return np.concatenate([*framed, np.full((cell + 4, 8, 3), 255, np.uint8)], axis=1)
