"""The training loop, as a generator: each yield is a moment to print, to validate, or to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.training.curve import Curve
from engine.training.group import ALONE, Group
from engine.training.recipe import AnyRecipe
from engine.training.state import load_state, save_state
from engine.types import UserError


@dataclass(frozen=True)
class Progress:
    """After a step: how far, how well, how fast. `saved` is True right after the state went to disk.

    loss: None where the run was finished before and no step was made.
    """

    step: int
    steps: int
    loss: float | None
    images_per_second: float
    saved: bool


class Learner(Protocol):
    """What `train` teaches: a painting model, or another with the same ways."""

    recipe: AnyRecipe
    device: torch.device

    def step(self, index: int) -> Tensor: ...
    def state(self, done: int) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> int: ...


@dataclass(frozen=True)
class Pace:
    """minutes: how long at most this time. save_seconds: between two saved states. log_every: steps a row of the
    curve."""

    minutes: float | None = None
    save_seconds: float = 120
    log_every: int = 1


STEADY = Pace()
MOST_LOST = 20  # steps in a row whose loss is no number: half precision has one now and then, and leaves it out


class Health:
    """Whether the losses are numbers. Where they stopped being so, the weights most often are none either."""

    def __init__(self, run: Path) -> None:
        self.run, self.lost = run, 0

    @property
    def good(self) -> bool:
        """What is learnt may take the place of the last state."""
        return self.lost == 0

    def look(self, step: int, loss: float, last: bool) -> None:
        """Raises UserError where it won't get better."""
        self.lost = 0 if math.isfinite(loss) else self.lost + 1
        if self.lost == MOST_LOST or (self.lost and last):
            raise UserError(
                f"The loss is {loss} since step {step - self.lost + 1}: the weights have run away. Give a lower --lr. "
                f"The state in {self.run} is from before, and the same command goes on with it."
            )


def train(trainer: Learner, run: Path, pace: Pace = STEADY, group: Group = ALONE) -> Iterator[Progress]:
    """Trains until the recipe's images are seen or the minutes are over, saving into `run`; resumes what is there.
    The caller has opened the run and holds its lock (`open_run`).

    Closing the generator saves before it ends. In a group the leader alone writes, and ends it for all.
    """
    recipe = trainer.recipe
    state = load_state(run)
    done = trainer.restore(state) if state else 0
    group.wait()  # until all have read the state
    if done >= recipe.steps:  # finished before: one last moment, to validate and export
        yield Progress(done, recipe.steps, None, 0.0, saved=True)
        return
    if not group.leads:
        yield from _followed(trainer, run, done, group)
        return
    curve, health = Curve(run, done, pace.log_every), Health(run)
    started = saved_at = time.monotonic()
    before = on_disk = done
    try:
        while done < recipe.steps:
            loss = trainer.step(done).item()
            curve.add(done + 1, loss, recipe.rate(done))
            done += 1
            health.look(done, loss, done == recipe.steps)
            now = time.monotonic()
            over = done == recipe.steps or (pace.minutes is not None and now - started > pace.minutes * 60)
            over = group.agreed(over, trainer.device)
            saved = health.good and (over or now - saved_at > pace.save_seconds)
            if saved:
                curve.flush()
                save_state(run, trainer.state(done))
                saved_at, on_disk = time.monotonic(), done
            yield Progress(done, recipe.steps, loss, (done - before) * recipe.batch / (now - started), saved)
            if over:
                return
    finally:
        curve.close()
        if on_disk != done and health.good:
            save_state(run, trainer.state(done))


def _followed(trainer: Learner, run: Path, done: int, group: Group) -> Iterator[Progress]:
    """The steps of a process that doesn't lead."""
    over, health = False, Health(run)
    while not over:
        loss = trainer.step(done).item()
        done += 1
        health.look(done, loss, done == trainer.recipe.steps)
        over = group.agreed(False, trainer.device)
        yield Progress(done, trainer.recipe.steps, loss, 0.0, saved=False)
