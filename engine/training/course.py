"""What every training run shares, whatever it teaches: the request, the pairs, and when it validates and exports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.memory import free_memory
from engine.palette import Palette
from engine.training.board import Board
from engine.training.check import Checked, Shown, remembered
from engine.training.curve import STEPS, add_row, drop_later, read_rows
from engine.training.group import ALONE, Group
from engine.training.layouts import Listing, find_held_out, find_pairs
from engine.training.loop import Learner, Pace, Progress, train
from engine.training.pairs import Pair
from engine.training.recipe import AnyRecipe
from engine.training.store import Store
from engine.training.trainer import PLAIN, Means

LOG = "log.csv"
CHECKED, CHECKED_VALIDATION = "data.json", "data-val.json"
MEMORY = 0.4  # of what is free may hold training pairs
FEW = 16  # training pairs that stand in for validation pairs where there are none


@dataclass(frozen=True)
class TrainRequest:
    """What to learn from, how, where to, and how long at most this time.

    validation: pairs held out, by default those beside the training's. log_every: steps a row of `steps.csv`. memory:
    bytes of training pairs that are held at most. base: a model to begin with.
    """

    data: Path
    palette: Palette
    recipe: AnyRecipe
    out: Path
    minutes: float | None = None
    validation: Path | None = None
    validate_minutes: float = 5.0
    save_seconds: float = 120.0
    log_every: int = 1
    memory: int | None = None
    tensorboard: bool = False
    base: Path | None = None
    means: Means = PLAIN
    title: str = ""
    licence: str = ""

    @property
    def pace(self) -> Pace:
        return Pace(self.minutes, self.save_seconds, self.log_every)


@dataclass(frozen=True)
class Report:
    """A moment of the run: `progress` after a step; `errors` and `sheet` right after a validation.

    errors: what was measured; its text is for the user.
    """

    progress: Progress
    seconds_left: float
    errors: Any = None
    sheet: Path | None = None


@dataclass(frozen=True)
class Folders:
    """The pairs to learn from, and those to validate on, or None where there are none."""

    train: Listing
    validation: Listing | None


@dataclass(frozen=True)
class Data:
    """The pairs of a run, and what was found in looking at them.

    held_out: the validation pairs are none of the training's. warnings: sentences for the user.
    """

    pairs: Store
    validation: Sequence[Pair]
    held_out: bool
    warnings: list[str]
    checked: Checked

    @property
    def census(self) -> NDArray[np.float64]:
        """(C,): the share of the training pixels that each class of the palette holds."""
        return self.checked.shares

    def facts(self, palette: Palette) -> dict[str, Any]:
        """What a model's file tells of the data it learnt from."""
        return {
            "data": {"folder": self.pairs.listing.name, "layout": self.pairs.listing.layout},
            "pairs": len(self.pairs),
            "validation": "held-out pairs" if self.held_out else "training pairs",
            "validation_pairs": len(self.validation),
            "class_share": {
                c.name: float(f"{self.census[c.index]:.4g}") for c in palette.classes if self.census[c.index] > 0
            },
            "class_maps": {
                c.name: int(self.checked.maps[c.index]) for c in palette.classes if self.checked.maps[c.index] > 0
            },
        }


def find_folders(request: TrainRequest) -> Folders:
    """Raises UserError where there are no pairs."""
    train, held_out = find_pairs(request.data, "train"), find_held_out(request.data)
    if request.validation is not None:
        held_out = find_pairs(request.validation, "val")
    return Folders(train, held_out)


def load_data(
    folders: Folders,
    palette: Palette,
    short_side: int | None,
    held_out_side: int | None,
    run: Path | None = None,
    limit: int | None = None,
    shown: Shown | None = None,
) -> Data:
    """Looks at every pair; they are held at most `short_side` pixels on the short side (None: as they are), those to
    validate on `held_out_side`.

    run: a folder that remembers what was found while no file changes. limit: bytes of training pairs held in memory, by
    default a share of what is free. Raises UserError that names all that can't be used.
    """
    limit = int(MEMORY * free_memory(torch.device("cpu"))) if limit is None else limit
    pairs = Store(folders.train, palette, short_side, limit)
    checked = remembered(pairs, run and run / CHECKED, shown)
    warnings = list(checked.warnings)
    if folders.validation is None:
        warnings.append("There are no pairs to validate on (val/, or --val): validated on training pairs.")
        return Data(pairs, pairs[:FEW], False, warnings, checked)
    validation = Store(folders.validation, palette, held_out_side, limit // 4)
    warnings += remembered(validation, run and run / CHECKED_VALIDATION, shown).warnings
    return Data(pairs, validation, True, warnings, checked)


def reports(
    learner: Learner,
    request: TrainRequest,
    export: Callable[[Progress], tuple[Any, Path]],
    group: Group = ALONE,
) -> Iterator[Report]:
    """Trains; every `validate_minutes` and at the end, `export` validates, writes the model and gives errors and sheet.
    The caller holds the run's lock. In a group the leader alone does more than learn.
    """
    started = validated = time.monotonic()
    steps = train(learner, request.out, request.pace, group)
    with (
        contextlib.closing(steps),
        contextlib.closing(Board(request.out, request.tensorboard and group.leads)) as board,
    ):
        for progress in steps:
            left = seconds_left(progress, request, started)
            board.step(progress, learner.recipe)
            due = time.monotonic() - validated >= request.validate_minutes * 60 or (progress.saved and left <= 0)
            if not (due and group.leads):
                yield Report(progress, left)
                continue
            errors, sheet = export(progress)
            board.errors(progress, errors)
            validated = time.monotonic()
            yield Report(progress, left, errors, sheet)


def seconds_left(progress: Progress, request: TrainRequest, started: float) -> float:
    """Until the last image or the end of the minutes, whichever comes first."""
    images = (progress.steps - progress.step) * request.recipe.batch
    left = images / max(progress.images_per_second, 1e-9)
    if request.minutes is not None:
        left = min(left, request.minutes * 60 - (time.monotonic() - started))
    return max(0.0, left)


def append_row(run: Path, progress: Progress, values: dict[str, float]) -> None:
    """A row of the run's log: the step, its loss, and what validation found.

    A run that was finished before makes no step. Its last row stays if it is there, and if it was killed before that
    was written, the loss is what the curve holds of the step.
    """
    log = run / LOG
    loss = progress.loss
    if loss is None:
        if any(int(row["step"]) == progress.step for row in read_rows(log)):
            return
        loss = next((row["loss"] for row in read_rows(run / STEPS) if int(row["step"]) == progress.step), "")
    drop_later(log, progress.step - 1)
    add_row(log, {"step": progress.step, "loss": loss, **values})
