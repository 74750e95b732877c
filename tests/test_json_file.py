"""JSON as people's editors write it, at every place that reads what a person may have written."""

import json
from pathlib import Path

import pytest

import launch
from app import remap
from engine.json_file import read_json
from engine.palette import load_palette
from engine.training.recipe import small_recipe
from engine.training.resuming import RECIPE, check_recipe

EDITORS = {"plain": "utf-8", "Windows' Notepad": "utf-8-sig", "Windows' PowerShell": "utf-16"}


@pytest.fixture(params=EDITORS.values(), ids=EDITORS)
def saved(request, tmp_path):
    """Saves a document as an editor does, under a name."""

    def save(name: str, document: object) -> Path:
        (tmp_path / name).write_text(json.dumps(document, ensure_ascii=False), encoding=request.param)
        return tmp_path / name

    return save


def test_what_an_editor_saved_is_read(saved):
    document = {"name": "Bäume", "list": [1, None]}
    assert read_json(saved("any.json", document)) == document


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"{", b"\xff\xfe{", b'{"a": "\xe4"}'])
def test_what_is_no_json_is_a_value_error(tmp_path, data):
    (tmp_path / "any.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"Expect|decode"):
        read_json(tmp_path / "any.json")


def test_palettes_are_read(saved):
    classes = [{"index": 0, "name": "Bäume", "colour": [0, 9, 0]}]
    palette = load_palette(saved("moor.json", {"name": "moor", "unlabelled": 0, "classes": classes}))
    assert palette.classes[0].name == "Bäume"


def test_recipes_are_read(saved, tmp_path, capsys):
    config = saved("config.json", {"images": 0})
    where = ["--data", str(tmp_path), "--palette", "facades", "--out", str(tmp_path / "run")]
    assert launch.main(["--no-venv", "train", *where, "--config", str(config)]) == 2
    assert "images = 0 is outside" in capsys.readouterr().err  # it was understood
    recipe = small_recipe("facades", 13, False)
    saved(RECIPE, recipe.to_dict())
    check_recipe(tmp_path, recipe)


def test_meanings_are_read(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(remap, "FOLDER", tmp_path)
    saved("facades-ade20k.json", {"cornice": "wall"})
    table = remap.propose(load_palette("facades"), load_palette("ade20k"))
    cornice = load_palette("facades").index_of("cornice")
    assert table.rows[cornice].target == load_palette("ade20k").index_of("wall")
