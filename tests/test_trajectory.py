from typing import get_args

import numpy as np
import pytest

from engine.schedule import alpha_bars, betas
from engine.trajectory import CLEAN, alpha_bar_at, evenly_rounded, levels, timesteps, walk
from engine.types import Spacing, UserError


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_level_keeps_variance_one(name):
    for level in levels(alpha_bars(name), range(1000)):
        assert level.alpha**2 + level.sigma**2 == pytest.approx(1)


SPACINGS = get_args(Spacing)
LINEAR = alpha_bars("linear")


@pytest.mark.parametrize("spacing", SPACINGS)
def test_levels_fall_to_clean(spacing):
    found = walk(LINEAR, spacing, 20)
    sigmas = [level.sigma for level in found]
    assert sigmas == sorted(set(sigmas), reverse=True)
    assert found[-1] == CLEAN
    assert len(found) == 21
    if spacing in ("lambda", "trailing"):
        assert (found[0].timestep, found[0].share) == (999, 1)


@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [2, 3, 20, 999])
def test_even_in_lambda(name, steps):
    """From exactly the noisiest trained level to exactly the cleanest, at one distance, as many as were asked for."""
    alpha_bar = alpha_bars(name)
    *found, clean = walk(alpha_bar, "lambda", steps)
    assert clean == CLEAN
    assert len(found) == steps
    assert [found[0].timestep, found[-1].timestep] == [999, 0]
    assert [found[0].alpha, found[-1].alpha] == [np.sqrt(alpha_bar[-1]), np.sqrt(alpha_bar[0])]
    distances = np.diff([level.lam for level in found])
    np.testing.assert_allclose(distances, distances[0], rtol=1e-4)
    assert [level.share for level in found] == [level.timestep / 999 for level in found]


def test_a_single_step_takes_the_noisiest_level():
    assert [level.timestep for level in walk(LINEAR, "lambda", 1)] == [999, -1]
    assert [level.timestep for level in walk(LINEAR[:1], "lambda", 1)] == [0, -1]


def test_a_whole_timestep_has_the_schedule_s_own_value_and_a_fraction_one_between():
    assert [alpha_bar_at(LINEAR, t) for t in range(1000)] == LINEAR.tolist()
    below, between, above = (alpha_bar_at(LINEAR, t) for t in (500, 500.25, 501))
    lam = [0.5 * np.log(a / (1 - a)) for a in (below, between, above)]
    assert lam[1] == pytest.approx(0.75 * lam[0] + 0.25 * lam[2])


def test_a_walk_is_its_timesteps_levels():
    assert walk(LINEAR, "stride", 25) == levels(LINEAR, timesteps("stride", 1000, 25))
    assert walk(LINEAR, "even", 25, 0.5) == levels(LINEAR, timesteps("even", 1000, 25, 0.5))


@pytest.mark.parametrize(("strength", "first"), [(1.0, 999), (0.5, 499), (0.3, 299), (0.001, 1)])
def test_in_lambda_a_strength_starts_at_its_share_and_keeps_the_steps(strength, first):
    found = [level.timestep for level in walk(LINEAR, "lambda", 20, strength)]
    assert len(set(found)) == 21
    assert [found[0], found[-2], found[-1]] == [first, 0, -1]


def test_without_respacing_the_betas_are_the_schedule():
    rebuilt = [level.beta for level in reversed(levels(alpha_bars("linear"), range(1000))[:-1])]
    np.testing.assert_allclose(rebuilt, betas("linear"), rtol=1e-9)


def test_linear_schedule_is_scaled_to_other_lengths():
    assert alpha_bars("linear", 250)[-1] == pytest.approx(alpha_bars("linear")[-1], rel=0.35)


@pytest.mark.parametrize(
    ("spacing", "steps", "expected"),
    [
        ("even", 4, [0, 333, 666, 999]),
        ("stride", 4, [0, 250, 500, 750]),
        ("trailing", 4, [249, 499, 749, 999]),
        ("trailing", 1, [999]),
    ],
)
def test_spacings(spacing, steps, expected):
    assert timesteps(spacing, 1000, steps) == expected


@pytest.mark.parametrize("spacing", ["even", "trailing"])
def test_any_number_of_steps_is_kept_whole(spacing):
    for steps in [*range(1, 60), 250, 999, 1000]:
        kept = timesteps(spacing, 1000, steps)
        assert len(kept) == len(set(kept)) == steps
        assert kept == sorted(kept)


def test_strength_starts_at_its_share_of_the_noise():
    assert timesteps("trailing", 1000, 20, 0.5) == [49 + 50 * i for i in range(10)]
    assert timesteps("trailing", 1000, 20, 0.001) == [0]
    assert timesteps("even", 1000, 20, 1.0)[-1] == 999


@pytest.mark.parametrize(
    ("spacing", "steps", "strength", "text"),
    [
        ("even", 0, 1, "0 steps is outside 1 to 1000"),
        ("even", 1001, 1, "1001 steps is outside 1 to 1000"),
        ("stride", 600, 1, "No whole stride leaves 600 of 1000"),
        ("even", 20, 0, "Strength 0 is outside"),
        ("even", 20, 1.5, "Strength 1.5 is outside"),
        ("lambda", 1001, 1, "1001 steps is outside 1 to 1000"),
        ("lambda", 20, 0, "Strength 0 is outside"),
    ],
)
def test_bounds_are_named(spacing, steps, strength, text):
    with pytest.raises(UserError, match=text):
        walk(LINEAR, spacing, steps, strength)


def test_even_spacing_sums_the_stride_up_as_published():
    """At 21 of 1000, i * stride would keep 500: the sum's rounding falls just below the half."""
    assert 499 in evenly_rounded(1000, 21)
    assert 500 not in evenly_rounded(1000, 21)
