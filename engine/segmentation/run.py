"""One training run of a segmenter: reads the pairs, trains, validates as it is used, and keeps a ready file out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.device import best_device
from engine.label_files import colour_map
from engine.segmentation.config import SegmenterRecipe
from engine.segmentation.data import SegmenterSampler
from engine.segmentation.files import SegmenterDescription, save_segmenter
from engine.segmentation.loop import SegmenterTrainer
from engine.segmentation.scores import Scores, no_scores, scored
from engine.segmentation.segmenter import Segmenter
from engine.training import course
from engine.training.check import Shown
from engine.training.course import Data, Report, TrainRequest, append_row, find_folders, load_data
from engine.training.crops import centre
from engine.training.loop import Progress
from engine.training.pairs import Pair
from engine.training.resuming import check_maps, check_palette
from engine.training.sheet import sheet
from engine.training.sheet import shown as shown_pairs
from engine.training.state import STATE, open_run
from engine.types import Photo, UserError
from engine.writing import save_png

SEGMENTER = "segmenter.safetensors"
CELL = 160  # px: the side of a picture in the sheets


class SegmenterRun:
    """The parts of a run that live from its start to its end. `warnings` are sentences for the user.

    The classes that occur in the training pairs are those it learns, whatever the request's recipe says of them. Holds
    the lock of the run's folder until `reports` ends. shown: told how far the look at the pairs is.
    """

    def __init__(self, request: TrainRequest, shown: Shown | None = None) -> None:
        self.request, palette = request, request.palette
        network = request.recipe.network
        side = round(network.side * request.recipe.scales[1])
        folders = find_folders(request)
        if (request.out / STATE).exists():  # before a look at the pairs, of which it would be in the way
            check_palette(request.out, palette)
            check_maps(request.out, folders.train, palette)
        self.data = load_data(folders, palette, side, side, shown=shown)
        network = replace(network, labels=labels_in(self.data, palette.unlabelled))
        self.recipe: SegmenterRecipe = replace(request.recipe, network=network)
        self.lock = open_run(request.out, self.recipe, palette)
        sampler = SegmenterSampler(self.data.pairs, self.recipe, palette.mirrored)
        self.trainer = SegmenterTrainer(self.recipe, sampler, self.data.census, best_device())

    @property
    def warnings(self) -> list[str]:
        return self.data.warnings

    def reports(self) -> Iterator[Report]:
        """Trains, validating and exporting every `validate_minutes` and at the end. Can be called once."""
        with self.lock:
            yield from course.reports(self.trainer, self.request, self._export)

    def _export(self, progress: Progress) -> tuple[Scores, Path]:
        request, pairs = self.request, self.data.validation
        segmenter = Segmenter(self.trainer.average, self._description(progress))
        scores = validation_scores(segmenter, pairs)
        facts = {**segmenter.facts, "scores": told(scores, segmenter)}
        save_segmenter(request.out / SEGMENTER, segmenter.network, replace(segmenter.description, facts=facts))
        path = request.out / "sheets" / f"{progress.step:07d}.png"
        path.parent.mkdir(exist_ok=True)
        save_png(path, sheet((cells(segmenter, pair) for pair in shown_pairs(pairs)), CELL), {})
        append_row(request.out, progress, {"mean_iou": scores.mean_iou, "accuracy": scores.accuracy})
        return scores, path

    def _description(self, progress: Progress) -> SegmenterDescription:
        request = self.request
        facts = {
            **self.data.facts(request.palette),
            "images_seen": progress.step * self.recipe.batch,
            "recipe": {name: value for name, value in self.recipe.to_dict().items() if name != "network"},
            "device": str(self.trainer.device),
            "torch": torch.__version__,
        }
        title = request.title or request.out.name
        return SegmenterDescription(title, self.recipe.network, request.palette, request.licence, facts)


def labels_in(data: Data, unlabelled: int) -> tuple[int, ...]:
    """The classes that occur in the training pairs. Raises UserError where there are fewer than two to tell apart."""
    found = tuple(index for index in np.flatnonzero(data.census).tolist() if index != unlabelled)
    if len(found) < 2:
        raise UserError(
            f"The training maps hold {len(found)} class, beside what is unlabelled. At least 2 are needed to tell "
            "one from the other: add pairs, or name the palette of the label files with --palette."
        )
    return found


def validation_scores(segmenter: Segmenter, pairs: list[Pair]) -> Scores:
    """Each photo's map as the artist would get it, against the pair's, at the pair's size."""
    palette = segmenter.palette
    each = (scored(pair.labels, segmenter.segment(pair.photo), palette.size, palette.unlabelled) for pair in pairs)
    return sum(each, no_scores(palette.size))


def told(scores: Scores, segmenter: Segmenter) -> dict[str, object]:
    """Scores for a segmenter's file."""
    names = [each.name for each in segmenter.palette.classes]
    return {
        "mean_iou": round(scores.mean_iou, 4),
        "accuracy": round(scores.accuracy, 4),
        "iou": {names[index]: round(value, 4) for index, value in scores.iou.items()},
    }


def cells(segmenter: Segmenter, pair: Pair) -> list[Photo]:
    """photo | the pair's map | the segmenter's, of the largest centred square."""
    photo, labels = centre(pair, min(pair.labels.shape))
    maps = (labels, segmenter.segment(photo))
    return [photo, *(colour_map(each, segmenter.palette) for each in maps)]
