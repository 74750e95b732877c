"""What a run is set to besides its map: the model, the seeds, the quality. Knows nothing of widgets."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np

from engine.device import PrecisionName
from engine.palette import Palette
from engine.presets import DEFAULT, PRESETS, preset
from engine.types import (
    MAX_FEATHER,
    MAX_GROWTH,
    MAX_SEED,
    BlendName,
    ExtentName,
    Reroll,
    Resampling,
    Sampling,
    UserError,
    check_pixels,
)

MAX_PICTURES = 16
DEFAULT_STRENGTH = 0.8
DEFAULT_BLEND: BlendName = "matched"
REFERENCE = "exact"  # the preset that is computed in float32
QUICK = "draft"  # the preset that Live shows first
CUSTOM = "custom"  # the quality of a sampling that is no preset's

# How often an edit goes back and forth, so that its borders get to fit; what else there is is CUSTOM.
HARMONISING = {
    "off": Resampling(),
    "light": Resampling(2, 2, (0.3, 1.0)),  # the band in which it pays, see docs/performance.md
    "strong": Resampling(2, 5, (0.3, 1.0)),
}

ClassScales = tuple[tuple[str, float], ...]  # class name -> guidance


@dataclass(frozen=True)
class Settings:
    """The right-hand side of the desk. `count` pictures are made, of `seed` and those after it; None draws it.

    `sampling` holds everything but the seeds; its own are 0. class_guidance: scales of single classes, by name.
    rerolls: areas with noise of their own, of the map's size. one_seed: all pictures have the first one's seed and
    differ in the re-rolled areas alone. growth, feather, blend, extent, resampling: of an edit, as in an EditRequest; a
    growth of None is what suits the photo's size.

    Raises UserError where the count or one of those is outside its bounds.
    """

    model: str
    seed: int | None = None
    sampling: Sampling = field(default_factory=lambda: preset(DEFAULT))
    strength: float = DEFAULT_STRENGTH
    count: int = 1
    side: int | None = None  # as in a RenderRequest
    class_guidance: ClassScales = ()
    rerolls: tuple[Reroll, ...] = ()
    one_seed: bool = False
    growth: int | None = None
    feather: int | None = None
    blend: BlendName = DEFAULT_BLEND
    extent: ExtentName = "windows"
    resampling: Resampling = field(default_factory=Resampling)

    def __post_init__(self) -> None:
        if type(self.count) is not int or not 1 <= self.count <= MAX_PICTURES:
            raise UserError(
                f"{self.count} variations is outside 1 to {MAX_PICTURES}. Ask for a whole number in between."
            )
        for what, number, most in (("Grow", self.growth, MAX_GROWTH), ("Soft edge", self.feather, MAX_FEATHER)):
            if number is not None:
                check_pixels(what, number, most)
        if self.blend not in get_args(BlendName) or self.extent not in get_args(ExtentName):
            raise UserError(f"An edit blended as {self.blend!r}, of {self.extent!r}, is not known. Update Spadework.")

    def drawn(self) -> Settings:
        """The same with a seed."""
        return self if self.seed is not None else replace(self, seed=secrets.randbelow(MAX_SEED + 1), rerolls=())

    def seeded(self) -> Sampling:
        """The sampling with the seeds of a run; beyond the highest seed they go on from 0. Raises UserError."""
        first = self.seed or 0
        if self.one_seed:
            return replace(self.sampling, seeds=(first,) * self.count)
        rest = ((first + i) % (MAX_SEED + 1) for i in range(1, self.count))
        return replace(self.sampling, seeds=(first, *rest))

    def quick(self) -> Settings:
        """The same by fewer steps, where it has more; guidance, seed and map are what they are."""
        few = preset(QUICK)
        if self.sampling.steps <= few.steps:
            return self
        return replace(self, sampling=replace(few, guidance=self.sampling.guidance, seeds=self.sampling.seeds))


def quality_of(sampling: Sampling) -> str:
    """The name of the preset that a sampling is, whatever its seeds, or CUSTOM."""
    alike = (name for name in PRESETS if replace(sampling, seeds=preset(name).seeds) == preset(name))
    return next(alike, CUSTOM)


def harmonising_of(resampling: Resampling) -> str:
    """The name that HARMONISING has for it, or CUSTOM."""
    return next((name for name, each in HARMONISING.items() if each == resampling), CUSTOM)


def precision_of(sampling: Sampling) -> PrecisionName:
    """What is asked of the model: the reference's own precision, at any guidance, else what is fastest."""
    reference = preset(REFERENCE)
    alike = replace(sampling, seeds=reference.seeds, guidance=reference.guidance) == reference
    return "float32" if alike else "auto"


def class_scales(text: str) -> ClassScales:
    """“sky 4, tree = 1.5” -> (("sky", 4.0), ("tree", 1.5)); the last word on a class counts. Raises UserError."""
    scales: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in re.split(r"[,;\n]", text or ""))):
        found = re.fullmatch(r"(.+?)[\s=:]+(\d+(?:\.\d+)?)", part)
        if not found:
            raise UserError(f"“{part}” is no class with its guidance. Write them as: sky 4, tree 1.5")
        scales[found[1]] = float(found[2])
    return tuple(scales.items())


def scales_text(scales: ClassScales) -> str:
    """The inverse of `class_scales`, to the last digit: the same picture must come of it again."""
    return ", ".join(f"{name} {np.format_float_positional(scale, trim='-')}" for name, scale in scales)


def scales_in(palette: Palette, scales: ClassScales) -> tuple[tuple[int, float], ...]:
    """By class index; where two names are of one class the last counts. Raises UserError for an unknown one."""
    return tuple({palette.index_of(name): scale for name, scale in scales}.items())


def scales_by_name(palette: Palette, scales: tuple[tuple[int, float], ...]) -> ClassScales:
    """The inverse of `scales_in`. Raises UserError for an index outside the palette."""
    if any(not 0 <= index < palette.size for index, _ in scales):
        raise UserError(f"A guidance is given for a class outside {palette.title}. The file is damaged.")
    return tuple((palette.classes[index].name, scale) for index, scale in scales)
