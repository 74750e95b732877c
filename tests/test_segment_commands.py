"""The commands that teach a segmenter and use one, as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import launch
from app import cli
from app.commands.recipes import segmenter_recipe_of
from engine.label_files import palette_named_in, read_label_map
from engine.palette import load_palette
from engine.segmentation import files, load_segmenter
from engine.segmentation.run import SEGMENTER
from engine.types import UserError

TINY = {"crop": 32, "network": {"widths": [16, 16], "blocks": [1, 1], "decoder": 16}}


@pytest.fixture
def pairs(tmp_path) -> Path:
    """A folder with two pairs: dark windows in a light facade."""
    facades = load_palette("facades")
    values = [facades.classes[facades.index_of(name)].file_value for name in ("facade", "window")]
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    for name, window in (("a", slice(5, 15)), ("b", slice(20, 35))):
        inside = np.zeros((40, 40), bool)
        inside[window, window] = True
        Image.fromarray(np.where(inside, 40, 200).astype(np.uint8)).save(tmp_path / f"train/images/{name}.png")
        Image.fromarray(np.choose(inside, values).astype(np.uint8)).save(tmp_path / f"train/labels/{name}.png")
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    where = ["--data", str(folder), "--palette", "facades", "--out", str(folder / "run")]
    small = ["--config", str(folder / "tiny.json"), "--image-size", "32", "--batch", "2"]
    return ["--no-venv", "train-segmenter", *where, *small, *more]


def segment(*more: str | Path) -> int:
    return launch.main(["--no-venv", "segment", *map(str, more)])


def test_a_segmenter_is_taught_and_finds_a_photo_s_map(pairs, capsys, monkeypatch):
    assert launch.main(words(pairs, "--images", "4", "--licence", "for tests")) == 0
    said = capsys.readouterr()
    assert "step 2/2" in said.err
    assert "mIoU" in said.out
    assert f"The segmenter is {pairs / 'run' / SEGMENTER}" in said.out
    segmenter = load_segmenter(pairs / "run" / SEGMENTER)
    assert segmenter.description.licence == "for tests"
    assert segmenter.facts["recipe"]["batch"] == 2
    assert launch.main(words(pairs, "--images", "4")) == 0
    assert "finished before" in capsys.readouterr().err

    photo, out = pairs / "train" / "images" / "a.png", pairs / "map.png"
    assert segment("--photo", photo, "--segmenter", pairs / "run" / SEGMENTER, "--out", out) == 0
    assert capsys.readouterr().out == f"Saved {out}\n"
    read = read_label_map(out, segmenter.palette)
    assert read.exact
    assert palette_named_in(out) == "facades"
    assert np.array_equal(read.labels, segmenter.segment(np.array(Image.open(photo).convert("RGB"))))

    (pairs / "shipped").mkdir()
    monkeypatch.setattr(files, "SEGMENTERS", pairs / "shipped")
    assert segment("--photo", photo, "--palette", "facades", "--out", out) == 2
    assert "There is no segmenter for CMP Facades" in capsys.readouterr().err
    (pairs / "run" / SEGMENTER).rename(pairs / "shipped" / "facades.safetensors")
    assert segment("--photo", photo, "--palette", "facades", "--out", pairs / "again.png") == 0
    assert (pairs / "again.png").read_bytes() == out.read_bytes()


def test_a_photo_that_is_none_is_one_line_and_status_2(pairs, capsys):
    assert segment("--photo", pairs / "tiny.json", "--palette", "facades", "--out", pairs / "map.png") == 2
    said = capsys.readouterr().err
    assert "tiny.json can't be read as an image" in said
    assert said.count("\n") == 1
    assert not (pairs / "map.png").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--out", "map.jpg"], "map.jpg does not end in .png, the one format that class values survive in"),
        (["--out", "map"], "map does not end in .png"),
        (["--out", "map.p"], "map.p does not end in .png"),
        (["--palette", "facades", "--segmenter", "s"], "not allowed with"),
    ],
)
def test_a_wrong_argument_gets_one_line(tmp_path, monkeypatch, capsys, more, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.parse(["segment", "--photo", "p", "--out", "m.png", *more])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--val", "nowhere"], "nowhere"),
        (["--batch", "1"], "batch = 1 is outside 2"),
        (["--out", __file__], "it is a file"),
        (["--config", "nowhere.json"], "nowhere.json can't be read: No such file or directory. Check the path"),
    ],
)
def test_training_that_cannot_start_says_why_in_one_line(pairs, capsys, more, told):
    assert launch.main(words(pairs, "--images", "4", *more)) == 2
    said = capsys.readouterr().err
    assert told in said.splitlines()[-1]
    assert said.count("\n") <= 2  # where the pairs were looked at first, that is told


def test_a_recipe_is_the_default_then_the_file_then_the_options(pairs):
    args = cli.parse(words(pairs, "--lr", "0.01", "--seed", "4")[1:])
    recipe = segmenter_recipe_of(args, load_palette("facades"))
    assert (recipe.learning_rate, recipe.seed, recipe.crop, recipe.batch) == (0.01, 4, 32, 2)
    assert (recipe.network.side, recipe.network.decoder, recipe.network.labels) == (32, 16, ())
    (pairs / "tiny.json").write_text('{"palette": "ade20k"}', encoding="utf-8")
    with pytest.raises(UserError, match="palette = ade20k, but the palette facades has facades"):
        segmenter_recipe_of(args, load_palette("facades"))
