"""What a run is estimated to need, beside what it takes; and that nothing stays behind."""

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch
from models import tiny_model, tiny_network

from engine.denoiser import NetworkDenoiser, SharedEncoder, TwoBranches, clipped
from engine.guidance import Guidance, guided
from engine.memory import (
    container_room,
    decoder_blocks,
    encoder_features,
    free_memory,
    is_out_of_memory,
    modulation_bytes,
    readable,
    state_bytes,
    step_bytes,
)
from engine.model.inference import prepare
from engine.modulation import ModulationCache
from engine.pipeline import generate
from engine.types import Level, RenderRequest, Sampling, UserError

CPU = torch.device("cpu")
LEVEL = Level(timestep=500.0, alpha=0.6, sigma=0.8)

SHAPES = [
    ({}, (32, 48)),
    ({"attention_resolutions": (16, 8), "spade_hidden": 128}, (32, 32)),
    ({"resblock_updown": False, "patch": 2, "channel_mult": (1, 2)}, (64, 48)),
    ({"channel_mult": (1, 2, 4), "num_res_blocks": 2, "num_classes": 40, "image_size": 32}, (32, 32)),
    ({"patch": 4, "image_size": 64, "channel_mult": (1, 2), "detail": 64}, (64, 64)),
]
AT_INPUT = [
    ({"condition": "input"}, (32, 48)),
    ({"condition": "input", "patch": 4, "image_size": 64, "num_classes": 40}, (64, 64)),
    ({"condition": "input", "patch": 2, "image_size": 32, "channel_mult": (1, 2), "detail": 16}, (64, 48)),
]


def most_held(run: Callable[[], object], folder: Path) -> int:
    """Bytes that PyTorch's allocator gave out at once, at most, beyond those from before."""
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    trace = folder / "trace.json"
    profile.export_chrome_trace(str(trace))
    events = [e["args"] for e in json.loads(trace.read_text())["traceEvents"] if e.get("name") == "[memory]"]
    before = events[0]["Total Allocated"] - events[0]["Bytes"]
    return max(event["Total Allocated"] for event in events) - before


@pytest.mark.parametrize(
    ("changes", "size", "dtype"),
    [(*SHAPES[0], torch.bfloat16), *((*shape, torch.float32) for shape in SHAPES + AT_INPUT)],
)
@pytest.mark.parametrize("kept", [True, False])
@torch.inference_mode()
def test_a_step_takes_what_was_estimated(changes, size, dtype, kept, tmp_path):
    network = prepare(tiny_network(**changes), CPU, dtype)
    labels = np.random.default_rng(0).integers(0, 8, size, dtype=np.uint8)
    cache, encoder = ModulationCache(network, 2**30), SharedEncoder(network)
    both = TwoBranches(*(NetworkDenoiser(encoder, each) for each in (cache.of_map(labels, kept), cache.of_null(*size))))
    denoise = clipped(guided(both, Guidance(2.0)))

    def two_steps() -> None:
        x = torch.randn(2, 3, *size)
        for _ in range(2):
            p = denoise(x, LEVEL)
            x = 0.9 * p.x0 + 0.1 * p.eps

    denoise(torch.zeros(2, 3, *size), LEVEL)
    measured = most_held(two_steps, tmp_path) / 2
    estimated = step_bytes(network.config, *size, dtype.itemsize)
    assert measured <= estimated <= 4 * measured


def test_the_estimates_know_the_network_s_shape():
    for changes, (height, width) in SHAPES:
        network = tiny_network(**changes)
        config = network.config
        maps = network.encode(torch.zeros(1, 3, height, width), torch.zeros(1)).maps
        grid = height // config.patch
        assert [(each.shape[1], grid // each.shape[2]) for each in maps] == [
            (channels, 2**level) for channels, level in encoder_features(config)
        ]
        norms = [(spade.channels, spade.stride // config.patch) for spade in network.spades]
        assert norms == [
            pair
            for c_in, in_at, c_out, out_at in decoder_blocks(config)
            for pair in ((c_in, 2**in_at), (c_out, 2**out_at))
        ]


@pytest.mark.parametrize(("changes", "size"), SHAPES + AT_INPUT)
def test_the_estimate_of_modulations_is_what_they_take(changes, size):
    network = tiny_network(**changes)
    real = sum(each.bytes for each in ModulationCache(network, 2**30).of_map(np.zeros(size, np.uint8)))
    assert modulation_bytes(network.config, *size, 4) == real


def test_reading_a_map_at_the_input_takes_no_more_than_a_step(tmp_path):
    """Folded 8 x 8 its features are small beside the map's classes in whole pixels."""
    network = tiny_network(condition="input", patch=8, image_size=64, num_classes=40)
    labels = np.random.default_rng(0).integers(0, 16, (256, 256), dtype=np.uint8)
    measured = most_held(lambda: ModulationCache(network, 2**30).of_map(labels), tmp_path)
    estimated = step_bytes(network.config, 256, 256, 4) - state_bytes(256, 256)
    assert 0.9 * measured <= estimated <= 2 * measured


def test_four_times_the_pixels_take_four_times_the_memory():
    config = tiny_network().config
    assert step_bytes(config, 64, 64, 4) == 4 * step_bytes(config, 32, 32, 4)
    features = step_bytes(config, 64, 64, 4) - state_bytes(64, 64)
    assert step_bytes(config, 64, 64, 2) - state_bytes(64, 64) == features / 2  # the sampler's state stays float32


# --- How much there is ---


def test_free_memory_is_some_of_what_there_is():
    assert 0 < free_memory(CPU) <= psutil.virtual_memory().total


def test_a_container_leaves_its_limit_less_what_is_in_use(tmp_path):
    assert container_room(tmp_path) == []
    files = {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 400\ninactive_file 300\nslab 5\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert container_room(tmp_path) == [600]  # files read lately are in use, but give way
    (tmp_path / "memory.current").write_text("2000\n")
    assert container_room(tmp_path) == [0]
    (tmp_path / "memory.max").write_text("max\n")
    assert container_room(tmp_path) == []


@pytest.mark.parametrize(
    ("size", "text"), [(0, "1 MB"), (512 * 2**20, "512 MB"), (1.5 * 2**30, "1.5 GB"), (2**30, "1.0 GB")]
)
def test_sizes_are_read_in_megabytes_and_gigabytes(size, text):
    assert readable(size) == text


# --- Running out ---


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
                     "tried to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to "
                     "allocate 4294967296 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:24],
)  # fmt: skip
def test_memory_that_ran_out_is_recognised(error):
    assert is_out_of_memory(error)


def test_what_really_runs_out_is_recognised():
    for run in (lambda: torch.empty(2**60, dtype=torch.uint8), lambda: np.empty(2**60, np.uint8)):
        with pytest.raises(Exception) as caught:  # noqa: PT011 (which one, is_out_of_memory has to know)
            run()
        assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("could not create a primitive descriptor iterator"),
        ValueError("memory"),
        UserError("Memory ran out on cpu: out of memory."),  # already said
        KeyboardInterrupt(),
    ],
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


# --- Repetition ---


def test_two_hundred_renders_leave_nothing_behind():
    model = tiny_model()
    model = replace(model, cache=ModulationCache(model.network, 3 * modulation_bytes(model.network.config, 16, 16, 4)))
    rng = np.random.default_rng(0)

    def render(times: int) -> None:
        for seed in range(times):
            labels = rng.integers(0, 13, (16, 16), dtype=np.uint8)
            for _ in generate(model, RenderRequest("tiny", labels, Sampling(steps=1, seeds=(seed,)))):
                pass

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    process = psutil.Process()
    render(20)
    alive, size = tensors(), process.memory_info().rss
    render(200)
    assert tensors() == alive
    assert process.memory_info().rss - size < 8 * 2**20
