import itertools

import pytest
import torch
from oracle import SPREAD, circle, exact_end, gaussian_denoiser

from engine.samplers import ddim, ddpm, posterior_mean
from engine.schedule import alpha_bars
from engine.trajectory import levels, timesteps
from engine.types import Level


def gaussian_error(sampler, steps: int) -> float:
    x = torch.tensor([1.3], dtype=torch.float64)
    walk = circle(steps)
    *_, last = sampler(gaussian_denoiser, x, walk)
    return (last.x - exact_end(x, walk[0])).abs().item()


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1)])
def test_order_of_convergence(sampler, order):
    coarse, fine = (gaussian_error(sampler, steps) for steps in (80, 160))
    assert fine > 0
    assert 0.8 * 2**order < coarse / fine < 1.25 * 2**order


def test_ancestral_sampling_reaches_the_data_distribution():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100_000, generator=generator, dtype=torch.float64)
    walk = levels(alpha_bars("linear"), timesteps("even", 1000, 1000))
    for step in ddpm(gaussian_denoiser, x, walk, lambda: torch.randn(x.shape, generator=generator, dtype=x.dtype)):
        last = step.x
    assert last.std().item() == pytest.approx(SPREAD, rel=0.02)
    assert last.mean().item() == pytest.approx(0, abs=0.01)


def test_posterior_mean_of_the_truth_is_bayes():
    """q(x_prev | x, x0) from its two Gaussian factors: x_prev ~ N(a x0, s^2), x | x_prev ~ N(c x_prev, b)."""
    walk = levels(alpha_bars("cosine"), timesteps("even", 1000, 7))
    x0, x = torch.tensor(0.3), torch.tensor(-0.7)
    for now, nxt in itertools.pairwise(walk[:-1]):
        c = now.alpha / nxt.alpha
        precision = 1 / nxt.sigma**2 + c**2 / now.beta
        expected = (nxt.alpha * x0 / nxt.sigma**2 + c * x / now.beta) / precision
        torch.testing.assert_close(posterior_mean(x0, x, now, nxt), expected, rtol=1e-5, atol=1e-6)
        assert now.log_beta_tilde == pytest.approx(-torch.tensor(precision).log().item(), rel=1e-6)


def test_samplers_are_lazy_and_can_be_closed():
    calls = []

    def denoise(x: torch.Tensor, level: Level):
        calls.append(level)
        return gaussian_denoiser(x, level)

    steps = ddim(denoise, torch.ones(1), circle(10))
    assert not calls
    next(steps), next(steps)
    steps.close()
    assert len(calls) == 2
