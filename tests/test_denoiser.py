import pytest
import torch
from models import tiny_network

from engine.condition import condition_from, null_condition
from engine.denoiser import NetworkDenoiser, SharedEncoder, clipped, interpret
from engine.guidance import guided
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
    branches = [NetworkDenoiser(encoder, network.modulate(c)) for c in (condition, null)]
    p = clipped(guided(*branches, 2.5))(x, LEVEL)
    torch.testing.assert_close(p.x0, x0, atol=1e-5, rtol=0)
    torch.testing.assert_close(guided(*branches, 2.5)(x, LEVEL).eps, eps, atol=1e-5, rtol=0)


def test_without_guidance_the_null_branch_never_runs():
    def never(x: torch.Tensor, level: Level) -> Prediction:
        raise AssertionError("the null branch ran")

    zero = Prediction(*torch.zeros(3, 1))
    assert guided(lambda x, level: zero, never, 1.0)(torch.zeros(1), LEVEL) is zero


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
