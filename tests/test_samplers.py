import itertools
import math
from functools import partial
from typing import get_args

import pytest
import torch
from oracle import SPREAD, circle, even_lams, exact_end, gaussian_denoiser, marginal_variance, single_picture_denoiser

from engine.samplers import DETERMINISTIC, STOCHASTIC, ddim, ddpm, dpmpp_2m, posterior_mean, steps
from engine.schedule import alpha_bars
from engine.trajectory import levels, timesteps, walk
from engine.types import Level, SamplerName

LINEAR = alpha_bars("linear")


def gaussian_error(sampler, levels: list[Level]) -> float:
    x = torch.tensor([1.3], dtype=torch.float64)
    *_, last = sampler(gaussian_denoiser, x, levels)
    return (last.x - exact_end(x, levels[0], levels[-1])).abs().item()


@pytest.mark.parametrize(
    ("sampler", "order", "spaced"), [(ddim, 1, circle), (ddim, 1, even_lams), (dpmpp_2m, 2, even_lams)]
)
def test_order_of_convergence(sampler, order, spaced):
    coarse, fine = (gaussian_error(sampler, spaced(steps)) for steps in (80, 160))
    assert fine > 0
    assert 0.8 * 2**order < coarse / fine < 1.25 * 2**order


def test_the_second_order_needs_levels_even_in_lam():
    """20 steps of the real schedule: on levels even in t worse than DDIM, on levels even in lam ten times better."""
    even, in_lam = walk(LINEAR, "even", 20), walk(LINEAR, "lambda", 20)
    first_order = gaussian_error(ddim, even)
    assert gaussian_error(dpmpp_2m, even) > 1.5 * first_order
    assert gaussian_error(dpmpp_2m, in_lam) < first_order / 9
    assert gaussian_error(dpmpp_2m, in_lam) < gaussian_error(ddim, in_lam) / 8


def variance_error(name: SamplerName, levels: list[Level]) -> float:
    """How far, relatively, a sampler ends from the Gaussian target's variance, starting with the right one. Exact.

    Every step is linear in the start and in each noise that is drawn. So x may be the vector of its coefficients in
    these: unit vectors go in, and the variance is the squared length of what comes out.
    """
    units = iter(torch.eye(len(levels), dtype=torch.float64))
    start = next(units) * math.sqrt(marginal_variance(levels[0]))
    *_, last = steps(name, gaussian_denoiser, start, levels, units.__next__)
    return abs(last.x.square().sum().item() / marginal_variance(levels[-1]) - 1)


@pytest.mark.parametrize(
    ("name", "order", "spaced"), [("ddpm", 1, partial(walk, LINEAR, "even")), ("dpmpp_2m_sde", 2, even_lams)]
)
def test_order_of_convergence_in_distribution(name, order, spaced):
    coarse, fine = (variance_error(name, spaced(steps)) for steps in (200, 400))
    assert fine > 0
    assert 0.8 * 2**order < coarse / fine < 1.25 * 2**order


def test_the_stochastic_form_reaches_the_data_s_variance_on_the_real_schedule():
    assert (
        variance_error("dpmpp_2m_sde", walk(LINEAR, "lambda", 100))
        < 0.005
        < variance_error("ddpm", walk(LINEAR, "even", 800))
    )


def test_the_stochastic_form_draws_as_much_noise_as_the_exact_transition():
    """Of the last drawn noise nothing is lost but by the step to clean; with a single step, the variance is known."""
    now, nxt = even_lams(1, -1.0, 0.5)
    drawn = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    (without,), (with_noise,) = (
        list(steps("dpmpp_2m_sde", gaussian_denoiser, torch.ones(1, dtype=torch.float64), [now, nxt], lambda z=z: z))
        for z in drawn
    )
    ratio = now.alpha / nxt.alpha * nxt.sigma / now.sigma
    posterior_deviation = nxt.sigma * math.sqrt(1 - ratio**2)  # of q(x at nxt | x at now, x0), Ho 2020, eq. 7
    assert (with_noise.x - without.x).item() == pytest.approx(posterior_deviation)


@pytest.mark.parametrize("name", [*DETERMINISTIC, *STOCHASTIC])
def test_one_known_picture_is_reached_through_the_marginals_mean(name):
    """With nothing to estimate, and zeros for noise, every state from x = alpha * x0 on is the next alpha * x0."""
    levels = walk(LINEAR, "lambda", 7)
    x = torch.tensor([0.3 * levels[0].alpha], dtype=torch.float64)
    states = [s.x.item() for s in steps(name, single_picture_denoiser(0.3), x, levels, lambda: torch.zeros_like(x))]
    assert states == pytest.approx([0.3 * level.alpha for level in levels[1:]], rel=1e-9)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_an_ode_carries_one_noise_and_draws_none(name):
    """For one known picture the ODE is solved exactly: each state is that picture under the start's own noise."""
    levels = walk(LINEAR, "trailing", 5)
    x = torch.tensor([levels[0].alpha * 0.3 + levels[0].sigma * 1.1], dtype=torch.float64)
    states = [s.x.item() for s in steps(name, single_picture_denoiser(0.3), x, levels, pytest.fail)]
    assert states == pytest.approx([0.3 * level.alpha + 1.1 * level.sigma for level in levels[1:]], rel=1e-9)


def test_every_sampler_has_a_name():
    assert {*DETERMINISTIC, *STOCHASTIC} == set(get_args(SamplerName))


def test_ancestral_sampling_reaches_the_data_distribution():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100_000, generator=generator, dtype=torch.float64)
    every = levels(LINEAR, timesteps("even", 1000, 1000))
    for step in ddpm(gaussian_denoiser, x, every, lambda: torch.randn(x.shape, generator=generator, dtype=x.dtype)):
        last = step.x
    assert last.std().item() == pytest.approx(SPREAD, rel=0.02)
    assert last.mean().item() == pytest.approx(0, abs=0.01)


def test_posterior_mean_of_the_truth_is_bayes():
    """q(x_prev | x, x0) from its two Gaussian factors: x_prev ~ N(a x0, s^2), x | x_prev ~ N(c x_prev, b)."""
    seven = levels(alpha_bars("cosine"), timesteps("even", 1000, 7))
    x0, x = torch.tensor(0.3), torch.tensor(-0.7)
    for now, nxt in itertools.pairwise(seven[:-1]):
        c = now.alpha / nxt.alpha
        precision = 1 / nxt.sigma**2 + c**2 / now.beta
        expected = (nxt.alpha * x0 / nxt.sigma**2 + c * x / now.beta) / precision
        torch.testing.assert_close(posterior_mean(x0, x, now, nxt), expected, rtol=1e-5, atol=1e-6)
        assert now.log_beta_tilde == pytest.approx(-torch.tensor(precision).log().item(), rel=1e-6)


@pytest.mark.parametrize("name", [*DETERMINISTIC, *STOCHASTIC])
def test_samplers_are_lazy_and_can_be_closed(name):
    calls = []

    def denoise(x: torch.Tensor, level: Level):
        calls.append(level)
        return gaussian_denoiser(x, level)

    taken = steps(name, denoise, torch.ones(1), walk(LINEAR, "trailing", 10), lambda: torch.zeros(1))
    assert not calls
    next(taken), next(taken)
    taken.close()
    assert len(calls) == 2
