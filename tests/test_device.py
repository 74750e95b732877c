"""Devices and precisions by name, and the automatic choice, which is measured."""

import pytest
import torch

from engine import device as devices
from engine.device import PRECISIONS, Probe, best_device, choose_device, choose_precision, fastest_precision
from engine.types import UserError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def measured_anew():
    fastest_precision.cache_clear()
    yield
    fastest_precision.cache_clear()


def speeds(monkeypatch, **seconds: float) -> list[torch.dtype]:
    """Gives every precision a speed; returns which were tried."""
    tried: list[torch.dtype] = []

    class FakeProbe:
        def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
            self.dtype = dtype
            tried.append(dtype)

        def seconds(self) -> float:
            return seconds[str(self.dtype).removeprefix("torch.")]

    monkeypatch.setattr(devices, "Probe", FakeProbe)
    return tried


# --- Devices ---


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_the_best_there_is(cuda, mps, best, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto") == choose_device() == best_device() == torch.device(best)


@pytest.mark.parametrize(("name", "gpus"), [("cuda", 1), ("cuda:0", 1), ("cuda:1", 2)])
def test_a_gpu_that_is_there_is_taken(name, gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gpu", r"Device “gpu” is not known. Choose auto, cpu, cuda, cuda:1 \(the second\) or mps."),
        ("cuda:x", "Device “cuda:x” is not known"),
        ("", "Device “” is not known"),
        ("cuda", "Device cuda: PyTorch sees 0 NVIDIA GPUs here. Choose cpu"),
        ("cuda:1", "Device cuda:1: PyTorch sees 0 NVIDIA GPUs here. Choose cpu"),
        ("mps", "Device mps: this is no Mac with Metal. Choose cpu."),
        ("meta", "Device meta is not one that Spadework runs on. Choose auto, cpu, cuda or mps."),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(name, text, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match=text):
        choose_device(name)


# --- Precisions ---


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_precisions_by_name(name):
    assert choose_precision(name, CPU) == getattr(torch, name)
    assert choose_precision("float16", torch.device("cuda")) == torch.float16


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("half", "Precision “half” is not known. Choose one of auto, float32, bfloat16, float16."),
        ("float16", "Precision float16 is for GPUs. On the CPU choose bfloat16 or float32."),
    ],
)
def test_a_precision_that_can_t_be_is_refused(name, text):
    with pytest.raises(UserError, match=text):
        choose_precision(name, CPU)


@pytest.mark.parametrize(
    ("kind", "seconds", "chosen"),
    [
        ("cpu", {"float32": 3.0, "bfloat16": 1.0}, torch.bfloat16),
        ("cpu", {"float32": 1.0, "bfloat16": 3.0}, torch.float32),
        ("cpu", {"float32": 1.19, "bfloat16": 1.0}, torch.float32),  # too little for half the digits
        ("cpu", {"float32": 1.21, "bfloat16": 1.0}, torch.bfloat16),
        ("cuda", {"float32": 3.0, "bfloat16": 1.0, "float16": 0.9}, torch.float16),
        ("cuda", {"float32": 3.0, "bfloat16": 1.0, "float16": 1.1}, torch.bfloat16),
        ("cuda", {"float32": 1.0, "bfloat16": 2.0, "float16": 0.9}, torch.float32),
    ],
)
def test_auto_follows_the_measured_speeds(kind, seconds, chosen, monkeypatch):
    tried = speeds(monkeypatch, **seconds)
    assert choose_precision("auto", torch.device(kind)) == chosen
    assert {str(dtype).removeprefix("torch.") for dtype in tried} == set(seconds)


def test_speeds_are_measured_once(monkeypatch):
    tried = speeds(monkeypatch, float32=1.0, bfloat16=1.0)
    for _ in range(3):
        choose_precision("auto", CPU)
    assert len(tried) == 2


def test_a_real_measurement_takes_time_and_chooses_what_the_cpu_can_do():
    assert all(Probe(CPU, dtype).seconds() > 0 for dtype in (torch.float32, torch.bfloat16))
    assert choose_precision("auto", CPU) in PRECISIONS.values()
