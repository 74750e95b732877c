"""The network that takes its map at the input: what it computes, and that everything which takes a network takes it."""

import dataclasses

import numpy as np
import pytest
import torch
from models import TINY, tiny_model, tiny_network
from torch import Tensor, nn
from torch.nn import functional

from engine.checkpoint import Description, load_checkpoint, save_checkpoint
from engine.condition import condition_from, instance_edges, null_condition
from engine.denoiser import NetworkDenoiser, SharedEncoder, TwoBranches, clipped
from engine.graphs import CapturedNetwork
from engine.guidance import Guidance, guided
from engine.mapped import GridMap, map_denoiser
from engine.memory import modulation_bytes
from engine.model.concatenated import InputUNet
from engine.model.config import NetworkConfig
from engine.model.inference import PackedConvolution, packable, prepare
from engine.model.networks import new_network
from engine.model.spade import Spade
from engine.model.unet import UNet
from engine.modulation import ModulationCache
from engine.palette import load_palette, palette_from
from engine.pipeline import generate, pictures_of
from engine.plan import Plan
from engine.samplers import ddim
from engine.schedule import alpha_bars
from engine.seen import seen
from engine.training import thrift
from engine.training.transfer import begun, network_like
from engine.trajectory import walk
from engine.types import Level, RenderRequest, Sampling, UserError

CPU = torch.device("cpu")
LEVEL = Level(timestep=500.0, alpha=0.6, sigma=0.8)
SHAPES = [
    {},
    {"patch": 4, "image_size": 32, "learn_sigma": False, "prediction": "x0", "detail": 8},
    {"resblock_updown": False, "patch": 2, "channel_mult": (1, 2), "use_scale_shift_norm": False},
]


def network_at_input(**changes) -> UNet:
    return tiny_network(condition="input", **changes)


def drawn(height: int = 16, width: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """x, timesteps, labels."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, height, width, generator=generator)
    return x, torch.tensor([3, 700]), torch.randint(13, (2, height, width), generator=generator)


def painted(height: int = 16, width: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 13, (height, width), dtype=np.uint8)


def one_hot(labels: Tensor) -> Tensor:
    return functional.one_hot(labels, 13).permute(0, 3, 1, 2).float()


# --- What it computes ---


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("edges", [False, True])
def test_its_first_convolution_is_that_of_picture_and_map_in_one(patch, edges):
    """Concatenated, folded together, convolved by one kernel, whole."""
    network, (x, _, labels) = network_at_input(patch=patch, image_size=32, instance_edges=edges), drawn()
    borders = instance_edges(labels) if edges else None
    whole = torch.cat([x, one_hot(labels), *([borders[:, None].float()] if edges else [])], 1)
    first = network.input_blocks[0][0]
    kernel = torch.cat([first.weight, network.map_input.conv.weight], 1)
    expected = functional.conv2d(functional.pixel_unshuffle(whole, patch), kernel, first.bias, padding=1)
    (added_map,) = network.modulate(condition_from(labels, 13, borders))
    torch.testing.assert_close(added_map(network.first(x)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", SHAPES)
def test_the_parts_make_the_whole(changes):
    network, (x, t, labels) = network_at_input(**changes), drawn()
    condition = condition_from(labels, 13)
    whole = network(x, t, condition)
    assert whole.shape == (2, 6 if network.config.learn_sigma else 3, 16, 24)
    assert torch.equal(network.decode(network.encode(x, t), network.modulate(condition)), whole)
    dense = network.modulate(dataclasses.replace(condition, maps=one_hot(labels), channels=None))
    torch.testing.assert_close(network.decode(network.encode(x, t), dense), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", SHAPES)
def test_a_class_of_one_pixel_changes_the_picture(changes):
    """Folded, too: SPADE would not have seen this pixel of its cell."""
    network, (x, t, labels) = network_at_input(**changes), drawn()
    other = labels.clone()
    other[0, 7, 5] = (other[0, 7, 5] + 1) % 13
    before, after = (network(x, t, condition_from(each, 13)) for each in (labels, other))
    assert (before[0] - after[0]).abs().max() > 1e-3
    assert torch.equal(before[1], after[1])


@pytest.mark.parametrize("changes", SHAPES)
def test_no_map_is_zeros(changes):
    network, (x, t, _) = network_at_input(**changes), drawn()
    zeros = network(x, t, null_condition(2, 16, 24))
    for whole in (False, True):
        nothing = network.decode(network.encode(x, t), network.modulate_null(16, 24, whole))
        torch.testing.assert_close(nothing, zeros, atol=1e-6, rtol=0)


def test_it_is_a_plain_network_but_for_its_input():
    network, spade = network_at_input(), tiny_network()
    assert type(network) is InputUNet
    assert type(spade) is UNet
    assert not any(isinstance(module, Spade) for module in network.modules())
    norms = sum(isinstance(module, nn.GroupNorm) for module in network.modules())
    assert norms == sum(isinstance(module, nn.GroupNorm | Spade) for module in spade.modules())
    assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in spade.parameters())


def test_a_fresh_one_heeds_map_and_picture_alike():
    torch.manual_seed(0)
    config = NetworkConfig(image_size=32, num_classes=151, model_channels=64, channel_mult=(1, 1), patch=4)
    network = new_network(dataclasses.replace(config, condition="input"))
    x, labels = torch.randn(1, 3, 32, 32), torch.randint(151, (1, 32, 32))
    (added_map,) = network.modulate(condition_from(labels, 151))
    assert 0.5 < added_map.shift.std() / network.first(x).std() < 2


# --- In the engine ---


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_made_ready_it_gives_the_same(changes, dtype):
    plain = network_at_input(**{**changes, "image_size": 64})
    x, t, labels = drawn(32, 32)
    expected = plain(x, t, condition_from(labels, 13)).clone()
    ready = prepare(plain, CPU, dtype)
    assert ready.dtype == dtype
    with torch.inference_mode():
        found = ready(x, t, condition_from(labels, 13))
    torch.testing.assert_close(found, expected, atol=1e-4 if dtype == torch.float32 else 0.1, rtol=0)


@pytest.mark.skipif(not packable(torch.float32), reason="needs oneDNN")
def test_the_same_convolutions_are_packed_as_with_spade():
    counts = set()
    for condition in ("spade", "input"):
        network = prepare(tiny_network(condition=condition, channel_mult=(1, 2, 4)), CPU, torch.float32)
        counts.add(sum(isinstance(module, PackedConvolution) for module in network.modules()))
    assert len(counts) == 1
    assert counts != {0}


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("kept", [True, False])
def test_a_kept_map_gives_what_two_plain_forwards_give(changes, kept):
    """Guidance through cache and branches, against the formula on whole networks."""
    network, labels = network_at_input(**changes), painted()
    x, t = drawn()[0], torch.tensor([LEVEL.timestep])
    kind = network.config.prediction
    outputs = [
        network(x, t, condition)[:, :3]
        for condition in (condition_from(torch.from_numpy(labels)[None], 13), null_condition(1, 16, 24))
    ]
    with_map, without = (out if kind == "eps" else (x - LEVEL.alpha * out) / LEVEL.sigma for out in outputs)
    cache, encoder = ModulationCache(network, 2**30), SharedEncoder(network)
    branches = TwoBranches(*(NetworkDenoiser(encoder, m) for m in (cache.of_map(labels, kept), cache.of_null(16, 24))))
    found = guided(branches, Guidance(2.5))(x, LEVEL).eps
    torch.testing.assert_close(found, without + 2.5 * (with_map - without), atol=1e-4, rtol=0)
    assert cache.bytes == (modulation_bytes(network.config, 16, 24, 4) if kept else 0)
    if kept:
        assert cache.of_map(labels) is cache.of_map(labels.copy())
        assert cache.of_pair(labels) is None  # both branches run whole, one after the other


def test_a_cache_without_room_reads_the_map_anew():
    network, labels = network_at_input(), painted()
    x, level = drawn()[0], LEVEL
    results = []
    for limit in (modulation_bytes(network.config, 16, 24, 4), modulation_bytes(network.config, 16, 24, 4) - 1):
        cache = ModulationCache(network, limit)
        results.append(NetworkDenoiser(SharedEncoder(network), cache.of_map(labels))(x, level).eps)
        assert bool(cache.bytes) == (len(results) == 1)
    assert torch.equal(*results)


def test_reusing_the_encoder_changes_nothing_where_nothing_is_shared():
    network, labels = network_at_input(), painted()
    cache, pictures = ModulationCache(network, 2**30), []
    for reuse in (1, 3):
        encoder = SharedEncoder(network, reuse)
        branches = TwoBranches(*(NetworkDenoiser(encoder, m) for m in (cache.of_map(labels), cache.of_null(16, 24))))
        denoise = clipped(guided(branches, Guidance(2.0)))
        *_, last = ddim(denoise, drawn()[0], walk(alpha_bars("linear"), "trailing", 6))
        pictures.append(last.x)
    assert torch.equal(*pictures)


def test_recorded_parts_give_what_plain_ones_give():
    network, labels = network_at_input(detail=8), painted()
    modulations = ModulationCache(network, 2**30).of_map(labels)
    captured = CapturedNetwork(network, record=lambda run: run)
    for shift in (0.0, 1.0):
        x, t = drawn()[0] + shift, torch.tensor([5.0 + shift])
        found = captured.decode(captured.encode(x, t), modulations)
        assert torch.equal(found, network.decode(network.encode(x, t), modulations))


@pytest.mark.parametrize("changes", SHAPES)
def test_it_renders(changes):
    model = tiny_model(condition="input", **changes)
    labels = painted(32, 32)

    def pictures(labels: np.ndarray, *seeds: int, guidance: float = 2.0) -> np.ndarray:
        sampling = Sampling(steps=3, guidance=guidance, seeds=seeds)
        return pictures_of(generate(model, RenderRequest("tiny", labels, sampling)))

    both = pictures(labels, 1, 2)
    assert both.shape == (2, 32, 32, 3)
    assert np.abs(both[1].astype(int) - pictures(labels, 2)[0].astype(int)).max() <= 1  # alone as in a batch
    assert np.abs(both.astype(int) - pictures(np.full_like(labels, 3), 1, 2).astype(int)).max() > 1
    assert np.abs(both.astype(int) - pictures(labels, 1, 2, guidance=1.0).astype(int)).max() > 1


def test_in_windows_each_has_its_part_of_the_map():
    """One window after the other sees what it would see alone; far from the overlap nothing is blended."""
    model = tiny_model(condition="input")
    labels, x = painted(16, 48), drawn(16, 48)[0]
    plan = Plan(batch=1, cached=True, window=(16, 32), needs=0, free=0)
    sampling = Sampling(steps=3, guidance=1.0)
    found = map_denoiser(model, GridMap(labels), sampling, plan)(x, LEVEL).eps
    part = np.ascontiguousarray(labels[:, :32])
    whole = dataclasses.replace(plan, window=(16, 32))
    alone = map_denoiser(model, GridMap(part), sampling, whole)(x[..., :32].contiguous(), LEVEL).eps
    torch.testing.assert_close(found[..., :16], alone[..., :16], atol=1e-5, rtol=0)


def test_it_sees_every_pixel_where_spade_sees_one_of_each_cell():
    request = RenderRequest("tiny", painted(32, 32), Sampling())
    at_input, by_spade = (
        seen(tiny_model(condition=each, patch=4, image_size=32), request) for each in ("input", "spade")
    )
    assert at_input.labels.shape == (32, 32)
    assert by_spade.labels.shape == (8, 8)
    assert not at_input.lost.any()
    assert by_spade.lost.any()


def test_it_is_stored_and_found_again(tmp_path):
    network = network_at_input(patch=4, image_size=32)
    network.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, network.state_dict(), Description("M", network.config, load_palette("facades")))
    found, description = load_checkpoint(path)
    assert description.network.condition == "input"
    x, t, labels = drawn()
    assert torch.equal(found(x, t, condition_from(labels, 13)), network(x, t, condition_from(labels, 13)))


def test_a_model_from_before_there_was_a_choice_has_spade():
    stored = {name: value for name, value in TINY.to_dict().items() if name != "condition"}
    assert NetworkConfig.from_dict(stored) == TINY
    with pytest.raises(UserError, match="Condition “both” is not known"):
        dataclasses.replace(TINY, condition="both")


# --- In training ---


@pytest.mark.parametrize("changes", SHAPES)
def test_checkpointing_gives_the_same_gradients(changes):
    x, t, labels = drawn()
    gradients = []
    for thrifty in (False, True):
        network = network_at_input(**changes).requires_grad_(True)
        if thrifty:
            thrift.make_thrifty(network)
        run = thrift.forward if thrifty else type(network).__call__
        run(network, x, t, condition_from(labels, 13)).square().mean().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert all(grad is not None for grad in gradients[0])
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_fine_tuning_carries_its_classes_over(tmp_path):
    """Painted with classes that both know, the new network says what the old one does."""
    old = network_at_input(seed=1, patch=2)
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, old.state_dict(), Description("Old", old.config, load_palette("facades")))
    names = ("moss", "door", "void", "window")
    classes = [{"index": i, "name": name, "colour": [i, 0, 0]} for i, name in enumerate(names)]
    mine = palette_from({"name": "mine", "unlabelled": 2, "classes": classes}, "mine.json")
    old, description = load_checkpoint(path)
    config = network_like(description, mine)
    taken = begun(path, config, mine)
    assert (taken.fresh, taken.new) == (0, ("moss",))
    new = new_network(config).eval().requires_grad_(False)
    new.load_state_dict(taken.weights)
    x, t, labels = drawn()
    labels = 1 + labels % 3
    table = torch.tensor([0, *(description.palette.index_of(name) for name in ("door", "unlabelled", "window"))])
    expected = old(x, t, condition_from(table[labels], 13))
    torch.testing.assert_close(new(x, t, condition_from(labels, 4)), expected, atol=1e-6, rtol=0)
