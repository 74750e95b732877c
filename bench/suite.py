"""The benchmarks of `launch.py bench`: the plain way beside ours, in one run, and their ratio.

Seconds are medians of a few rounds in turns; machines differ and drift, ratios less. Each row says its precision.
"""

from __future__ import annotations

import copy
import platform
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from bench.plain import PlainBranches, one_hot, plain_picture
from engine.checkpoint import Description, find_checkpoint, load_checkpoint
from engine.denoiser import Denoiser
from engine.device import best_device, choose_precision
from engine.guidance import Guidance, guided
from engine.library import FIRST, Model, load_model, ready
from engine.mapped import GridMap, map_denoiser
from engine.memory import free_memory, readable
from engine.model.config import NetworkConfig
from engine.model.inference import prepare
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.palette import load_palette
from engine.pipeline import generate, pictures_of
from engine.plan import first_plan
from engine.presets import DEFAULT, preset
from engine.sizes import Grid
from engine.types import LabelMap, Level, RenderRequest, Sampling, UserError

ROOT = Path(__file__).resolve().parent.parent
LEVEL = Level(timestep=500.0, alpha=0.6, sigma=0.8)
CLASSES = (2, 4, 9, 6, 1)  # sky, tree, grass, road, building of ADE20K
WIDE = NetworkConfig(image_size=128, num_classes=151, model_channels=64, channel_mult=(1, 1, 2, 3, 4))
PUBLISHED = NetworkConfig(image_size=256, num_classes=151)
NEEDED_FOR_PUBLISHED = 10 * 2**30


@dataclass(frozen=True)
class Row:
    """One line of the table. Seconds; ratio = plain_s / fast_s; None where there is nothing to compare with."""

    name: str
    plain_s: float | None
    fast_s: float
    ratio: float | None
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        seconds = {name: rounded(getattr(self, name)) for name in ("plain_s", "fast_s", "ratio")}
        return {"name": self.name, **seconds, **self.facts}

    def text(self) -> str:
        plain = "       -" if self.plain_s is None else f"{self.plain_s:8.3f}"
        ratio = "     -" if self.ratio is None else f"{self.ratio:6.2f}"
        facts = ", ".join(f"{key} {value}" for key, value in self.facts.items())
        return f"{self.name:16} {plain} {self.fast_s:8.3f} {ratio}  {facts}"


def rounded(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


# --- Measuring ---


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def in_turns(rounds: int, *runs: Callable[[], object]) -> list[list[float]]:
    """Seconds of each run, `rounds` times one after the other; the first, which warms up, is not counted."""
    for run in runs:
        run()
    times = [[timed(run) for run in runs] for _ in range(rounds)]
    return [list(column) for column in zip(*times, strict=True)]


def median_ratio(plain: list[float], fast: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(plain, fast, strict=True))


def peak_mb(run: Callable[[], object]) -> int:
    """How far memory in use rises above what it was, in MB: on a GPU its own, elsewhere this process's."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20)
    process, peak, done = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return round(max(0, peak - before) / 2**20)


def named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


# --- What is measured on ---


def bands(height: int, width: int) -> LabelMap:
    """A painted map: five classes in bands."""
    rows = np.repeat(CLASSES, -(-height // len(CLASSES)))[:height]
    return np.ascontiguousarray(np.broadcast_to(rows[:, None], (height, width)).astype(np.uint8))


def random_network(config: NetworkConfig) -> UNet:
    """Of random weights: speed doesn't ask what a network has learnt."""
    with torch.device("meta"):
        network = UNet(config)
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.02, generator=generator)
    return network.eval().requires_grad_(False)


def shipped_network() -> UNet:
    return load_checkpoint(find_checkpoint(FIRST))[0]


def as_model(network: UNet) -> Model:
    return ready("bench", network, Description("Bench", network.config, load_palette("ade20k")))


# --- The rows ---


def step(name: str, network: UNet, rounds: int) -> Iterator[Row]:
    """A guided step: the plain way, ours in float32, and ours in the precision that this machine is fastest in."""
    device = best_device()
    dtype = choose_precision("auto", device)
    side = network.config.image_size
    labels, x = bands(side, side), torch.randn(1, 3, side, side, device=device)
    network.to(device)
    plain = guided(PlainBranches(network, one_hot(labels, network)), Guidance(2.0))
    exact, fast = (our_step(prepare(copy.deepcopy(network), device, each), labels) for each in (torch.float32, dtype))
    runs = [lambda: plain(x, LEVEL), lambda: exact(x.clone(), LEVEL), lambda: fast(x.clone(), LEVEL)]
    plain_s, exact_s, fast_s = in_turns(rounds, *runs)
    facts = {
        "precision": named(dtype),
        "exact_s": rounded(statistics.median(exact_s)),
        "exact_ratio": round(median_ratio(plain_s, exact_s), 2),
        "plain_mb": peak_mb(runs[0]),
        "fast_mb": peak_mb(runs[2]),
    }
    yield row(name, plain_s, fast_s, facts)


def our_step(network: UNet, labels: LabelMap) -> Denoiser:
    """A guided step as generate() makes it, modulations computed."""
    model = as_model(network)
    plan = first_plan(model, Grid(*labels.shape, network.config.stride), 1)
    return map_denoiser(model, GridMap(labels), Sampling(guidance=2.0), plan)


def published(rounds: int) -> Iterator[Row]:
    """The published 256 px network: three copies of it are in memory."""
    if free_memory(torch.device("cpu")) < NEEDED_FOR_PUBLISHED:
        raise UserError(f"step-published needs {readable(NEEDED_FOR_PUBLISHED)} of free memory. Close other programs.")
    yield from step("step-published", random_network(PUBLISHED), min(rounds, 2))


def picture(rounds: int) -> Iterator[Row]:
    """A whole picture: 250 ancestral steps the plain way, and the default, which can't be told from them
    (docs/performance.md)."""
    model, network = load_model(FIRST), shipped_network()
    reference = Sampling("ddpm", 250, preset(DEFAULT).guidance, spacing="even", noise="steps")
    labels = bands(network.config.image_size, network.config.image_size)
    plain = as_model(network)
    plain_s = [timed(lambda: plain_picture(plain, labels, reference, 0))]
    request = RenderRequest(model.name, labels, preset(DEFAULT))
    fast_s = in_turns(rounds, lambda: pictures_of(generate(model, request)))[0]
    fact = {"precision": model.precision, "plain_steps": 250, "fast_steps": request.sampling.steps}
    yield row("picture", plain_s * len(fast_s), fast_s, fact)


def variations(rounds: int) -> Iterator[Row]:
    """1, 4 and 8 pictures of one map by the default's own steps; the plain way makes them one after the other."""
    model, plain = load_model(FIRST), as_model(shipped_network())
    labels = bands(plain.network.config.image_size, plain.network.config.image_size)
    for count in (1, 4, 8):
        request = RenderRequest(model.name, labels, replace(preset(DEFAULT), seeds=tuple(range(count))))
        one_by_one = partial(plain_pictures, plain, request)
        ours = partial(lambda request: pictures_of(generate(model, request)), request)
        plain_s, fast_s = in_turns(max(1, rounds // 2), one_by_one, ours)
        each = rounded(statistics.median(fast_s) / count)
        yield row(f"variations-{count}", plain_s, fast_s, {"precision": model.precision, "seconds_each": each})


def plain_pictures(model: Model, request: RenderRequest) -> None:
    for seed in request.sampling.seeds:
        plain_picture(model, request.labels, request.sampling, seed)


def cache(rounds: int) -> Iterator[Row]:
    """gamma and beta of a map and of none: as the plain way computes them every step, and as ours does once a map."""
    device = best_device()
    network = random_network(WIDE).to(device)
    labels = bands(WIDE.image_size, WIDE.image_size)
    maps = one_hot(labels, network)
    model = as_model(prepare(copy.deepcopy(network), device, choose_precision("auto", device)))

    def plain() -> None:
        for each in (maps, torch.zeros_like(maps)):
            network.modulate(Condition(each))

    def ours() -> None:
        model.cache.clear()
        model.cache.of_map(labels), model.cache.of_null(*labels.shape)

    plain_s, fast_s = in_turns(rounds, plain, ours)
    hit = in_turns(rounds, lambda: model.cache.of_map(labels))[0]
    facts = {
        "precision": model.precision,
        "held_mb": round(model.cache.bytes / 2**20),
        "hit_s": rounded(statistics.median(hit)),
    }
    yield row("cache", plain_s, fast_s, facts)


def start(rounds: int) -> Iterator[Row]:
    """From the command to a page that answers, everything installed. There is nothing to compare it with."""
    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--no-venv", "app", "--no-browser", "--port", str(port)]
    times = []
    for _ in range(min(rounds, 3)):
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/", process)
            times.append(time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)
    yield Row("start", None, statistics.median(times), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen) -> None:
    """Raises UserError where the page doesn't answer within two minutes."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise UserError("The app did not start. Run python3 launch.py to see why.")


def row(name: str, plain: list[float], fast: list[float], facts: dict[str, Any]) -> Row:
    return Row(name, statistics.median(plain), statistics.median(fast), median_ratio(plain, fast), facts)


ROWS: dict[str, Callable[[int], Iterator[Row]]] = {
    "step-ours": lambda rounds: step("step-ours", shipped_network(), rounds),
    "step-128-64-151": lambda rounds: step("step-128-64-151", random_network(WIDE), rounds),
    "step-published": published,
    "picture": picture,
    "variations": variations,
    "cache": cache,
    "start": start,
}


def run(only: str | None = None, rounds: int = 5) -> Iterator[Row]:
    """The rows in their order, or those of one name (variations-4 is one of variations). Raises UserError."""
    chosen = [name for name in ROWS if only is None or name in (only, (only or "").rsplit("-", 1)[0])]
    if not chosen:
        raise UserError(f"There is no benchmark “{only}”. Choose one of {', '.join(ROWS)}.")
    for name in chosen:
        with torch.inference_mode():
            yield from (each for each in ROWS[name](rounds) if only in (None, name, each.name))


def machine() -> str:
    device = best_device()
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return f"{device}: {chip}, {torch.get_num_threads()} threads, torch {torch.__version__}"
