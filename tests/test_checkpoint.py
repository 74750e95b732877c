import json

import numpy as np
import pytest
import torch
from models import tiny_model
from safetensors.torch import load_file, save_file

from engine.checkpoint import find_checkpoint, load_checkpoint, read_description, save_checkpoint
from engine.types import UserError


@pytest.fixture
def saved(tmp_path):
    model = tiny_model()
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, model.network.state_dict(), model.description)
    return path


def test_a_checkpoint_brings_everything_back(saved):
    model = tiny_model()
    network, description = load_checkpoint(saved)
    assert description == model.description
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value.half().float(), atol=0, rtol=0)
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert not saved.with_name(saved.name + ".part").exists()


def rewrite(path, weights=None, **changes):
    stored = load_file(path)
    about = json.loads(_metadata(path))
    about.update(changes)
    save_file(weights(stored) if weights else stored, path, metadata={"spadework": json.dumps(about)})


def _metadata(path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.metadata()["spadework"]


def without_first(stored):
    return dict(sorted(stored.items())[1:])


def with_stranger(stored):
    return {**stored, "stranger": torch.zeros(1)}


def wrong_shape(stored):
    return {**stored, "out.2.bias": torch.zeros(7)}


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (without_first, "1 weights of its network are missing, first input_blocks.0.0.bias"),
        (with_stranger, "1 weights don't belong to its network, first stranger"),
        (wrong_shape, r"out.2.bias has shape \(7,\)"),
    ],
)
def test_loading_is_strict(saved, weights, text):
    rewrite(saved, weights)
    with pytest.raises(UserError, match=text):
        load_checkpoint(saved)


def test_another_format_or_palette_is_named(saved):
    rewrite(saved, format=99)
    with pytest.raises(UserError, match="format 99, this version reads format 1"):
        read_description(saved)
    rewrite(saved, format=1, network={**tiny_model().network.config.to_dict(), "num_classes": 12})
    with pytest.raises(UserError, match="palette has 13 classes, its network 12"):
        read_description(saved)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"\x00" * 100,
        lambda data: data.replace(b'\\"palette\\"', b'\\"pelette\\"', 1),
        lambda data: data.replace(b'"spadework":"{', b'"spadework":"[', 1),
    ],
)
def test_a_damaged_file_is_a_message(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(UserError, match=r"tiny\.safetensors"):
        load_checkpoint(saved)


def test_a_file_of_others_is_a_message(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="without a Spadework description"):
        read_description(path)


def test_models_are_found_by_name_or_path(saved, monkeypatch, tmp_path):
    monkeypatch.setattr("engine.checkpoint.FOLDER", tmp_path)
    assert find_checkpoint("tiny") == saved
    assert find_checkpoint(saved) == saved
    with pytest.raises(UserError, match=r"no model “huge”\. Choose one of tiny"):
        find_checkpoint("huge")


def test_half_precision_loses_little(saved):
    network, _ = load_checkpoint(saved)
    original = tiny_model().network.state_dict()
    worst = max((network.state_dict()[k] - v).abs().max().item() for k, v in original.items())
    assert 0 < worst < 1e-3
    assert np.isfinite(worst)
