"""A whole training run: data in; log, sheets, a resumable state and a ready checkpoint out."""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.checkpoint import Description, save_checkpoint
from engine.device import best_device
from engine.images import save_png
from engine.library import ready
from engine.palette import Palette
from engine.training.data import Sampler
from engine.training.loop import Progress, Trainer, train
from engine.training.pairs import census, load_pairs, pairs_folder, told_guesses, validation_folder
from engine.training.recipe import Recipe
from engine.training.sheet import sample_sheet
from engine.training.state import open_run
from engine.training.validate import Errors, validation_errors
from engine.types import Sampling

CHECKPOINT = "model.safetensors"
LOG = "log.csv"
SHEET_SAMPLING = Sampling(seeds=(1, 2))


@dataclass(frozen=True)
class TrainRequest:
    """What to learn from, how, where to, and how long at most this time."""

    data: Path
    palette: Palette
    recipe: Recipe
    out: Path
    minutes: float | None = None
    validation: Path | None = None
    validate_minutes: float = 5.0
    compiled: bool = False
    title: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Report:
    """A moment of the run: `progress` after a step; `errors` and `sheet` right after a validation."""

    progress: Progress
    seconds_left: float
    errors: Errors | None = None
    sheet: Path | None = None


class Run:
    """The parts of a run that live from its start to its end. `warnings` are sentences for the user.

    Holds the lock of the run's folder until `reports` ends.
    """

    def __init__(self, request: TrainRequest) -> None:
        self.request = request
        recipe, palette = request.recipe, request.palette
        folder, held_out = pairs_folder(request.data, "train"), validation_folder(request.data)
        if request.validation is not None:
            held_out = pairs_folder(request.validation, "val")
        self.lock = open_run(request.out, recipe)
        short_side = round(recipe.network.image_size / recipe.crop)
        self.pairs = load_pairs(folder, palette, short_side)
        self.warnings = told_guesses(folder, self.pairs)
        self.held_out = held_out is not None
        if held_out is not None:
            self.validation = load_pairs(held_out, palette, short_side)
            self.warnings += told_guesses(held_out, self.validation)
        else:
            self.validation = self.pairs[:16]
            self.warnings.append("There are no pairs to validate on (val/, or --val): validated on training pairs.")
        self.census = census(self.pairs, palette.size)
        seen = {*np.flatnonzero(self.census).tolist(), palette.unlabelled}
        sampler = Sampler(self.pairs, recipe, palette.unlabelled, palette.mirrored)
        self.trainer = Trainer(recipe, sampler, torch.tensor(sorted(seen)), best_device(), request.compiled)

    def reports(self) -> Iterator[Report]:
        """Trains, validating and exporting every `validate_minutes` and at the end. Can be called once."""
        with self.lock:
            yield from self._reports()

    def _reports(self) -> Iterator[Report]:
        request, started = self.request, time.monotonic()
        validated = started
        for progress in train(self.trainer, request.out, minutes=request.minutes):
            left = seconds_left(progress, request, started)
            now = time.monotonic()
            if now - validated < request.validate_minutes * 60 and not (progress.saved and left <= 0):
                yield Report(progress, left)
                continue
            errors = validation_errors(self.trainer.average, self.validation, request.recipe)
            sheet = self._export(progress, errors)
            validated = time.monotonic()
            yield Report(progress, left, errors, sheet)

    def _export(self, progress: Progress, errors: Errors) -> Path:
        request, weights = self.request, self.trainer.average
        description = self._description(progress, errors)
        save_checkpoint(request.out / CHECKPOINT, weights.state_dict(), description)
        model = ready(request.out.name, weights, description)
        sheet = request.out / "sheets" / f"{progress.step:07d}.png"
        sheet.parent.mkdir(exist_ok=True)
        save_png(sheet, sample_sheet(model, self.validation, SHEET_SAMPLING), {})
        if progress.loss is not None:  # else the run was finished before, and its last row is there
            append_row(request.out / LOG, {"step": progress.step, "loss": progress.loss, **dataclasses.asdict(errors)})
        return sheet

    def _description(self, progress: Progress, errors: Errors) -> Description:
        request, recipe, palette = self.request, self.request.recipe, self.request.palette
        facts = {
            "images_seen": progress.step * recipe.batch,
            "pairs": len(self.pairs),
            "recipe": {name: value for name, value in recipe.to_dict().items() if name != "network"},
            "validation": "held-out pairs" if self.held_out else "training pairs",
            "validation_pairs": len(self.validation),
            "validation_eps_error": dataclasses.asdict(errors),
            "class_share": {
                c.name: round(float(self.census[c.index]), 6) for c in palette.classes if self.census[c.index] > 0
            },
            "device": str(self.trainer.device),
            "torch": torch.__version__,
        }
        return Description(
            title=request.title or request.out.name,
            network=recipe.network,
            palette=palette,
            schedule=recipe.schedule,
            diffusion_steps=recipe.diffusion_steps,
            licence=request.licence,
            facts=facts,
        )


def seconds_left(progress: Progress, request: TrainRequest, started: float) -> float:
    """Until the last image or the end of the minutes, whichever comes first."""
    images = (progress.steps - progress.step) * request.recipe.batch
    left = images / max(progress.images_per_second, 1e-9)
    if request.minutes is not None:
        left = min(left, request.minutes * 60 - (time.monotonic() - started))
    return max(0.0, left)


def append_row(path: Path, row: dict[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
