"""What a run tells TensorBoard, where that is installed and asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from engine.training.loop import Progress
from engine.training.recipe import AnyRecipe
from engine.types import UserError


class Board:
    """Curves of loss, rate and validation in `run/tensorboard`. Without `wanted` it does nothing. Raises UserError."""

    def __init__(self, run: Path, wanted: bool) -> None:
        self.folder, self.wanted, self.writer = run / "tensorboard", wanted, None
        if wanted:
            self.kind = _summary_writer()

    def step(self, progress: Progress, recipe: AnyRecipe) -> None:
        if not self.wanted or progress.loss is None:
            return
        if self.writer is None:  # what a killed run told of this step and later ones doesn't count
            self.writer = self.kind(str(self.folder), purge_step=progress.step)
        self.writer.add_scalar("loss", progress.loss, progress.step)
        self.writer.add_scalar("rate", recipe.rate(progress.step - 1), progress.step)

    def errors(self, progress: Progress, errors: Any) -> None:
        if self.writer is not None and dataclasses.is_dataclass(errors):
            for name, value in vars(errors).items():
                if isinstance(value, int | float):
                    self.writer.add_scalar(f"validation/{name}", value, progress.step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def _summary_writer() -> type:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            "TensorBoard is not installed. Install tensorboard beside Spadework, or leave --tensorboard out: "
            "steps.csv and log.csv hold the same figures."
        ) from error
    return SummaryWriter
