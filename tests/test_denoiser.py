import numpy as np
import pytest
import torch
from models import tiny_network

from engine.condition import condition_from, null_condition
from engine.denoiser import Denoiser, NetworkDenoiser, PairedBranches, SharedEncoder, TwoBranches, clipped, interpret
from engine.guidance import Guidance, guided
from engine.modulation import ModulationCache
from engine.schedule import alpha_bars
from engine.trajectory import levels
from engine.types import Level, Prediction

LEVEL = levels(alpha_bars("linear"), range(1000))[400]


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_every_kind_of_output_means_the_same(kind):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 1, 3, 4, 4, generator=generator).unbind(0)
    x = LEVEL.alpha * x0 + LEVEL.sigma * eps
    output = {"eps": eps, "v": LEVEL.alpha * eps - LEVEL.sigma * x0, "x0": x0}[kind]
    p = interpret(kind, output, x, LEVEL)
    torch.testing.assert_close(p.x0, x0, atol=1e-5, rtol=0)
    torch.testing.assert_close(p.eps, eps, atol=1e-5, rtol=0)


def test_learned_variance_interpolates_between_its_bounds():
    output = torch.zeros(1, 6, 2, 2)
    output[:, 3], output[:, 4], output[:, 5] = -1, 0, 1
    log_variance = interpret("eps", output, torch.zeros(1, 3, 2, 2), LEVEL).log_variance
    middle = (LEVEL.log_beta + LEVEL.log_beta_tilde) / 2
    expected = [LEVEL.log_beta_tilde, middle, LEVEL.log_beta]
    assert log_variance[0, :, 0, 0].tolist() == pytest.approx(expected)


def test_clipping_keeps_x_composed_of_x0_and_eps():
    x = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 3
    p = clipped(lambda x, level: Prediction(x * 2, x, x))(x, LEVEL)
    assert p.x0.abs().max() <= 1
    torch.testing.assert_close(LEVEL.alpha * p.x0 + LEVEL.sigma * p.eps, x, atol=1e-5, rtol=0)


def test_guidance_is_the_formula_on_eps_before_clipping():
    """Against the plain way: two whole forwards, the formula on eps, then x0."""
    network = tiny_network()
    labels = torch.randint(13, (1, 16, 16), generator=torch.Generator().manual_seed(0))
    condition, null = condition_from(labels, 13), null_condition(1, 16, 16)
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([LEVEL.timestep])
    with_map, without = network(x, t, condition)[:, :3], network(x, t, null)[:, :3]
    eps = without + 2.5 * (with_map - without)
    x0 = ((x - LEVEL.sigma * eps) / LEVEL.alpha).clamp(-1, 1)

    encoder = SharedEncoder(network)
    modulations = network.modulate(condition), network.modulate_null(16, 16)
    denoise = guided(TwoBranches(*(NetworkDenoiser(encoder, each) for each in modulations)), Guidance(2.5))
    torch.testing.assert_close(clipped(denoise)(x, LEVEL).x0, x0, atol=1e-5, rtol=0)
    torch.testing.assert_close(denoise(x, LEVEL).eps, eps, atol=1e-5, rtol=0)


def constant(value: float) -> Denoiser:
    return lambda x, level: Prediction(*(torch.full_like(x, value) for _ in range(3)))


def never(x: torch.Tensor, level: Level) -> Prediction:
    raise AssertionError("the null branch ran")


def test_two_branches_are_with_the_map_and_without():
    with_map, without = TwoBranches(constant(1.0), constant(2.0)).both(torch.zeros(1), LEVEL)
    assert (with_map.eps.item(), without.eps.item()) == (1.0, 2.0)
    assert TwoBranches(constant(1.0), never)(torch.zeros(1), LEVEL).eps.item() == 1.0


def test_without_guidance_the_null_branch_never_runs():
    denoise = guided(TwoBranches(constant(1.0), never), Guidance(1.0))
    assert denoise(torch.zeros(1), LEVEL).x0.item() == 1.0


@torch.inference_mode()
def test_a_pair_is_two_branches_in_one_run(monkeypatch):
    network = tiny_network()
    labels = np.random.default_rng(0).integers(0, 13, (16, 24), dtype=np.uint8)
    x = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    cache, encoder, runs = ModulationCache(network, 2**30), SharedEncoder(network), []
    decode = network.decode
    monkeypatch.setattr(network, "decode", lambda *parts: runs.append(1) or decode(*parts))
    with_map = NetworkDenoiser(encoder, cache.of_map(labels))
    apart = TwoBranches(with_map, NetworkDenoiser(encoder, cache.of_null(16, 24))).both(x, LEVEL)
    assert len(runs) == 2
    together = PairedBranches(with_map, cache.of_pair(labels)).both(x, LEVEL)
    assert len(runs) == 3
    for found, expected in zip(together, apart, strict=True):
        torch.testing.assert_close(found.eps, expected.eps, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.log_variance, expected.log_variance, atol=1e-5, rtol=0)


def test_the_encoder_runs_once_for_both_branches_and_again_for_a_new_x(monkeypatch):
    network = tiny_network()
    runs = []
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda x, t: runs.append(t) or encode(x, t))
    encoder = SharedEncoder(network)
    first, second = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    encoder(first, 5.0), encoder(first, 5.0)
    assert len(runs) == 1
    encoder(second, 5.0)
    encoder(second, 4.0)
    assert len(runs) == 3


def test_reused_features_keep_their_maps_and_get_the_new_timestep(monkeypatch):
    network = tiny_network()
    runs = []
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda x, t: runs.append(t.item()) or encode(x, t))
    encoder = SharedEncoder(network, reuse=3)
    states = [torch.full((1, 3, 16, 16), float(i)) for i in range(7)]
    features = [encoder(x, 100.0 - i) for i, x in enumerate(states)]
    assert runs == [100.0, 97.0, 94.0]
    for first in (0, 3):
        for i in range(first, first + 3):
            assert all(a is b for a, b in zip(features[i].maps, features[first].maps, strict=True))
            fresh = network.decoder_times(torch.tensor([100.0 - i]))
            for found, expected in zip(features[i].times, fresh, strict=True):
                assert all(map(torch.equal, found, expected))
    assert encoder(states[6], 94.0) is features[6]
