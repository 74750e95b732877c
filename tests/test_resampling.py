"""Resampling against exact answers: every step is linear in the noises, so a Gaussian's variance is known."""

import itertools
import math
from typing import get_args

import pytest
import torch
from oracle import even_lams, gaussian_denoiser, marginal_variance

from engine.resampling import count, noisier, resampled, runs
from engine.samplers import STOCHASTIC, steps
from engine.schedule import alpha_bars
from engine.trajectory import walk
from engine.types import Level, Resampling, SamplerName, UserError

LINEAR = alpha_bars("linear")
SAMPLERS = get_args(SamplerName)


def levels(steps: int, strength: float = 1.0) -> list[Level]:
    return walk(LINEAR, "lambda", steps, strength)


def drawn(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(1, 3, 4, 4, generator=generator)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("resampling", [Resampling(), Resampling(3, 1), Resampling(2, 5, (0.999, 0.9995))])
def test_without_repeats_it_is_the_sampler_to_the_bit(name, resampling):
    x = drawn(1)()
    plain = list(steps(name, gaussian_denoiser, x, levels(9), drawn(2)))
    again = list(resampled(name, gaussian_denoiser, x, levels(9), drawn(2), pytest.fail, resampling))
    assert [step.index for step in again] == list(range(9))
    for a, b in zip(plain, again, strict=True):
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.x0, b.x0)


def test_the_way_by_hand():
    assert list(runs(levels(6), Resampling(2, 2))) == [(0, 2), (0, 4), (2, 5), (4, 6)]
    assert list(runs(levels(5), Resampling(2, 3))) == [(0, 2), (0, 2), (0, 4), (2, 4), (2, 5)]
    assert list(runs(levels(4), Resampling(9, 2))) == [(0, 3), (0, 4)]
    assert list(runs(levels(4), Resampling(9, 1))) == [(0, 4)]


def slow_way(levels: list[Level], resampling: Resampling) -> list[int]:
    """The levels visited, one move at a time: down a stretch, up again where it is in the band, and on."""
    visited, at, noisy = [0], 0, len(levels) - 2
    while at < noisy:
        end = min(at + resampling.jump, noisy)
        times = resampling.repeats if resampling.band[0] <= levels[at].share <= resampling.band[1] else 1
        for each in range(times):
            visited += range(at + 1, end + 1)
            visited += [at] if each < times - 1 else []
        at = end
    return [*visited, noisy + 1]


WAYS = [
    (steps, strength, Resampling(jump, repeats, band))
    for steps, strength in ((1, 1.0), (2, 1.0), (12, 1.0), (12, 0.6))
    for jump, repeats in ((1, 2), (1, 5), (2, 3), (5, 2), (40, 3))
    for band in ((0.0, 1.0), (0.2, 0.7))
]


@pytest.mark.parametrize(("steps", "strength", "resampling"), WAYS)
def test_the_levels_and_the_count_are_those_of_the_slow_way(steps, strength, resampling):
    way = levels(steps, strength)
    asked = []

    def denoise(x, level):
        asked.append(level)
        return gaussian_denoiser(x, level)

    made = list(resampled("ddim", denoise, torch.ones(1), way, pytest.fail, lambda: torch.zeros(1), resampling))
    visited = slow_way(way, resampling)
    assert asked == [way[a] for a, b in itertools.pairwise(visited) if b > a]
    assert [step.index for step in made] == list(range(len(asked)))
    assert count(way, resampling) == len(asked)


def test_only_stretches_that_begin_in_the_band_are_walked_again():
    way = levels(12)
    asked = []

    def denoise(x, level):
        asked.append(level)
        return gaussian_denoiser(x, level)

    list(resampled("ddim", denoise, torch.ones(1), way, pytest.fail, drawn(0), Resampling(1, 4, (0.3, 0.7))))
    often = {level.share for level in asked if asked.count(level) > 1}
    assert often == {level.share for level in way[:-2] if 0.3 <= level.share <= 0.7}
    assert often
    assert {asked.count(level) for level in asked} == {1, 4}


def test_going_back_keeps_the_marginal_and_is_the_transition_of_many_small_ones():
    noisy, clean = levels(9)[2], levels(9)[6]
    x, z = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.tensor([0.0, 1.0], dtype=torch.float64)
    back = noisier(x * math.sqrt(marginal_variance(clean)), clean, noisy, z)
    assert back.square().sum().item() == pytest.approx(marginal_variance(noisy), rel=1e-12)
    between = levels(9)[4]
    three = torch.eye(3, dtype=torch.float64)
    twice = noisier(noisier(three[0], clean, between, three[1]), between, noisy, three[2])
    assert twice[0].item() == pytest.approx(noisier(x, clean, noisy, z)[0].item(), rel=1e-12)
    assert twice[1:].norm().item() == pytest.approx(noisier(x, clean, noisy, z)[1].item(), rel=1e-12)


def variance_error(name: SamplerName, way: list[Level], resampling: Resampling) -> float:
    """How far, relatively, the end is from the target's variance. Exact: x is the vector of its coefficients in the
    start and in every noise that is drawn, so unit vectors go in and the variance is the squared length at the end."""
    units = iter(torch.eye(3 * count(way, resampling), dtype=torch.float64))
    start = next(units) * math.sqrt(marginal_variance(way[0]))
    *_, last = resampled(name, gaussian_denoiser, start, way, units.__next__, units.__next__, resampling)
    return abs(last.x.square().sum().item() / marginal_variance(way[-1]) - 1)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("resampling", [Resampling(1, 3), Resampling(4, 2), Resampling(5, 3, (0.2, 0.8))])
def test_the_distribution_stays_the_data_s(name, resampling):
    """The variance of the result is the data's but for the sampler's own error, which goes with the steps."""
    coarse, fine = (
        variance_error(name, walk(LINEAR, "even" if name == "ddpm" else "lambda", steps), resampling)
        for steps in (100, 400)
    )
    assert fine < max(0.4 * coarse, 0.001)
    assert fine < (0.065 if name == "ddpm" else 0.02)


def test_after_a_jump_a_multistep_sampler_has_no_history():
    """Each run equals a fresh sampler's from where it begins; one that remembered would differ."""
    way = even_lams(6)
    x = torch.tensor([1.3], dtype=torch.float64)
    made = list(resampled("dpmpp_2m", gaussian_denoiser, x, way, pytest.fail, lambda: x * 0, Resampling(2, 2)))
    at = ended = 0
    for start, stop in runs(way, Resampling(2, 2)):
        begin = x if at == 0 else noisier(made[at - 1].x, way[ended], way[start], x * 0)
        alone = list(steps("dpmpp_2m", gaussian_denoiser, begin, way[start : stop + 1], pytest.fail))
        assert [step.x.item() for step in alone] == [step.x.item() for step in made[at : at + stop - start]]
        at, ended = at + stop - start, stop
    assert at == len(made)


@pytest.mark.parametrize("name", list(STOCHASTIC))
def test_first_passes_take_the_run_s_noise_in_order_and_the_others_extra(name):
    """Each step's noise is its own number; extra ones are negative. What is drawn when is read off the calls."""
    way, calls = levels(7), []
    own, extra = itertools.count(1), itertools.count(1)

    def noise() -> torch.Tensor:
        calls.append(next(own))
        return torch.zeros(1)

    def more() -> torch.Tensor:
        calls.append(-next(extra))
        return torch.zeros(1)

    list(resampled(name, gaussian_denoiser, torch.ones(1), way, noise, more, Resampling(3, 2)))
    # down 3, back, the 3 again, on 3, back, 3 again; the last step, to clean, draws none
    assert calls == [1, 2, 3, -1, -2, -3, -4, 4, 5, 6, -5, -6, -7, -8]


def test_equal_seeds_give_equal_pictures_and_other_extra_noise_another_one():
    def end(own: int, extra: int) -> torch.Tensor:
        x = drawn(9)()
        way = levels(6)
        return [*resampled("dpmpp_2m_sde", gaussian_denoiser, x, way, drawn(own), drawn(extra), Resampling(2, 2))][-1].x

    assert torch.equal(end(1, 2), end(1, 2))
    assert not torch.equal(end(1, 2), end(1, 3))


def test_it_is_lazy_and_can_be_closed():
    calls = []

    def denoise(x, level):
        calls.append(level)
        return gaussian_denoiser(x, level)

    taken = resampled("ddim", denoise, torch.ones(1), levels(8), pytest.fail, lambda: torch.zeros(1), Resampling(2, 2))
    assert not calls
    for _ in range(3):
        next(taken)
    taken.close()
    assert len(calls) == 3


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0), (1, 21), (1001, 1), (1.5, 2), (1, 2, (0.6, 0.2))])
def test_what_is_out_of_bounds_is_refused(wrong):
    with pytest.raises(UserError, match="Resampling"):
        Resampling(*wrong)
