"""The desk's settings as JSON and back."""

import dataclasses
import json

import numpy as np
import pytest

from app.kept_settings import settings_from_json, settings_to_json
from app.settings import Settings
from engine.types import Reroll, Resampling, Sampling, UserError

EVERYTHING = Settings(
    "mine",
    seed=7,
    sampling=Sampling("ddim", 11, 3.25, (0,), "even", (0.125, 0.9), 0.015, 2),
    strength=0.35,
    count=4,
    side=96,
    class_guidance=(("tree", 4.0), ("sky", 0.0)),
    rerolls=(Reroll(np.eye(6, 9, dtype=bool), 3), Reroll(np.ones((6, 9), bool), 2**32 - 1)),
    one_seed=True,
    growth=7,
    feather=0,
    blend="gradient",
    extent="whole",
    resampling=Resampling(3, 4, (0.25, 0.5)),
)


def there_and_back(settings):
    return settings_from_json(json.loads(json.dumps(settings_to_json(settings))))


def test_every_field_comes_back():
    for field in dataclasses.fields(Settings)[1:]:
        default = getattr(Settings("x"), field.name)
        assert getattr(EVERYTHING, field.name) != default, f"{field.name}: a default would prove nothing"
    assert there_and_back(EVERYTHING) == EVERYTHING
    assert there_and_back(Settings("plain")) == Settings("plain")


def test_fields_of_another_version():
    assert settings_from_json({"model": "mine"}) == Settings("mine")
    assert settings_from_json({**settings_to_json(EVERYTHING), "brush": 12}) == EVERYTHING
    stored = settings_to_json(EVERYTHING)
    stored["sampling"]["speed"] = "high"
    assert settings_from_json(stored) == EVERYTHING


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"model": ""},
        {"seed": -1},
        {"seed": "7"},
        {"seed": True},
        {"count": 0},
        {"count": "many"},
        {"strength": 0},
        {"strength": "full"},
        {"side": 10**9},
        {"sampling": 3},
        {"sampling": {"steps": 0}},
        {"sampling": {"guidance": "high"}},
        {"class_guidance": 3},
        {"class_guidance": [["tree"]]},
        {"rerolls": [{"seed": 3}]},
        {"rerolls": [{"region": {"w": 9, "h": 9, "z": "?"}, "seed": 3}]},
        {"one_seed": "no"},
    ],
)
def test_a_faulty_field_is_a_sentence(change):
    with pytest.raises(UserError):
        settings_from_json({**settings_to_json(EVERYTHING), **change})
    with pytest.raises(UserError, match="damaged"):
        settings_from_json({})
