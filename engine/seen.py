"""What a model sees of a map: the classes and edges at its resolution, and the areas too small to be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import label as connected_areas

from engine.condition import map_edges
from engine.mapped import map_on
from engine.pipeline import Model, check_map, computed_grid
from engine.types import LabelMap, RenderRequest


@dataclass(frozen=True)
class Seen:
    """labels: (h, w) uint8 of the model's finest norms. edges: (h, w) bool of the same, None where it takes none.
    lost: (H, W) bool of the painted map, the connected areas of one class of which no pixel is among `labels`; where
    nothing is asked for, nothing is lost.
    lost_areas: their class and their size in pixels, the largest first."""

    labels: LabelMap
    edges: NDArray[np.bool_] | None
    lost: NDArray[np.bool_]
    lost_areas: tuple[tuple[int, int], ...]


def seen(model: Model, request: RenderRequest) -> Seen:
    """Of a request's map, at the size at which it is computed. A model that folds patches of pixels sees one in each.

    Raises UserError where the map is not in the model's palette.
    """
    check_map(request, model.palette)
    grid = computed_grid(model, request)
    finest = min(spade.stride for spade in model.network.spades)

    def at_the_norms(whole: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(whole[grid.kept][::finest, ::finest])

    given = map_on(grid, request)
    numbers = None if given.instances is None else torch.from_numpy(given.instances.astype(np.int32))[None]
    edges = map_edges(torch.from_numpy(given.labels)[None], model.network.config, numbers)
    areas, count = connected_areas(request.labels.astype(np.int16), background=-1, connectivity=1, return_num=True)
    survives = np.zeros(count + 1, bool)
    survives[at_the_norms(grid.labels(areas.astype(np.int32)))] = True
    lost = ~survives[areas] & (request.labels != model.palette.unlabelled)
    return Seen(
        labels=at_the_norms(given.labels),
        edges=None if edges is None else at_the_norms(edges[0].numpy()),
        lost=lost,
        lost_areas=sizes(request.labels[lost], areas[lost]),
    )


def sizes(labels: NDArray[np.uint8], areas: NDArray[np.int_]) -> tuple[tuple[int, int], ...]:
    """(class, pixels) of each area, the largest first. labels, areas: (n,), the class and the area of every pixel."""
    _, first, counts = np.unique(areas, return_index=True, return_counts=True)
    found = zip(labels[first].tolist(), counts.tolist(), strict=True)
    return tuple(sorted(found, key=lambda area: (-area[1], area[0])))
