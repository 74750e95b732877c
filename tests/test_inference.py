"""A network made ready to sample, beside the one that was trained."""

import math
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from models import tiny_network
from torch import nn

from engine.condition import condition_from
from engine.label_files import read_label_map
from engine.library import load_model
from engine.model import inference
from engine.model.blocks import AttentionBlock
from engine.model.inference import PackedConvolution, packable, prepare, residual_blocks
from engine.model.unet import UNet
from engine.pipeline import generate
from engine.types import RenderRequest, Sampling

CPU = torch.device("cpu")
EXAMPLES = Path(__file__).resolve().parent.parent / "app" / "static" / "examples" / "ade20k"


def output(network: UNet, height: int = 16, width: int = 16, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(13, (1, height, width), generator=generator)
    x = torch.randn(batch, 3, height, width, generator=generator)
    with torch.inference_mode():
        return network(x, torch.tensor([300.0]), condition_from(labels, 13))


def attentions(network: UNet) -> list[AttentionBlock]:
    return [module for module in network.modules() if isinstance(module, AttentionBlock)]


# --- Precision and layout ---


@pytest.mark.parametrize("changes", [{}, {"resblock_updown": False}, {"channel_mult": (1, 2, 4), "patch": 2}])
def test_in_float32_it_gives_the_same(changes):
    plain = tiny_network(image_size=64, **changes)
    ready = prepare(deepcopy(plain), CPU, torch.float32)
    for height, width in ((32, 32), (8, 40), (16, 8)):  # also sizes that nothing was laid out for
        torch.testing.assert_close(output(ready, height, width), output(plain, height, width), atol=1e-5, rtol=0)


@pytest.mark.skipif(not packable(torch.float32), reason="needs oneDNN")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1)])
def test_a_packed_convolution_is_the_convolution(dtype, kernel, stride):
    torch.manual_seed(0)
    plain = nn.Conv2d(64, 32, kernel, stride, padding=kernel // 2).requires_grad_(False).to(dtype)
    packed = PackedConvolution(plain, side=8)
    for batch, side in ((1, 8), (3, 8), (2, 5)):
        x = torch.randn(batch, 64, side, side).to(dtype)
        for layout in (torch.contiguous_format, torch.channels_last):
            expected = plain(x).float()
            found = packed(x.contiguous(memory_format=layout))
            assert found.dtype == dtype
            torch.testing.assert_close(found.float(), expected, atol=1e-5 if dtype == torch.float32 else 0.02, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_timestep_the_norms_and_the_last_convolution_stay_in_float32(dtype):
    network = prepare(tiny_network(), CPU, dtype)
    assert network.dtype == dtype
    kept = [network.time_embed, network.out]
    kept += [m for m in network.modules() if isinstance(m, nn.GroupNorm | nn.Linear)]
    assert {p.dtype for module in kept for p in module.parameters()} == {torch.float32}
    assert {p.dtype for spade in network.spades for p in spade.parameters()} == {dtype}
    assert not any(p.requires_grad for p in network.parameters())
    with torch.inference_mode():
        features = network.encode(torch.zeros(1, 3, 16, 16), torch.tensor([3.0]))
    assert {each.dtype for each in features.maps} == {dtype}
    assert {each.dtype for pair in features.times for each in pair} == {torch.float32}
    assert output(network).dtype == torch.float32


def test_where_onednn_lacks_a_precision_plain_convolutions_take_its_place(monkeypatch):
    monkeypatch.setattr(inference, "packable", lambda dtype: False)
    network = prepare(tiny_network(), CPU, torch.bfloat16)
    assert not any(isinstance(module, PackedConvolution) for module in network.modules())
    torch.testing.assert_close(output(network), output(tiny_network()), atol=0.1, rtol=0)


@pytest.mark.parametrize("example", ["1-hills-over-the-sea", "2-street-with-trees"])
def test_half_precision_stays_within_two_grey_levels(example):
    """Mean absolute difference at equal seeds; the sampler's state is float32 in both."""
    pictures, states = [], []
    for precision in ("float32", "bfloat16"):
        model = load_model("scenes", "cpu", precision)
        assert model.precision == precision
        encode = model.network.encode
        model.network.encode = lambda x, t, encode=encode: states.append(x.dtype) or encode(x, t)
        labels = read_label_map(EXAMPLES / f"{example}.png", model.palette).labels
        *_, last = generate(model, RenderRequest("scenes", labels, Sampling(steps=5, seeds=(1, 2))))
        pictures.append(last.pictures.astype(int))
    assert 0 < np.abs(pictures[0] - pictures[1]).mean() < 2
    assert pictures[0].std() > 20
    assert set(states) == {torch.float32}


# --- Attention beyond the training size ---


def test_attention_over_more_cells_is_sharpened_by_the_entropy_they_can_hold():
    """Jin 2023, equation 7: sqrt(log N / log T / d), for T cells in training and N now."""
    (attention, *_) = attentions(prepare(tiny_network(), CPU, torch.float32))
    assert attention.trained_cells == 64
    plain = 32**-0.5
    assert attention.scale(256) == pytest.approx(math.sqrt(math.log(256) / math.log(64) / 32))
    assert attention.scale(65) > plain
    for cells in (1, 2, 63, 64):
        assert attention.scale(cells) == plain


def test_training_on_wide_pictures_counts_all_their_cells():
    """As the published Cityscapes pictures, 256 x 512: at their own size nothing is sharpened."""
    (attention, *_) = attentions(prepare(tiny_network(aspect=2.0), CPU, torch.float32))
    assert attention.trained_cells == 128
    assert attention.scale(128) == 32**-0.5


def test_a_network_that_was_not_prepared_attends_as_published():
    assert {each.scale(4096) for each in attentions(tiny_network())} == {32**-0.5}


def test_where_training_had_a_single_cell_there_is_no_entropy_to_keep():
    network = tiny_network(channel_mult=(1, 1, 1, 1, 1), attention_resolutions=(1,))
    (attention, *_) = attentions(prepare(network, CPU, torch.float32))
    assert attention.trained_cells == 1
    assert attention.scale(4) == 32**-0.5


def test_it_acts_beyond_the_training_size_alone():
    plain = tiny_network()
    for attention in attentions(plain):
        attention.qkv.weight.mul_(8)  # so that attention has a say
    ready = prepare(deepcopy(plain), CPU, torch.float32)
    assert (output(ready, 16, 16) - output(plain, 16, 16)).abs().max() < 1e-5
    assert (output(ready, 16, 48) - output(plain, 16, 48)).abs().max() > 1e-3


@pytest.mark.parametrize("condition", ["spade", "input"])
@pytest.mark.parametrize("changes", [{}, {"resblock_updown": False}, {"channel_mult": (1, 2, 4), "patch": 2}])
def test_every_block_is_told_with_the_stride_that_it_convolves_at(condition, changes):
    network, expected, found = tiny_network(condition=condition, **changes), [], []
    for block, stride in residual_blocks(network):
        expected.append(stride)
        convolution = block.in_layers[-1]
        convolution.register_forward_hook(lambda _, __, out: found.append(32 // network.config.patch // out.shape[2]))
    output(network, 32, 32)
    assert found == expected
