import math

import pytest

from engine.trajectory import CLEAN
from engine.types import Level, Sampling, UserError


def test_lam_is_half_the_log_of_signal_to_noise():
    assert Level(0.0, alpha=0.6, sigma=0.8).lam == pytest.approx(0.5 * math.log(0.36 / 0.64))
    assert CLEAN.lam == math.inf


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sampler": "euler"}, "“euler” is not known. Choose ddim, ddpm, dpmpp_2m or dpmpp_2m_sde"),
        ({"spacing": "odd"}, "“odd” is not known. Choose lambda, trailing, even or stride"),
        ({"guidance_interval": (-0.1, 1.0)}, "(-0.1, 1.0) is not two rising shares of 0 to 1"),
        ({"guidance_interval": (0.2, 1.1)}, "(0.2, 1.1) is not"),
        ({"guidance_interval": (0.6, 0.5)}, "(0.6, 0.5) is not"),
        ({"guidance_interval": (0.6,)}, "(0.6,) is not"),
        ({"guidance_interval": (math.nan, 1.0)}, "(nan, 1.0) is not"),
        ({"guidance_stop": -0.1}, "Guidance stop -0.1 is outside 0 to 1"),
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
