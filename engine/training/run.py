"""One training run of a painting model: reads the pairs, trains, validates, and keeps a ready checkpoint out."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from engine.checkpoint import Description, save_checkpoint
from engine.device import best_device
from engine.library import ready
from engine.model.unet import UNet
from engine.training import course, state
from engine.training.card import card
from engine.training.check import Shown
from engine.training.course import Data, Report, TrainRequest, find_folders, load_data
from engine.training.crops import stored_side, validated_side
from engine.training.data import Ahead, Sampler
from engine.training.group import ALONE, Group
from engine.training.loop import Progress
from engine.training.resuming import check_maps
from engine.training.sheet import sample_sheet
from engine.training.trainer import Trainer
from engine.training.transfer import Begun, begun
from engine.training.validate import Errors, validation_errors
from engine.types import Sampling
from engine.writing import save_png

CHECKPOINT = "model.safetensors"
SHEET_SAMPLING = Sampling(seeds=(1, 2))


class Run:
    """The parts of a run that live from its start to its end. `warnings` are sentences for the user.

    Holds the lock of the run's folder until `reports` ends. Of a group's processes the leader alone holds it and looks
    at the pairs; the others find in the folder what it has found. shown: told how far that is.
    """

    def __init__(self, request: TrainRequest, group: Group = ALONE, shown: Shown | None = None) -> None:
        self.request, self.group = request, group
        recipe, palette = request.recipe, request.palette
        self.lock = contextlib.nullcontext()
        if group.leads:
            folders = find_folders(request)
            self.resumes = (request.out / state.STATE).exists()
            self.lock = state.open_run(request.out, recipe, palette)
            if self.resumes:
                check_maps(request.out, folders.train, palette)
            self.data = self._load(folders, shown)
        group.wait()
        if not group.leads:
            self.data = self._load(find_folders(request), None)
        seen = {*np.flatnonzero(self.data.census).tolist(), palette.unlabelled}
        pairs = self.data.pairs
        sampler = Sampler(pairs, recipe, palette.unlabelled, palette.mirrored, pairs.weights, group.rows)
        self.batches = Ahead(sampler, max(1, min(8, (os.cpu_count() or 1) // group.size)))
        device = best_device()
        self.trainer = Trainer(recipe, self.batches, torch.tensor(sorted(seen)), device, request.means, group)
        self.begun = self._begin()

    def _load(self, folders: course.Folders, shown: Shown | None) -> Data:
        request, recipe = self.request, self.request.recipe
        sides = stored_side(recipe.network, recipe.crop, recipe.cropping), validated_side(recipe.network)
        return load_data(folders, request.palette, *sides, request.out, request.memory, shown)

    def _begin(self) -> Begun | None:
        """What the run begins with, where that is no random network."""
        request = self.request
        if request.base is None:
            return None
        taken = begun(request.base, request.recipe.network, request.palette)
        self.trainer.begin_with(taken.weights)
        return taken

    @property
    def warnings(self) -> list[str]:
        side, smallest = self.request.recipe.network.image_size, self.data.checked.smallest
        if smallest >= side:
            return self.data.warnings
        return [
            *self.data.warnings,
            f"The smallest photo is {smallest} px on its short side, the training pictures {side}: it is enlarged. "
            "Take small photos out, or train smaller with --image-size.",
        ]

    def reports(self) -> Iterator[Report]:
        """Trains, validating and exporting every `validate_minutes` and at the end. Can be called once."""
        with self.lock, contextlib.closing(self.batches):
            yield from course.reports(self.trainer, self.request, self._export, self.group)

    def _export(self, progress: Progress) -> tuple[Errors, Path]:
        request, pairs, trainer = self.request, self.data.validation, self.trainer
        found = {decay: validation_errors(each, pairs, request.recipe) for decay, each in trainer.averages.items()}
        for decay in request.recipe.more_emas:
            path = request.out / f"model-ema-{decay}.safetensors"
            self._save(path, trainer.averages[decay], self._description(progress, found[decay]))
        errors = found[request.recipe.ema]
        description = self._description(progress, errors)
        self._save(request.out / CHECKPOINT, trainer.average, description)
        model = ready(request.out.name, trainer.average, description)
        sheet = request.out / "sheets" / f"{progress.step:07d}.png"
        sheet.parent.mkdir(exist_ok=True)
        save_png(sheet, sample_sheet(model, pairs, SHEET_SAMPLING), {})
        more = {f"right_ema_{decay}": found[decay].right for decay in request.recipe.more_emas}
        course.append_row(request.out, progress, {**dataclasses.asdict(errors), **more})
        return errors, sheet

    def _save(self, path: Path, network: UNet, description: Description) -> None:
        """The model, and its card beside it."""
        save_checkpoint(path, network.state_dict(), description)
        text = card(description, path.name)
        state.write_atomically(path.with_suffix(".md"), lambda part: part.write_text(text, encoding="utf-8"))

    def _description(self, progress: Progress, errors: Errors) -> Description:
        request, recipe, palette = self.request, self.request.recipe, self.request.palette
        facts = {
            **self.data.facts(palette),
            "images_seen": progress.step * recipe.batch,
            "recipe": {name: value for name, value in recipe.to_dict().items() if name != "network"},
            "validation_eps_error": dataclasses.asdict(errors),
            "device": str(self.trainer.device),
            "torch": torch.__version__,
        }
        if self.begun is not None:
            facts["begun_with"] = self.begun.source
        return Description(
            title=request.title or request.out.name,
            network=recipe.network,
            palette=palette,
            schedule=recipe.schedule,
            diffusion_steps=recipe.diffusion_steps,
            licence=request.licence,
            facts=facts,
        )
