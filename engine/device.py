"""Where the network runs and in what precision: automatic by default, and then measured, not guessed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch.nn import functional

from engine.types import UserError

PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
WORTHWHILE = 1.2  # half the digits must buy at least this much speed
PROBE_CHANNELS, PROBE_SIDE, PROBE_ROUNDS = 128, 32, 30


def choose_device(name: str = "auto") -> torch.device:
    """auto, cpu, cuda, cuda:1, mps. Raises UserError where it isn't there."""
    if name == "auto":
        return best_device()
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"Device “{name}” is not known. Choose auto, cpu, cuda, cuda:1 (the second) or mps.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"Device {name}: PyTorch sees {torch.cuda.device_count()} NVIDIA GPUs here. "
            "Choose cpu, or install a driver and PyTorch with CUDA."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("Device mps: this is no Mac with Metal. Choose cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UserError(f"Device {name} is not one that Spadework runs on. Choose auto, cpu, cuda or mps.")
    return device


def best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(name: PrecisionName, device: torch.device) -> torch.dtype:
    """auto: the precision that a convolution runs fastest in on this device, as measured now. Raises UserError."""
    if name == "auto":
        return fastest_precision(device)
    if name not in PRECISIONS:
        raise UserError(f"Precision “{name}” is not known. Choose one of {', '.join(get_args(PrecisionName))}.")
    if name == "float16" and device.type == "cpu":
        raise UserError("Precision float16 is for GPUs. On the CPU choose bfloat16 or float32.")
    return PRECISIONS[name]


@lru_cache
def fastest_precision(device: torch.device) -> torch.dtype:
    """Times one typical convolution in each precision, in turns: a tenth of a second, once a process.

    Half precision is chosen only where it is worth its rounding. On the CPU that takes AMX or AVX512-bf16.
    """
    candidates = [torch.float32, torch.bfloat16]
    if device.type != "cpu":
        candidates.append(torch.float16)
    with one_thread():
        probes = {dtype: Probe(device, dtype) for dtype in candidates}
        times: dict[torch.dtype, list[float]] = {dtype: [] for dtype in candidates}
        for _ in range(PROBE_ROUNDS):
            for dtype, probe in probes.items():
                times[dtype].append(probe.seconds())
    least = {dtype: min(column) for dtype, column in times.items()}  # what else the machine does only adds
    best = min(least, key=least.__getitem__)
    return best if least[torch.float32] > WORTHWHILE * least[best] else torch.float32


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """On a busy machine one thread finds a free moment sooner than all together, and ratios stay what they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Probe:
    """A 3 x 3 convolution of the size that networks of this kind spend their time in."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.x, self.weight = (
            torch.zeros(shape, device=device, dtype=dtype).to(memory_format=torch.channels_last)
            for shape in (
                (1, PROBE_CHANNELS, PROBE_SIDE, PROBE_SIDE),
                (PROBE_CHANNELS, PROBE_CHANNELS, 3, 3),
            )
        )
        self.seconds()  # the first run chooses kernels

    def seconds(self) -> float:
        started = time.perf_counter()
        with torch.inference_mode():
            y = functional.conv2d(self.x, self.weight, padding=1)
        y.flatten()[0].item()  # waits for a GPU
        return time.perf_counter() - started
