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
from engine.denoiser import Denoiser, NetworkDenoiser, SharedEncoder, clipped
from engine.guidance import guided
from engine.model.config import NetworkConfig
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.samplers import ddim, ddpm, posterior_mean
from engine.schedule import alpha_bars
from engine.training.loss import losses, noised
from engine.trajectory import evenly_rounded, fixed_stride, levels

ROOT = Path(__file__).resolve().parent
FOLDERS = [ROOT / "data" / "golden", Path(os.environ.get("GOLDEN", ROOT.parent.parent / "shared" / "golden"))]
FILES = sorted({path.resolve() for folder in FOLDERS for path in folder.glob("*.safetensors")})
TOLERANCE = 1e-4

CHECKED = {
    "label", "x", "t", "instance", "edges", "out_cond", "out_uncond", "q/x_t",
    "guided/mean", "guided/log_variance", "guided/pred_xstart",
    "sample/noise", "sample/x_T", "sample/ddpm", "sample/ddim", "sample/ddpm_timesteps", "sample/ddim_timesteps",
    "loss/t", "loss/x0", "loss/noise", "loss/mse", "loss/vb", "loss/loss",
}  # fmt: skip


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
    """A reference file, and our answers to the questions it asks."""

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

    def __contains__(self, name: str) -> bool:
        return name in self.stored

    @cached_property
    def edges(self) -> Tensor | None:
        return instance_edges(self["instance"]) if "instance" in self else None

    def condition(self, pictures: slice) -> Condition:
        edges = None if self.edges is None else self.edges[pictures]
        return condition_from(self["label"][pictures], self.network.config.num_classes, edges)

    def null(self, batch: int) -> Condition:
        return null_condition(batch, self.height, self.width)

    def denoiser(self, pictures: slice, batch: int) -> Denoiser:
        encoder = SharedEncoder(self.network)
        branches = [
            NetworkDenoiser(encoder, self.network.modulate(condition))
            for condition in (self.condition(pictures), self.null(batch))
        ]
        return clipped(guided(*branches, float(self.metadata["guidance_scale"])))

    def levels_at(self, timestep: int):
        """The level of an original timestep and the one below it."""
        index = len(self.alpha_bar) - 1 - timestep
        return self.every_level[index], self.every_level[index + 1]

    @cached_property
    def posterior(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {"mean": [], "log_variance": [], "pred_xstart": []}
        for i, timestep in enumerate(self["t"].tolist()):
            now, nxt = self.levels_at(timestep)
            x = self["x"][i : i + 1]
            p = self.denoiser(slice(i, i + 1), 1)(x, now)
            found["mean"].append(posterior_mean(p.x0, x, now, nxt))
            found["log_variance"].append(p.log_variance)
            found["pred_xstart"].append(p.x0)
        return {f"guided/{name}": torch.cat(parts) for name, parts in found.items()}

    @cached_property
    def losses(self) -> dict[str, Tensor]:
        pairs = [self.levels_at(timestep) for timestep in self["loss/t"].tolist()]
        alpha, sigma = (torch.tensor([getattr(now, name) for now, _ in pairs]) for name in ("alpha", "sigma"))
        x0, eps = self["loss/x0"], self["loss/noise"]
        x = noised(x0, eps, alpha, sigma)
        output = self.network(x, self["loss/t"], self.condition(slice(None)))
        found = losses(self.network.config.prediction, output, x0, eps, x, pairs)
        return {"q/x_t": x, "loss/loss": found.loss, "loss/mse": found.mse, "loss/vb": found.vb}

    def sample(self, name: str) -> Tensor:
        walk = levels(self.alpha_bar, self[f"sample/{name}_timesteps"].tolist())
        denoise = self.denoiser(slice(None), len(self["x"]))
        noise = iter(self["sample/noise"])
        start = self["sample/x_T"]
        steps = ddim(denoise, start, walk) if name == "ddim" else ddpm(denoise, start, walk, lambda: next(noise))
        *_, last = steps
        return last.x


@lru_cache(maxsize=1)
def golden(path: Path) -> Golden:
    return Golden(path)


def ids(path: Path) -> str:
    return path.stem


def test_there_are_reference_files():
    assert FILES, f"No reference file in any of {FOLDERS}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_every_quantity_is_known(path: Path):
    unknown = {name for name in golden(path).stored if not name.startswith("weights/")} - CHECKED
    assert not unknown, f"{path.name} holds {sorted(unknown)}, which no test compares"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_network_with_and_without_a_map(path: Path):
    file = golden(path)
    x, t = file["x"], file["t"]
    torch.testing.assert_close(
        file.network(x, t, file.condition(slice(None))), file["out_cond"], atol=TOLERANCE, rtol=0
    )
    torch.testing.assert_close(file.network(x, t, file.null(len(x))), file["out_uncond"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_instance_edges(path: Path):
    file = golden(path)
    if "instance" not in file:
        assert not file.network.config.instance_edges
        return
    torch.testing.assert_close(file.edges.to(file["edges"].dtype), file["edges"], atol=0, rtol=0)


@pytest.mark.parametrize("quantity", ["guided/mean", "guided/log_variance", "guided/pred_xstart"])
@pytest.mark.parametrize("path", FILES, ids=ids)
def test_guided_posterior(path: Path, quantity: str):
    file = golden(path)
    torch.testing.assert_close(file.posterior[quantity], file[quantity], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_loss_terms(path: Path):
    file = golden(path)
    for name, value in file.losses.items():
        if name not in file:
            assert name == "loss/vb"
            assert not file.network.config.learn_sigma
            continue
        torch.testing.assert_close(value, file[name], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(("sampler", "respacing"), [("ddpm", evenly_rounded), ("ddim", fixed_stride)])
@pytest.mark.parametrize("path", FILES, ids=ids)
def test_trajectories_on_recorded_noise(path: Path, sampler: str, respacing):
    file = golden(path)
    kept = file[f"sample/{sampler}_timesteps"].tolist()
    assert respacing(len(file.alpha_bar), len(kept)) == sorted(kept)
    torch.testing.assert_close(file.sample(sampler), file[f"sample/{sampler}"], atol=TOLERANCE, rtol=0)
