"""What only a GPU can show. Skipped where there is none."""

import numpy as np
import pytest
import torch
from models import tiny_model, tiny_network
from test_training import FACADES, RECIPE, coloured_pairs

from engine.pipeline import Model, generate
from engine.training.data import Sampler
from engine.training.loop import Trainer
from engine.types import RenderRequest, Sampling

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def test_a_seed_gives_the_same_picture_as_on_the_cpu():
    labels = np.random.default_rng(0).integers(0, 13, (24, 32), dtype=np.uint8)
    request = RenderRequest("tiny", labels, Sampling(steps=4, seeds=(7,)))
    on_cpu = tiny_model()
    cuda = torch.device("cuda")
    on_gpu = Model("tiny", tiny_network().to(cuda), on_cpu.description, cuda)
    *_, expected = generate(on_cpu, request)
    *_, found = generate(on_gpu, request)
    assert np.abs(found.pictures.astype(int) - expected.pictures).mean() < 2


def test_training_steps_run_and_learn():
    sampler = Sampler(coloured_pairs(), RECIPE, FACADES.unlabelled, FACADES.mirrored)
    trainer = Trainer(RECIPE, sampler, torch.tensor([0, 1, 5, 6]), torch.device("cuda"))
    losses = [trainer.step(step).item() for step in range(60)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
