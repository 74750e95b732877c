"""The shape of a network, as it is stored inside every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any, Literal, get_args, get_origin, get_type_hints

from engine.types import UserError

Prediction = Literal["eps", "v", "x0"]
Conditioning = Literal["spade", "input"]

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

    image_size: pixels of the training pictures' short side. aspect: how many times that the long one is.
    attention_resolutions: grid sides (pixels / patch at the training size) at which attention runs.
    num_head_channels: -1 means num_heads heads of whatever width follows. aspect, spade_hidden, patch, detail,
    condition and prediction extend the published configuration; their defaults are the published values (for Cityscapes
    aspect was 2). detail: hidden channels of the convolutions in whole pixels after the last one; 0 is none of them.
    condition: where the map enters, in every norm of the decoder, or beside the picture at the input, for comparison.
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
    detail: int = 0
    condition: Conditioning = "spade"
    aspect: float = 1.0
    prediction: Prediction = "eps"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.prediction not in ("eps", "v", "x0"):
            raise UserError(f"Prediction “{self.prediction}” is not known. A model predicts eps, v or x0.")
        if self.condition not in ("spade", "input"):
            raise UserError(f"Condition “{self.condition}” is not known. A map enters by spade or at the input.")
        check_bounds("Network", vars(self), BOUNDS)
        if not self.channel_mult:
            raise UserError("Network: channel_mult is empty. Give one number a level.")
        if self.num_head_channels != -1 and self.num_head_channels < 1:
            raise UserError(f"Network: num_head_channels = {self.num_head_channels} is neither -1 nor above 0.")
        if self.learn_sigma and self.prediction != "eps":
            raise UserError("A learned variance goes with prediction eps only. Set learn_sigma to false.")
        if self.image_size % self.stride:
            nearest = self.stride * max(1, round(self.image_size / self.stride))
            raise UserError(
                f"Image size {self.image_size} is not a multiple of {self.stride}, the network's stride. Use {nearest}."
            )
        for width in self.widths:
            if width < 32 or width % 32:
                raise UserError(f"A level of {width} channels does not divide into 32 groups. Use multiples of 32.")
        self._check_heads()

    def _check_heads(self) -> None:
        """Raises UserError where attention runs on a width that its heads don't share out evenly."""
        attended = {width for level, width in enumerate(self.widths) if 2**level in self.attention_strides}
        for width in sorted(attended | {self.widths[-1]}):  # the middle block attends at the deepest level
            if self.num_head_channels == -1 and width % self.num_heads:
                raise UserError(
                    f"A level of {width} channels does not divide into {self.num_heads} attention heads. "
                    "Set num_heads to a number that divides it."
                )
            if self.num_head_channels != -1 and width % self.num_head_channels:
                raise UserError(
                    f"A level of {width} channels does not divide into attention heads of {self.num_head_channels}. "
                    "Set the network's num_head_channels to a number that divides it, such as 32."
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, finest first."""
        return tuple(int(multiplier * self.model_channels) for multiplier in self.channel_mult)

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
        """Reads what `to_dict` wrote. Unknown or missing names, and values of another kind, raise UserError."""
        if not isinstance(stored, dict):
            raise UserError(f"The network configuration is {stored!r}. Give a JSON object with its names and values.")
        known = {f.name for f in fields(cls)}
        if unknown := set(stored) - known:
            raise UserError(
                f"The network configuration names {', '.join(sorted(unknown))}, unknown here. Correct it, or update "
                f"Spadework. Known: {', '.join(sorted(known))}."
            )
        if missing := {"image_size", "num_classes"} - set(stored):
            raise UserError(
                f"The network configuration lacks {', '.join(sorted(missing))}. The file is not a Spadework model."
            )
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
        check_kinds("Network", values, cls)
        return cls(**values)


# --- Values that come from files ---

BOUNDS = {
    "image_size": (1, 8192),
    "num_classes": (1, 256),
    "model_channels": (1, 4096),
    "channel_mult": (0.1, 32),
    "num_res_blocks": (1, 16),
    "attention_resolutions": (1, 8192),
    "num_heads": (1, 256),
    "spade_hidden": (1, 4096),
    "patch": (1, 64),
    "detail": (0, 4096),
    "aspect": (1, 16),
    "dropout": (0, 0.9),
}


def check_kinds(what: str, values: dict[str, Any], kind: type) -> None:
    """Raises UserError where a value is not of the type that the dataclass `kind` declares for its name."""
    hints = get_type_hints(kind)
    for name, value in values.items():
        if not _is_of(value, hints[name]):
            raise UserError(f"{what}: {name} = {value!r} is not {_in_words(hints[name])}. Correct it and start again.")


def check_bounds(what: str, values: dict[str, Any], bounds: dict[str, tuple[float, float]]) -> None:
    """Raises UserError where a value, or one of a tuple's, is outside the lowest and highest that its name may have."""
    for name, (low, high) in bounds.items():
        value = values[name]
        for each in value if isinstance(value, tuple) else (value,):
            if not low <= each <= high:
                raise UserError(f"{what}: {name} = {each} is outside {low} to {high}. Change it and start again.")


def _is_of(value: Any, hint: Any) -> bool:
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_is_of(each, get_args(hint)[0]) for each in value)
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is float:
        return type(value) in (int, float) and -inf < value < inf
    return type(value) is hint  # exactly: True is no number


def _in_words(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "a list of numbers"
    if get_origin(hint) is Literal:
        return " or ".join(get_args(hint))
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[hint]
