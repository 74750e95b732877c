"""What a run is set to besides its map: the model, the seeds, the quality. Knows nothing of widgets."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from engine.device import PrecisionName
from engine.presets import DEFAULT, PRESETS, preset
from engine.types import MAX_SEED, Sampling, UserError

MAX_PICTURES = 8
DEFAULT_STRENGTH = 0.8
REFERENCE = "exact"  # the preset that is computed in float32
CUSTOM = "custom"  # the quality of a sampling that is no preset's


@dataclass(frozen=True)
class Settings:
    """The right-hand side of the desk. `count` pictures are made, of `seed` and those after it; None draws it.

    `sampling` holds everything but the seeds; its own are 0. Raises UserError where count is outside its bounds.
    """

    model: str
    seed: int | None = None
    sampling: Sampling = field(default_factory=lambda: preset(DEFAULT))
    strength: float = DEFAULT_STRENGTH
    count: int = 1
    side: int | None = None  # as in a RenderRequest

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_PICTURES:
            raise UserError(f"{self.count} pictures is outside 1 to {MAX_PICTURES}. Ask for fewer at a time.")

    def drawn(self) -> Settings:
        """The same with a seed."""
        return self if self.seed is not None else replace(self, seed=secrets.randbelow(MAX_SEED + 1))

    def seeded(self) -> Sampling:
        """The sampling with the seeds of a run; beyond the highest seed they go on from 0. Raises UserError."""
        first = self.seed or 0
        rest = ((first + i) % (MAX_SEED + 1) for i in range(1, self.count))
        return replace(self.sampling, seeds=(first, *rest))


def quality_of(sampling: Sampling) -> str:
    """The name of the preset that a sampling is, whatever its seeds, or CUSTOM."""
    alike = (name for name in PRESETS if replace(sampling, seeds=preset(name).seeds) == preset(name))
    return next(alike, CUSTOM)


def precision_of(sampling: Sampling) -> PrecisionName:
    """What is asked of the model: the reference's own precision, at any guidance, else what is fastest."""
    reference = preset(REFERENCE)
    alike = replace(sampling, seeds=reference.seeds, guidance=reference.guidance) == reference
    return "float32" if alike else "auto"
