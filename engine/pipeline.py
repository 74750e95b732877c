"""From a request to pictures: generate() and edit() yield a frame after every step; closing them cancels."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.checkpoint import Description, find_checkpoint, load_checkpoint, read_description, shipped_models
from engine.condition import map_condition, null_condition
from engine.denoiser import Denoiser, NetworkDenoiser, SharedEncoder, clipped
from engine.editing import check_region, keep_known, lay_over, shrink_region
from engine.guidance import guided
from engine.images import resize_labels, resize_photo
from engine.model.unet import UNet
from engine.palette import Palette
from engine.samplers import ddim, ddpm
from engine.schedule import alpha_bars
from engine.trajectory import levels, timesteps
from engine.types import EditRequest, LabelMap, Level, RenderRequest, Sampling, Step, UserError

FIRST = "scenes"  # the model that the page opens with, and the default of every command
PREVIEW_SIDE = 1024
LONGEST = 4  # the long side is computed at up to this many times the short one; beyond, the map is squeezed


@dataclass(frozen=True)
class Model:
    """A loaded network with what its checkpoint says of it."""

    name: str
    network: UNet
    description: Description
    device: torch.device

    @property
    def palette(self) -> Palette:
        return self.description.palette


@dataclass(frozen=True)
class ModelInfo:
    """A line in the list of models. `problem` says why a file can't be used, and is empty for good ones."""

    name: str
    path: Path
    description: Description | None
    problem: str = ""


@dataclass(frozen=True)
class Frame:
    """Pictures (N, H, W, 3) uint8 after `step` of `steps`; previews, of large ones smaller, until step == steps."""

    step: int
    steps: int
    pictures: NDArray[np.uint8]


def available_models() -> list[ModelInfo]:
    """Every file in `checkpoints/`, FIRST first; a broken one is listed with its reason."""
    found = [_info(name, path) for name, path in shipped_models().items()]
    return sorted(found, key=lambda info: (info.name != FIRST, info.name))


def _info(name: str, path: Path) -> ModelInfo:
    try:
        return ModelInfo(name, path, read_description(path))
    except UserError as error:
        return ModelInfo(name, path, None, str(error))


def best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def load_model(name_or_path: str | Path, device: torch.device | None = None) -> Model:
    """A model by its name in `checkpoints/` or by a file's path. Raises UserError."""
    path = find_checkpoint(name_or_path)
    network, description = load_checkpoint(path)
    device = device or best_device()
    return Model(path.stem, network.to(device, memory_format=torch.channels_last), description, device)


def model_size(height: int, width: int, image_size: int, stride: int) -> tuple[int, int]:
    """The size at which a map of (height, width) is computed: its short side at the training size, whole strides."""
    scale = image_size / min(height, width)

    def side(pixels: int) -> int:
        return stride * max(1, round(min(pixels * scale, LONGEST * image_size) / stride))

    return side(height), side(width)


class SeededNoise:
    """One generator a picture, on the CPU: a seed gives the same noise alone, in a batch, and on every device."""

    def __init__(self, seeds: tuple[int, ...], height: int, width: int, device: torch.device) -> None:
        self.shape, self.device = (3, height, width), device
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self) -> Tensor:
        """(N, 3, H, W) standard normal."""
        drawn = [torch.randn(self.shape, generator=generator) for generator in self.generators]
        return torch.stack(drawn).to(self.device)


def generate(model: Model, request: RenderRequest) -> Generator[Frame]:
    """Renders a label map, one picture a seed, at the map's own size. Raises UserError before the first step."""
    check_labels(request.labels, model.palette)
    config, labels = model.network.config, request.labels
    height, width = model_size(*labels.shape, config.image_size, config.stride)
    walk = levels(_alpha_bar(model), _timesteps(model, request.sampling))
    noise = SeededNoise(request.sampling.seeds, height, width, model.device)
    return _frames(model, request.sampling, labels, walk, noise, (height, width))


def _frames(
    model: Model,
    sampling: Sampling,
    labels: LabelMap,
    walk: list[Level],
    noise: SeededNoise,
    size: tuple[int, int],
) -> Generator[Frame]:
    with torch.inference_mode():
        denoise = clipped(map_denoiser(model, resize_labels(labels, *size), sampling.guidance))
        for step in _steps(sampling, denoise, noise(), walk, noise):
            shape = labels.shape if step.index == len(walk) - 2 else preview_size(*labels.shape)
            yield Frame(step.index + 1, len(walk) - 1, to_pictures(_shown(step, walk), shape))


def edit(model: Model, request: EditRequest) -> Generator[Frame]:
    """Regenerates the region of a photo under its label map; pixels outside come back as they were, bit for bit."""
    check_labels(request.labels, model.palette)
    check_region(request.region, request.photo)
    if request.labels.shape != request.region.shape:
        raise UserError(
            f"The map is {request.labels.shape[1]} x {request.labels.shape[0]} px and the photo "
            f"{request.region.shape[1]} x {request.region.shape[0]}. Give a map of the photo's size."
        )
    walk = levels(_alpha_bar(model), _timesteps(model, request.sampling, request.strength))
    return _edit_frames(model, request, walk)


def _edit_frames(model: Model, request: EditRequest, walk: list[Level]) -> Generator[Frame]:
    config, sampling = model.network.config, request.sampling
    height, width = model_size(*request.region.shape, config.image_size, config.stride)
    small = preview_of(request)
    with torch.inference_mode():
        photo = from_picture(resize_photo(request.photo, height, width)).to(model.device)
        region = torch.from_numpy(shrink_region(request.region, height, width))[None, None].to(model.device)
        draw = SeededNoise(sampling.seeds, height, width, model.device)
        noise = draw()
        denoise = clipped(map_denoiser(model, resize_labels(request.labels, height, width), sampling.guidance))
        denoise = keep_known(denoise, region, photo, noise)
        x = walk[0].alpha * photo + walk[0].sigma * noise
        for step in _steps(sampling, denoise, x, walk, draw):
            shown = request if step.index == len(walk) - 2 else small
            pictures = to_pictures(_shown(step, walk), shown.region.shape)
            laid = np.stack([lay_over(shown.photo, picture, shown.region) for picture in pictures])
            yield Frame(step.index + 1, len(walk) - 1, laid)


def preview_of(request: EditRequest) -> EditRequest:
    """The edit at a size at which showing every step costs little; the finished picture has the photo's own."""
    size = preview_size(*request.region.shape)
    if size == request.region.shape:
        return request
    return replace(request, photo=resize_photo(request.photo, *size), region=shrink_region(request.region, *size))


def preview_size(height: int, width: int) -> tuple[int, int]:
    """The size at which a picture is shown while it forms: at most PREVIEW_SIDE on the long side."""
    scale = min(1.0, PREVIEW_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def map_denoiser(model: Model, labels: LabelMap, guidance: float) -> Denoiser:
    """The network under a label map (H, W) of its own size, guided. gamma and beta are computed here, once."""
    network = model.network
    batch = torch.from_numpy(labels.astype(np.int64))[None].to(model.device)
    encoder = SharedEncoder(network)
    conditional = NetworkDenoiser(encoder, network.modulate(map_condition(batch, network.config)))
    null = NetworkDenoiser(encoder, network.modulate(null_condition(1, *labels.shape, device=model.device)))
    return guided(conditional, null, guidance)


def check_labels(labels: LabelMap, palette: Palette) -> None:
    """Raises UserError where a label is outside the palette or the map is empty."""
    if labels.ndim != 2 or labels.size == 0:
        raise UserError(f"The label map has shape {labels.shape}. Give one class a pixel: (height, width).")
    if labels.max() >= palette.size:
        raise UserError(
            f"Label {labels.max()} is outside {palette.title} (0 to {palette.size - 1}). "
            "Open the map with the palette it was painted with."
        )


def to_pictures(x: Tensor, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(N, 3, h, w) in [-1, 1] -> (N, H, W, 3) uint8 at `size`."""
    small = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.stack([resize_photo(picture, *size) for picture in small])


def from_picture(photo: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float() / 127.5 - 1


def _alpha_bar(model: Model) -> NDArray[np.float64]:
    return alpha_bars(model.description.schedule, model.description.diffusion_steps)


def _timesteps(model: Model, sampling: Sampling, strength: float = 1.0) -> list[int]:
    return timesteps(sampling.spacing, model.description.diffusion_steps, sampling.steps, strength)


def _steps(sampling: Sampling, denoise: Denoiser, x: Tensor, walk: list[Level], noise: SeededNoise) -> Iterator[Step]:
    if sampling.sampler == "ddpm":
        return ddpm(denoise, x, walk, noise)
    return ddim(denoise, x, walk)


def _shown(step: Step, walk: list[Level]) -> Tensor:
    """The finished state after the last step, the current estimate of it before."""
    return step.x if step.index == len(walk) - 2 else step.x0
