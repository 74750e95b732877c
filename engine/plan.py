"""How a run fits into memory: how many pictures at a time, whether modulations are kept, whole or in windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.library import Model
from engine.memory import RUN_SHARE, free_memory, modulation_bytes, readable, state_bytes, step_bytes
from engine.sizes import Grid
from engine.types import UserError

LARGEST_BATCH = {"cpu": 8, "mps": 8, "cuda": 32}  # beyond, a picture gets no cheaper and the first one later


@dataclass(frozen=True)
class Plan:
    """batch: pictures at a time. cached: modulations are kept between steps. window: the largest (height, width) that
    is computed at once. needs, free: bytes, as estimated before the run."""

    batch: int
    cached: bool
    window: tuple[int, int]
    needs: int
    free: int

    def text(self) -> str:
        return f"needs about {readable(self.needs)} of {readable(self.free)} free memory, {self.batch} at a time"


def first_plan(model: Model, grid: Grid, pictures: int) -> Plan:
    """The largest batch of `pictures` that should fit; windows only where not even one whole picture does."""
    config, itemsize = model.network.config, model.network.dtype.itemsize
    free = free_memory(model.device)
    room = RUN_SHARE * free
    window = grid.padded
    while step_bytes(config, *window, itemsize) > room and (less := smaller_window(model, window)):
        window = less
    step = step_bytes(config, *window, itemsize)
    if window != grid.padded:  # what the windows share is whole
        step += state_bytes(*grid.padded)
    batch = max(1, min(pictures, LARGEST_BATCH[model.device.type], int(room // step)))
    held = min(model.cache.limit, modulation_bytes(config, *grid.padded, itemsize))
    return Plan(batch, True, window, batch * step + held, free)


def next_plan(model: Model, plan: Plan) -> tuple[Plan, str]:
    """A smaller one, and what changed, for the user. Raises UserError where there is none."""
    if plan.batch > 1:
        batch = plan.batch // 2
        return replace(plan, batch=batch), f"{batch} at a time instead of {plan.batch}"
    if plan.cached:
        return replace(plan, cached=False), "slower, without the modulation cache"
    if window := smaller_window(model, plan.window):
        return replace(plan, window=window), f"in windows of {window[1]} x {window[0]} px"
    remedy = "choose a smaller size" if model.device.type == "cpu" else "use --device cpu"
    raise UserError(
        f"Memory ran out on {model.device}, even for one picture in windows of {plan.window[1]} x {plan.window[0]} px "
        f"({readable(free_memory(model.device))} are free). Close other programs, or {remedy}."
    )


def smaller_window(model: Model, window: tuple[int, int]) -> tuple[int, int] | None:
    """Half as long on its longer side, in whole strides, but no shorter than the training size; None below that.

    Two strides it must have: of fewer, windows could not overlap.
    """
    stride = model.network.config.stride
    shortest = max(model.network.config.image_size, 2 * stride)
    longer = max(window)
    if longer <= shortest:
        return None
    half = max(shortest, -(-(longer // 2) // stride) * stride)
    return (half, window[1]) if window[0] == longer else (window[0], half)
