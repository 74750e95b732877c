"""Spadework from Python: what goes in, what shapes come out, and that the page which shows it tells the truth."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine import pipeline, presets
from engine.images import read_request
from tests.models import tiny_model

ROOT = Path(__file__).resolve().parent.parent
LABELS = np.repeat(np.arange(1, 9, dtype=np.uint8), 3)[None].repeat(20, 0)  # (20, 24)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """For networks this small more threads cost more than they bring, and very much so where others compute too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return tiny_model()


def test_a_seed_gives_a_picture_and_seeds_a_stack(model):
    one = engine.render(model, LABELS, seed=7, steps=2)
    several = engine.render(model, LABELS, seed=[7, 8, 9], steps=2)
    assert one.shape == (20, 24, 3)
    assert one.dtype == np.uint8
    assert several.shape == (3, 20, 24, 3)
    assert engine.render(model, LABELS, seed=(7,), steps=2).shape == (1, 20, 24, 3)
    assert engine.render(model, LABELS, seed=np.array([7]), steps=2).shape == (1, 20, 24, 3)
    assert abs(several[0].astype(int) - one).max() <= 1
    assert (several[1] != several[2]).any()


def test_batches_come_together_in_the_order_of_the_seeds(model, monkeypatch):
    together = engine.render(model, LABELS, seed=range(5), steps=1)
    monkeypatch.setattr("engine.plan.LARGEST_BATCH", {"cpu": 2})
    assert abs(engine.render(model, LABELS, seed=range(5), steps=1).astype(int) - together).max() <= 1


def test_settings_change_a_preset(model, monkeypatch):
    asked = []
    generate = pipeline.generate
    monkeypatch.setattr("engine.api.generate", lambda model, request: asked.append(request) or generate(model, request))
    engine.render(model, LABELS, seed=3, preset="draft", steps=1, guidance=1.5, side=24)
    (request,) = asked
    assert request.side == 24
    expected = dataclasses.replace(presets.preset("draft"), steps=1, guidance=1.5, seeds=(3,))
    assert request.sampling == expected


def test_scales_of_classes_objects_and_rerolls_reach_the_request(model, monkeypatch):
    asked = []
    for module, name in (("engine.api", "generate"), ("engine.pipeline", "edit")):
        monkeypatch.setattr(f"{module}.{name}", lambda model, request: asked.append(request) or iter(()))
    reroll = engine.Reroll(LABELS > 4, 9)
    numbers = np.arange(480).reshape(20, 24)
    more = {"instances": numbers.tolist(), "class_guidance": {"window": 4, 7: 1.5}, "noise": "steps"}
    engine.steps(model, LABELS, rerolls=[reroll], **more)
    how = {"growth": 3, "feather": 2, "blend": "gradient", "extent": "whole", "resampling": engine.Resampling(2, 3)}
    engine.edit_steps(model, np.zeros((20, 24, 3), np.uint8), LABELS, LABELS > 1, rerolls=[reroll], **how, **more)
    assert {name: getattr(asked[1], name) for name in how} == how
    for request in asked:
        assert request.instances.dtype == np.uint16
        assert (request.instances == numbers).all()
        assert request.class_guidance == ((model.palette.index_of("window"), 4), (7, 1.5))
        assert request.sampling.noise == "steps"
        assert request.rerolls == (reroll,)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"instances": LABELS / 2}, "The instance map holds float64"),
        ({"instances": LABELS.astype(int) - 2}, "-1 to 6, outside 0 to 65535"),
        ({"class_guidance": {"zebra": 4}}, "no class called “zebra”"),
        ({"class_guidance": {13: 4}}, "class 13, outside"),
        ({"class_guidance": {"window": 21}}, "Guidance 21"),
        ({"step": 4}, r"No setting is called step. Those of sampling: .*steps.*; and seed"),
        ({"seeds": (4,)}, "No setting is called seeds"),
        ({"guidance_rescale": "0.7"}, "Guidance rescale '0.7' is no number"),
        ({"guidance_stop": None}, "Guidance stop None is no number"),
        ({"guidance_interval": 0.5}, "Guidance interval 0.5 is not two"),
        ({"rerolls": [(LABELS > 1, 3)]}, r"Give a list of Reroll\(region, seed\)"),
    ],
)
def test_what_is_no_such_setting_is_refused(model, more, words):
    with pytest.raises(engine.UserError, match=words):
        engine.render(model, LABELS, **more)


def test_steps_are_the_frames_of_a_run(model):
    frames = list(engine.steps(model, LABELS, seed=[1, 2], steps=3))
    assert [frame.finished for frame in frames] == [False, False, True]
    assert frames[-1].seeds == (1, 2)
    assert (frames[-1].pictures == engine.render(model, LABELS, seed=[1, 2], steps=3)).all()


def test_an_edit_keeps_what_is_outside_the_region(model):
    photo = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    region = np.zeros((20, 24), np.uint8)
    region[:, :12] = 1
    changed = engine.edit(model, photo, LABELS, region, seed=[1, 2], steps=2, strength=1.0)
    assert changed.shape == (2, 20, 24, 3)
    assert (changed[:, :, 12:] == photo[:, 12:]).all()
    assert (changed[0, :, :12] != photo[:, :12]).any()
    assert (engine.edit(model, photo, LABELS, region, seed=1, steps=2, strength=1.0) == changed[0]).mean() > 0.9


@pytest.mark.parametrize("kind", [np.int64, np.uint16, list, torch.tensor])
def test_labels_may_be_whole_numbers_of_any_type(model, kind):
    labels = LABELS.tolist() if kind is list else torch.tensor(LABELS) if kind is torch.tensor else LABELS.astype(kind)
    assert (engine.render(model, labels, steps=1) == engine.render(model, LABELS, steps=1)).all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS / 2, "float64"),
        (LABELS.astype(int) - 2, "-1 to 6"),
        (LABELS.astype(int) + 250, "251 to 258"),
        (LABELS + 100, "Label 108 is outside"),
        (LABELS[0], "shape"),
    ],
)
def test_what_is_no_map_is_refused(model, labels, words):
    with pytest.raises(engine.UserError, match=words):
        engine.render(model, labels)


def test_what_is_no_photo_or_seed_is_refused(model):
    with pytest.raises(engine.UserError, match="uint8 "):
        engine.edit(model, LABELS / 255, LABELS, LABELS > 1)
    for seed in (1.5, "3", [1, 2.5], None):
        with pytest.raises(engine.UserError, match="Give a whole number, or a sequence"):
            engine.render(model, LABELS, seed=seed)
    with pytest.raises(engine.UserError, match="No seed"):
        engine.render(model, LABELS, seed=[])


@pytest.mark.parametrize(
    ("region", "more", "words"),
    [
        ((LABELS > 1) * 0.3, {}, "The region holds float64. Give true or false, as mask > 0.5 does"),
        (LABELS > 1, {"strength": "0.8"}, "Strength '0.8' is no number"),
        (LABELS > 1, {"resampling": (2, 3)}, r"Give one such as Resampling\(jump=2, repeats=3\)"),
    ],
)
def test_what_is_no_edit_is_refused(model, region, more, words):
    with pytest.raises(engine.UserError, match=words):
        engine.edit(model, np.zeros((20, 24, 3), np.uint8), LABELS, region, **more)


def test_numbers_may_come_from_a_calculation_with_arrays(model, monkeypatch):
    asked = []
    monkeypatch.setattr("engine.pipeline.edit", lambda model, request: asked.append(request))
    photo, number = np.zeros((20, 24, 3), np.uint8), np.int64(3)
    whole = {"growth": number, "feather": number, "side": number, "steps": number, "encoder_reuse": number}
    engine.edit_steps(model, photo, LABELS, LABELS > 1, seed=number, strength=np.float32(0.5), **whole)
    (request,) = asked
    values = (request.growth, request.feather, request.side, request.sampling.steps, request.sampling.encoder_reuse)
    assert [type(value) for value in values] == [int] * 5
    assert set(values) == {3}


def test_names_hide_no_module():
    """`engine.record` must stay the module, whatever the package brings."""
    modules = {path.stem for path in (ROOT / "engine").iterdir()}
    assert not modules & set(engine.__all__)


def test_the_documents_examples_run(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.S)
    shutil.copy(ROOT / "app/static/examples/ade20k/1-hills-over-the-sea.png", tmp_path / "map.png")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    labels, picture, changed = names["labels"], names["picture"], names["changed"]
    assert picture.shape == changed.shape == (*labels.shape, 3)
    assert names["pictures"].shape == (2, *labels.shape, 3)
    middle = labels.shape[1] // 2
    assert (changed[:, :middle] == picture[:, :middle]).all()
    assert (changed[:, middle:] != picture[:, middle:]).any()
    assert "8/8: seeds (1, 2), (2, 480, 640, 3), finished: True" in capsys.readouterr().out
    assert read_request("kept.png")["sampling"]["seeds"] == [7]
