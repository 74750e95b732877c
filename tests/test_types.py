import math
from functools import partial

import numpy as np
import pytest

from engine.trajectory import CLEAN
from engine.types import MAX_SEED, EditRequest, Level, RenderRequest, Reroll, Sampling, UserError


def test_lam_is_half_the_log_of_signal_to_noise():
    assert Level(0.0, alpha=0.6, sigma=0.8).lam == pytest.approx(0.5 * math.log(0.36 / 0.64))
    assert CLEAN.lam == math.inf


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sampler": "euler"}, "“euler” is not known. Choose ddim, ddpm, dpmpp_2m or dpmpp_2m_sde"),
        ({"spacing": "odd"}, "“odd” is not known. Choose lambda, trailing, even or stride"),
        ({"noise": "brown"}, "“brown” is not known. Choose path or steps"),
        ({"guidance_interval": (-0.1, 1.0)}, "(-0.1, 1.0) is not two rising shares of 0 to 1"),
        ({"guidance_interval": (0.2, 1.1)}, "(0.2, 1.1) is not"),
        ({"guidance_interval": (0.6, 0.5)}, "(0.6, 0.5) is not"),
        ({"guidance_interval": (0.6,)}, "(0.6,) is not"),
        ({"guidance_interval": (math.nan, 1.0)}, "(nan, 1.0) is not"),
        ({"guidance_stop": -0.1}, "Guidance stop -0.1 is outside 0 to 1"),
        ({"guidance_rescale": -0.1}, "Guidance rescale -0.1 is outside 0 to 1"),
        ({"guidance_rescale": 1.1}, "Guidance rescale 1.1 is outside 0 to 1"),
        ({"guidance_rescale": math.nan}, "Guidance rescale nan is outside 0 to 1"),
        ({"guidance_stop": math.nan}, "Guidance stop nan is outside 0 to 1"),
        ({"encoder_reuse": 0}, "Encoder reuse 0 is outside 1 to 4"),
        ({"encoder_reuse": 5}, "Encoder reuse 5 is outside 1 to 4"),
        ({"encoder_reuse": 1.5}, "Encoder reuse: 1.5 is not a whole number"),
    ],
)
def test_bounds_of_sampling(values, text):
    with pytest.raises(UserError) as refused:
        Sampling(**values)
    assert text in str(refused.value)


@pytest.mark.parametrize("interval", [(0.0, 0.0), (1.0, 1.0), (0.3, 0.3), (0.0, 1.0)])
def test_an_interval_may_be_a_single_level(interval):
    assert Sampling(guidance_interval=interval).guidance_interval == interval


MAP = np.zeros((4, 6), np.uint8)


@pytest.mark.parametrize("kind", [RenderRequest, partial(EditRequest, photo=None, region=None)])
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"instances": np.zeros((4, 6), np.int32)}, "objects are int32. Give uint16: 0 to 65535"),
        ({"instances": np.zeros((6, 4), np.uint16)}, "objects are 4 x 6 px, the map 6 x 4 px"),
        ({"class_guidance": ((1, 20.5),)}, "Guidance 20.5 of class 1 is outside 0 to 20"),
        ({"class_guidance": ((1, -1.0),)}, "Guidance -1 of class 1 is outside"),
        ({"class_guidance": ((1, math.nan),)}, "Guidance nan of class 1 is outside"),
        ({"class_guidance": ((256, 2.0),)}, "256: that is no class index, 0 to 255"),
        ({"class_guidance": (("sky", 2.0),)}, "'sky': that is no class index"),
        ({"class_guidance": ((1, 2.0), (1, 3.0))}, "class 1 is given twice"),
    ],
)
def test_bounds_of_a_request(kind, values, text):
    with pytest.raises(UserError) as refused:
        kind(model="tiny", labels=MAP, **values)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("region", "seed", "text"),
    [
        (MAP, 0, "The area is uint8 (4, 6). Give true or false"),
        (MAP[0] > 0, 0, "The area is bool (6,)"),
        (MAP > 0, -1, "Seed -1 is outside 0 to 4294967295"),
        (MAP > 0, 1.5, "Seed 1.5 is outside"),
        (MAP[:2] > 0, 3, "The area with new noise is 6 x 2 px, the map 6 x 4 px"),
    ],
)
def test_bounds_of_a_reroll(region, seed, text):
    with pytest.raises(UserError) as refused:
        RenderRequest("tiny", MAP, rerolls=(Reroll(region, seed),))
    assert text in str(refused.value)


def test_a_reroll_s_seeds_count_the_pictures_and_equal_ones_are_equal():
    reroll = Reroll(MAP == 0, MAX_SEED)
    assert [reroll.of_picture(i).seed for i in (0, 1, 2)] == [MAX_SEED, 0, 1]
    assert reroll == Reroll(MAP == 0, MAX_SEED)
    assert hash(reroll) == hash(Reroll(MAP == 0, MAX_SEED))
    assert reroll not in (Reroll(MAP == 0, 1), Reroll(MAP == 1, MAX_SEED), 3)
