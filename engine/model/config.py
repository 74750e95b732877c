"""The shape of a network, as it is stored inside every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from engine.types import UserError

Prediction = Literal["eps", "v", "x0"]

# Dhariwal 2021: channel multipliers that the published code picks by image size.
PUBLISHED_MULTIPLIERS: dict[int, tuple[float, ...]] = {
    512: (0.5, 1, 1, 2, 2, 4, 4),
    256: (1, 1, 2, 2, 4, 4),
    128: (1, 1, 2, 3, 4),
    64: (1, 2, 3, 4),
}


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides the names and shapes of a network's parameters, and how its output is read.

    image_size: pixels of the training square. attention_resolutions: grid sides (pixels / patch at the training
    size) at which attention runs. num_head_channels: -1 means num_heads heads of whatever width follows.
    spade_hidden, patch and prediction extend the published configuration; their defaults are the published values.
    """

    image_size: int
    num_classes: int
    model_channels: int = 256
    channel_mult: tuple[float, ...] = PUBLISHED_MULTIPLIERS[256]
    num_res_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (32, 16, 8)
    num_heads: int = 1
    num_head_channels: int = 64
    use_scale_shift_norm: bool = True
    resblock_updown: bool = True
    use_new_attention_order: bool = False
    learn_sigma: bool = True
    instance_edges: bool = False
    spade_hidden: int = 128
    patch: int = 1
    prediction: Prediction = "eps"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.prediction not in ("eps", "v", "x0"):
            raise UserError(f"Prediction “{self.prediction}” is not known. A model predicts eps, v or x0.")
        if self.learn_sigma and self.prediction != "eps":
            raise UserError("A learned variance goes with prediction eps only. Set learn_sigma to false.")
        for width in {int(m * self.model_channels) for m in self.channel_mult}:
            if width % 32:
                raise UserError(f"A level of {width} channels does not divide into 32 groups. Use multiples of 32.")
            if self.num_head_channels > width:
                raise UserError(
                    f"A level of {width} channels is narrower than one attention head of {self.num_head_channels}. "
                    "Use more channels, or set num_head_channels lower."
                )

    @property
    def condition_channels(self) -> int:
        """One per class, plus the instance edges."""
        return self.num_classes + int(self.instance_edges)

    @property
    def in_channels(self) -> int:
        return 3 * self.patch**2

    @property
    def out_channels(self) -> int:
        return self.in_channels * (2 if self.learn_sigma else 1)

    @property
    def stride(self) -> int:
        """Image sides must be a multiple of this many pixels."""
        return self.patch * 2 ** (len(self.channel_mult) - 1)

    @property
    def attention_strides(self) -> frozenset[int]:
        """Down-sampling factors (in grid cells) at which attention runs."""
        return frozenset(self.image_size // self.patch // side for side in self.attention_resolutions)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> NetworkConfig:
        """Reads what `to_dict` wrote. Unknown or missing names raise UserError."""
        known = {f.name for f in fields(cls)}
        if unknown := set(stored) - known:
            raise UserError(
                f"The network configuration names {', '.join(sorted(unknown))}, unknown here. Update Spadework."
            )
        if missing := {"image_size", "num_classes"} - set(stored):
            raise UserError(
                f"The network configuration lacks {', '.join(sorted(missing))}. The file is not a Spadework model."
            )
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
        return cls(**values)
