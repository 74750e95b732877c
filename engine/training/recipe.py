"""Everything that decides a training run, in one frozen object that is stored with the run and in the checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, Self

from engine.model.config import NetworkConfig, check_bounds, check_kinds
from engine.schedule import ScheduleName
from engine.types import MAX_SEED, UserError

Cropping = Literal["ours", "paper"]
Precision = Literal["bfloat16", "float16", "float32"]

BOUNDS = {
    "diffusion_steps": (25, 10_000),  # fewer have no linear schedule, and no sample sheet
    "images": (1, 10**10),
    "batch": (1, 4096),
    "learning_rate": (1e-7, 1),
    "warm_up": (0, 10**9),
    "decay_from": (0, 1),
    "weight_decay": (0, 1),
    "clip_norm": (1e-6, 10**6),
    "ema": (0, 0.999999),
    "more_emas": (0, 0.999999),
    "min_snr": (0, 1000),
    "drop_map": (0, 0.9),
    "clear_classes": (0, 1),
    "crop": (0.1, 1),
    "favour": (0.1, 100),
    "seed": (0, MAX_SEED),
}


class AnyRecipe(Protocol):
    """What a training run asks of its recipe, whatever it teaches.

    SAME: the names whose values must stay where a run goes on; what else there is may change.
    """

    SAME: ClassVar[tuple[str, ...]]
    batch: int

    @property
    def steps(self) -> int: ...
    def rate(self, step: int) -> float: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self: ...


@dataclass(frozen=True)
class Recipe:
    """A network and how it is taught.

    images: photos seen in all, counted with repetition. warm_up: steps. decay_from: share of the run after which the
    learning rate falls to a twentieth. ema: decay per step of the averaged weights that are kept; more_emas: of further
    averages that are kept beside them. drop_map: probability that a whole map becomes null (Ho 2022). clear_classes:
    probability that a map loses some of its classes to “unlabelled”, so that painters may leave parts to the model.
    crop: shortest crop as a share of the short side. cropping: “paper” resizes and crops as the published code does,
    and leaves `crop` alone. favour: how much more often a photo is drawn whose weight in `index.tsv` is 1 than one
    whose is 0. precision: of the network's arithmetic; weights and optimiser stay in float32. min_snr: the gamma of
    min-SNR weighting (Hang 2023, arXiv 2303.09556); 0 is none of it.
    """

    SAME: ClassVar = ("palette", "network", "schedule", "diffusion_steps")

    network: NetworkConfig
    palette: str
    schedule: ScheduleName = "linear"
    diffusion_steps: int = 1000
    images: int = 100_000
    batch: int = 16
    learning_rate: float = 5e-4
    warm_up: int = 200
    decay_from: float = 0.7
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.999
    drop_map: float = 0.15
    clear_classes: float = 0.15
    crop: float = 0.8
    favour: float = 1.0
    seed: int = 0
    cropping: Cropping = "ours"
    precision: Precision = "bfloat16"
    more_emas: tuple[float, ...] = ()
    min_snr: float = 0.0

    def __post_init__(self) -> None:
        check_bounds("Recipe", vars(self), BOUNDS)

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)

    def rate(self, step: int) -> float:
        """The learning rate of a step: linear warm-up, flat, then linear decay to a twentieth at the end."""
        warm = min(1.0, (step + 1) / max(1, self.warm_up))
        done = step / max(1, self.steps)
        late = max(0.0, (done - self.decay_from) / max(1e-9, 1 - self.decay_from))
        return self.learning_rate * warm * (1 - 0.95 * min(1.0, late))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Recipe:
        """Reads what `to_dict` wrote. Unknown or missing names, and values of another kind, raise UserError."""
        if not isinstance(stored, dict):
            raise UserError(f"The recipe is {stored!r}. Give a JSON object with its names and values.")
        known = {f.name for f in fields(cls)}
        if unknown := set(stored) - known:
            raise UserError(
                f"The recipe names {', '.join(sorted(unknown))}, which is not known. Known: {', '.join(sorted(known))}."
            )
        if missing := {"network", "palette"} - set(stored):
            raise UserError(f"The recipe lacks {', '.join(sorted(missing))}. Give one that a run has stored.")
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
        values["network"] = NetworkConfig.from_dict(stored["network"])
        check_kinds("Recipe", values, cls)
        return cls(**values)


def small_recipe(palette: str, num_classes: int, instance_edges: bool, **changes: Any) -> Recipe:
    """What two CPU cores can teach in an hour or two: 128 px folded 4 x 4 into a 32 x 32 grid.

    Predicts x0: with 48 numbers a cell and 64 channels the noise itself does not fit through the network, the picture
    does (Li 2025, arXiv 2511.13720).
    """
    network = NetworkConfig(
        image_size=128,
        num_classes=num_classes,
        model_channels=64,
        channel_mult=(1, 2, 2),
        num_res_blocks=2,
        attention_resolutions=(8,),
        num_head_channels=64,
        learn_sigma=False,
        instance_edges=instance_edges,
        spade_hidden=32,
        patch=4,
        detail=16,
        prediction="x0",
    )
    return Recipe(**{"network": network, "palette": palette, **changes})


def paper_recipe(palette: str, num_classes: int, instance_edges: bool, **changes: Any) -> Recipe:
    """What the published code trains, by its scripts: eight GPUs with four pictures each, in half precision.

    This is the first phase, in which no map is dropped. The second goes on from its model with drop_map 0.2 and a
    learning rate of 2e-5. It has no warm-up, no weight decay, no bound on the gradient, and ends when it is stopped.
    Cityscapes was learnt twice as wide as high.
    """
    aspect = 2.0 if palette == "cityscapes" else 1.0
    network = NetworkConfig(image_size=256, num_classes=num_classes, instance_edges=instance_edges, aspect=aspect)
    published = {
        "images": 10**8,
        "batch": 32,
        "learning_rate": 1e-4,
        "warm_up": 0,
        "decay_from": 1.0,
        "weight_decay": 0.0,
        "clip_norm": 10**6,
        "ema": 0.9999,
        "drop_map": 0.0,
        "clear_classes": 0.0,
        "cropping": "paper",
        "precision": "float16",
    }
    return Recipe(**{"network": network, "palette": palette, **published, **changes})


RECIPES = {"small": small_recipe, "paper": paper_recipe}
