from dataclasses import replace

import numpy as np
import pytest
import torch
from oracle import circle, gaussian_denoiser

from engine.editing import keep_known, made_region, works
from engine.noise import derived
from engine.samplers import ddim
from engine.types import EditRequest, Reroll, UserError


def test_known_pixels_carry_exactly_each_level_s_noise():
    generator = torch.Generator().manual_seed(0)
    photo, noise = torch.randn(2, 1, 3, 8, 8, generator=generator, dtype=torch.float64).unbind(0)
    region = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    region[..., :4] = True
    walk = circle(6)
    x = walk[0].alpha * photo + walk[0].sigma * noise
    known = (~region).expand_as(photo)
    for step, level in zip(ddim(keep_known(gaussian_denoiser, region, photo, noise), x, walk), walk[1:], strict=True):
        expected = level.alpha * photo + level.sigma * noise
        torch.testing.assert_close(step.x[known], expected[known], atol=1e-12, rtol=0)
    assert (step.x - photo)[~known].abs().max() > 1e-3


def test_the_network_sees_known_pixels_at_the_level_s_noise():
    seen = []
    walk = circle(3)
    photo, noise = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 3, 4, 4)
    region = torch.zeros(1, 1, 4, 4, dtype=torch.bool)

    def denoise(x, level):
        seen.append((x, level))
        return gaussian_denoiser(x, level)

    keep_known(denoise, region, photo, noise)(torch.zeros(1, 3, 4, 4), walk[1])
    x, level = seen[0]
    torch.testing.assert_close(x, level.alpha * photo + level.sigma * noise)


# --- What is made, and from which seeds ---


def request_of(region: np.ndarray, **changes: object) -> EditRequest:
    labels = np.zeros(region.shape, np.uint8)
    return EditRequest("tiny", labels, np.zeros((*region.shape, 3), np.uint8), region, **changes)


def two_parts() -> np.ndarray:
    region = np.zeros((400, 600), bool)
    region[20:40, 20:40] = True
    region[300:340, 500:560] = True
    return region


def test_every_area_is_made_once_the_first_from_the_picture_s_own_seed():
    first, second = works(request_of(two_parts()), 64)
    assert (first.area.region.sum(), second.area.region.sum()) == (2400, 400)
    assert first.seeds((7, 9), 0) == [7, 9]
    assert second.seeds((7, 9), 0) == [derived(7, "area 1"), derived(9, "area 1")]
    assert second.seeds((9,), 1) == second.seeds((7, 9), 0)[1:]


def test_a_whole_photo_is_one_area():
    (work,) = works(request_of(two_parts(), extent="whole"), 64)
    assert work.area.shape == (400, 600)


def test_a_reroll_is_made_after_that_within_the_region_from_a_seed_that_counts_on():
    both = np.zeros((400, 600), bool)
    both[:320, :550] = True  # all of one part, some of the other, and what is none
    nowhere = np.zeros((400, 600), bool)
    nowhere[:5] = True
    found = works(request_of(two_parts(), rerolls=(Reroll(nowhere, 1), Reroll(both, 2**32 - 2))), 64)
    assert [(work.number, int(work.area.region.sum())) for work in found] == [(0, 2400), (1, 400), (0, 1000), (1, 400)]
    assert found[2].seeds((7, 7, 7), 0) == [2**32 - 2, 2**32 - 1, 0]
    assert found[2].seeds((7,), 2) == [0]
    assert found[3].seeds((7,), 2) == [derived(0, "area 1")]


@pytest.mark.parametrize("growth", [0, 1, 7])
def test_the_made_region_is_grown_to_all_sides_by_its_distance(growth):
    region = np.zeros((50, 60), bool)
    region[0:3, 20:24] = region[30, 59] = True
    points = np.argwhere(region)
    plain = [[np.hypot(*(points - at).T).min() <= growth for at in np.ndindex(50, 60)]]
    assert np.array_equal(made_region(request_of(region, growth=growth)), np.reshape(plain, (50, 60)))
    assert region.sum() == 13


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"region": np.zeros((48, 40), bool)}, "region is empty: 0 pixels"),
        ({"region": np.ones((48, 40), bool)}, "region is everything: nothing of the photo would stay"),
        ({"region": np.eye(48, 40, dtype=bool), "growth": 99}, "region, grown by 99 px, is everything"),
        ({"region": np.ones((40, 48), bool)}, "region is 48 x 40 px, the photo 40 x 48 px. Fit the region"),
        ({"region": np.ones((48, 40), np.uint8)}, r"region is uint8 \(48, 40\)"),
        ({"labels": np.zeros((24, 20), np.uint8)}, "map is 20 x 24 px and the photo 40 x 48 px. Fit the map"),
        ({"photo": np.zeros((48, 40), np.uint8)}, r"photo is uint8 \(48, 40\)"),
        ({"photo": np.zeros((48, 40, 3), np.float32)}, r"photo is float32 \(48, 40, 3\)"),
    ],
)
def test_what_can_t_be_made_is_named(changes, text):
    with pytest.raises(UserError, match=text):
        works(replace(request_of(np.eye(48, 40, dtype=bool)), **changes), 16)
