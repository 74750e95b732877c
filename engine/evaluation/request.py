"""What is measured: a model's pictures of a folder's maps, at one setting of the sampler or at every one of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from engine.device import PrecisionName
from engine.presets import preset
from engine.resizing import Fit
from engine.types import Sampling, UserError

# What a grid may go along, and what its values are.
AXES: Mapping[str, type] = {
    "preset": str,
    "sampler": str,
    "spacing": str,
    "noise": str,
    "steps": int,
    "guidance": float,
    "guidance_stop": float,
    "guidance_rescale": float,
    "encoder_reuse": int,
}
MOST = 200  # settings in a grid


@dataclass(frozen=True)
class Setting:
    """name: what tables call it. at: its place in the grid, by axis; empty without one. sampling: its seeds are not
    used: each map has its own.
    """

    name: str
    sampling: Sampling
    at: Mapping[str, Any]

    @property
    def folder(self) -> str:
        return self.name.replace(" ", "_")


@dataclass(frozen=True)
class EvaluationRequest:
    """data: pairs that the model has not learnt from. samples: pictures of each map. maps: so many of the pairs, spread
    evenly; None: all. fit: how pairs become squares of the training size. train: the pairs that it has learnt from, for
    the memorisation check. segmenter: who says what pictures show; None: ours for the palette, which also gives the
    features unless the file is another of ours. inception, lpips: TorchScript files. card: a model's
    card, which the figures are put into.

    Raises UserError where a number is outside its bound.
    """

    model: str | Path
    data: Path
    out: Path
    settings: tuple[Setting, ...]
    samples: int = 2
    maps: int | None = None
    fit: Fit = "crop"
    train: Path | None = None
    segmenter: Path | None = None
    inception: Path | None = None
    lpips: Path | None = None
    card: Path | None = None
    device: str = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= 100:
            raise UserError(f"{self.samples} samples of a map is outside 1 to 100. 2 is a good start.")
        if self.maps is not None and self.maps < 2:
            raise UserError(f"--maps {self.maps} is too few to compare distributions. Give at least 2, best hundreds.")


def settings_of(name: str, told: Mapping[str, Any], sweep: Sequence[str] = ()) -> tuple[Setting, ...]:
    """The preset `name` with the fields of Sampling that are `told`, once, or at every place of the grid that the texts
    of `sweep` span, each an axis: “guidance=1,1.5,2.5”. Raises UserError.
    """
    axes = dict(axis(text) for text in sweep)
    if len(axes) < len(sweep):
        raise UserError(f"--sweep {' '.join(sweep)} names an axis twice. Give each once.")
    places = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if len(places) > MOST:
        raise UserError(f"The sweep has {len(places)} settings, more than {MOST}. Leave some values out.")
    return tuple(_setting(name, told, place) for place in places)


def _setting(name: str, told: Mapping[str, Any], place: Mapping[str, Any]) -> Setting:
    name = place.get("preset", name)
    changes = {**told, **{axis: value for axis, value in place.items() if axis != "preset"}}
    words = [name, *(f"{axis}={shown(value)}" for axis, value in changes.items())]
    return Setting(" ".join(words), replace(preset(name), **changes), place)


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return "-".join(shown(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def axis(text: str) -> tuple[str, list[Any]]:
    """“steps=4,8” -> ("steps", [4, 8]). Raises UserError."""
    name, _, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in AXES:
        raise UserError(f"--sweep “{text}” names no axis. Choose {', '.join(AXES)}, as in guidance=1,1.5,2.5.")
    try:
        found = [AXES[name](value.strip()) for value in values.split(",")]
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise UserError(f"--sweep “{text}” has no values, wrong ones or doubles. Write it as in {name}=1,2.")
    return name, found
