"""Everything that decides a segmenter and how it is taught, in two frozen objects that its file carries."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, Self

from engine.model.config import check_bounds, check_kinds
from engine.types import MAX_SEED, UserError

POSITION = 2  # input channels beside the photo's three: where in the photo a pixel stands, down and across


@dataclass(frozen=True)
class SegmenterConfig:
    """A network from a photo to classes.

    labels: the palette's indices that its outputs stand for, those that occurred in training. widths: channels at a
    quarter, an eighth and a sixteenth of the photo's size; blocks: residual blocks at each. decoder: channels on the
    way back. side: the short side in pixels that it learnt at.
    """

    labels: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 256)
    blocks: tuple[int, ...] = (2, 3, 4)
    decoder: int = 96
    side: int = 160

    def __post_init__(self) -> None:
        check_bounds("Segmenter", vars(self), NETWORK_BOUNDS)
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise UserError(
                f"Segmenter: {len(self.widths)} widths and {len(self.blocks)} numbers of blocks. "
                "Give one of both a size, and at least one."
            )
        if list(self.labels) != sorted(set(self.labels)):
            raise UserError(f"Segmenter: labels {self.labels} are not rising. Name each class once, in order.")

    @property
    def stride(self) -> int:
        """Of the coarsest features: a photo's sides are made whole ones."""
        return 2 ** (len(self.widths) + 1)

    @classmethod
    def from_dict(cls, stored: Any) -> Self:
        """Reads what `asdict` wrote. Unknown or missing names, and values of another kind, raise UserError."""
        return cls(**read_values(cls, stored, "segmenter"))


@dataclass(frozen=True)
class SegmenterRecipe:
    """How a segmenter is taught.

    images: photos seen in all, counted with repetition. crop: side in pixels of what is cut out of a photo. scales: how
    large the photo's short side is made before, as shares of the network's `side`. turn: degrees it is turned by at
    most. balance: 0 weighs every pixel alike, 1 every class; rare classes weigh at most `heaviest` times the average.
    ema: decay per step of the averaged weights that are kept.
    """

    SAME: ClassVar = ("palette", "network")

    network: SegmenterConfig
    palette: str
    images: int = 60_000
    batch: int = 16
    crop: int = 128
    scales: tuple[float, float] = (0.8, 1.6)
    turn: float = 8.0
    balance: float = 0.4
    heaviest: float = 6.0
    learning_rate: float = 1.5e-3
    warm_up: int = 200
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    ema: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        check_bounds("Segmenter", vars(self), RECIPE_BOUNDS)
        if self.crop % self.network.stride:
            nearest = self.network.stride * max(1, round(self.crop / self.network.stride))
            raise UserError(f"Crops of {self.crop} px are no multiple of {self.network.stride}. Use {nearest}.")
        if len(self.scales) != 2 or self.scales[0] > self.scales[1]:
            raise UserError(f"Segmenter: scales {self.scales} are not two rising shares. Try 0.8 and 1.6.")

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)

    def rate(self, step: int) -> float:
        """The learning rate of a step: linear warm-up, then a straight way down to a hundredth."""
        warm = min(1.0, (step + 1) / max(1, self.warm_up))
        return self.learning_rate * warm * (1 - 0.99 * min(1.0, step / max(1, self.steps)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Any) -> Self:
        """Reads what `to_dict` wrote. Unknown or missing names, and values of another kind, raise UserError."""
        if isinstance(stored, dict) and "network" in stored:
            stored = {**stored, "network": SegmenterConfig.from_dict(stored["network"])}
        return cls(**read_values(cls, stored, "recipe"))


# --- Values that come from files ---

NETWORK_BOUNDS = {
    "labels": (0, 255),
    "widths": (8, 4096),
    "blocks": (1, 64),
    "decoder": (8, 4096),
    "side": (8, 4096),
}
RECIPE_BOUNDS = {
    "images": (1, 10**10),
    "batch": (2, 4096),  # one photo alone has no statistics to normalise by
    "crop": (8, 4096),
    "scales": (0.1, 10),
    "turn": (0, 180),
    "balance": (0, 1),
    "heaviest": (1, 10**6),
    "learning_rate": (1e-7, 1),
    "warm_up": (0, 10**9),
    "weight_decay": (0, 1),
    "clip_norm": (1e-6, 10**6),
    "ema": (0, 0.999999),
    "seed": (0, MAX_SEED),
}


def read_values(kind: type, stored: Any, what: str) -> dict[str, Any]:
    """`stored`, from JSON, as values for the dataclass `kind`. Raises UserError where they don't fit it."""
    if not isinstance(stored, dict):
        raise UserError(f"The {what} is {stored!r}. Give a JSON object with its names and values.")
    if unknown := set(stored) - {each.name for each in fields(kind)}:
        raise UserError(f"The {what} names {', '.join(sorted(unknown))}, unknown here. Update Spadework.")
    if missing := {each.name for each in fields(kind) if each.default is MISSING} - set(stored):
        raise UserError(f"The {what} lacks {', '.join(sorted(missing))}. Give one that a run has stored.")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    check_kinds("Segmenter", values, kind)
    return values
