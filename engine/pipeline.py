"""From a request to pictures: generate() and edit() yield a frame after every step; closing them cancels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.areas import Area
from engine.denoiser import clipped
from engine.editing import Work, keep_known, works
from engine.library import FIRST, Model, ModelInfo, available_models, load_model
from engine.mapped import map_denoiser, map_on
from engine.memory import is_out_of_memory, release
from engine.montage import Montage
from engine.noise import Draw, SeededNoise, along_path, anew, derived
from engine.palette import Palette
from engine.plan import Plan, first_plan, next_plan
from engine.resampling import count, resampled
from engine.resizing import resize_photo
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

    def batch(seeds: tuple[int, ...], first: int, plan: Plan) -> Iterator[NDArray[np.uint8]]:
        noise = SeededNoise(seeds, *grid.padded, model.device, draw, rerolls, first)
        denoise = clipped(map_denoiser(model, given, request.sampling, plan, len(seeds)))
        for step in steps(request.sampling.sampler, denoise, noise(), way, noise):
            finished = step.index == len(way) - 2
            size = request.labels.shape if finished else preview_size(*request.labels.shape)
            yield to_pictures((step.x if finished else step.x0)[(..., *grid.kept)], size)

    return _frames(model, request.sampling.seeds, grid, len(way) - 1, batch)


def edit(model: Model, request: EditRequest) -> Generator[Frame]:
    """Regenerates the region of a photo under its label map; pixels outside come back as they were, bit for bit.

    Area by area, each in a window of its own at the model's resolution, so that an edit costs what its region costs. A
    frame shows the photo with all that is made so far. Raises UserError before the first step.
    """
    check_map(request, model.palette)
    todo = works(request, side_of(model, request))
    way = walk_of(model, request.sampling, request.strength)
    length = count(way, request.resampling)

    def batch(seeds: tuple[int, ...], first: int, plan: Plan) -> Iterator[NDArray[np.uint8]]:
        montage = Montage(request, len(seeds))
        for work in todo:
            place, own = montage.place(work.area), work.seeds(seeds, first)
            seen = montage.seen_by(work.area, again=work.reroll is not None)
            for step in area_steps(model, request, work.area, seen, own, plan, way):
                if step.index < length - 1:
                    yield montage.with_forming(place, to_pictures(step.x0, place.shape))
            montage.lay(place, to_pictures(step.x, work.area.shape), own)
            yield montage.pictures if work is todo[-1] else montage.preview.copy()

    return _frames(model, request.sampling.seeds, edit_grid(model, request, todo), length * len(todo), batch)


def area_steps(
    model: Model,
    request: EditRequest,
    area: Area,
    seen: NDArray[np.uint8],
    seeds: Sequence[int],
    plan: Plan,
    way: list[Level],
) -> Iterator[Step]:
    """One area's way from `seen` (N or 1, h, w, 3), its window of the photo, to as many pictures as there are seeds."""
    grid = grid_of(model, request, area)
    instances = None if request.instances is None else request.instances[area.box]
    window = RenderRequest(
        model.name,
        request.labels[area.box],
        request.sampling,
        instances=instances,
        class_guidance=request.class_guidance,
    )
    photo = torch.cat([from_picture(grid.photo(each)) for each in seen]).to(model.device)
    region = torch.from_numpy(grid.region(area.region))[None, None].to(model.device)
    drawn = SeededNoise(seeds, *grid.padded, model.device, draw_of(model, request.sampling, way))
    again = SeededNoise([derived(seed, "resampling") for seed in seeds], *grid.padded, model.device)
    noise = drawn()
    denoise = clipped(map_denoiser(model, map_on(grid, window), request.sampling, plan, len(seeds)))
    known = keep_known(denoise, region, photo, noise)
    x = beginning(request, way[0], photo, noise)
    for step in resampled(request.sampling.sampler, known, x, way, drawn, again, request.resampling):
        yield replace(step, x=step.x[(..., *grid.kept)], x0=step.x0[(..., *grid.kept)])


def beginning(request: EditRequest, level: Level, photo: Tensor, noise: Tensor) -> Tensor:
    """x at an area's first level: the noised photo; at full strength noise alone, which knows nothing of the photo.

    Of a whole photo the noisiest level keeps its trace of it, so that old results are made again to the bit.
    """
    if request.strength == 1 and request.extent == "windows":
        return noise
    return level.alpha * photo + level.sigma * noise


@torch.inference_mode()
def _frames(
    model: Model,
    seeds: tuple[int, ...],
    grid: Grid,
    length: int,
    batch: Callable[[tuple[int, ...], int, Plan], Iterator[NDArray[np.uint8]]],
) -> Generator[Frame]:
    """Runs the seeds batch by batch, `length` steps each; where memory runs out, that batch again by a smaller plan.

    grid: the largest that is computed. batch: of some seeds, the place of the first of them in the run, and a plan; its
    pictures after every step, those of the last one finished.
    """
    note = ""
    plan = first_plan(model, grid, len(seeds))
    done = 0
    while done < len(seeds):
        now = seeds[done : done + plan.batch]
        try:
            for index, pictures in enumerate(batch(now, done, plan), 1):
                step = done * length + index * len(now)
                yield Frame(step, length * len(seeds), pictures, now, index == length, note)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            done += len(now)
            continue
        pictures = None  # whatever they hold
        model.cache.clear()
        release(model.device)
        plan, change = next_plan(model, plan)
        note = f"Memory ran out: {change}."


def pictures_of(frames: Iterator[Frame]) -> NDArray[np.uint8]:
    """Runs to the end: (N, H, W, 3), one picture a seed, in their order."""
    finished = [frame.pictures for frame in frames if frame.finished]
    return finished[0] if len(finished) == 1 else np.concatenate(finished)  # a large photo is not copied for nothing


def plan_of(model: Model, request: RenderRequest | EditRequest) -> Plan:
    """What a request will take, before it is run. Raises UserError where an edit has nothing to make or keep."""
    if isinstance(request, EditRequest):
        grid = edit_grid(model, request, works(request, side_of(model, request)))
    else:
        grid = computed_grid(model, request)
    return first_plan(model, grid, len(request.sampling.seeds))


def computed_grid(model: Model, request: RenderRequest) -> Grid:
    """The size at which a map is computed: by default its short side at the training size."""
    return grid_for(*request.labels.shape, side_of(model, request), model.network.config.stride)


def grid_of(model: Model, request: EditRequest, area: Area) -> Grid:
    """The size at which an area of a photo is computed."""
    return grid_for(*area.shape, side_of(model, request), model.network.config.stride)


def edit_grid(model: Model, request: EditRequest, todo: Sequence[Work]) -> Grid:
    """The smallest that no area's exceeds."""
    grids = [grid_of(model, request, work.area) for work in todo]
    return replace(grids[0], height=max(each.height for each in grids), width=max(each.width for each in grids))


def side_of(model: Model, request: RenderRequest | EditRequest) -> int:
    """The short side in pixels at which a picture, or an area of a photo, is computed."""
    return request.side or model.network.config.image_size


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
