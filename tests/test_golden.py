"""Every quantity of every reference file: the published method's own numbers, on random weights, in float32.

GOLDEN names a folder of reference files (default: `../shared/golden` beside the project). The small file in
`tests/data/golden` is always checked.
"""

from __future__ import annotations

import json
import os
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from engine.condition import condition_from, instance_edges, null_condition
from engine.denoiser import Denoiser, NetworkDenoiser, SharedEncoder, TwoBranches, clipped
from engine.guidance import Guidance, guided
from engine.model.config import NetworkConfig
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.samplers import ddim, ddpm, posterior_mean
from engine.schedule import alpha_bars
from engine.training.loss import losses, noised
from engine.trajectory import evenly_rounded, fixed_stride, levels
from engine.types import Level

ROOT = Path(__file__).resolve().parent
GIVEN = os.environ.get("GOLDEN")
FOLDERS = [ROOT / "data" / "golden", Path(GIVEN) if GIVEN else ROOT.parent.parent / "shared" / "golden"]
FILES = sorted({path.resolve() for folder in FOLDERS for path in folder.glob("*.safetensors")})
TOLERANCE = 1e-4

INPUTS = {"label", "instance", "x", "t", "sample/noise", "sample/x_T", "loss/t", "loss/x0", "loss/noise"}


def seeded_weights(network: UNet, seed: int) -> dict[str, Tensor]:
    """The small file stores no weights: they are drawn in the order of their names.

    Norms scale by about 1 and matrices keep the size of what passes through them, so that every part shows in the
    output: with small weights the attention would be a plain mean.
    """
    rng = np.random.default_rng(seed)
    drawn = {}
    for name, value in sorted(network.state_dict().items()):
        noise = rng.standard_normal(value.shape)
        spread, centre = (value[0].numel() ** -0.5, 0) if value.ndim > 1 else (0.1, name.endswith("weight"))
        drawn[name] = torch.from_numpy((noise * spread + centre).astype(np.float32))
    return drawn


class Golden:
    """A reference file, and our answers to the questions it asks: `answer(name)` for every quantity but its inputs."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self.metadata = file.metadata()
            self.stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = json.loads(self.metadata["config"])
        self.height, self.width = config.pop("height"), config.pop("width")
        self.network = UNet(NetworkConfig.from_dict(config)).eval().requires_grad_(False)
        weights = {k.removeprefix("weights/"): v.float() for k, v in self.stored.items() if k.startswith("weights/")}
        if not weights:
            weights = seeded_weights(self.network, int(self.metadata["weights_seed"]))
        self.network.load_state_dict(weights)
        self.alpha_bar = alpha_bars(self.metadata["schedule"], int(self.metadata["diffusion_steps"]))
        self.every_level = levels(self.alpha_bar, range(len(self.alpha_bar)))

    def __getitem__(self, name: str) -> Tensor:
        return self.stored[name]

    def answer(self, name: str) -> Tensor:
        """Raises KeyError for a quantity that is unknown, or whose inputs the file lacks."""
        group, _, quantity = name.rpartition("/")
        if name == "edges":
            return self.edges
        if name == "out_cond":
            return self.network(self["x"], self["t"], self.condition(slice(None)))
        if name == "out_uncond":
            return self.network(self["x"], self["t"], self.null(len(self["x"])))
        if group == "guided":
            return self.posterior[quantity]
        if group in ("loss", "q"):
            return self.losses[quantity]
        if group == "sample":
            return self.timesteps(quantity) if quantity.endswith("_timesteps") else self.sample(quantity)
        raise KeyError(name)

    @cached_property
    def edges(self) -> Tensor:
        """Of the instances; of the label map itself where a file has none."""
        return instance_edges(self.stored.get("instance", self["label"]))

    def condition(self, pictures: slice) -> Condition:
        edges = self.edges[pictures] if self.network.config.instance_edges else None
        return condition_from(self["label"][pictures], self.network.config.num_classes, edges)

    def null(self, batch: int) -> Condition:
        return null_condition(batch, self.height, self.width)

    def denoiser(self, pictures: slice) -> Denoiser:
        """The way of every render: one run of the encoder a step, the null map's modulation from its ring alone."""
        encoder = SharedEncoder(self.network)
        modulations = [
            self.network.modulate(self.condition(pictures)),
            self.network.modulate_null(self.height, self.width),
        ]
        branches = TwoBranches(*(NetworkDenoiser(encoder, each) for each in modulations))
        return clipped(guided(branches, Guidance(float(self.metadata["guidance_scale"]))))

    def levels_at(self, timestep: int) -> tuple[Level, Level]:
        """The level of an original timestep and the one below it."""
        index = len(self.alpha_bar) - 1 - timestep
        return self.every_level[index], self.every_level[index + 1]

    @cached_property
    def posterior(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {"mean": [], "log_variance": [], "pred_xstart": []}
        for i, timestep in enumerate(self["t"].tolist()):
            now, nxt = self.levels_at(timestep)
            x = self["x"][i : i + 1]
            p = self.denoiser(slice(i, i + 1))(x, now)
            found["mean"].append(posterior_mean(p.x0, x, now, nxt))
            found["log_variance"].append(p.log_variance)
            found["pred_xstart"].append(p.x0)
        return {name: torch.cat(parts) for name, parts in found.items()}

    @cached_property
    def losses(self) -> dict[str, Tensor]:
        pairs = [self.levels_at(timestep) for timestep in self["loss/t"].tolist()]
        alpha, sigma = (torch.tensor([getattr(now, name) for now, _ in pairs]) for name in ("alpha", "sigma"))
        x0, eps = self["loss/x0"], self["loss/noise"]
        x = noised(x0, eps, alpha, sigma)
        output = self.network(x, self["loss/t"], self.condition(slice(None)))
        found = losses(self.network.config.prediction, output, x0, eps, x, pairs)
        return {"x_t": x, "loss": found.loss, "mse": found.mse, "vb": found.vb}

    def timesteps(self, name: str) -> Tensor:
        respace = {"ddpm_timesteps": evenly_rounded, "ddim_timesteps": fixed_stride}[name]
        return torch.tensor(respace(len(self.alpha_bar), int(self.metadata["respaced_steps"])))

    def sample(self, name: str) -> Tensor:
        walk = levels(self.alpha_bar, self.timesteps(f"{name}_timesteps").tolist())
        start = self["sample/x_T"]
        denoise = self.denoiser(slice(None))
        noise = iter(self["sample/noise"])
        steps = {"ddim": lambda: ddim(denoise, start, walk), "ddpm": lambda: ddpm(denoise, start, walk, noise.__next__)}
        *_, last = steps[name]()
        return last.x


@lru_cache(maxsize=1)
def golden(path: Path) -> Golden:
    return Golden(path)


def quantities() -> list:
    """Everything that any file holds and that is no input, as (file, name)."""
    found = []
    for path in FILES:
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if not name.startswith("weights/")]  # noqa: SIM118
        found += [pytest.param(path, name, id=f"{path.stem}:{name}") for name in names if name not in INPUTS]
    return found


def test_there_are_reference_files():
    assert FILES, f"No reference file in any of {FOLDERS}"
    assert not GIVEN or list(Path(GIVEN).glob("*.safetensors")), f"GOLDEN={GIVEN} holds no reference file"


@pytest.mark.parametrize(("path", "quantity"), quantities())
def test_quantity(path: Path, quantity: str):
    file = golden(path)
    found, expected = file.answer(quantity), file[quantity]
    if not expected.is_floating_point():
        order = slice(None) if quantity == "edges" else expected.argsort()  # timesteps may be stored either way round
        assert torch.equal(found.to(expected.dtype), expected[order])
        return
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


def test_the_small_file_asks_for_everything():
    asked = {param.values[1] for param in quantities() if param.values[0].stem == "tiny"}
    assert asked >= {"out_cond", "out_uncond", "edges", "guided/mean", "sample/ddpm", "sample/ddim", "loss/vb", "q/x_t"}
