"""How much memory a run needs, how much there is, and what running out of it looks like."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from engine.model.config import NetworkConfig
from engine.types import UserError

CACHE_SHARE = 0.25  # of the free memory may hold modulations
RUN_SHARE = 0.6  # of the free memory may be taken by one batch: an estimate is an estimate
FEW_CLASSES = 16  # that a painted map holds, about
# In the words of: a GPU; the CPU's allocator on Windows and on Linux; C++; OpenCV; CUDA's libraries; oneDNN.
RAN_OUT = re.compile(
    "out of memory|not enough memory|can.t allocate memory|cannot allocate memory|bad_alloc|insufficient memory|"
    "alloc_failed|could not create a memory object|could not (create|execute) a primitive$",
    re.IGNORECASE,
)


def free_memory(device: torch.device) -> int:
    """Bytes that can be had now: of a GPU's own memory, elsewhere of the computer's, within a container's limit."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min([psutil.virtual_memory().available, *container_room()])


def container_room(folder: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What a container's limit leaves, where there is one (control groups, version 2).

    Files that were read lately count as used there, but give way to whoever needs memory.
    """
    with contextlib.suppress(OSError, ValueError):  # a limit of "max" is none
        limit, used = (int((folder / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [max(0, limit - used + int(stat.get("inactive_file", 0)))]
    return []


def step_bytes(config: NetworkConfig, height: int, width: int, itemsize: int) -> int:
    """About what one step of one picture of (height, width) pixels holds at its worst, without kept modulations.

    The encoder's features wait for the decoder. Beside them, features pass through its widest block: those that come
    in and go out, each once as they are and once normed, and about as much again for a modulation that is computed
    anew, for the layouts that convolutions make, and for the allocator's gaps. Attention has its q, k and v.
    """
    hidden = config.spade_hidden if config.condition == "spade" else 0
    waiting = sum(channels / 4**level for channels, level in encoder_features(config))
    passing = max(
        4 * c_in / 4**level_in + 4 * c_out / 4**level_out + 2 * hidden / 4**level_out
        for c_in, level_in, c_out, level_out in decoder_blocks(config)
    )
    deepest = len(config.widths) - 1  # where the middle attends
    attending = max(
        10 * channels / 4**level
        for level, channels in enumerate(config.widths)
        if level == deepest or 2**level in config.attention_strides
    )
    features = (waiting + max(passing, attending)) * _cells(config, height, width)
    if config.detail:  # two of its layers at a time, when the encoder's features are gone
        features = max(features, 4 * config.detail * height * width)
    reading = reading_bytes(config, height, width, itemsize) if config.condition == "input" else 0
    return max(int(features * itemsize), reading) + state_bytes(height, width)


def reading_bytes(config: NetworkConfig, height: int, width: int, itemsize: int) -> int:
    """What it takes to read a map at the input: its classes in whole pixels, as numbers, folded, and as a convolution
    wants them; and the convolution's weights for them, picked out and laid out."""
    weights = 2 * 9 * config.patch**2 * config.widths[0] * itemsize
    return min(config.condition_channels, FEW_CLASSES) * (3 * 4 * height * width + weights)


def state_bytes(height: int, width: int) -> int:
    """What a sampler and the branches' predictions hold of one picture: about 16 of its size, in float32."""
    return 16 * 4 * 3 * height * width


def modulation_bytes(config: NetworkConfig, height: int, width: int, itemsize: int) -> int:
    """What the modulations of one map of (height, width) pixels take: two numbers a feature that a SPADE norm sees, or
    what the first convolution makes of the map."""
    if config.condition == "input":
        return int(config.widths[0] * _cells(config, height, width) * itemsize)
    seen = sum(c_in / 4**level_in + c_out / 4**level_out for c_in, level_in, c_out, level_out in decoder_blocks(config))
    return int(2 * seen * _cells(config, height, width) * itemsize)


def encoder_features(config: NetworkConfig) -> list[tuple[int, int]]:
    """(channels, level) of all that the encoder hands to the decoder, in its order. Level 0 is the finest."""
    found = [(config.widths[0], 0)]
    for level, channels in enumerate(config.widths):
        found += [(channels, level)] * config.num_res_blocks
        if level < len(config.widths) - 1:
            found.append((channels, level + 1))
    return found


def decoder_blocks(config: NetworkConfig) -> Iterator[tuple[int, int, int, int]]:
    """(channels, level) that come in and go out of every residual block with SPADE: a norm each."""
    skips = encoder_features(config)
    deepest = len(config.widths) - 1
    current = config.widths[-1]
    yield from [(current, deepest, current, deepest)] * 2  # the middle
    for level in reversed(range(deepest + 1)):
        for _ in range(config.num_res_blocks + 1):
            skip, _ = skips.pop()
            yield current + skip, level, config.widths[level], level
            current = config.widths[level]
        if level and config.resblock_updown:
            yield current, level, current, level - 1


def _cells(config: NetworkConfig, height: int, width: int) -> float:
    return height * width / config.patch**2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: a GPU's, the CPU allocator's, a library's, or Python's own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return not isinstance(error, UserError) and RAN_OUT.search(str(error)) is not None


def release(device: torch.device) -> None:
    """Gives back what nobody holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def readable(size: float) -> str:
    """512 MB, 1.5 GB."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{max(1, round(size / 2**20))} MB"
