import dataclasses

import pytest

from app.settings import (
    CUSTOM,
    MAX_PICTURES,
    Settings,
    class_scales,
    precision_of,
    quality_of,
    scales_by_name,
    scales_in,
    scales_text,
)
from engine.palette import load_palette, palette_names
from engine.presets import PRESETS, preset
from engine.types import MAX_SEED, UserError


def test_several_pictures_take_the_seeds_from_the_first_on():
    assert Settings("tiny", 7, count=3).seeded().seeds == (7, 8, 9)
    assert Settings("tiny", MAX_SEED, count=3).seeded().seeds == (MAX_SEED, 0, 1)


def test_a_seed_is_drawn_once():
    settings = Settings("tiny").drawn()
    assert settings.seed is not None
    assert settings.drawn() is settings


@pytest.mark.parametrize("count", [0, -1, MAX_PICTURES + 1, 2.5, "3"])
def test_the_number_of_pictures_has_bounds(count):
    with pytest.raises(UserError, match=f"{count} variations is outside 1 to {MAX_PICTURES}"):
        Settings("tiny", count=count)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_outside_its_bounds_is_told_and_not_bent(seed):
    with pytest.raises(UserError, match=f"Seed {seed} is outside"):
        Settings("tiny", seed, count=2).seeded()


def test_a_quality_is_known_by_every_setting_but_the_seeds():
    for name in PRESETS:
        assert quality_of(dataclasses.replace(preset(name), seeds=(3, 4))) == name
        assert quality_of(dataclasses.replace(preset(name), guidance_stop=0.5)) == CUSTOM
        assert quality_of(dataclasses.replace(preset(name), steps=999)) == CUSTOM


def test_only_the_reference_asks_for_full_precision_at_any_guidance():
    assert {name: precision_of(preset(name)) for name in ("exact", "fast", "draft")} == {
        "exact": "float32",
        "fast": "auto",
        "draft": "auto",
    }
    assert precision_of(dataclasses.replace(preset("exact"), guidance=4.0, seeds=(9,))) == "float32"
    assert precision_of(dataclasses.replace(preset("exact"), steps=3)) == "auto"


# --- Guidance of single classes ---


@pytest.mark.parametrize("palette", palette_names())
def test_every_class_of_a_palette_can_be_written_and_read_again(palette):
    palette = load_palette(palette)
    scales = tuple((each.index, 1 + each.index / 7) for each in palette.classes)
    assert scales_in(palette, class_scales(scales_text(scales_by_name(palette, scales)))) == scales


@pytest.mark.parametrize("scale", [1.23456789, 0.1 + 0.2, 1e-5, 0.0, 20.0])
def test_a_guidance_is_written_to_the_last_digit(scale):
    assert class_scales(scales_text((("sky", scale),))) == (("sky", scale),)


def test_the_last_word_on_a_class_counts_by_whatever_name():
    ade = load_palette("ade20k")
    assert scales_in(ade, class_scales("Sky 4, tree = 2; sky 5")) == ((2, 5.0), (4, 2.0))


@pytest.mark.parametrize("text", ["sky 4,5", "sky4", "sky -4", "sky nan", "4", "sky"])
def test_what_is_no_class_with_a_guidance_is_told(text):
    with pytest.raises(UserError, match="is no class with its guidance"):
        class_scales(text)
