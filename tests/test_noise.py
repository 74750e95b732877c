"""What a seed stands for: exact normal numbers, the same in every company, and one path however it is walked."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from oracle import single_picture_denoiser

from engine.noise import CELLS, SeededNoise, along_path, anew
from engine.samplers import steps
from engine.schedule import alpha_bars
from engine.trajectory import log_snr, walk
from engine.types import Level, Reroll

LINEAR = alpha_bars("linear")
LAMS = float(log_snr(LINEAR)[-1]), float(log_snr(LINEAR)[0])
CPU = torch.device("cpu")


def path_along(levels: list[Level]):
    return partial(along_path, levels=levels, lams=LAMS)


def increments(seed: int, count: int, levels: list[Level]) -> torch.Tensor:
    """(stochastic steps, 3 * count): the noise of every step, without the start's."""
    _, *drawn = along_path(seed, (3, 1, count), levels, LAMS)
    return torch.stack(drawn).flatten(1)


@pytest.mark.parametrize("count", [1, 2, 8, 12, CELLS, 60])
def test_every_step_draws_its_own_normal_numbers(count):
    """Also where one cell holds several steps: variance 1 each, and no step knows of another."""
    drawn = increments(0, 40_000, walk(LINEAR, "lambda", count + 1))
    assert len(drawn) == count
    torch.testing.assert_close(drawn @ drawn.T / drawn.shape[1], torch.eye(count), atol=0.02, rtol=0)
    assert drawn.mean(1).abs().max() < 0.02
    assert ((drawn**4).mean(1) - 3).abs().max() < 0.2


def test_the_start_is_that_of_noise_drawn_anew_and_no_step_s():
    levels = walk(LINEAR, "lambda", 8)
    start, first, *_ = along_path(5, (3, 40, 40), levels, LAMS)
    assert torch.equal(start, next(anew(5, (3, 40, 40))))
    assert (start * first).mean().abs() < 0.06


def long_step(drawn: torch.Tensor, levels: list[Level]) -> torch.Tensor:
    """What one step over all of `levels` draws, from what the short ones do: increments have the variance of time."""
    lams = [level.lam for level in levels]
    added = sum(math.sqrt(b - a) * each for (a, b), each in zip(pairwise(lams), drawn, strict=True))
    return added / math.sqrt(lams[-1] - lams[0])


@pytest.mark.parametrize("count", [2, 12, 47, 97, 300])
def test_short_steps_add_up_to_the_long_one(count):
    levels = walk(LINEAR, "lambda", count)
    (whole,) = increments(3, 500, [levels[0], *levels[-2:]])
    torch.testing.assert_close(long_step(increments(3, 500, levels), levels[:-1]), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", ["dpmpp_2m_sde", "ddpm"])
def test_runs_of_other_lengths_end_in_much_the_same_noise(sampler):
    """Where nothing but noise can differ: x0 is known. Drawn anew, the noises have nothing in common."""

    def last_noise(count: int, on_path: bool) -> torch.Tensor:
        levels = walk(LINEAR, "lambda", count)
        source = SeededNoise((9,), 16, 16, CPU, path_along(levels) if on_path else anew)
        *_, before_clean, _ = steps(sampler, single_picture_denoiser(0.3), source(), levels, source)
        return (before_clean.x - levels[-2].alpha * 0.3).flatten()

    for on_path, low, high in ((True, 0.85, 1.0), (False, -0.15, 0.15)):
        pair = torch.stack([last_noise(count, on_path) for count in (12, 20)])
        assert low < pair.corrcoef()[0, 1] < high


def test_an_edit_s_shorter_way_sees_the_same_path():
    """From within a cell on, the noise of the levels that both visit is the same but for the cell that is cut."""
    whole = walk(LINEAR, "lambda", CELLS + 1)  # steps as long as cells
    late = [*whole[10:]]
    torch.testing.assert_close(increments(1, 200, late), increments(1, 200, whole)[10:], atol=1e-5, rtol=0)
    cut = [Level(0.0, *between(whole[10], whole[11])), *whole[11:]]
    torch.testing.assert_close(increments(1, 200, cut)[1:], increments(1, 200, whole)[11:], atol=1e-5, rtol=0)


def between(a: Level, b: Level) -> tuple[float, float]:
    """alpha and sigma halfway in lam."""
    ratio = math.exp((a.lam + b.lam) / 2)
    return ratio / math.hypot(1, ratio), 1 / math.hypot(1, ratio)


def test_as_many_steps_draw_only_as_many_numbers(monkeypatch):
    """A run that begins late leaves the cells before it alone."""
    drawn = []
    randn = torch.randn
    monkeypatch.setattr(torch, "randn", lambda *a, **k: drawn.append(1) or randn(*a, **k))
    levels = walk(LINEAR, "lambda", CELLS + 1)
    increments(1, 4, levels)
    assert len(drawn) == 1 + CELLS
    drawn.clear()
    increments(1, 4, levels[10:])
    assert len(drawn) == 1 + CELLS - 10


@pytest.mark.parametrize("draw", [None, path_along(walk(LINEAR, "lambda", 6))])
def test_noise_belongs_to_the_seed_alone(draw):
    both, second = SeededNoise((1, 2), 4, 4, CPU, draw), SeededNoise((2,), 4, 4, CPU, draw)
    for _ in range(6):
        together, alone = both(), second()
        assert torch.equal(together[1], alone[0])
        assert not torch.equal(together[0], alone[0])


# --- Rerolls ---


@pytest.mark.parametrize("draw", [anew, path_along(walk(LINEAR, "lambda", 6))])
def test_a_reroll_changes_the_noise_of_its_region_to_that_of_its_seed(draw):
    region = np.zeros((6, 8), bool)
    region[1:4, 2:7] = True
    rerolls = [Reroll(region, 40)]
    found, plain, other = (
        SeededNoise(seeds, 6, 8, CPU, draw, more) for seeds, more in (((7, 8), rerolls), ((7, 8), ()), ((40, 41), ()))
    )
    mask = torch.from_numpy(region)
    for _ in range(6):
        noise, outside, inside = found(), plain(), other()
        assert torch.equal(noise[..., ~mask], outside[..., ~mask])
        assert torch.equal(noise[..., mask], inside[..., mask])
        assert not (noise[..., mask] == outside[..., mask]).any()


def test_later_rerolls_lie_over_earlier_ones_and_count_the_pictures_of_a_run():
    left, middle = np.zeros((2, 2, 4), bool)
    left[:, :2] = middle[:, 1:3] = True
    noise = SeededNoise((7,), 2, 4, CPU, anew, [Reroll(left, 2**32 - 1), Reroll(middle, 30)], first=2)()[0]
    for columns, seed in ((slice(0, 1), 1), (slice(1, 3), 32), (slice(3, 4), 7)):
        assert torch.equal(noise[..., columns], next(anew(seed, (3, 2, 4)))[..., columns])
