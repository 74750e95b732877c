import numpy as np
import pytest

from engine.schedule import alpha_bars, betas
from engine.trajectory import CLEAN, levels, timesteps
from engine.types import UserError


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_level_keeps_variance_one(name):
    for level in levels(alpha_bars(name), range(1000)):
        assert level.alpha**2 + level.sigma**2 == pytest.approx(1)


def test_levels_fall_to_clean():
    walk = levels(alpha_bars("linear"), timesteps("trailing", 1000, 20))
    sigmas = [level.sigma for level in walk]
    assert sigmas == sorted(sigmas, reverse=True)
    assert walk[-1] == CLEAN
    assert walk[0].timestep == 999
    assert len(walk) == 21


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
    ],
)
def test_bounds_are_named(spacing, steps, strength, text):
    with pytest.raises(UserError, match=text):
        timesteps(spacing, 1000, steps, strength)
