from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.guidance import Guidance, guided, scale_over
from engine.samplers import dpmpp_2m
from engine.schedule import alpha_bars
from engine.trajectory import walk
from engine.types import Level, Prediction

WALK = walk(alpha_bars("linear"), "trailing", 10)
LEVELS = WALK[:-1]
SHARES = torch.tensor([level.share for level in LEVELS])  # 1, 0.9, ... 0.1 but for rounding


@dataclass
class FakeBranches:
    """With the map x0 is `picture` (N values), without it is 0; how far apart they stay falls with the noise."""

    picture: Tensor
    ran: list[str] = field(default_factory=list)

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        self.ran.append("one")
        return self.with_map(x, level)

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        self.ran.append("both")
        return self.with_map(x, level), prediction(torch.zeros_like(x), x, level, -2.0)

    def with_map(self, x: Tensor, level: Level) -> Prediction:
        x0 = level.share * self.picture.view(-1, 1, 1, 1).expand_as(x)
        return prediction(x0, x, level, -1.0)


def prediction(x0: Tensor, x: Tensor, level: Level, log_variance: float) -> Prediction:
    return Prediction(x0, (x - level.alpha * x0) / level.sigma, torch.full_like(x, log_variance))


def noise(pictures: int) -> Tensor:
    return torch.randn(pictures, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def run(guidance: Guidance, *pictures: float) -> tuple[list[str], Tensor]:
    """Which branches ran at each level, and what x0 was taken to be: (levels, N)."""
    branches = FakeBranches(torch.tensor(pictures))
    steps = dpmpp_2m(guided(branches, guidance), noise(len(pictures)), WALK)
    return branches.ran, torch.stack([step.x0[:, 0, 0, 0] for step in steps])


def test_guidance_is_the_formula_and_the_variance_the_conditional_s():
    branches, x, level = FakeBranches(torch.tensor([0.3, -0.4])), noise(2), LEVELS[3]
    with_map, without = branches.both(x, level)
    p = guided(branches, Guidance(2.5))(x, level)
    torch.testing.assert_close(p.eps, without.eps + 2.5 * (with_map.eps - without.eps))
    torch.testing.assert_close(p.x0, (x - level.sigma * p.eps) / level.alpha, atol=1e-5, rtol=0)
    assert torch.equal(p.log_variance, with_map.log_variance)


@pytest.mark.parametrize("scale", [1, 1.0, torch.ones(1, 1, 4, 4)])
def test_scale_1_runs_one_branch(scale):
    ran, _ = run(Guidance(scale, stop=0.1), 0.5)
    assert ran == ["one"] * 10


def test_a_map_of_scales_acts_at_each_pixel():
    scale = torch.ones(1, 1, 4, 4)
    scale[..., 2:] = 3.0
    x, level = noise(2), LEVELS[5]
    branches = FakeBranches(torch.tensor([0.3, -0.4]))
    p = guided(branches, Guidance(scale))(x, level)
    assert torch.equal(p.x0[..., :2], branches(x, level).x0[..., :2])
    assert torch.equal(p.x0[..., 2:], guided(branches, Guidance(3.0))(x, level).x0[..., 2:])


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.0, 1.0), ["both"] * 10),
        ((0.5, 1.0), ["both"] * 5 + ["one"] * 5),
        ((0.0, 0.5), ["one"] * 5 + ["both"] * 5),
        ((0.25, 0.75), ["one"] * 3 + ["both"] * 5 + ["one"] * 2),
        ((1.0, 1.0), ["both"] + ["one"] * 9),
    ],
)
def test_outside_the_interval_one_branch_runs(interval, expected):
    ran, x0 = run(Guidance(2.5, interval), 0.5)
    assert ran == expected
    scales = torch.tensor([{"one": 1.0, "both": 2.5}[branch] for branch in expected])
    torch.testing.assert_close(x0[:, 0], 0.5 * scales * SHARES)


def test_guidance_ends_after_the_first_step_that_it_moves_too_little():
    """It moves x0 by (scale - 1) * share * picture = share, here."""
    assert run(Guidance(3.0, stop=0.55), 0.5)[0] == ["both"] * 6 + ["one"] * 4
    assert run(Guidance(3.0, stop=0.55), -0.5)[0] == ["both"] * 6 + ["one"] * 4
    assert run(Guidance(3.0), 0.5)[0] == ["both"] * 10


def test_it_ends_for_each_picture_by_itself():
    """A picture of a batch is what it is alone, though the others go on being guided."""
    guidance = Guidance(3.0, stop=0.55)
    ran, together = run(guidance, 0.3, 0.5, 0.1)
    assert ran == ["both"] * 6 + ["one"] * 4  # as long as the one that is guided longest
    for i, (picture, guided_levels) in enumerate([(0.3, 2), (0.5, 6), (0.1, 1)]):
        assert torch.equal(together[:, i : i + 1], run(guidance, picture)[1])
        scales = torch.tensor([3.0] * guided_levels + [1.0] * (10 - guided_levels))
        torch.testing.assert_close(together[:, i], picture * scales * SHARES)


def test_what_has_ended_does_not_begin_again():
    """Even where the branches part again later in the run, alone or beside a picture that is still guided."""
    pictures = torch.tensor([0.5, 9.0])
    branches = FakeBranches(pictures)
    denoise = guided(branches, Guidance(3.0, stop=0.55))
    x0 = [denoise(noise(2), level).x0[:, 0, 0, 0] for level in (LEVELS[9], LEVELS[0], LEVELS[0])]
    assert branches.ran == ["both"] * 3
    torch.testing.assert_close(x0[0], pictures * 3.0 * SHARES[9])
    torch.testing.assert_close(x0[1], pictures * torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(x0[2], x0[1])


def test_each_run_begins_anew():
    branches = FakeBranches(torch.tensor([0.5]))
    for _ in range(2):
        guided(branches, Guidance(3.0, stop=0.55))(noise(1), LEVELS[9])
    assert branches.ran == ["both", "both"]


# --- Rescaling ---


def textured(x: Tensor) -> Tensor:
    """A conditional x0 that has contrast and a mean."""
    return 0.2 + 0.5 * torch.linspace(-1, 1, x[0].numel()).view_as(x[:1]).expand_as(x)


class TexturedBranches(FakeBranches):
    """With the map x0 is `textured`, of each picture's own strength."""

    def with_map(self, x: Tensor, level: Level) -> Prediction:
        return prediction(textured(x) * self.picture.view(-1, 1, 1, 1), x, level, -1.0)


def guided_x0(rescale: float, scale: float = 2.5) -> tuple[Prediction, Prediction, Tensor]:
    """What two pictures of other strengths become, what they are without guidance, and x."""
    branches, x = TexturedBranches(torch.tensor([1.0, 0.2])), noise(2)
    p = guided(branches, Guidance(scale, rescale=rescale))(x, LEVELS[4])
    return p, branches(x, LEVELS[4]), x


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_rescaled_a_picture_has_so_much_less_of_the_contrast_that_guidance_adds(share):
    """Here guidance multiplies all of x0 by its scale. Each picture goes back to its own contrast."""
    p, plain, x = guided_x0(share)
    factor = share + (1 - share) * 2.5
    torch.testing.assert_close(p.x0, plain.x0 * factor)
    torch.testing.assert_close(p.x0.std((1, 2, 3)), plain.x0.std((1, 2, 3)) * factor)
    torch.testing.assert_close(LEVELS[4].alpha * p.x0 + LEVELS[4].sigma * p.eps, x)
    assert torch.equal(p.log_variance, plain.log_variance)


def test_without_rescaling_nothing_is_other_than_it_was():
    p, _, x = guided_x0(0.0)
    with_map, without = TexturedBranches(torch.tensor([1.0, 0.2])).both(x, LEVELS[4])
    assert torch.equal(p.x0, without.x0 + 2.5 * (with_map.x0 - without.x0))
    assert torch.equal(p.eps, without.eps + 2.5 * (with_map.eps - without.eps))


def test_a_picture_of_one_colour_stays_one():
    """It has no contrast that a factor could bring back."""
    _, x0 = run(Guidance(2.5, rescale=1.0), 0.5)
    assert torch.isfinite(x0).all()


# --- Scales of single classes ---

MAP = np.array([[0, 0, 3, 3], [0, 7, 7, 3], [7, 7, 7, 7], [0, 0, 0, 0]], np.uint8)


def test_each_pixel_has_its_class_s_scale():
    found = scale_over(MAP, 2.5, ((3, 6.0), (7, 1.0), (9, 4.0)), torch.device("cpu"))
    expected = [[{3: 6.0, 7: 1.0}.get(index, 2.5) for index in row] for row in MAP.tolist()]
    assert found.shape == (1, 1, 4, 4)
    assert found[0, 0].tolist() == expected


@pytest.mark.parametrize("classes", [(), ((9, 4.0),), ((0, 2.5), (3, 2.5)), ((0, 3.0), (3, 3.0), (7, 3.0))])
def test_one_scale_for_all_that_occurs_is_a_number(classes):
    assert scale_over(MAP, 2.5, classes, torch.device("cpu")) == (3.0 if len(classes) == 3 else 2.5)


def test_a_class_with_its_own_scale_is_enough_for_guidance_to_act():
    assert not Guidance(scale_over(MAP, 1.0, ((9, 4.0), (3, 1.0)), torch.device("cpu"))).acts
    assert Guidance(scale_over(MAP, 1.0, ((3, 4.0),), torch.device("cpu"))).acts
    assert Guidance(scale_over(MAP, 4.0, ((3, 1.0),), torch.device("cpu"))).acts


def test_a_map_of_scales_stops_by_what_it_does_to_the_whole_picture():
    """Half of the pixels at scale 3: guidance moves x0 there by twice its share of 0.5, an RMS of sqrt(1/2) of that."""
    scale = torch.ones(1, 1, 4, 4)
    scale[..., :2, :] = 3.0
    shares = (2 * 0.5 * SHARES / 2**0.5).tolist()
    stop = 0.45
    guided_levels = 1 + sum(share >= stop for share in shares)
    assert run(Guidance(scale, stop=stop), 0.5)[0] == ["both"] * guided_levels + ["one"] * (10 - guided_levels)
