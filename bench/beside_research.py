"""The published research code itself beside ours: one set of random weights, one noise, what differs and by how much.

    git clone https://github.com/WeilunWang/semantic-diffusion-model DIR
    python3 bench/beside_research.py --code DIR [--shapes small,city,wide,published] [--rounds 5]

Runs the code in DIR, so read it first. Its network is saved as it saves it, converted by our converter, and loaded by
our loader; its own functions make the one-hot map, the edges, the respacing and the guided trajectory. A line a shape
and map, on the CPU: largest differences of the network's output with the map and without (and the largest output), of
the last x (-1 to 1) of both samplers, and how many of its pixels' values generate() gives otherwise; beside them in
brackets what the research code differs from itself by with its weights laid out otherwise, which is how far rounding
alone is carried. Then seconds of a guided step, in turns.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.suite import in_turns, machine, median_ratio
from engine.convert.conversion import convert, examine
from engine.convert.shape import Unstated
from engine.denoiser import Denoiser, clipped
from engine.library import Model, load_model
from engine.mapped import GridMap, map_denoiser
from engine.noise import SeededNoise
from engine.palette import Palette, load_palette
from engine.pipeline import generate, pictures_of, walk_of
from engine.plan import first_plan
from engine.samplers import steps
from engine.schedule import alpha_bars
from engine.sizes import Grid
from engine.trajectory import WHOLE, levels
from engine.types import LabelMap, RenderRequest, Sampling, UserError

GUIDANCE = 1.5  # of the published test commands
SEED = 0
SAMPLERS = {"ddpm": ("even", ""), "ddim": ("stride", "ddim")}  # our spacing, and how its respacing begins
ABSENT = ("mpi4py", "blobfile", "torchvision")  # it imports them; nothing that is called here uses them


@dataclass(frozen=True)
class Shape:
    """A network in the research code's own options (an empty one means its own choice), and what is asked of it.

    aspect: the maps' width over their height. own: whether it is also compared with itself, which takes twice as long.
    """

    palette: str
    image_size: int
    num_channels: int
    channel_mult: str = ""
    attention: str = "32,16,8"
    head_channels: int = 64
    aspect: int = 1
    steps: int = 10
    maps: tuple[str, ...] = ("bands", "noise")
    own: bool = True

    def options(self, palette: Palette) -> dict[str, Any]:
        """What its create_model_and_diffusion takes beside its defaults: that of its test commands."""
        return {
            "image_size": self.image_size,
            "num_classes": palette.size,
            "no_instance": not palette.has_edges,
            "num_channels": self.num_channels,
            "channel_mult": self.channel_mult,
            "attention_resolutions": self.attention,
            "num_head_channels": self.head_channels,
            "class_cond": True,
            "learn_sigma": True,
            "resblock_updown": True,
            "use_scale_shift_norm": True,
        }


SHAPES = {
    "small": Shape("celebamask_hq", 32, 32, "1,2", "16,8", 32),
    "city": Shape("cityscapes", 32, 32, "1,2", "16,8", 32, aspect=2),  # it learns Cityscapes on maps of 2 : 1
    "wide": Shape("ade20k", 128, 64),
    "published": Shape("ade20k", 256, 256, steps=4, maps=("bands",), own=False),
}


# --- The research code ---


@dataclass(frozen=True)
class Research:
    """Its modules."""

    script_util: ModuleType
    respace: ModuleType
    image_sample: ModuleType


def research_code(folder: Path) -> Research:
    """Imported from `folder`, with empty stand-ins for the libraries that are missing here. Raises UserError."""
    if not (folder / "guided_diffusion" / "unet.py").is_file():
        raise UserError(f"{folder} holds no guided_diffusion/unet.py. Give a clone of the research code with --code.")
    for name in ABSENT:
        if find_spec(name) is None:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].MPI = None
    sys.path.insert(0, str(folder))
    names = ("guided_diffusion.script_util", "guided_diffusion.respace", "image_sample")
    return Research(*map(importlib.import_module, names))


class Published:
    """A network of the research code with random weights, and a map, asked as its image_sample.py does."""

    def __init__(self, code: Research, shape: Shape, palette: Palette) -> None:
        self.code, self.shape, self.palette = code, shape, palette
        options = {**code.script_util.model_and_diffusion_defaults(), **shape.options(palette)}
        network, _ = code.script_util.create_model_and_diffusion(**options)
        self.network = network.eval().requires_grad_(False)
        fill(self.network)

    def diffusion(self, respacing: str) -> Any:
        return self.code.script_util.create_gaussian_diffusion(learn_sigma=True, timestep_respacing=respacing)

    def maps(self, labels: LabelMap) -> Tensor:
        """(H, W) -> (1, C, H, W): its one-hot map, with its edges of the map itself where the data set has edges."""
        batch = torch.from_numpy(labels)[None, None]
        data = {"label": batch, "instance": batch} if self.palette.has_edges else {"label": batch}
        return self.code.image_sample.preprocess_input(data, self.palette.size)["y"]

    def picture(self, labels: LabelMap, sampler: str) -> Tensor:
        """(1, 3, H, W): the x that its sampling loop ends with, on the noise that SEED gives us."""
        noise = SeededNoise((SEED,), *labels.shape, torch.device("cpu"))
        diffusion = self.diffusion(f"{SAMPLERS[sampler][1]}{self.shape.steps}")
        loop = diffusion.p_sample_loop if sampler == "ddpm" else diffusion.ddim_sample_loop
        kwargs = {"y": self.maps(labels), "s": GUIDANCE}
        with patch.object(torch, "randn_like", lambda _: noise()):
            return loop(self.network, (1, 3, *labels.shape), noise=noise(), model_kwargs=kwargs)

    def step(self, labels: LabelMap, x: Tensor) -> None:
        """The guided prediction of one step."""
        kwargs = {"y": self.maps(labels), "s": GUIDANCE}
        self._ancestral.p_mean_variance(self.network, x, torch.tensor([self.shape.steps // 2]), model_kwargs=kwargs)

    @cached_property
    def _ancestral(self) -> Any:
        return self.diffusion(str(self.shape.steps))


def fill(network: nn.Module) -> None:
    """Random weights, none of them zero: matrices keep the size of what passes through, norms scale by about 1."""
    generator = torch.Generator().manual_seed(SEED)
    for name, value in network.named_parameters():
        spread, centre = (value[0].numel() ** -0.5, 0) if value.ndim > 1 else (0.1, name.endswith("weight"))
        value.data.normal_(0, spread, generator=generator).add_(centre)


# --- Ours ---


def converted(published: Published, folder: Path) -> Path:
    """Its weights as our model in float32, through the file that its training writes."""
    source, out = folder / "ema_0.9999_best.pt", folder / "converted.safetensors"
    torch.save(published.network.state_dict(), source)
    unstated = Unstated(published.shape.image_size, published.shape.head_channels)
    for _ in convert(examine(source, published.palette, unstated), out):
        pass
    source.unlink()
    return out


def denoiser(model: Model, labels: LabelMap, sampling: Sampling) -> Denoiser:
    """As generate() makes it."""
    plan = first_plan(model, Grid(*labels.shape, model.network.config.stride), 1)
    return clipped(map_denoiser(model, GridMap(labels), sampling, plan))


def our_picture(model: Model, labels: LabelMap, sampling: Sampling) -> Tensor:
    """(1, 3, H, W): the x that generate() makes its picture of."""
    noise = SeededNoise((SEED,), *labels.shape, model.device)
    way = walk_of(model, sampling)
    *_, last = steps(sampling.sampler, denoiser(model, labels, sampling), noise(), way, noise)
    return last.x


def our_outputs(model: Model, labels: LabelMap, x: Tensor, timestep: Tensor) -> Iterator[Tensor]:
    """The network's output with the map, and without."""
    for modulations in (model.cache.of_map(labels), model.cache.of_null(*labels.shape)):
        yield model.network.decode(model.network.encode(x, timestep), modulations)


# --- Side by side ---


def painted(name: str, palette: Palette, height: int, width: int) -> LabelMap:
    """bands: five classes in slanted bands. noise: any class at any pixel."""
    if name == "noise":
        return np.random.default_rng(SEED).integers(0, palette.size, (height, width), dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    band = (rows * 5 // height + columns * 2 // width) % 5
    return (band * (palette.size - 1) // 4).astype(np.uint8)


def largest(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def in_bytes(x: Tensor) -> np.ndarray:
    """(1, 3, H, W) in -1 to 1 -> (1, H, W, 3) uint8, rounded as torchvision's save_image does."""
    return ((x + 1) / 2 * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def sampling_of(sampler: str, shape: Shape) -> Sampling:
    return Sampling(sampler, shape.steps, GUIDANCE, (SEED,), SAMPLERS[sampler][0], noise="steps")


def compared(name: str, published: Published, path: Path, rounds: int) -> Iterator[str]:
    """A line a map."""
    shape = published.shape
    size = (shape.image_size, shape.image_size * shape.aspect)
    for kind in shape.maps:
        labels = painted(kind, published.palette, *size)
        theirs = {sampler: published.picture(labels, sampler) for sampler in SAMPLERS}
        parts = [f"{name:9} {size[1]} x {size[0]} {kind:5}"]
        for precision in ("float32", "auto"):
            model = load_model(path, "cpu", precision)
            if precision == "float32":
                parts.append(outputs_text(published, model, labels))
            elif model.precision == "float32":
                break  # this machine is fastest in it
            parts += pictures_texts(published, model, labels, theirs)
            parts.append(steps_text(published, model, labels, rounds))
        yield " | ".join(parts)


def outputs_text(published: Published, model: Model, labels: LabelMap) -> str:
    """The network's output at a timestep in the middle: how far apart, and how large."""
    x = SeededNoise((SEED,), *labels.shape, model.device)()
    t, maps = torch.tensor([500]), published.maps(labels)
    theirs = [published.network(x, t, y=each) for each in (maps, torch.zeros_like(maps))]
    differences = [largest(a, b) for a, b in zip(theirs, our_outputs(model, labels, x, t), strict=True)]
    return f"output {differences[0]:.1e}, without map {differences[1]:.1e} of {theirs[0].abs().max():.1f}"


def pictures_texts(published: Published, model: Model, labels: LabelMap, theirs: dict[str, Tensor]) -> Iterator[str]:
    """How far the last x is apart; in half precision in units of 1/255 of the picture's range."""
    for sampler, x in theirs.items():
        sampling = sampling_of(sampler, published.shape)
        ours = our_picture(model, labels, sampling)
        if model.precision != "float32":
            apart = (ours - x).abs() * 127.5
            yield f"{sampler} in {model.precision} mean {apart.mean():.2f}, largest {apart.max():.1f} of 255"
            continue
        own = f" ({largest(x, reordered(published, labels, sampler)):.1e})" if published.shape.own else ""
        pictures = pictures_of(generate(model, RenderRequest(model.name, labels, sampling)))
        other = (pictures != in_bytes(x)).sum()
        yield f"{sampler} {largest(ours, x):.1e}{own}, {other} of {pictures.size} values"


def reordered(published: Published, labels: LabelMap, sampler: str) -> Tensor:
    """Its picture with channels last in memory."""
    published.network.to(memory_format=torch.channels_last)
    x = published.picture(labels, sampler)
    published.network.to(memory_format=torch.contiguous_format)
    return x


def steps_text(published: Published, model: Model, labels: LabelMap, rounds: int) -> str:
    """A guided step of both; ours with its modulations computed, as in every step of a run but the first."""
    sampling = sampling_of("ddpm", published.shape)
    level = walk_of(model, sampling)[published.shape.steps // 2]
    x = SeededNoise((SEED,), *labels.shape, model.device)()
    denoise = denoiser(model, labels, sampling)
    times = in_turns(rounds, partial(published.step, labels, x), lambda: denoise(x.clone(), level))
    seconds = [median(each) for each in times]
    return f"step {seconds[0]:.3f} s, ours in {model.precision} {seconds[1]:.3f} s, ×{median_ratio(*times):.2f}"


# --- The respacing, which takes no network ---


def respacing_texts(code: Research) -> Iterator[str]:
    """For every number of steps: which timesteps are kept, and the variances that follow from them."""
    alpha_bar = alpha_bars("linear")
    for spacing, beginning in SAMPLERS.values():
        other, apart, refused = [], 0.0, []
        for count in range(1, len(alpha_bar) + 1):
            ours, theirs = kept(spacing, count), their_kept(code, f"{beginning}{count}")
            if ours != theirs:
                (other if ours and theirs else refused).append(count)
            elif ours and count > 1:  # of one step its variances are undefined
                apart = max(apart, variances_apart(code, f"{beginning}{count}", levels(alpha_bar, ours)[:-1]))
        yield (
            f"spacing {spacing}: other timesteps for {counted(other)} numbers of steps, only one of both can make "
            f"{counted(refused)}; of the others α, σ, β and log-variances differ by {apart:.1e} at most"
        )


def counted(numbers: list[int]) -> str:
    """How many, and the first of them."""
    first = ", ".join(map(str, numbers[:8]))
    return f"{len(numbers)} ({first}{', ...' if len(numbers) > 8 else ''})" if numbers else "0"


def kept(spacing: str, count: int) -> list[int] | None:
    """Ascending timesteps, or None where there is no such respacing."""
    try:
        return WHOLE[spacing](1000, count)
    except UserError:
        return None


def their_kept(code: Research, respacing: str) -> list[int] | None:
    try:
        return sorted(code.respace.space_timesteps(1000, respacing))
    except ValueError:
        return None


def variances_apart(code: Research, respacing: str, ours: list) -> float:
    """The largest difference over all levels, noisiest first."""
    d = code.script_util.create_gaussian_diffusion(learn_sigma=True, timestep_respacing=respacing)
    pairs = {
        "alpha": d.sqrt_alphas_cumprod,
        "sigma": d.sqrt_one_minus_alphas_cumprod,
        "beta": d.betas,
        "log_beta": np.log(d.betas),
        "log_beta_tilde": d.posterior_log_variance_clipped,
    }
    return max(np.abs(np.array([getattr(each, name) for each in ours])[::-1] - b).max() for name, b in pairs.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--code", type=Path, required=True, metavar="DIR", help="a clone of the research code")
    parser.add_argument("--shapes", default="small,city,wide", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    names = args.shapes.split(",")
    try:
        if unknown := [name for name in names if name not in SHAPES]:
            raise UserError(f"There is no shape “{unknown[0]}”. Choose of {', '.join(SHAPES)}.")
        code = research_code(args.code)
        print(machine(), flush=True)
        for line in respacing_texts(code):
            print(line, flush=True)
        for name in names:
            published = Published(code, SHAPES[name], load_palette(SHAPES[name].palette))
            with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
                for line in compared(name, published, converted(published, Path(folder)), args.rounds):
                    print(line, flush=True)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
