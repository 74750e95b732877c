import json

import pytest

from engine.presets import DEFAULT, PRESETS, preset
from engine.types import Sampling, UserError


def test_the_default_preset_is_the_default_of_sampling():
    assert preset(DEFAULT) == Sampling(guidance_rescale=0.7)
    assert preset("exact").guidance_rescale == 0  # the reference is plain


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_sampling_that_can_be_stored(name):
    changes = PRESETS[name].changes
    assert preset(name) == Sampling(**changes)
    assert "seeds" not in changes
    json.dumps(dict(changes))


def test_exact_leaves_nothing_out():
    exact = preset("exact")
    assert (exact.guidance_interval, exact.guidance_stop, exact.encoder_reuse) == ((0.0, 1.0), 0.0, 1)
    assert exact.steps == max(preset(name).steps for name in PRESETS)


def test_all_presets_mean_one_guidance():
    """So that a draft follows the map as the finished picture will."""
    assert {preset(name).guidance for name in PRESETS} == {Sampling().guidance}


def test_an_unknown_preset_is_named():
    with pytest.raises(UserError, match=r"“best” is not known\. Choose exact, fast, draft"):
        preset("best")
