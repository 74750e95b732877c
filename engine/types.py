"""The nouns that every part of the engine shares: maps, photos, regions, requests, steps, errors."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

LabelMap: TypeAlias = NDArray[np.uint8]  # (H, W), class indices of one palette
Photo: TypeAlias = NDArray[np.uint8]  # (H, W, 3), RGB
Region: TypeAlias = NDArray[np.bool_]  # (H, W), True = regenerate
Instances: TypeAlias = NDArray[np.uint16]  # (H, W), numbers of objects; 0 = the connected areas are the objects
ClassGuidance: TypeAlias = tuple[tuple[int, float], ...]  # class index -> its own guidance
SamplerName: TypeAlias = Literal["ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde"]  # see engine.samplers
Spacing: TypeAlias = Literal["lambda", "trailing", "even", "stride"]  # see engine.trajectory
NoiseName: TypeAlias = Literal["path", "steps"]  # see engine.noise
Interval: TypeAlias = tuple[float, float]  # from and to which of the trained levels, as Level.share
BlendName: TypeAlias = Literal["plain", "matched", "gradient"]  # see engine.blending
ExtentName: TypeAlias = Literal["windows", "whole"]  # what of a photo is computed, see engine.areas

MAX_STEPS = 1000
MAX_GUIDANCE = 20.0
MAX_ENCODER_REUSE = 4
MAX_SEED = 2**32 - 1
MAX_COMPUTED_SIDE = 4096
MAX_INSTANCE = 2**16 - 1
MAX_GROWTH = 1024
MAX_FEATHER = 1024
MAX_REPEATS = 20


class UserError(Exception):
    """Something the user gave can't be used. The text names the value, the bound and the remedy."""


@dataclass(frozen=True)
class Level:
    """One noise level of a trajectory: x = alpha * x0 + sigma * eps, alpha**2 + sigma**2 = 1.

    `timestep` is what the network is told: an original, never a respaced, index, or a fraction between two. The betas
    belong to the ancestral step from this level to the next kept one below it (Ho 2020, eq. 7; Nichol 2021, eq. 15).
    """

    timestep: float
    alpha: float
    sigma: float
    beta: float = 0.0  # 1 - alpha_bar / alpha_bar of the next level
    log_beta: float = 0.0  # upper bound of the log-variance
    log_beta_tilde: float = 0.0  # lower bound, clipped at the last level where it would be -inf
    share: float = 0.0  # where it stands among the trained levels: 0 the cleanest, 1 the noisiest

    @property
    def lam(self) -> float:
        """Half the log of the signal-to-noise ratio, log(alpha / sigma): rises to infinity where x is clean."""
        return math.log(self.alpha / self.sigma) if self.sigma > 0 else math.inf


@dataclass(frozen=True)
class Prediction:
    """What a denoiser says of x at a level; every tensor is shaped like x, (N, 3, H, W)."""

    x0: torch.Tensor
    eps: torch.Tensor
    log_variance: torch.Tensor


@dataclass(frozen=True)
class Step:
    """One finished sampler step: `index` counts from 0, x is the state after it, x0 the current estimate."""

    index: int
    x: torch.Tensor
    x0: torch.Tensor


@dataclass(frozen=True)
class Sampling:
    """How to walk from noise to picture. One picture is made per seed.

    The defaults are the cheapest that could not be told from 250 ancestral steps (docs/performance.md).

    Raises UserError where a value is outside its bound.
    """

    sampler: SamplerName = "dpmpp_2m_sde"
    steps: int = 12
    guidance: float = 2.5  # 1 = none; the paper's own scale counts from 0 (s_paper = s - 1)
    seeds: tuple[int, ...] = (0,)
    spacing: Spacing = "lambda"
    guidance_interval: Interval = (0.0, 1.0)  # guidance acts between these shares of the noise levels, both included
    guidance_stop: float = 0.0  # it ends once it moves a picture by less, RMS of -1 to 1; 0 = never (engine.guidance)
    encoder_reuse: int = 1  # the encoder runs at every so many steps
    noise: NoiseName = "path"  # of the stochastic samplers: one path a seed for any number of steps, or anew every step
    guidance_rescale: float = 0.0  # by how much guided pictures keep the contrast of unguided ones (engine.guidance)

    def __post_init__(self) -> None:
        for what, name, names in (
            ("Sampler", self.sampler, get_args(SamplerName)),
            ("Spacing", self.spacing, get_args(Spacing)),
            ("Noise", self.noise, get_args(NoiseName)),
        ):
            if name not in names:
                raise UserError(f"{what} “{name}” is not known. Choose {', '.join(names[:-1])} or {names[-1]}.")
        for what, number in (
            ("Steps", self.steps),
            ("Encoder reuse", self.encoder_reuse),
            *(("Seed", seed) for seed in self.seeds),
        ):
            if not isinstance(number, int):
                raise UserError(f"{what}: {number!r} is not a whole number. Give one.")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"{self.steps} steps is outside 1 to {MAX_STEPS}. 12 is a good start.")
        check_guidance(self.guidance)
        for what, share in (("stop", self.guidance_stop), ("rescale", self.guidance_rescale)):
            if not isinstance(share, numbers.Real):
                raise UserError(f"Guidance {what} {share!r} is no number. Give one from 0 to 1.")
        interval = self.guidance_interval
        if not isinstance(interval, tuple | list) or len(interval) != 2 or not 0 <= interval[0] <= interval[1] <= 1:
            raise UserError(f"Guidance interval {interval} is not two rising shares of 0 to 1. (0, 1) is all of it.")
        if not 0 <= self.guidance_stop <= 1:
            raise UserError(f"Guidance stop {self.guidance_stop:g} is outside 0 to 1. 0 never stops it.")
        if not 0 <= self.guidance_rescale <= 1:
            raise UserError(f"Guidance rescale {self.guidance_rescale:g} is outside 0 to 1. 0 is none, 0.7 is usual.")
        if not 1 <= self.encoder_reuse <= MAX_ENCODER_REUSE:
            raise UserError(f"Encoder reuse {self.encoder_reuse} is outside 1 to {MAX_ENCODER_REUSE}. 1 is no reuse.")
        if not self.seeds:
            raise UserError("No seed was given. Give at least one whole number.")
        for seed in self.seeds:
            check_seed(seed)


@dataclass(frozen=True, eq=False)
class Reroll:
    """New noise inside `region` (H, W), which is of the map's size, drawn from `seed` instead of the picture's own.

    The i-th picture of a run, counting from 0, takes `of_picture(i)`: so a run of one seed given n times, with one
    reroll, is n variations of that area in one and the same picture.

    Raises UserError where the region is no bool (H, W) or the seed outside its bounds.
    """

    region: Region
    seed: int

    def __post_init__(self) -> None:
        if self.region.ndim != 2 or self.region.dtype != bool:
            raise UserError(
                f"The area is {self.region.dtype} {self.region.shape}. Give true or false: (height, width)."
            )
        check_seed(self.seed)

    def of_picture(self, index: int) -> Reroll:
        """The reroll of a run's `index`-th picture: seeds count on, and from the highest go on at 0."""
        return Reroll(self.region, (self.seed + index) % (MAX_SEED + 1))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reroll) and self.seed == other.seed and np.array_equal(self.region, other.region)

    def __hash__(self) -> int:
        return hash((self.seed, self.region.shape))


@dataclass(frozen=True)
class RenderRequest:
    """Everything one render needs; replaying it gives the same pictures.

    side: the short side in pixels at which it is computed; None is the model's training size, its best one.
    instances: of the map's size, for models with an edge channel; None: the connected areas are the objects.
    class_guidance: guidance of single classes; the others have the sampling's.
    rerolls: areas with noise of their own; where they overlap the later one counts.
    """

    model: str
    labels: LabelMap
    sampling: Sampling = field(default_factory=Sampling)
    side: int | None = None
    instances: Instances | None = None
    class_guidance: ClassGuidance = ()
    rerolls: tuple[Reroll, ...] = ()

    def __post_init__(self) -> None:
        check_side(self.side)
        check_instances(self.instances, self.labels)
        check_class_guidance(self.class_guidance)
        for each in self.rerolls:
            if each.region.shape != self.labels.shape:
                raise UserError(
                    f"The area with new noise is {pixels(each.region)}, the map {pixels(self.labels)}. "
                    "Mark it on this map."
                )


@dataclass(frozen=True)
class Resampling:
    """RePaint (Lugmayr 2022, arXiv 2201.09865): every stretch of `jump` steps is walked `repeats` times, each time from
    the noise of its beginning again, so that what is made and what is known get to fit. repeats = 1 is none of it.

    band: only stretches that begin between these shares of the noise levels are repeated. Raises UserError where a
    value is outside its bound.
    """

    jump: int = 1
    repeats: int = 1
    band: Interval = (0.0, 1.0)

    def __post_init__(self) -> None:
        for what, number, most in (("jump", self.jump, MAX_STEPS), ("repeats", self.repeats, MAX_REPEATS)):
            if type(number) is not int or not 1 <= number <= most:
                raise UserError(f"Resampling: {what} {number} is outside 1 to {most}. Try jump 2, repeats 3.")
        if len(self.band) != 2 or not 0 <= self.band[0] <= self.band[1] <= 1:
            raise UserError(f"Resampling band {self.band} is not two rising shares of 0 to 1. (0, 1) is all of it.")


@dataclass(frozen=True)
class EditRequest:
    """Everything one edit needs: inside `region`, grown, the photo is regenerated under `labels`, outside it stays.

    Photo, labels and region have one height and width. strength in (0, 1]: 1 starts from pure noise. instances and
    class_guidance as in a RenderRequest.

    growth: pixels of the photo by which the region is grown. feather: pixels over which the new picture's opacity rises
    from the grown region's edge inwards; None takes a share of the photo's short side. blend: how it is laid over the
    photo. extent: windows around the region, or the whole photo, are computed. side: the short side of what is
    computed, as in a RenderRequest. rerolls: areas that are then regenerated once more, one after the other, each from
    its own seed, with everything outside of it kept as it is by then.

    Raises UserError where a value is outside its bound.
    """

    model: str
    labels: LabelMap
    photo: Photo
    region: Region
    strength: float = 0.8
    sampling: Sampling = field(default_factory=Sampling)
    side: int | None = None
    instances: Instances | None = None
    class_guidance: ClassGuidance = ()
    growth: int = 0
    feather: int | None = None
    blend: BlendName = "matched"
    extent: ExtentName = "windows"
    resampling: Resampling = field(default_factory=Resampling)
    rerolls: tuple[Reroll, ...] = ()

    def __post_init__(self) -> None:
        check_side(self.side)
        check_instances(self.instances, self.labels)
        check_class_guidance(self.class_guidance)
        check_pixels("Growth", self.growth, MAX_GROWTH)
        if self.feather is not None:
            check_pixels("Feather", self.feather, MAX_FEATHER)
        for what, name, names in (
            ("Blend", self.blend, get_args(BlendName)),
            ("Extent", self.extent, get_args(ExtentName)),
        ):
            if name not in names:
                raise UserError(f"{what} “{name}” is not known. Choose {', '.join(names[:-1])} or {names[-1]}.")
        for each in self.rerolls:
            if each.region.shape != self.region.shape:
                raise UserError(
                    f"The area to be made again is {pixels(each.region)}, the photo {pixels(self.photo)}. "
                    "Mark it on this photo."
                )


def check_pixels(what: str, number: int, most: int) -> None:
    """Raises UserError where a width in pixels is no whole number from 0 to `most`."""
    if type(number) is not int or not 0 <= number <= most:
        raise UserError(f"{what} of {number} px is outside 0 to {most}. Give a whole number in between.")


def check_side(side: int | None) -> None:
    """Raises UserError where a request's computed short side is outside its bounds."""
    if side is not None and not (isinstance(side, int) and 1 <= side <= MAX_COMPUTED_SIDE):
        raise UserError(f"Computed side {side} is outside 1 to {MAX_COMPUTED_SIDE} px. The training size is best.")


def check_guidance(scale: float, of: str = "") -> None:
    """Raises UserError where a guidance scale is no number within its bounds. of: whose it is, for the text."""
    if not isinstance(scale, numbers.Real):
        raise UserError(f"Guidance {scale!r}{of} is no number. 2.5 is a good start.")
    if not 0 <= scale <= MAX_GUIDANCE:
        raise UserError(f"Guidance {scale:g}{of} is outside 0 to {MAX_GUIDANCE:g}. 2.5 is a good start.")


def check_seed(seed: int) -> None:
    """Raises UserError where a seed is no whole number within its bounds."""
    if not (isinstance(seed, int) and 0 <= seed <= MAX_SEED):
        raise UserError(f"Seed {seed} is outside 0 to {MAX_SEED}. Choose a whole number in between.")


def check_class_guidance(scales: ClassGuidance) -> None:
    """Raises UserError where a class is no index or named twice, or its scale outside the bounds."""
    named: set[int] = set()
    for index, scale in scales:
        if not isinstance(index, int) or not 0 <= index <= 255:
            raise UserError(f"Guidance of the class {index!r}: that is no class index, 0 to 255. Give one.")
        if index in named:
            raise UserError(f"Guidance of class {index} is given twice. Give it once.")
        named.add(index)
        check_guidance(scale, f" of class {index}")


def check_instances(instances: Instances | None, labels: LabelMap) -> None:
    """Raises UserError where the numbers of objects are no uint16 of the map's size."""
    if instances is None:
        return
    if instances.dtype != np.uint16:
        raise UserError(f"The numbers of objects are {instances.dtype}. Give uint16: 0 to {MAX_INSTANCE}.")
    if instances.shape != labels.shape:
        raise UserError(
            f"The numbers of objects are {pixels(instances)}, the map {pixels(labels)}. Give both the same size."
        )


def pixels(array: np.ndarray) -> str:
    """The size of an array (H, W, ...), for a text: 640 x 480 px."""
    return f"{' x '.join(map(str, array.shape[1::-1]))} px"
