"""The fast path beside the plain one, and what the cache holds, finds and drops."""

import gc
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from models import tiny_model, tiny_network
from torch.nn import functional

from bench.plain import PlainBranches, one_hot
from engine.condition import condition_from, null_condition
from engine.denoiser import NetworkDenoiser, PairedBranches, SharedEncoder, TwoBranches
from engine.memory import modulation_bytes
from engine.model import spade
from engine.model.inference import prepare
from engine.model.spade import MapModulation, NullModulation, Spade
from engine.model.unet import UNet
from engine.modulation import ModulationCache, RecomputedModulation
from engine.pipeline import edit, generate
from engine.types import EditRequest, LabelMap, Level, RenderRequest, Sampling

CPU = torch.device("cpu")
LEVEL = Level(timestep=500.0, alpha=0.8, sigma=0.6, log_beta=-4.0, log_beta_tilde=-5.0)
PLENTY = 2**30


def labels_of(height: int = 16, width: int = 24, seed: int = 0, classes: int = 13) -> LabelMap:
    return np.random.default_rng(seed).integers(0, classes, (height, width), dtype=np.uint8)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def both_ways(**changes) -> tuple[UNet, UNet]:
    """A network as it was trained, and ready to sample. Its training size is above that of the maps here, so that its
    attention is the same in both; the map has a say in every norm."""
    plain = tiny_network(image_size=32, **changes)
    for each in plain.spades:
        for parameter in each.parameters():
            parameter.mul_(4)
    return plain, prepare(deepcopy(plain), CPU, torch.float32)


@pytest.fixture(params=["whole", "ring"])
def null_form(request, monkeypatch) -> str:
    """The null map both ways, whatever the size: as tensors of the features' size, and as a ring of cells."""
    monkeypatch.setattr(spade, "SMALL", 0 if request.param == "ring" else 2**40)
    return request.param


# --- Equal to the plain path ---

SHAPES = [
    {},
    {"instance_edges": True},
    {"patch": 2},
    {"patch": 4, "prediction": "x0", "learn_sigma": False},
    {"resblock_updown": False},
    {"use_scale_shift_norm": False},
    {"resblock_updown": False, "use_scale_shift_norm": False, "instance_edges": True},
    {"channel_mult": (1, 2, 2), "num_res_blocks": 2, "prediction": "v", "learn_sigma": False},
]


@pytest.mark.parametrize("changes", SHAPES, ids=lambda changes: "-".join(changes) or "tiny")
@pytest.mark.parametrize("batch", [1, 3])
@torch.inference_mode()
def test_both_branches_are_those_of_the_plain_path(changes, batch, null_form):
    (plain, network), labels = both_ways(**changes), labels_of()
    x = normal(batch, 3, *labels.shape)
    maps = one_hot(labels, plain).expand(batch, -1, -1, -1)
    expected = PlainBranches(plain, maps).both(x, LEVEL)

    cache, encoder = ModulationCache(network, PLENTY), SharedEncoder(network)
    with_map = NetworkDenoiser(encoder, cache.of_map(labels))
    ways = [TwoBranches(with_map, NetworkDenoiser(encoder, cache.of_null(*labels.shape)))]
    if batch == 1:
        ways.append(PairedBranches(with_map, cache.of_pair(labels)))
    for branches in ways:
        for found, wanted in zip(branches.both(x, LEVEL), expected, strict=True):
            assert wanted.x0.abs().mean() > 0.1
            for part in ("x0", "eps", "log_variance"):
                close(getattr(found, part), getattr(wanted, part))
        close(branches(x, LEVEL).x0, expected[0].x0)
    assert (expected[0].x0 - expected[1].x0).abs().max() > 0.02


@pytest.mark.parametrize("changes", [{}, {"use_scale_shift_norm": False}])
@torch.inference_mode()
def test_a_batch_may_hold_different_timesteps(changes, null_form):
    (plain, network), labels = both_ways(**changes), labels_of()
    x, timesteps = normal(3, 3, *labels.shape), torch.tensor([3.0, 700.0, 41.0])
    cache = ModulationCache(network, PLENTY)
    features = network.encode(x, timesteps)
    one = condition_from(torch.from_numpy(labels)[None].expand(3, -1, -1), 13)
    close(network.decode(features, cache.of_map(labels)), plain(x, timesteps, one))
    nothing = null_condition(3, *labels.shape)
    close(network.decode(features, cache.of_null(*labels.shape)), plain(x, timesteps, nothing))


def norm(channels: int = 64) -> Spade:
    torch.manual_seed(0)
    return Spade(channels, 5, 8, stride=1).requires_grad_(False)


CELLS = [(1, 1), (1, 5), (2, 1), (2, 3), (3, 3), (3, 1), (4, 6), (7, 3), (50, 30)]


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("timesteps", [0, 1, 2])
@torch.inference_mode()
def test_the_null_map_s_modulation_is_that_of_zeros_in_every_channel(cells, layout, timesteps, null_form):
    module, x = norm(), normal(2, 64, *cells).contiguous(memory_format=layout)
    time = (1 + normal(timesteps, 64, 1, 1, seed=1), normal(timesteps, 64, 1, 1, seed=2)) if timesteps else None
    zeros = module.modulation(torch.zeros(1, 5, *cells), None)
    expected = functional.group_norm(x, 32) * zeros.scale + zeros.shift
    if time:
        expected = expected * time[0] + time[1]
    null = module.null_modulation(*cells)
    assert isinstance(null, NullModulation) == (null_form == "ring" and min(cells) >= 3)
    before = x.clone()
    close(null(x, time), expected)
    assert torch.equal(x, before)


def test_the_null_map_takes_no_tensors_of_the_features_size():
    module = norm()
    small, large = (module.null_modulation(side, side).bytes for side in (64, 256))
    assert large < 256 * 256 * 64 * 4 / 10
    assert large < 5 * small  # the ring grows with the side, not with the area


# --- What is computed, and how often ---


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """The channels of every norm whose modulation is computed from a map."""
    calls: list[int] = []
    compute = Spade.modulation
    monkeypatch.setattr(Spade, "modulation", lambda self, *map: calls.append(self.channels) or compute(self, *map))
    return calls


def test_an_equal_map_is_found_and_a_changed_one_is_not(computed):
    network, labels = tiny_network(), labels_of()
    cache, norms = ModulationCache(network, PLENTY), len(network.spades)
    first = cache.of_map(labels)
    assert len(computed) == norms
    assert cache.of_map(labels.copy()) is first
    assert cache.of_map(np.asfortranarray(labels)) is first
    assert len(computed) == norms
    changed = labels.copy()
    changed[3, 5] = (changed[3, 5] + 1) % 13
    assert not torch.equal(cache.of_map(changed)[-1].scale, first[-1].scale)
    assert len(computed) == 2 * norms
    cache.of_map(labels.reshape(24, 16))  # the same bytes in another shape
    assert len(computed) == 3 * norms
    cache.clear()
    assert cache.bytes == 0
    cache.of_map(labels)
    assert len(computed) == 4 * norms


def test_objects_make_another_map_where_the_network_sees_edges(computed):
    labels, instances = labels_of(), np.zeros((16, 24), np.uint16)
    numbered = instances.copy()
    numbered[4:9, 3:20] = 700
    for changes, maps in (({"instance_edges": True}, 2), ({}, 1)):
        network = tiny_network(**changes)
        cache, norms = ModulationCache(network, PLENTY), len(network.spades)
        first = cache.of_map(labels)
        assert cache.of_map(labels, instances=instances) is first
        other = cache.of_map(labels, instances=numbered)
        assert cache.of_map(labels, instances=numbered) is other
        assert (other is first) == (maps == 1)
        anew = cache.of_map(labels, keep=False, instances=numbered)
        pair = cache.of_pair(labels, instances=numbered)
        for norm, recomputed, both in zip(other, anew, pair, strict=True):
            assert torch.equal(norm.scale, recomputed.compute().scale)
            assert torch.equal(norm.scale, both.scale[:1])
        assert len(computed) == (maps + 1) * norms
        computed.clear()


def test_a_map_changed_in_place_is_another_map():
    network, labels = tiny_network(), labels_of()
    cache = ModulationCache(network, PLENTY)
    before = cache.of_map(labels)[-1].scale.clone()
    labels[:] = 2
    fresh = ModulationCache(network, PLENTY).of_map(labels)[-1].scale
    assert torch.equal(cache.of_map(labels)[-1].scale, fresh)
    assert not torch.equal(before, fresh)


def test_one_computation_serves_all_steps_variations_guidance_scales_and_edits(computed):
    model, labels = tiny_model(), labels_of()
    norms = len(model.network.spades)
    for seeds, guidance, sampler in [((1,), 1.0, "ddim"), ((2, 3), 1.5, "ddim"), ((1,), 4.0, "dpmpp_2m")]:
        list(generate(model, RenderRequest("tiny", labels, Sampling(sampler, 3, guidance, seeds))))
    assert len(computed) == norms
    photo, region = np.zeros((*labels.shape, 3), np.uint8), labels > 0
    list(edit(model, EditRequest("tiny", labels, photo, region, sampling=Sampling(steps=3))))
    assert len(computed) == norms
    list(generate(model, RenderRequest("tiny", labels_of(seed=1), Sampling(steps=3))))
    assert len(computed) == 2 * norms


def test_pictures_with_little_room_and_with_none_are_those_with_plenty(computed):
    model, labels = tiny_model(), labels_of()
    whole = modulation_bytes(model.network.config, 16, 24, 4)
    request = RenderRequest("tiny", labels, Sampling(steps=3, seeds=(1, 2)))
    pictures, calls = [], []
    for limit in (PLENTY, whole // 2, 0):
        computed.clear()
        *_, last = generate(replace(model, cache=ModulationCache(model.network, limit)), request)
        pictures.append(last.pictures.astype(int))
        calls.append(len(computed))
    norms = len(model.network.spades)
    assert calls[0] == norms
    assert norms < calls[1] < 3 * norms
    assert calls[2] == 3 * norms
    assert all(np.abs(picture - pictures[0]).max() <= 1 for picture in pictures)


def test_without_keeping_every_norm_is_computed_at_every_call(computed):
    network, labels = tiny_network(instance_edges=True), labels_of()
    cache = ModulationCache(network, PLENTY)
    anew = cache.of_map(labels, keep=False)
    assert all(isinstance(each, RecomputedModulation) for each in anew)
    assert not computed
    features = network.encode(normal(1, 3, 16, 24), torch.tensor([3.0]))
    for _ in range(2):
        output = network.decode(features, anew)
    assert len(computed) == 2 * len(network.spades)
    assert cache.bytes == 0
    close(output, network.decode(features, cache.of_map(labels)), 1e-6)


# --- The limit ---


@pytest.mark.parametrize("changes", [{}, {"resblock_updown": False}, {"patch": 2, "channel_mult": (1, 2, 2)}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_bytes_are_those_of_its_tensors_and_of_the_estimate(changes, dtype):
    network = prepare(tiny_network(**changes), CPU, dtype)
    cache = ModulationCache(network, PLENTY)
    height, width = 2 * network.config.stride, 3 * network.config.stride
    held = 0
    for seed in range(2):
        modulations = cache.of_map(labels_of(height, width, seed))
        held += sum(part.untyped_storage().nbytes() for each in modulations for part in (each.scale, each.shift))
    cache.of_null(height, width)
    assert cache.bytes == held == 2 * modulation_bytes(network.config, height, width, dtype.itemsize)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99, 1, 1.5, 2.4])
def test_the_limit_holds(share):
    network = tiny_network()
    limit = int(share * modulation_bytes(network.config, 16, 24, 4))
    cache = ModulationCache(network, limit)
    for seed in range(4):
        kept = cache.of_map(labels_of(seed=seed))
        assert cache.bytes <= limit
        assert sum(each.bytes for each in kept) <= limit
    assert cache.bytes >= 0.7 * min(limit, modulation_bytes(network.config, 16, 24, 4))
    assert cache.holds(16, 24) == int(share)


def test_what_was_used_longest_ago_goes_first(computed):
    network = tiny_network()
    maps = [labels_of(seed=seed) for seed in range(3)]
    cache = ModulationCache(network, 2 * modulation_bytes(network.config, 16, 24, 4))
    a, b, c = maps
    for labels in (a, b, a, c):  # c drives b out, since a was used after it
        cache.of_map(labels)
    computed.clear()
    cache.of_map(a), cache.of_map(c)
    assert not computed
    cache.of_map(b)
    assert len(computed) == len(network.spades)
    computed.clear()
    cache.of_map(c)
    assert not computed
    cache.of_map(a)
    assert computed


def test_a_map_that_finds_no_room_leaves_nothing_behind():
    """Neither the map nor its one-hot channels."""
    cache = ModulationCache(tiny_network(), 0)

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    cache.of_map(labels_of())
    before = tensors()
    for seed in range(5):
        cache.of_map(labels_of(seed=seed))
    assert tensors() == before


def test_null_maps_of_many_sizes_are_not_all_kept():
    cache = ModulationCache(tiny_network(), PLENTY)
    first = cache.of_null(2, 2)
    assert cache.of_null(2, 2) is first
    for side in range(2, 60, 2):
        cache.of_null(side, 4)
    assert cache.of_null(2, 2) is not first


def test_a_pair_is_for_small_maps(monkeypatch):
    network, labels = tiny_network(), labels_of()
    pair = ModulationCache(network, PLENTY).of_pair(labels)
    assert all(isinstance(each, MapModulation) and len(each.scale) == 2 for each in pair)
    assert ModulationCache(network, 0).of_pair(labels) is None
    monkeypatch.setattr("engine.modulation.PAIRED", 32 * 16 * 24)
    assert ModulationCache(network, PLENTY).of_pair(labels) is None  # the decoder's widest norm has 64 channels
