"""Spadework in a few lines of Python. `import engine` brings these names; docs/python.md shows them at work."""

from __future__ import annotations

import operator
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine import pipeline, presets
from engine.device import PrecisionName
from engine.images import read_photo, read_region
from engine.label_files import read_instances
from engine.maps import MapRead, read_map
from engine.palette import Palette, load_palette
from engine.pipeline import FIRST, Frame, Model, ModelInfo, available_models, generate
from engine.types import (
    MAX_INSTANCE,
    BlendName,
    ClassGuidance,
    EditRequest,
    ExtentName,
    Instances,
    LabelMap,
    Region,
    RenderRequest,
    Reroll,
    Resampling,
    Sampling,
    UserError,
)
from engine.writing import save_png

__all__ = [
    "EditRequest", "Frame", "MapRead", "Model", "ModelInfo", "Palette", "RenderRequest", "Reroll", "Resampling",
    "Sampling", "UserError", "available_models", "edit", "edit_steps", "generate", "load", "load_palette",
    "read_instances", "read_map", "read_photo", "read_region", "render", "save_png", "steps",
]  # fmt: skip

Seeds: TypeAlias = int | Sequence[int]
Scales: TypeAlias = Mapping[str | int, float]  # a class's name or index -> its own guidance


def load(name_or_path: str | Path = FIRST, device: str = "auto", precision: PrecisionName = "auto") -> Model:
    """A model by its name in `checkpoints/` or by its file, on auto, cpu, cuda, cuda:1 or mps. Raises UserError."""
    return pipeline.load_model(name_or_path, device, precision)


def render(model: Model, labels: ArrayLike, *, seed: Seeds = 0, **settings: object) -> NDArray[np.uint8]:
    """labels (H, W), indices of `model.palette` -> the picture (H, W, 3), uint8 RGB. `settings` as in `steps`.

    A whole number as seed gives one picture; a sequence of N of them, even of one, a stack (N, H, W, 3). A picture
    depends on its own seed, not on those beside it. Raises UserError.
    """
    return _finished(steps(model, labels, seed=seed, **settings), seed)


def edit(
    model: Model, photo: ArrayLike, labels: ArrayLike, region: ArrayLike, *, seed: Seeds = 0, **settings: object
) -> NDArray[np.uint8]:
    """The photo (H, W, 3) with its region painted anew, as one picture or a stack: see `render`.

    `settings` as in `edit_steps`. Outside the region every pixel stays what it was, bit for bit. Raises UserError.
    """
    return _finished(edit_steps(model, photo, labels, region, seed=seed, **settings), seed)


def steps(
    model: Model,
    labels: ArrayLike,
    *,
    seed: Seeds = 0,
    preset: str = presets.DEFAULT,
    side: int | None = None,
    instances: ArrayLike | None = None,
    class_guidance: Scales | None = None,
    rerolls: Sequence[Reroll] = (),
    **sampling: object,
) -> Generator[Frame]:
    """What `render` does, a `Frame` after each step. Closing the generator, or leaving it, cancels the rest.

    preset: exact, fast or draft. sampling: fields of `Sampling` that differ from it (steps=, guidance=, sampler=, ...).
    side: the short side in pixels at which it is computed, by default the size the model was trained at.
    instances: (H, W), numbers of objects for a model with an edge channel; 0: the connected areas are the objects.
    class_guidance: guidance of single classes. rerolls: areas with noise of their own. Raises UserError.
    """
    request = RenderRequest(
        model.name,
        _labels(labels),
        _sampling(seed, preset, sampling),
        _plain(side),
        _instances(instances),
        _by_index(model, class_guidance),
        _rerolls(rerolls),
    )
    return generate(model, request)


def edit_steps(
    model: Model,
    photo: ArrayLike,
    labels: ArrayLike,
    region: ArrayLike,
    *,
    strength: float = 0.8,
    seed: Seeds = 0,
    preset: str = presets.DEFAULT,
    side: int | None = None,
    instances: ArrayLike | None = None,
    class_guidance: Scales | None = None,
    growth: int = 0,
    feather: int | None = None,
    blend: BlendName = "matched",
    extent: ExtentName = "windows",
    resampling: Resampling | None = None,
    rerolls: Sequence[Reroll] = (),
    **sampling: object,
) -> Generator[Frame]:
    """What `edit` does, a `Frame` after each step; the rest as in `steps`.

    photo: (H, W, 3) uint8 RGB. labels: (H, W), what should be there. region: (H, W), true where the photo may change.
    strength: above 0 to 1, how far to depart from the photo. growth, feather, blend, extent, resampling and
    rerolls as in an `EditRequest`. Raises UserError.
    """
    if resampling is not None and not isinstance(resampling, Resampling):
        raise UserError(f"The resampling is {resampling!r}. Give one such as Resampling(jump=2, repeats=3).")
    request = EditRequest(
        model.name,
        _labels(labels),
        np.asarray(photo),
        _region(region),
        strength,
        _sampling(seed, preset, sampling),
        _plain(side),
        _instances(instances),
        _by_index(model, class_guidance),
        _plain(growth),
        _plain(feather),
        blend,
        extent,
        resampling or Resampling(),
        _rerolls(rerolls),
    )
    return pipeline.edit(model, request)


def _labels(labels: ArrayLike) -> LabelMap:
    """Whole numbers of any type as uint8. Raises UserError; what a palette allows is the pipeline's to say."""
    return _whole_numbers("The label map", "class indices", labels, 255).astype(np.uint8)


def _region(region: ArrayLike) -> Region:
    """True or false, or whole numbers, of which 0 is false. Raises UserError for others: a soft mask has no edge."""
    array = np.asarray(region)
    if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"The region holds {array.dtype}. Give true or false, as mask > 0.5 does: (height, width).")
    return array.astype(bool)


def _rerolls(rerolls: Sequence[Reroll]) -> tuple[Reroll, ...]:
    if not isinstance(rerolls, Sequence) or not all(isinstance(each, Reroll) for each in rerolls):
        raise UserError(f"The rerolls are of {type(rerolls).__name__}. Give a list of Reroll(region, seed).")
    return tuple(rerolls)


def _plain(value: object) -> object:
    """What a calculation with arrays gives, as Python's own whole number."""
    return value.item() if isinstance(value, np.integer) else value


def _instances(instances: ArrayLike | None) -> Instances | None:
    """The same as uint16."""
    if instances is None:
        return None
    return _whole_numbers("The instance map", "numbers of objects", instances, MAX_INSTANCE).astype(np.uint16)


def _whole_numbers(what: str, kind: str, given: ArrayLike, most: int) -> NDArray[np.integer]:
    array = np.asarray(given)
    if not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{what} holds {array.dtype}. Give {kind}: whole numbers, (height, width).")
    if array.size and not 0 <= array.min() <= array.max() <= most:
        raise UserError(f"{what} holds {array.min()} to {array.max()}, outside 0 to {most}. Give {kind}.")
    return np.ascontiguousarray(array)


def _by_index(model: Model, scales: Scales | None) -> ClassGuidance:
    """Raises UserError where the model's palette has no class of a name."""
    index_of = model.palette.index_of
    return tuple((index_of(each) if isinstance(each, str) else each, scale) for each, scale in (scales or {}).items())


def _sampling(seed: Seeds, preset: str, changes: dict[str, object]) -> Sampling:
    known = {field.name for field in fields(Sampling)} - {"seeds"}
    if unknown := set(changes) - known:
        names = ", ".join(sorted(known))
        raise UserError(f"No setting is called {', '.join(sorted(unknown))}. Those of sampling: {names}; and seed.")
    seeds = seed if isinstance(seed, Sequence | np.ndarray) else (seed,)
    try:
        whole = tuple(map(operator.index, seeds))
    except TypeError:
        raise UserError(f"The seed is {seed!r}. Give a whole number, or a sequence of them.") from None
    return replace(presets.preset(preset), seeds=whole, **{name: _plain(value) for name, value in changes.items()})


def _finished(frames: Generator[Frame], seed: Seeds) -> NDArray[np.uint8]:
    """The finished pictures of a run, as a stack where `seed` is one of seeds."""
    with closing(frames):
        pictures = pipeline.pictures_of(frames)
    return pictures if isinstance(seed, Sequence | np.ndarray) else pictures[0]
