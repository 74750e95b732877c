"""A training run on disk: written whole or not at all, so that a kill at any moment loses at most the last stretch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from engine.training.recipe import Recipe
from engine.types import UserError

STATE = "state.pt"
RECIPE = "recipe.json"


def write_atomically(path: Path, write: Any) -> None:
    """`write(temporary path)`, then rename: readers see the old file or the new one, never half of one."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)


def save_state(run: Path, state: dict[str, Any]) -> None:
    write_atomically(run / STATE, lambda path: torch.save(state, path))


def load_state(run: Path) -> dict[str, Any] | None:
    """The last state that was written whole, or None for a fresh run."""
    path = run / STATE
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def open_run(run: Path, recipe: Recipe) -> None:
    """Makes the folder, or checks that it holds a run of the same network. The amount of training may change."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / RECIPE
    if path.exists():
        stored = Recipe.from_dict(json.loads(path.read_text(encoding="utf-8")))
        for name in ("network", "palette", "schedule", "diffusion_steps"):
            if getattr(stored, name) != getattr(recipe, name):
                raise UserError(
                    f"{run} holds a run with another {name}. Give the same settings to resume it, or another --out."
                )
    text = json.dumps(recipe.to_dict(), indent=1)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
