"""The head in whole pixels: what it computes, by hand, and that a fresh one says nothing."""

import dataclasses

import numpy as np
import pytest
import torch
from models import TINY, tiny_network

from engine.checkpoint import Description, load_checkpoint, save_checkpoint
from engine.condition import condition_from
from engine.memory import step_bytes
from engine.model.detail import FEED, Detail
from engine.model.inference import prepare
from engine.model.networks import new_network
from engine.palette import load_palette
from engine.training.transfer import begun

FACADES = load_palette("facades")
SHAPES = [
    {"patch": 1},
    {"patch": 4, "image_size": 32},
    {"patch": 4, "image_size": 32, "learn_sigma": False, "prediction": "x0"},
    {"patch": 4, "image_size": 32, "condition": "input"},
]


@torch.inference_mode()
def output(network: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x, labels = torch.randn(2, 3, 16, 24, generator=generator), torch.randint(13, (2, 16, 24), generator=generator)
    return network(x, torch.tensor([3, 700]), condition_from(labels, 13)).clone()


def convolved(x: np.ndarray, layer: torch.nn.Conv2d) -> np.ndarray:
    """(c, h, w) -> (c', h, w): every pixel and its eight neighbours, zeros beyond the border."""
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.empty((len(weight), *x.shape[1:]))
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            around = padded[:, row : row + 3, column : column + 3]
            out[:, row, column] = (weight * around).sum((1, 2, 3)) + bias
    return out


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_it_is_three_convolutions_of_each_pixel_with_its_share_of_its_cell(patch):
    torch.manual_seed(0)
    head = Detail(6, 3, 5, patch).requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_()
    h, x = torch.randn(1, 6, 2, 3), torch.randn(1, 3, 2 * patch, 3 * patch)
    weight, bias = head.feed.weight[:, :, 0, 0].numpy(), head.feed.bias.numpy()
    fed = np.empty((FEED, 2 * patch, 3 * patch))
    for row, column in np.ndindex(*fed.shape[1:]):
        share = [k * patch**2 + row % patch * patch + column % patch for k in range(FEED)]
        fed[:, row, column] = weight[share] @ h[0, :, row // patch, column // patch].numpy() + bias[share]
    expected = np.concatenate([x[0].numpy(), fed])
    for layer in (head.layers[0], head.layers[2], None):
        expected = convolved(expected, layer or head.layers[4])
        if layer is not None:
            expected = expected / (1 + np.exp(-expected))
    torch.testing.assert_close(head(x, h)[0].double(), torch.from_numpy(expected), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("changes", SHAPES)
def test_a_fresh_head_changes_nothing_and_a_taught_one_does(changes):
    plain = tiny_network(**changes)
    network = new_network(dataclasses.replace(plain.config, detail=8)).eval().requires_grad_(False)
    missing, unexpected = network.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert {name.partition(".")[0] for name in missing} == {"detail"}
    assert torch.equal(output(network), output(plain))
    network.detail.layers[-1].bias.fill_(0.25)
    torch.testing.assert_close(output(network), output(plain) + 0.25, atol=1e-6, rtol=0)


def test_without_it_a_network_has_the_published_names():
    assert not any(name.startswith("detail") for name in tiny_network().state_dict())


@pytest.mark.parametrize("changes", SHAPES)
def test_half_precision_stays_near(changes):
    network = tiny_network(detail=8, **changes)
    exact = output(network)
    half = output(prepare(network, torch.device("cpu"), torch.bfloat16))
    assert half.dtype == torch.float32
    assert half.shape == exact.shape == (2, 6 if network.config.learn_sigma else 3, 16, 24)
    torch.testing.assert_close(half, exact, atol=0.1, rtol=0)


def test_it_adds_to_the_memory_that_a_step_is_estimated_to_need():
    folded = dataclasses.replace(TINY, patch=4, image_size=32)
    wide = dataclasses.replace(folded, detail=256)
    assert step_bytes(wide, 64, 64, 4) > 4 * 256 * 64 * 64 * 4 > step_bytes(folded, 64, 64, 4)


def test_a_model_without_it_goes_on_with_a_fresh_one(tmp_path):
    old = tiny_network(1)
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, old.state_dict(), Description("Old", old.config, FACADES))
    config = dataclasses.replace(TINY, detail=8)
    taken = begun(path, config, FACADES)
    assert taken.fresh == 8
    assert f"8 of {len(taken.weights)} weights fit nowhere and start at random" in str(taken)
    new = new_network(config).eval().requires_grad_(False)
    new.load_state_dict(taken.weights)
    assert torch.equal(output(new), output(load_checkpoint(path)[0]))


@pytest.mark.parametrize("shape", SHAPES)
def test_it_sees_the_very_picture_that_the_network_is_given(shape):
    network = tiny_network(**shape, detail=4)
    seen = []
    network.detail.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        network(x, torch.tensor([300]), condition_from(torch.zeros(1, 16, 16, dtype=torch.long), 13))
    torch.testing.assert_close(seen, [x], atol=0, rtol=0)
