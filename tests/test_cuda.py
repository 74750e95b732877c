"""What only a GPU can show. Skipped where there is none."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from models import tiny_model, tiny_network
from test_training import FACADES, RECIPE, coloured_pairs

from engine import graphs, mapped
from engine.device import choose_device, choose_precision
from engine.label_files import read_label_map
from engine.library import Model, load_model, ready
from engine.memory import free_memory, release
from engine.model.inference import prepare
from engine.pipeline import generate, pictures_of
from engine.training.data import Sampler
from engine.training.trainer import Trainer
from engine.types import RenderRequest, Sampling

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


CUDA = torch.device("cuda")
EXAMPLE = Path(__file__).resolve().parent.parent / "app" / "static" / "examples" / "ade20k" / "1-hills-over-the-sea.png"


def on_gpu(dtype: torch.dtype = torch.float32) -> Model:
    return ready("tiny", prepare(tiny_network(), CUDA, dtype), tiny_model().description)


def request_of(steps: int = 4, seeds: tuple[int, ...] = (7,), side: int | None = None, **sampling) -> RenderRequest:
    labels = np.random.default_rng(0).integers(0, 13, (24, 32), dtype=np.uint8)
    return RenderRequest("tiny", labels, Sampling(steps=steps, seeds=seeds, **sampling), side)


def test_a_seed_gives_the_same_picture_as_on_the_cpu():
    expected, found = (pictures_of(generate(model, request_of())) for model in (tiny_model(), on_gpu()))
    assert np.abs(found.astype(int) - expected).mean() < 2


def test_auto_chooses_the_gpu_and_a_precision_for_it():
    assert choose_device("auto") == CUDA
    assert choose_precision("auto", CUDA) in (torch.float32, torch.bfloat16, torch.float16)
    assert 0 < free_memory(CUDA) <= torch.cuda.get_device_properties(CUDA).total_memory


@pytest.mark.parametrize("sampling", [{}, {"guidance": 1.0}, {"guidance_interval": (0.3, 0.7)}, {"sampler": "ddpm"}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("seeds", [(7,), (7, 8, 9)])
def test_recorded_graphs_give_what_a_plain_run_gives(sampling, dtype, seeds, monkeypatch, caplog):
    model, request, recordings = on_gpu(dtype), request_of(10, seeds, **sampling), []
    record = graphs.recorded
    monkeypatch.setattr(graphs, "recorded", lambda run: recordings.append(1) or record(run))
    with caplog.at_level(logging.WARNING):
        captured = pictures_of(generate(model, request))
    assert not caplog.records
    assert len(recordings) == (2 if sampling.get("guidance") == 1.0 else 3)
    monkeypatch.setattr(mapped, "WORTH_CAPTURING", 11)
    plain = pictures_of(generate(model, request))
    assert len(recordings) <= 3
    assert np.abs(captured.astype(int) - plain).max() <= 1


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_within_two_grey_levels(precision):
    pictures = []
    for each in ("float32", precision):
        model = load_model("scenes", "cuda", each)
        labels = read_label_map(EXAMPLE, model.palette).labels
        pictures.append(pictures_of(generate(model, RenderRequest("scenes", labels, Sampling(steps=5)))).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 2


@pytest.mark.parametrize("steps", [2, mapped.WORTH_CAPTURING])
def test_where_the_gpu_s_memory_runs_out_it_steps_down(steps):
    model, seeds = on_gpu(), tuple(range(8))
    request = request_of(steps, seeds, side=192)
    expected = pictures_of(generate(model, request))
    model.cache.clear()
    release(CUDA)
    total = torch.cuda.get_device_properties(CUDA).total_memory
    try:  # eight pictures take several hundred MB
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 200 * 2**20) / total)
        frames = list(generate(model, request))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert frames[-1].note.startswith("Memory ran out: ")
    assert [seed for frame in frames if frame.finished for seed in frame.seeds] == list(seeds)
    if "window" not in frames[-1].note:
        assert np.abs(pictures_of(iter(frames)).astype(int) - expected).mean() < 1


def test_a_model_that_was_let_go_leaves_its_memory_to_the_next():
    full, left = [], []
    for _ in range(3):
        model = on_gpu()
        pictures_of(generate(model, request_of(mapped.WORTH_CAPTURING, side=64)))
        full.append(torch.cuda.memory_allocated())
        del model
        release(CUDA)
        left.append(torch.cuda.memory_allocated())
    assert left[1] == left[2]  # after the first a library keeps a workspace of its own
    assert full[1] == full[2] > left[2]


def test_training_steps_run_and_learn():
    sampler = Sampler(coloured_pairs(), RECIPE, FACADES.unlabelled, FACADES.mirrored)
    trainer = Trainer(RECIPE, sampler, torch.tensor([0, 1, 5, 6]), torch.device("cuda"))
    losses = [trainer.step(step).item() for step in range(60)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
