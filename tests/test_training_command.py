"""`launch.py train` as a newcomer types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from models import TINY, tiny_network
from PIL import Image

import launch
from app import cli
from app.commands.recipes import recipe_of
from engine.checkpoint import Description, load_checkpoint, save_checkpoint
from engine.palette import load_palette, palette_from
from engine.training.transfer import begun

MOOR = {
    "name": "moor",
    "unlabelled": 0,
    "classes": [
        {"index": 0, "name": "nothing", "colour": [0, 0, 0]},
        {"index": 1, "name": "moss", "colour": [0, 90, 0], "file_value": 200},
        {"index": 2, "name": "door", "colour": [90, 90, 0], "file_value": 100},
    ],
}


@pytest.fixture
def moor(tmp_path) -> Path:
    """A folder of one's own with a palette of one's own."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for name in "ab":
            labels = np.full((24, 24), 200, np.uint8)
            labels[:6] = 100
            Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(
                tmp_path / split / "images" / f"{name}.jpg"
            )
            Image.fromarray(labels).save(tmp_path / split / "labels" / f"{name}.png")
    (tmp_path / "moor.json").write_text(json.dumps(MOOR))
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    return ["--no-venv", "train", "--data", str(folder), "--palette", str(folder / "moor.json"), *more]


def recipe(*more: str):
    args = cli.parse(["train", "--data", "d", "--palette", "facades", "--out", "o", *more])
    return recipe_of(args, load_palette("facades"))


def test_check_tells_what_the_pairs_hold_and_learns_nothing(moor, capsys):
    assert launch.main(words(moor, "--check")) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{moor / 'train'} (images/ and labels/): 2 pairs, the smallest 24 px."
    assert said[1] == "moss   75.00 % of the pixels, in 2 of 2 maps"
    assert said[2] == "door   25.00 % of the pixels, in 2 of 2 maps"
    assert said[4].startswith(str(moor / "val"))
    assert sorted(path.name for path in moor.iterdir()) == ["moor.json", "train", "val"]


def test_pairs_that_do_not_fit_stop_check_and_training_before_the_first_step(moor, capsys):
    Image.fromarray(np.full((24, 24), 7, np.uint8)).save(moor / "train" / "labels" / "b.png")
    (moor / "train" / "labels" / "a.png").unlink()
    for more in (["--check"], ["--out", str(moor / "run")]):
        assert launch.main(words(moor, *more)) == 2
        *each, last = capsys.readouterr().err.splitlines()
        assert f"{Path('images/a.jpg')} has no label map of the same name." in each
        assert [line for line in each if line.startswith("b.png holds the value 7")]
        assert last == f"{moor / 'train'} can't be learnt from: 1 photo has no label map, 1 of 1 pairs can't be used."
    assert not (moor / "run" / "state.pt").exists()


def test_a_check_tells_of_both_splits_at_once(moor, capsys):
    for split in ("train", "val"):
        Image.fromarray(np.full((24, 24), 7, np.uint8)).save(moor / split / "labels" / "b.png")
    assert launch.main(words(moor, "--check")) == 2
    said = capsys.readouterr().err
    assert said.count("b.png holds the value 7") == 2
    assert all(f"{moor / split} can't be learnt from" in said.splitlines()[-1] for split in ("train", "val"))


def test_training_needs_a_folder_for_the_run(moor, capsys):
    with pytest.raises(SystemExit) as caught:
        launch.main(words(moor))
    assert caught.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_a_model_is_fine_tuned_on_a_palette_of_one_s_own(moor, capsys):
    network = tiny_network()
    path = moor / "old.safetensors"
    save_checkpoint(path, network.state_dict(), Description("Old", network.config, load_palette("facades")))
    options = ["--from", str(path), "--images", "4", "--batch", "2", "--out", str(moor / "run"), "--ema", "0.9", "0.99"]
    thrifty = ["--checkpointing", "--micro-batch", "1", "--min-snr", "5", "--crop", "paper", "--cache", "0.001"]
    assert launch.main(words(moor, *options, *thrifty)) == 0
    said = capsys.readouterr()
    assert "moss   75.00 %" in said.out
    assert "Begins with Old: 2 of its classes are known, 1 new (moss)." in said.out
    made, description = load_checkpoint(moor / "run" / "model.safetensors")
    assert made.config.model_channels == TINY.model_channels
    assert description.palette.classes[1].name == "moss"
    assert description.facts["begun_with"]["file"] == "old.safetensors"
    assert description.facts["class_share"] == {"moss": 0.75, "door": 0.25}
    assert (moor / "run" / "model.md").is_file()
    assert (moor / "run" / "model-ema-0.99.safetensors").is_file()
    assert launch.main(words(moor, *options, *thrifty)) == 0  # finished before
    assert "moss" not in capsys.readouterr().out


def test_options_change_the_recipe():
    told = recipe(
        "--drop", "0.2", "--crop", "paper", "--precision", "float16", "--ema", "0.9", "0.99", "--min-snr", "5"
    )
    assert (told.drop_map, told.cropping, told.precision, told.min_snr) == (0.2, "paper", "float16", 5)
    assert (told.ema, told.more_emas) == (0.9, (0.99,))
    plain = recipe()
    assert (plain.drop_map, plain.cropping, plain.precision, plain.min_snr) == (0.15, "ours", "bfloat16", 0)
    second = recipe("--recipe", "paper", "--drop", "0.2", "--lr", "2e-5")
    assert (second.network.image_size, second.network.model_channels, second.learning_rate) == (256, 256, 2e-5)


def test_fine_tuning_takes_the_shape_from_the_model(tmp_path):
    network = tiny_network()
    path = tmp_path / "old.safetensors"
    old = Description("Old", network.config, load_palette("facades"), schedule="cosine", diffusion_steps=400)
    save_checkpoint(path, network.state_dict(), old)
    palette = palette_from(MOOR, "moor.json")
    args = cli.parse(["train", "--data", "d", "--palette", "moor.json", "--out", "o", "--from", str(path)])
    told = recipe_of(args, palette)
    assert (told.network.num_classes, told.network.spade_hidden) == (3, TINY.spade_hidden)
    assert (told.schedule, told.diffusion_steps, told.palette) == ("cosine", 400, "moor")


@pytest.mark.parametrize("size", [32, 64])
def test_fine_tuning_at_another_size_attends_where_the_model_did(tmp_path, size):
    """Or all of its attention would fit nowhere, and start at random."""
    network = tiny_network()
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, network.state_dict(), Description("Old", network.config, load_palette("facades")))
    told = recipe("--from", str(path), "--image-size", str(size))
    assert told.network.image_size == size
    assert told.network.attention_strides == TINY.attention_strides
    assert begun(path, told.network, load_palette("facades")).fresh == 0
    (tmp_path / "own.json").write_text('{"network": {"attention_resolutions": [4]}}')
    own = recipe("--from", str(path), "--image-size", str(size), "--config", str(tmp_path / "own.json"))
    assert own.network.attention_resolutions == (4,)


def test_tensorboard_is_asked_for_only_where_it_is(moor, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    options = ["--out", str(moor / "run"), "--images", "2", "--batch", "2", "--image-size", "32", "--channels", "32"]
    (moor / "tiny.json").write_text('{"network": {"channel_mult": [1], "num_res_blocks": 1, "num_head_channels": 32}}')
    assert launch.main(words(moor, *options, "--config", str(moor / "tiny.json"), "--tensorboard")) == 2
    assert "TensorBoard is not installed" in capsys.readouterr().err
