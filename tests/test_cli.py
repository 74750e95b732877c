"""The command line: what it takes, what it refuses, and what render and edit do with it."""

import json
import os
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

import launch
from app import cli, commands
from engine import pipeline
from engine.images import read_photo, read_request
from engine.label_files import PALETTE_KEY, save_label_map
from engine.palette import load_palette
from engine.record import render_request
from engine.training.recipe import small_recipe
from engine.types import EditRequest, RenderRequest, Sampling, UserError

# --- Arguments ---


@pytest.mark.parametrize("argv", [[], ["--port", "7861"], ["--no-venv", "--no-browser"], ["app", "--port", "1"]])
def test_the_app_is_meant_where_no_command_is_named(argv):
    assert cli.parse(argv).command == "app"


@pytest.mark.parametrize("argv", [["--no-venv", "test"], ["test", "--no-venv"]])
def test_no_venv_stands_anywhere(argv):
    assert cli.parse(argv).no_venv
    assert not cli.parse(["test"]).no_venv


def test_pytest_gets_its_own_arguments():
    assert cli.parse(["test", "-k", "canvas and not slow", "tests/test_cli.py"]).pytest == [
        "-k",
        "canvas and not slow",
        "tests/test_cli.py",
    ]


def test_what_render_assumes(tmp_path):
    args = cli.parse(["render", "--map", "map.png", "--out", str(tmp_path / "a.png")])
    assert (args.model, args.palette, args.seed, args.steps, args.guidance) == (None, None, 0, 20, 2.5)
    assert (args.sampler, args.native) == ("ddim", False)


def test_what_train_leaves_to_the_recipe():
    args = cli.parse(["train", "--data", "d", "--palette", "p", "--out", "o"])
    assert {args.minutes, args.images, args.batch, args.lr, args.seed, args.val, args.config} == {None}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("rendr", "rendr"),
        ("--prot 1", "--prot"),
        ("--port 0", "1 to 65535"),
        ("--host 0.0.0.0", "needs a password"),
        ("--host ::", "needs a password"),
        ("--host example.org", "needs a password"),
        ("render --out a.png", "--map"),
        ("render --map m --out a.png junk", "junk"),
        ("render --map m --out a.jpg", ".png"),
        ("render --map m --out nowhere/a.png", "make it first"),
        ("render --map m --out .", "is a folder"),
        ("render --map m --out folder.png", "is a folder"),
        ("render --map m --out " + "a" * 300 + ".png", "too long"),
        ("edit --photo p --map m --region r --out folder.png", "is a folder"),
        ("render --map m --out a.png --model ''", "nothing is named"),
        ("render --map m --out a.png --palette ''", "nothing is named"),
        ("render --map '' --out a.png", "nothing is named"),
        ("render --map m --out ''", "nothing is named"),
        ("train --data d --palette '' --out o", "nothing is named"),
        ("render --map m --out a.png --sampler euler", "ddim"),
        ("render --map m --out a.png --se 1", "--se"),
        ("edit --photo p --map m --region r --out a.png --strength 0", "above 0"),
        ("edit --photo p --map m --region r --out a.png --strength nan", "above 0"),
        ("edit --photo p --map m --region r --out a.png --strength much", "above 0"),
        ("train --data d --palette p --out o --minutes inf", "above 0"),
        ("train --data d --palette p --out o --batch 2.5", "whole number"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_status_2(argv, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    monkeypatch.delenv(cli.PASSWORD_VARIABLE, raising=False)
    with pytest.raises(SystemExit) as stop:
        cli.parse(shlex.split(argv))
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in said
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_loaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit):
        cli.parse(["render", "--map", "m", "--out", str(tmp_path / "a.png")])
    said = capsys.readouterr().err
    assert "can't be written to" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_computer_needs_no_password(host, monkeypatch):
    monkeypatch.delenv(cli.PASSWORD_VARIABLE, raising=False)
    assert cli.parse(["--host", host]).password is None


def test_the_password_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(cli.PASSWORD_VARIABLE, "from outside")
    assert cli.parse(["--host", "0.0.0.0"]).password == "from outside"
    assert cli.parse(["--host", "0.0.0.0", "--password", "given"]).password == "given"


def test_every_command_has_a_handler():
    assert {name for name, _, _ in cli.COMMANDS} == {*commands.HANDLERS, "test"}


# --- A scripted engine, real files ---


@dataclass
class Frame:
    step: int
    steps: int
    pictures: np.ndarray


class FakeEngine:
    """A model, and the pipeline around it: frame k of a request is grey k. Notes what it is asked, stops on demand."""

    name = "grey"
    palette = load_palette("facades")
    network = SimpleNamespace(config=SimpleNamespace(image_size=16, stride=8))
    request = None
    interrupt_at = None
    closed = False

    def load_model(self, name):
        self.loaded = name
        return self

    def frames(self, model, request):
        assert model is self
        self.request = request
        return self._frames(request)

    def _frames(self, request):
        try:
            for step in range(1, request.sampling.steps + 1):
                if step == self.interrupt_at:
                    raise KeyboardInterrupt
                yield Frame(step, request.sampling.steps, np.full((1, *request.labels.shape, 3), step, np.uint8))
        finally:
            self.closed = True


@pytest.fixture
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine()
    broken, good = SimpleNamespace(name="broken", problem="truncated"), SimpleNamespace(name="grey", problem="")
    monkeypatch.setattr(pipeline, "available_models", lambda: [broken, good])
    monkeypatch.setattr(pipeline, "load_model", fake.load_model)
    monkeypatch.setattr(pipeline, "generate", fake.frames)
    monkeypatch.setattr(pipeline, "edit", fake.frames)
    return fake


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A map of 24 x 40 px, 1 = facade above 5 = window; a photo of its size; a region over its left half."""
    labels = np.full((40, 24), 1, np.uint8)
    labels[20:] = 5
    region = np.zeros((40, 24), np.uint8)
    region[:, :12] = 255
    Image.fromarray(labels).save(tmp_path / "map.png")
    Image.fromarray(region).save(tmp_path / "region.png")
    Image.fromarray(np.full((40, 24, 3), 200, np.uint8)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


RENDER = ["--no-venv", "render", "--map", "map.png", "--out", "out.png"]
EDIT = ["--no-venv", "edit", "--photo", "photo.png", "--map", "map.png", "--region", "region.png", "--out", "out.png"]


def test_render_saves_the_last_frame_at_the_maps_size(engine, folder, capsys):
    assert launch.main([*RENDER, "--seed", "7", "--steps", "4", "--sampler", "ddpm"]) == 0
    picture = np.asarray(Image.open("out.png"))
    assert picture.shape == (40, 24, 3)
    assert (picture == 4).all()
    assert isinstance(engine.request, RenderRequest)
    assert engine.request.sampling == Sampling("ddpm", 4, 2.5, seeds=(7,))
    assert engine.request.labels[0, 0] == engine.palette.index_of("facade")
    assert engine.loaded == "grey"
    said = capsys.readouterr()
    assert "step 4/4" in said.err
    assert said.err.count("\n") == 1
    assert said.out == "Saved out.png\n"


def test_the_picture_carries_what_replays_it(engine, folder):
    assert launch.main([*RENDER, "--seed", "7", "--model", "mine.safetensors"]) == 0
    assert engine.loaded == "mine.safetensors"
    replayed = render_request(read_request(Path("out.png")))
    assert (replayed.model, replayed.sampling) == ("grey", engine.request.sampling)
    assert (replayed.labels == engine.request.labels).all()


def test_native_keeps_the_models_resolution(engine, folder):
    assert launch.main([*RENDER, "--native"]) == 0
    assert Image.open("out.png").size == (16, 24)


def test_edit_hands_over_photo_region_and_strength(engine, folder):
    assert launch.main([*EDIT, "--strength", "0.5"]) == 0
    request = engine.request
    assert isinstance(request, EditRequest)
    assert request.strength == 0.5
    assert request.region[:, :12].all()
    assert not request.region[:, 12:].any()
    assert (request.photo == 200).all()
    assert Image.open("out.png").size == (24, 40)


def test_a_map_of_another_palette_is_converted_with_one_warning(engine, folder, capsys):
    scenes = load_palette("ade20k")
    painted = [scenes.classes[scenes.index_of(name)].file_value for name in ("door", "sea")]
    Image.fromarray(np.repeat(np.array(painted, np.uint8), 8)[None].repeat(8, 0)).save("map.png")
    assert launch.main([*RENDER, "--palette", "ade20k"]) == 0
    assert engine.palette.classes[engine.request.labels[0, 0]].name == "door"
    assert engine.request.labels[0, 15] == engine.palette.unlabelled
    first, *_ = capsys.readouterr().err.split("\n")
    assert first == f"Not in {engine.palette.title}, so left unlabelled: sea."


def test_a_map_that_names_its_palette_needs_no_option(engine, folder):
    scenes = load_palette("ade20k")
    save_label_map("map.png", np.full((8, 8), scenes.index_of("door"), np.uint8), scenes)
    assert launch.main(RENDER) == 0
    assert (engine.request.labels == engine.palette.index_of("door")).all()


def test_a_map_of_which_nothing_is_left_is_refused(engine, folder, capsys):
    scenes = load_palette("ade20k")
    save_label_map("map.png", np.full((8, 8), scenes.index_of("sea"), np.uint8), scenes)
    assert launch.main(RENDER) == 2
    said = capsys.readouterr().err
    assert scenes.title in said
    assert engine.palette.title in said
    assert not Path("out.png").exists()


def test_a_file_cannot_name_a_palette_file(engine, folder):
    other = {"name": "other", "unlabelled": 0, "classes": [{"index": 0, "name": "a", "colour": [0, 0, 0]}]}
    Path("other.json").write_text(json.dumps(other))
    info = PngInfo()
    info.add_text(PALETTE_KEY, "other.json")
    Image.open("map.png").save("map.png", pnginfo=info)
    launch.main(RENDER)  # read with the model's palette, or refused: never with the file's
    assert engine.request is None or engine.request.labels[0, 0] == engine.palette.index_of("facade")


def test_outside_the_region_a_profile_and_its_values_stay(engine, folder, monkeypatch):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"swap").replace(b"bXYZ", b"rXYZ").replace(b"swap", b"bXYZ")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 24, 3), np.uint8)).save("photo.jpg", icc_profile=profile)
    monkeypatch.setattr(pipeline, "edit", laying_over(engine))
    assert launch.main([*EDIT, "--photo", "photo.jpg"]) == 0
    before, after = Image.open("photo.jpg"), Image.open("out.png")
    assert (read_photo("photo.jpg") != np.asarray(before)).any()  # the profile changes what is seen
    assert after.info["icc_profile"] == profile
    assert (np.asarray(after)[:, 12:] == np.asarray(before)[:, 12:]).all()
    assert (np.asarray(after)[:, :12] == 20).all()


def test_outside_the_region_opacity_and_what_it_hides_stay(engine, folder, monkeypatch):
    rgba = np.random.default_rng(0).integers(0, 255, (40, 24, 4), np.uint8)
    Image.fromarray(rgba).save("photo.png")
    monkeypatch.setattr(pipeline, "edit", laying_over(engine))
    assert launch.main(EDIT) == 0
    after = np.asarray(Image.open("out.png"))
    assert (after[:, 12:] == rgba[:, 12:]).all()
    assert (after[..., 3] == rgba[..., 3]).all()


def laying_over(engine):
    """The fake edit, which leaves what is outside the region as the real one does."""

    def frames(model, request):
        for frame in engine.frames(model, request):
            frame.pictures[0][~request.region] = request.photo[~request.region]
            yield frame

    return frames


def test_guessed_colours_are_told(engine, folder, capsys):
    Image.new("RGB", (8, 8), (250, 1, 2)).save("map.png")
    assert launch.main(RENDER) == 0
    first, *_ = capsys.readouterr().err.split("\n")
    assert first.startswith("map.png: Read by the")
    assert "took the nearest" in first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--map", "nowhere.png"], "nowhere.png"),
        (["--palette", "nonesuch"], "nonesuch"),
        (["--steps", "0"], "0 steps"),
        (["--guidance", "nan"], "Guidance"),
        (["--seed", "-1"], "Seed -1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(engine, folder, capsys, change, words):
    assert launch.main([*RENDER, *change]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not Path("out.png").exists()


def test_without_a_model_the_remedy_is_named(engine, folder, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "available_models", list)
    assert launch.main(RENDER) == 2
    assert "--model" in capsys.readouterr().err


@pytest.mark.parametrize("words", [RENDER, EDIT])
def test_ctrl_c_cancels_and_writes_nothing(engine, folder, capsys, words):
    engine.interrupt_at = 3
    assert launch.main(words) == 130
    assert engine.closed
    assert capsys.readouterr().err.endswith("\nStopped.\n")
    assert not list(folder.glob("*out*"))


def test_the_bar():
    assert commands.bar(5, 20, 10, 30) == "[######------------------] step 5/20, 0:10 elapsed, 0:30 left"
    assert commands.bar(20, 20, 75, 0).startswith("[########################] step 20/20, 1:15 elapsed, 0:00")


def test_a_shorter_progress_line_covers_a_longer_one(capsys):
    with commands.ProgressLine() as line:
        line.show("long line")
        line.show("short")
    assert capsys.readouterr().err == "\rlong line\rshort    \n"


# --- app and train ---


def test_a_taken_port_is_passed_over_or_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert commands.open_port("127.0.0.1", range(port, port + 20)) > port
        with pytest.raises(UserError, match=str(port)):
            commands.open_port("127.0.0.1", [port])
    assert commands.open_port("127.0.0.1", [port]) == port


def train_args(folder: Path, *more: str):
    return cli.parse(["train", "--data", str(folder), "--palette", "facades", "--out", str(folder / "run"), *more])


def test_a_recipe_is_the_small_one_then_the_file_then_the_options(tmp_path):
    config = tmp_path / "recipe.json"
    config.write_text(json.dumps({"images": 500, "batch": 8, "network": {"spade_hidden": 48}}))
    palette = load_palette("facades")
    args = train_args(tmp_path, "--config", str(config), "--batch", "4", "--lr", "0.001", "--channels", "32")
    recipe = commands.recipe_of(args, palette)
    assert (recipe.images, recipe.batch, recipe.learning_rate, recipe.seed) == (500, 4, 0.001, 0)
    assert (recipe.network.spade_hidden, recipe.network.model_channels, recipe.network.num_classes) == (48, 32, 13)


def test_what_the_palette_decides_is_not_the_file_s_to_say(tmp_path):
    palette = load_palette("facades")
    config = tmp_path / "recipe.json"
    args = train_args(tmp_path, "--config", str(config))
    config.write_text(json.dumps(small_recipe("facades", palette.size, palette.has_edges).to_dict()))
    assert commands.recipe_of(args, palette).network.num_classes == 13
    for wrong, words in (
        ({"palette": "ade20k"}, "palette = ade20k, but the palette facades has facades"),
        ({"network": {"num_classes": 9}}, "num_classes = 9, but the palette facades has 13"),
        ({"network": {"instance_edges": True}}, "instance_edges = True, but the palette facades has False"),
    ):
        config.write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=words):
            commands.recipe_of(args, palette)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1]", "recipe"),
        ("{", "recipe"),
        ('{"images": "many"}', "images = 'many' is not a whole number"),
        ('{"network": 1}', "recipe"),
        ('{"imags": 5}', "imags"),
    ],
)
def test_a_faulty_recipe_file_is_a_user_error(tmp_path, content, words):
    config = tmp_path / "recipe.json"
    config.write_text(content)
    with pytest.raises(UserError, match=words):
        commands.recipe_of(train_args(tmp_path, "--config", str(config)), load_palette("facades"))


@pytest.fixture
def pairs(tmp_path) -> Path:
    """A folder with two pairs, and the command's words for a network that is quick to make."""
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    for name in "ab":
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / f"train/images/{name}.png")
        Image.fromarray(rng.integers(0, 12, (40, 40), np.uint8)).save(tmp_path / f"train/labels/{name}.png")
    config = tmp_path / "tiny.json"
    config.write_text('{"network": {"channel_mult": [1], "num_res_blocks": 1, "num_head_channels": 32}}')
    return tmp_path


def train_words(folder: Path, *more: str) -> list[str]:
    small = ["--config", str(folder / "tiny.json"), "--image-size", "32", "--channels", "32", "--batch", "2"]
    where = ["--data", str(folder), "--palette", "facades", "--out", str(folder / "run")]
    return ["--no-venv", "train", *where, *small, "--images", "4", *more]


def test_train_learns_from_a_folder_and_leaves_a_model(pairs, capsys):
    assert launch.main(train_words(pairs)) == 0
    said = capsys.readouterr().err
    assert "step 2/2" in said
    assert said.count("validated on training pairs") == 1
    assert (pairs / "run" / "model.safetensors").is_file()
    assert launch.main(train_words(pairs)) == 0
    assert "finished before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--val", "nowhere"], "nowhere holds no images/"),
        (["--out", __file__], "it is a file"),
        (["--seed", "-1"], "seed = -1 is outside 0 to 4294967295"),
        (["--seed", "1" + 30 * "0"], "is outside 0 to 4294967295"),
        (["--image-size", "33"], "not a multiple of 4"),
        (["--channels", "40"], "32 groups"),
        (["--config", "nowhere.json"], "nowhere.json is not a recipe"),
    ],
)
def test_training_that_cannot_start_says_why_in_one_line(pairs, capsys, more, words):
    assert launch.main(train_words(pairs, *more)) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
