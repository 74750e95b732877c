"""Training as the command runs it, in real processes: killed and resumed, and two that learn together."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import launch
from engine.training.curve import STEPS, read_rows
from engine.training.state import load_state

ROOT = Path(__file__).resolve().parent.parent
STEPS_MADE = 14
TINY = {
    "precision": "float32",
    "warm_up": 2,
    "network": {"image_size": 16, "patch": 1, "channel_mult": [1], "num_res_blocks": 1, "num_head_channels": 32},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("processes")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / "data" / split / kind).mkdir(parents=True)
        for name in "abcde" if split == "train" else "ab":
            photo, labels = rng.integers(0, 255, (24, 30, 3), np.uint8), rng.integers(0, 3, (24, 30), np.uint8)
            Image.fromarray(photo).save(folder / "data" / split / "images" / f"{name}.png")
            Image.fromarray(labels).save(folder / "data" / split / "labels" / f"{name}.png")
    (folder / "tiny.json").write_text(json.dumps(TINY))
    return folder / "data"


@pytest.fixture(scope="module")
def whole(data) -> Path:
    """The folder of a run that one process made from start to end."""
    run = data.parent / "whole" / "run"
    assert launch.main(words(data, run)) == 0
    return run


def words(data: Path, run: Path, *more: str) -> list[str]:
    """The command for STEPS_MADE steps of 4 pictures."""
    where = ["--data", str(data), "--palette", "facades", "--out", str(run)]
    small = ["--config", str(data.parent / "tiny.json"), "--channels", "32", "--batch", "4"]
    return ["--no-venv", "train", *where, *small, "--images", str(4 * STEPS_MADE), *more]


def started(options: list[str], **environment: str) -> subprocess.Popen:
    command, settings = [sys.executable, "launch.py", *options], {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out + err


def kill_at(step: int, options: list[str]) -> None:
    """Starts the command on a terminal, and `kill -9`s it as soon as its progress line tells of the step."""
    ours, its = os.openpty()
    command = [sys.executable, "launch.py", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=its) as process:
        os.close(its)
        said = b""
        while f"step {step}/".encode() not in said:
            read = os.read(ours, 100)
            assert read, said
            said = said[-200:] + read
        process.send_signal(signal.SIGKILL)
    os.close(ours)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_a_run_killed_twice_has_the_curve_and_the_model_of_one_that_was_not(data, whole):
    """States are saved now and then, so a kill falls between two of them."""
    run, often = data.parent / "killed" / "run", ["--save-every", "0.05"]
    for step in (5, 10):
        kill_at(step, words(data, run, *often))
        assert (load_state(run) or {"done": 0})["done"] < STEPS_MADE
        assert not (run / "model.safetensors").exists()
    assert launch.main(words(data, run)) == 0
    for name in (STEPS, "log.csv", "model.safetensors", "model.md"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert len(read_rows(run / STEPS)) == STEPS_MADE


def test_two_processes_learn_what_one_does(data, whole):
    """What torchrun would start: the joint batch is shared out, the gradients are averaged, the first one writes."""
    together = data.parent / "together" / "run"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    if sys.platform == "linux":
        settings["GLOO_SOCKET_IFNAME"] = "lo"
    both = [
        started(words(data, together, "--micro-batch", "1"), RANK=str(rank), LOCAL_RANK=str(rank), **settings)
        for rank in range(2)
    ]
    said = [finished(process) for process in both]
    assert "The model is" in said[0]
    assert said[1] == ""
    curves = [[float(row["loss"]) for row in read_rows(run / STEPS)] for run in (whole, together)]
    assert len(curves[0]) == STEPS_MADE
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    gradients, weights = zip(*(moments_and_weights(load_state(run)) for run in (whole, together)), strict=True)
    assert (gradients[1] - gradients[0]).norm() < 1e-3 * gradients[0].norm()
    # Adam makes whole steps of rounding where a gradient is nothing: of biases that a norm takes out again.
    assert ((weights[1] - weights[0]).abs() < 2e-5).float().mean() > 0.98


def moments_and_weights(state: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """The running means of all gradients, and all weights, as one vector each."""
    moments = [each["exp_avg"].flatten() for each in state["optimiser"]["state"].values()]
    return torch.cat(moments), torch.cat([each.flatten() for each in state["network"].values()])
