"""The list of models, and one of them loaded."""

import shutil

import pytest
import torch
from models import tiny_model, tiny_network

from engine import library
from engine.checkpoint import FOLDER, save_checkpoint
from engine.library import FIRST, available_models, load_model, ready
from engine.memory import CACHE_SHARE
from engine.model.blocks import AttentionBlock
from engine.types import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of models in place of the shipped ones."""
    monkeypatch.setattr("engine.checkpoint.FOLDER", tmp_path)
    return tmp_path


def save(path, seed: int = 0, **changes) -> None:
    save_checkpoint(path, tiny_network(seed, **changes).state_dict(), tiny_model(seed, **changes).description)


def test_the_shipped_models_are_there_with_the_first_one_first():
    found = available_models()
    assert found[0].name == FIRST
    assert not [info.name for info in found if info.problem]
    assert found[0].card == FOLDER / f"{FIRST}.md"


def test_models_are_listed_by_name_with_what_is_broken_and_why(folder):
    for name in ("zebra", FIRST, "apple"):
        save(folder / f"{name}.safetensors")
    (folder / "broken.safetensors").write_bytes(b"not a model")
    (folder / "zebra.md").write_text("What it learnt.")
    found = {info.name: info for info in available_models()}
    assert list(found) == [FIRST, "apple", "broken", "zebra"]
    assert found["broken"].description is None
    assert "can't be read" in found["broken"].problem
    assert found["apple"].description.title == "Tiny"
    assert found["apple"].problem == ""
    assert found["apple"].card is None
    assert found["zebra"].card == folder / "zebra.md"


def test_a_model_is_loaded_by_name_or_by_path_ready_to_sample(folder, tmp_path_factory):
    save(folder / "own.safetensors")
    elsewhere = tmp_path_factory.mktemp("models") / "other name.safetensors"
    shutil.copy(folder / "own.safetensors", elsewhere)
    for model in (load_model("own", "cpu", "float32"), load_model(elsewhere, "cpu", "float32")):
        assert model.device == torch.device("cpu") == model.network.device
        assert model.palette.name == "facades"
        assert model.precision == "float32"
        assert all(m.entropy_scaled for m in model.network.modules() if isinstance(m, AttentionBlock))
        assert model.cache.bytes == 0
    assert model.name == "other name"


def test_its_precision_is_the_one_that_was_asked_for(folder):
    save(folder / "own.safetensors")
    assert load_model("own", "cpu", "bfloat16").precision == "bfloat16"


def test_the_cache_may_take_a_share_of_what_is_free(monkeypatch):
    monkeypatch.setattr(library, "free_memory", lambda device: 1000 * 2**20)
    model = tiny_model()
    assert model.cache.limit == CACHE_SHARE * 1000 * 2**20
    assert model.cache.network is model.network
    assert ready("other", model.network, model.description).cache is not model.cache


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("none", "cpu", "float32"), "There is no model “none”. Choose one of own, or a file."),
        (("own", "tpu", "float32"), "Device “tpu” is not known"),
        (("own", "cpu", "float16"), "Precision float16 is for GPUs"),
        (("own", "cpu", "double"), "Precision “double” is not known"),
        (("bad", "cpu", "float32"), "bad"),
    ],
)
def test_what_can_t_be_loaded_is_named(arguments, text, folder):
    save(folder / "own.safetensors")
    if arguments[0] == "bad":
        (folder / "bad.safetensors").write_bytes(b"not a model")
    with pytest.raises(UserError, match=text):
        load_model(*arguments)
