"""Three prices for a picture: by which solver, in how many steps, and where guidance acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.types import Sampling, UserError

DEFAULT = "fast"
SOFTENED = 0.7  # of guidance: with it the shipped model's pictures have the photos' contrast (bench/contrast.py)


@dataclass(frozen=True)
class Preset:
    """`sentence` tells the user what to expect; `changes` are the fields of Sampling that differ from its defaults."""

    title: str
    sentence: str
    changes: Mapping[str, object]

    @property
    def sampling(self) -> Sampling:
        return Sampling(**self.changes)


# What each costs and loses on the shipped model: docs/performance.md.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "exact": Preset(
            "Exact",
            "The reference: 250 ancestral steps in float32. Some 30 times slower than Fast.",
            {"sampler": "ddpm", "spacing": "even", "steps": 250, "noise": "steps"},
        ),
        DEFAULT: Preset(
            "Fast",
            "The default: 12 steps, which our measures could not tell from the reference, and softer guidance.",
            {"guidance_rescale": SOFTENED},
        ),
        "draft": Preset(
            "Draft",
            "For trying things out: 8 steps, the last without guidance. 1.7 times faster than Fast, and rougher.",
            {"steps": 8, "guidance_interval": (0.1, 1.0), "guidance_rescale": SOFTENED},
        ),
    }
)


def preset(name: str) -> Sampling:
    """The settings that a preset stands for, with seed 0. Raises UserError where there is none of that name."""
    if name not in PRESETS:
        raise UserError(f"Preset “{name}” is not known. Choose {', '.join(PRESETS)}.")
    return PRESETS[name].sampling
