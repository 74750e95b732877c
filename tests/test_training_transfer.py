"""Fine-tuning: what of an old model a new one begins with, and what the card says of it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from models import TINY, tiny_network
from PIL import Image

from engine.checkpoint import Description, load_checkpoint, save_checkpoint
from engine.condition import condition_from
from engine.palette import Palette, load_palette, palette_from
from engine.training.card import card
from engine.training.course import TrainRequest
from engine.training.recipe import Recipe
from engine.training.run import CHECKPOINT, Run
from engine.training.transfer import INPUT, begun, network_like
from engine.types import UserError

FACADES = load_palette("facades")


def palette(*names: str, unlabelled: int = 0, edges: bool = False, **synonyms: list[str]) -> Palette:
    classes = [
        {"index": i, "name": name, "colour": [i, 0, 0], "synonyms": synonyms.get(name, [])}
        for i, name in enumerate(names)
    ]
    return palette_from({"name": "mine", "unlabelled": unlabelled, "has_edges": edges, "classes": classes}, "mine.json")


def saved(path: Path, **facts) -> Path:
    network = tiny_network(1)
    save_checkpoint(path, network.state_dict(), Description("Old", network.config, FACADES, facts=facts))
    return path


def begun_with(path: Path, mine: Palette):
    old, description = load_checkpoint(path)
    config = network_like(description, mine)
    return old, config, begun(path, config, mine)


def test_every_weight_is_kept_but_the_input_of_the_norms(tmp_path):
    mine = palette("void", "window", "moss")
    old, config, taken = begun_with(saved(tmp_path / "old.safetensors"), mine)
    assert (config.num_classes, config.model_channels) == (3, TINY.model_channels)
    for name, value in old.state_dict().items():
        assert name.endswith(INPUT) or torch.equal(taken.weights[name], value)
    assert taken.fresh == 0


def test_classes_are_carried_over_by_name_and_synonym(tmp_path):
    """Painted with classes that both know, the new network says what the old one does, to the bit."""
    mine = palette("moss", "door", "void", "pane", unlabelled=2, pane=["window"])
    old, config, taken = begun_with(saved(tmp_path / "old.safetensors"), mine)
    assert (taken.known, taken.new) == (("door", "void", "pane"), ("moss",))
    new = tiny_network(2, num_classes=config.num_classes)
    new.load_state_dict(taken.weights)
    painted = torch.from_numpy(np.random.default_rng(0).integers(1, 4, (1, 16, 16)))
    names = {1: "door", 2: "unlabelled", 3: "window"}
    table = torch.tensor([0, *(FACADES.index_of(names[i]) for i in (1, 2, 3))])
    x, t = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([300])
    found = new(x, t, condition_from(painted, 4))
    expected = old(x, t, condition_from(table[painted], 13))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_new_class_begins_as_the_mean_of_those_that_were_taught(tmp_path):
    path = saved(tmp_path / "old.safetensors", class_share={"window": 0.4, "door": 0.6})
    old, _, taken = begun_with(path, palette("void", "moss"))
    name = next(name for name in taken.weights if name.endswith(INPUT))
    columns = old.state_dict()[name][:, [FACADES.index_of("window"), FACADES.index_of("door")]]
    torch.testing.assert_close(taken.weights[name][:, 1], columns.mean(1))


def test_an_edge_channel_is_kept_or_begins_as_nothing(tmp_path):
    path = saved(tmp_path / "old.safetensors")
    _, config, taken = begun_with(path, palette("void", "door", edges=True))
    assert config.instance_edges
    name = next(name for name in taken.weights if name.endswith(INPUT))
    assert taken.weights[name].shape[1] == 3
    assert not taken.weights[name][:, 2].any()
    network = tiny_network(1, instance_edges=True)
    save_checkpoint(path, network.state_dict(), Description("Old", network.config, FACADES))
    old, _, taken = begun_with(path, palette("void", "door", edges=True))
    assert torch.equal(taken.weights[name][:, 2], old.state_dict()[name][:, 13])


def test_what_fits_nowhere_starts_at_random_and_is_told(tmp_path):
    path = saved(tmp_path / "old.safetensors")
    mine = palette("void", "door")
    config = dataclasses.replace(TINY, num_classes=2, spade_hidden=16)
    taken = begun(path, config, mine)
    assert 0 < taken.fresh < len(taken.weights)
    assert f"{taken.fresh} of {len(taken.weights)} weights fit nowhere" in str(taken)
    assert str(taken).startswith("Begins with Old: 2 of its classes are known")
    with pytest.raises(UserError, match="Next to nothing in old"):
        begun(path, dataclasses.replace(TINY, num_classes=2, model_channels=64), mine)
    (tmp_path / "old.pt").write_bytes(b"x")
    with pytest.raises(UserError, match="Convert it first"):
        begun(tmp_path / "old.pt", config, mine)


# --- A run and its card ---


@pytest.fixture
def pairs(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / "moor" / kind).mkdir(parents=True)
    for name in "ab":
        labels = np.ones((24, 24), np.uint8)
        labels[:2, :3], labels[2:4] = 2, 0
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(tmp_path / "moor" / "images" / f"{name}.png")
        Image.fromarray(labels).save(tmp_path / "moor" / "labels" / f"{name}.png")
    return tmp_path / "moor"


def test_a_run_begins_with_a_model_and_its_card_tells(pairs, tmp_path):
    path = saved(tmp_path / "old.safetensors")
    mine = palette("void", "moss", "door", "heather")
    config = network_like(load_checkpoint(path)[1], mine)
    recipe = Recipe(network=config, palette="mine", images=2, batch=2, warm_up=10**6, ema=0.9, more_emas=(0.99,))
    run = Run(TrainRequest(pairs, mine, recipe, tmp_path / "run", base=path, licence="CC0", title="Moor"))
    assert run.begun.new == ("moss", "heather")
    list(run.reports())
    weights, description = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    old = load_checkpoint(path)[0].state_dict()["input_blocks.0.0.weight"]
    torch.testing.assert_close(weights.state_dict()["input_blocks.0.0.weight"], old, atol=1e-3, rtol=0)
    assert description.facts["begun_with"]["title"] == "Old"
    assert load_checkpoint(tmp_path / "run" / "model-ema-0.99.safetensors")[1].title == "Moor"
    text = (tmp_path / "run" / "model.md").read_text(encoding="utf-8")
    assert text.startswith("# Moor\n")
    assert "2 pairs from `moor` (images/ and labels/), none held out" in text
    assert "weights of Old (`old.safetensors`)" in text
    assert "Terms: CC0" in text
    assert "| moss | 90.62 % | 2 |" in text
    assert "8.3 % of the pixels were unlabelled." in text
    assert "**Never seen**, 1 of 3 classes: heather." in text
    assert f"| {description.facts['validation_eps_error']['right']:.4f} |" in text


def test_a_card_names_what_was_hardly_seen(pairs, tmp_path):
    mine = palette("void", "moss", "door")
    config = dataclasses.replace(TINY, num_classes=3)
    recipe = Recipe(network=config, palette="mine", images=2, batch=2).to_dict()
    facts = {
        "data": {"folder": "moor", "layout": "ADE20K"},
        "pairs": 1200,
        "validation": "held-out pairs",
        "validation_pairs": 10,
        "class_share": {"moss": 0.9996, "door": 0.0004},
        "class_maps": {"moss": 1200, "door": 3},
        "images_seen": 2,
        "recipe": {**recipe, "min_snr": 5.0, "cropping": "paper"},
        "validation_eps_error": {"right": 0.1, "wrong": 0.2, "null": 0.15, "wins": 0.9},
        "device": "cpu",
        "torch": "2",
    }
    text = card(Description("M", config, mine, facts=facts), "model.safetensors")
    assert "**Hardly seen** (less than 0.1 % of the pixels): door." in text
    assert "1,200 pairs from `moor` (ADE20K), 10 more held out." in text
    assert "Say them here" in text
    assert "min-SNR weighting with gamma 5" in text
    assert "never seen" not in text.lower()
