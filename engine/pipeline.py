"""From a request to pictures: generate() and edit() yield a frame after every step; closing them cancels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.denoiser import clipped
from engine.editing import check_region, keep_known, lay_over, shrink_region
from engine.images import resize_photo
from engine.library import FIRST, Model, ModelInfo, available_models, load_model
from engine.mapped import map_denoiser, map_on
from engine.memory import is_out_of_memory, release
from engine.noise import Draw, SeededNoise, along_path, anew
from engine.palette import Palette
from engine.plan import Plan, first_plan, next_plan
from engine.samplers import steps
from engine.schedule import alpha_bars
from engine.sizes import Grid, grid_for, preview_size
from engine.trajectory import log_snr, walk
from engine.types import EditRequest, Level, RenderRequest, Reroll, Sampling, Step, UserError

__all__ = [
    "FIRST", "Frame", "Model", "ModelInfo", "available_models", "computed_grid", "edit", "generate", "load_model",
    "pictures_of", "plan_of",
]  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """Some of a run's pictures after one more step.

    A run computes its seeds in batches that fit into memory: `pictures` (n, H, W, 3) uint8 belong to `seeds`, the n of
    them that are computed now, and are previews (of large ones smaller) until they are `finished`. step of steps counts
    over the whole run, picture by picture, so that step / steps is the share that is done; running out of memory sets
    it back to the batch's beginning. note: what was changed to fit into memory, else empty.
    """

    step: int
    steps: int
    pictures: NDArray[np.uint8]
    seeds: tuple[int, ...] = (0,)
    finished: bool = False
    note: str = ""


def generate(model: Model, request: RenderRequest) -> Generator[Frame]:
    """Renders a label map, one picture a seed, at the map's own size. Raises UserError before the first step."""
    check_map(request, model.palette)
    grid = computed_grid(model, request)
    way = walk_of(model, request.sampling)
    given = map_on(grid, request)
    rerolls = [Reroll(grid.labels(each.region.astype(np.uint8)) > 0, each.seed) for each in request.rerolls]
    draw = draw_of(model, request.sampling, way)

    def batch(seeds: tuple[int, ...], first: int, plan: Plan) -> Iterator[Step]:
        noise = SeededNoise(seeds, *grid.padded, model.device, draw, rerolls, first)
        denoise = clipped(map_denoiser(model, given, request.sampling, plan, len(seeds)))
        return steps(request.sampling.sampler, denoise, noise(), way, noise)

    def shown(x: Tensor, finished: bool) -> NDArray[np.uint8]:
        return to_pictures(x, request.labels.shape if finished else preview_size(*request.labels.shape))

    return _frames(model, request.sampling, grid, len(way) - 1, batch, shown)


def edit(model: Model, request: EditRequest) -> Generator[Frame]:
    """Regenerates the region of a photo under its label map; pixels outside come back as they were, bit for bit."""
    check_map(request, model.palette)
    check_region(request.region, request.photo)
    if request.labels.shape != request.region.shape:
        raise UserError(
            f"The map is {request.labels.shape[1]} x {request.labels.shape[0]} px and the photo "
            f"{request.region.shape[1]} x {request.region.shape[0]}. Give a map of the photo's size."
        )
    grid = computed_grid(model, request)
    way = walk_of(model, request.sampling, request.strength)
    given = map_on(grid, request)
    photo = from_picture(grid.photo(request.photo)).to(model.device)
    region = torch.zeros(1, 1, *grid.padded, dtype=torch.bool)
    region[(..., *grid.kept)] = torch.from_numpy(shrink_region(request.region, grid.height, grid.width))
    region = region.to(model.device)
    small = preview_of(request)
    draw = draw_of(model, request.sampling, way)

    def batch(seeds: tuple[int, ...], first: int, plan: Plan) -> Iterator[Step]:
        drawn = SeededNoise(seeds, *grid.padded, model.device, draw, first=first)
        noise = drawn()
        denoise = clipped(map_denoiser(model, given, request.sampling, plan, len(seeds)))
        x = way[0].alpha * photo + way[0].sigma * noise
        return steps(request.sampling.sampler, keep_known(denoise, region, photo, noise), x, way, drawn)

    def shown(x: Tensor, finished: bool) -> NDArray[np.uint8]:
        target = request if finished else small
        pictures = to_pictures(x, target.region.shape)
        return np.stack([lay_over(target.photo, picture, target.region) for picture in pictures])

    return _frames(model, request.sampling, grid, len(way) - 1, batch, shown)


@torch.inference_mode()
def _frames(
    model: Model,
    sampling: Sampling,
    grid: Grid,
    length: int,
    batch: Callable[[tuple[int, ...], int, Plan], Iterator[Step]],
    shown: Callable[[Tensor, bool], NDArray[np.uint8]],
) -> Generator[Frame]:
    """Runs the seeds batch by batch, `length` steps each; where memory runs out, that batch again by a smaller plan.

    batch: of some seeds, the place of the first of them in the run, and a plan.
    """
    seeds, note = sampling.seeds, ""
    plan = first_plan(model, grid, len(seeds))
    done = 0
    while done < len(seeds):
        now = seeds[done : done + plan.batch]
        try:
            for step in batch(now, done, plan):
                finished = step.index == length - 1
                pictures = shown((step.x if finished else step.x0)[(..., *grid.kept)], finished)
                count = done * length + (step.index + 1) * len(now)
                yield Frame(count, length * len(seeds), pictures, now, finished, note)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            done += len(now)
            continue
        step = pictures = None  # whatever they hold
        model.cache.clear()
        release(model.device)
        plan, change = next_plan(model, plan)
        note = f"Memory ran out: {change}."


def pictures_of(frames: Iterator[Frame]) -> NDArray[np.uint8]:
    """Runs to the end: (N, H, W, 3), one picture a seed, in their order."""
    return np.concatenate([frame.pictures for frame in frames if frame.finished])


def plan_of(model: Model, request: RenderRequest | EditRequest) -> Plan:
    """What a request will take, before it is run."""
    return first_plan(model, computed_grid(model, request), len(request.sampling.seeds))


def computed_grid(model: Model, request: RenderRequest | EditRequest) -> Grid:
    """The size at which a request is computed: by default its short side at the training size."""
    config = model.network.config
    return grid_for(*request.labels.shape, request.side or config.image_size, config.stride)


def walk_of(model: Model, sampling: Sampling, strength: float = 1.0) -> list[Level]:
    """The noise levels of a run. Raises UserError."""
    return walk(alpha_bars_of(model), sampling.spacing, sampling.steps, strength)


def alpha_bars_of(model: Model) -> NDArray[np.float64]:
    return alpha_bars(model.description.schedule, model.description.diffusion_steps)


def draw_of(model: Model, sampling: Sampling, way: list[Level]) -> Draw:
    """How the noise of a run along `way` is drawn from a seed."""
    if sampling.noise == "steps":
        return anew
    lams = log_snr(alpha_bars_of(model))
    return partial(along_path, levels=way, lams=(float(lams[-1]), float(lams[0])))


def preview_of(request: EditRequest) -> EditRequest:
    """The edit at a size at which showing every step costs little; the finished picture has the photo's own."""
    size = preview_size(*request.region.shape)
    if size == request.region.shape:
        return request
    return replace(request, photo=resize_photo(request.photo, *size), region=shrink_region(request.region, *size))


def check_map(request: RenderRequest | EditRequest, palette: Palette) -> None:
    """Raises UserError where a label or a class with guidance is outside the palette, or the map is empty."""
    labels = request.labels
    if labels.ndim != 2 or labels.size == 0:
        raise UserError(f"The label map has shape {labels.shape}. Give one class a pixel: (height, width).")
    if labels.max() >= palette.size:
        raise UserError(
            f"Label {labels.max()} is outside {palette.title} (0 to {palette.size - 1}). "
            "Open the map with the palette it was painted with."
        )
    for index, scale in request.class_guidance:
        if index >= palette.size:
            raise UserError(
                f"Guidance {scale:g} is given for class {index}, outside {palette.title} (0 to {palette.size - 1}). "
                "Choose one of its classes."
            )


def to_pictures(x: Tensor, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(N, 3, h, w) in [-1, 1] -> (N, H, W, 3) uint8 at `size`."""
    small = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.stack([resize_photo(picture, *size) for picture in small])


def from_picture(photo: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float() / 127.5 - 1
