"""The command line: what it takes, what it refuses, and what render and edit do with it."""

import json
import os
import shlex
import socket
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

import launch
from app import cli, commands
from app.batch.rendering import Progress
from app.cli import choices
from app.commands.page import open_port
from app.commands.recipes import recipe_of
from app.commands.rendering import few, folder_line
from app.settings import DEFAULT_BLEND
from engine import pipeline
from engine.checkpoint import save_checkpoint
from engine.device import PrecisionName
from engine.images import SUFFIXES, read_photo, read_request
from engine.label_files import PALETTE_KEY, save_label_map
from engine.palette import load_palette
from engine.pipeline import Frame
from engine.plan import Plan
from engine.presets import DEFAULT, PRESETS, preset
from engine.record import render_request
from engine.resizing import Fit
from engine.segmentation import files as segmenter_files
from engine.segmentation import segmenter as segmenters
from engine.training.recipe import small_recipe
from engine.types import BlendName, EditRequest, NoiseName, RenderRequest, SamplerName, Spacing, UserError
from tests.models import tiny_model

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
    assert (args.model, args.palette, args.seed, args.preset, args.native) == (None, None, 0, DEFAULT, False)
    assert (args.variations, args.size, args.device, args.precision) == (1, None, "auto", "auto")
    assert (args.workers, args.again) == (1, False)
    assert {args.steps, args.guidance, args.guidance_interval, args.sampler, args.spacing, args.noise} == {None}
    assert (args.guidance_rescale, args.check_layout) == (None, False)
    assert (args.class_guidance, args.instances) == (None, None)


def test_what_edit_assumes():
    args = cli.parse(["edit", "--photo", "p.jpg", "--map", "m.png", "--out", "a.png"])
    assert {args.base_map, args.region, args.fit, args.grow, args.feather, args.resample, args.again} == {None}
    assert (args.blend, args.whole, args.then, args.strength, args.variations) == ("matched", False, [], 0.8, 1)


def test_what_may_stand_beside_again():
    words = "edit --photo p.jpg --again r.png --out a.jpg --model m --device cpu --precision float32 --no-venv"
    assert cli.parse(words.split()).again == Path("r.png")


def test_a_part_to_be_made_once_more_may_have_commas_in_its_name():
    words = ["edit", "--photo", "p.jpg", "--out", "a.png", "--then", "a,b.png,5", "--then", "c.png,0"]
    assert cli.parse(words).then == [(Path("a,b.png"), 5), (Path("c.png"), 0)]


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
        ("render --map maps --out a.png", "--map is a folder: name a folder"),
        ("render --map maps --out file", "is a file, and --map is a folder"),
        ("render --map maps --out maps/../maps", "is where the maps are"),
        ("render --map m --out a.png --workers 2", "are for folders of maps, and m is none"),
        ("render --map m --out a.png --again", "are for folders of maps, and m is none"),
        ("render --map maps --out o --instances i.png", "belongs to one map, and maps is a folder"),
        ("render --map m --out a.png --noise brown", "steps"),
        ("render --map maps --out o --workers 0", "a whole number above 0"),
        ("render --map m --out a.png --variations 0", "from 1 to 10000"),
        ("render --map m --out a.png --size big", "a whole number above 0"),
        ("render --map m --out a.png --precision half", "bfloat16"),
        ("edit --photo p --map m --region r --out folder.png", "is a folder"),
        ("render --map m --out a.png --model ''", "nothing is named"),
        ("render --map m --out a.png --palette ''", "nothing is named"),
        ("render --map '' --out a.png", "nothing is named"),
        ("render --map m --out ''", "nothing is named"),
        ("train --data d --palette '' --out o", "nothing is named"),
        ("render --map m --out a.png --sampler euler", "ddim"),
        ("render --map m --out a.png --preset best", "draft"),
        ("render --map m --out a.png --guidance-interval 0.5", "two numbers"),
        ("render --map m --out a.png --guidance-interval 0.2,0.5,1", "two numbers"),
        ("render --map m --out a.png --se 1", "--se"),
        ("edit --map m --out a.png", "--photo"),
        ("edit --photo p --map m --out a.gif", "does not end in .png or .jpg or .jpeg or .webp"),
        ("edit --photo p --map m --out nowhere/a.jpg", "make it first"),
        ("edit --photo p --map m --out a.png --grow -1", "a whole number from 0"),
        ("edit --photo p --map m --out a.png --feather 1.5", "a whole number from 0"),
        ("edit --photo p --map m --out a.png --blend soft", "gradient"),
        ("edit --photo p --map m --out a.png --fit squash", "crop"),
        ("edit --photo p --map m --out a.png --resample 2", "two whole numbers with a comma between, such as 2,3"),
        ("edit --photo p --map m --out a.png --resample 2,x", "two whole numbers"),
        ("edit --photo p --map m --out a.png --then r.png", "such as part.png,5"),
        ("edit --photo p --map m --out a.png --then ,5", "such as part.png,5"),
        ("edit --photo p --map m --out a.png --then r.png,x", "such as part.png,5"),
        ("edit --photo p --again r.png --out a.png --seed=4 --map m", "as it was: leave out --map, --seed"),
        ("edit --photo p --map m --region r --out a.png --strength 0", "above 0"),
        ("edit --photo p --map m --region r --out a.png --strength nan", "above 0"),
        ("edit --photo p --map m --region r --out a.png --strength much", "above 0"),
        ("train --data d --palette p --out o --minutes inf", "above 0"),
        ("train --data d --palette p --out o --batch 2.5", "whole number"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_status_2(argv, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("folder.png", "maps"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    monkeypatch.delenv(choices.PASSWORD_VARIABLE, raising=False)
    with pytest.raises(SystemExit) as stop:
        cli.parse(shlex.split(argv))
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("maps", "out"), [("m", "a.png"), (".", "results")])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_loaded(monkeypatch, tmp_path, capsys, maps, out):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.parse(["render", "--map", maps, "--out", out])
    said = capsys.readouterr().err
    assert "can't be written to" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words", ["render --map a.png", "watch --map a.png", "export --as index --map a.png", "segment --photo a.png"]
)
def test_nothing_is_saved_over_what_it_is_made_from(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.png").touch()
    os.link("a.png", "same.png")
    for out in ("a.png", "./a.png", "same.png"):
        with pytest.raises(SystemExit) as caught:
            cli.parse([*words.split(), "--out", out])
        assert caught.value.code == 2
        assert "which would be lost: choose another name" in capsys.readouterr().err
    assert cli.parse([*words.split(), "--out", "b.png"]).out == Path("b.png")


@pytest.mark.skipif(os.name != "posix", reason="the sentence is the system's")
@pytest.mark.parametrize(
    "words", ["render --out b.png --map", "watch --out b.png --map", "train --out r --palette p --data"]
)
def test_a_name_that_is_too_long_is_told(words, capsys):
    with pytest.raises(SystemExit):
        cli.parse([*words.split(), "x" * 999])
    assert "can't be looked at: File name too long" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_computer_needs_no_password(host, monkeypatch):
    monkeypatch.delenv(choices.PASSWORD_VARIABLE, raising=False)
    assert cli.parse(["--host", host]).password is None


def test_the_password_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(choices.PASSWORD_VARIABLE, "from outside")
    assert cli.parse(["--host", "0.0.0.0"]).password == "from outside"
    assert cli.parse(["--host", "0.0.0.0", "--password", "given"]).password == "given"


def test_every_command_has_a_handler():
    assert {name for name, _, _ in cli.COMMANDS} == {*commands.HANDLERS, "test"}


# --- A scripted engine, real files ---


class FakeEngine:
    """A model, and the pipeline around it: frame k of a request is grey k. Notes what it is asked, stops on demand.

    Seeds are computed two at a time; the second of a batch is a shade lighter.
    """

    name, device, precision = "grey", "cpu", "float32"
    palette = load_palette("facades")
    network = SimpleNamespace(config=SimpleNamespace(image_size=16, stride=8))
    request = None
    interrupt_at = None
    memory_runs_out = False
    closed = False

    def load_model(self, name, device, precision):
        self.loaded, self.asked_for = name, (device, precision)
        return self

    def frames(self, model, request):
        assert model is self
        self.request = request
        return self._frames(request)

    def _frames(self, request):
        try:
            seeds, steps = request.sampling.seeds, request.sampling.steps
            batches = [seeds[start : start + 2] for start in range(0, len(seeds), 2)]
            for count, (now, step) in enumerate(product(batches, range(1, steps + 1)), 1):
                if count == self.interrupt_at:
                    raise KeyboardInterrupt
                pictures = np.full((len(now), *request.labels.shape, 3), step, np.uint8)
                pictures[1:] += 1
                note = "Memory ran out: slower." if count > 1 and self.memory_runs_out else ""
                yield Frame(count, steps * len(batches), pictures, now, step == steps, note)
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
    monkeypatch.setattr(pipeline, "plan_of", lambda model, request: Plan(1, True, (8, 8), 2**20, 2**30))
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
    Image.fromarray(labels.T.copy()).save(tmp_path / "wide.png")
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
    assert engine.request.sampling == replace(preset("fast"), sampler="ddpm", steps=4, seeds=(7,))
    assert engine.request.labels[0, 0] == engine.palette.index_of("background")
    assert engine.loaded == "grey"
    said = capsys.readouterr()
    plan, bar, end = said.err.split("\n")
    assert plan == "grey on cpu, float32: needs about 1 MB of 1.0 GB free memory, 1 at a time"
    assert "step 4/4" in bar
    assert end == ""
    assert said.out == "Saved out.png\n"


def test_variations_are_saved_under_their_seeds(engine, folder, capsys):
    assert launch.main([*RENDER, "--seed", "7", "--steps", "4", "--variations", "3"]) == 0
    assert engine.request.sampling.seeds == (7, 8, 9)
    assert [np.asarray(Image.open(f"out-{seed}.png"))[0, 0, 0] for seed in (7, 8, 9)] == [4, 5, 4]
    assert [read_request(Path(f"out-{seed}.png"))["sampling"]["seeds"] for seed in (7, 8, 9)] == [[7], [8], [9]]
    assert capsys.readouterr().out == "Saved out-7.png\nSaved out-8.png\nSaved out-9.png\n"


def test_ctrl_c_keeps_the_variations_that_are_finished(engine, folder, capsys):
    engine.interrupt_at = 6
    assert launch.main([*RENDER, "--steps", "4", "--variations", "4"]) == 130
    assert sorted(path.name for path in folder.glob("*out*")) == ["out-0.png", "out-1.png"]
    assert capsys.readouterr().out == "Saved out-0.png\nSaved out-1.png\n"


def test_what_changed_when_memory_ran_out_is_told_once(engine, folder, capsys):
    engine.memory_runs_out = True
    assert launch.main(RENDER) == 0
    assert capsys.readouterr().err.count("\nMemory ran out: slower.\n") == 1


@pytest.mark.parametrize("words", [["render"], ["edit", "--photo", "photo.png", "--region", "region.png"]])
def test_device_precision_and_size_are_passed_on(engine, folder, words):
    words = ["--no-venv", *words, "--map", "map.png", "--out", "out.png"]
    assert launch.main(words) == 0
    assert (engine.asked_for, engine.request.side) == (("auto", "auto"), None)
    assert launch.main([*words, "--device", "cuda:1", "--precision", "bfloat16", "--size", "32"]) == 0
    assert (engine.asked_for, engine.request.side) == (("cuda:1", "bfloat16"), 32)
    assert launch.main([*words, "--size", "map"]) == 0
    assert engine.request.side == 24
    assert launch.main([*words, "--preset", "exact"]) == 0
    assert engine.asked_for == ("auto", "float32")  # the reference's own


def test_the_picture_carries_what_replays_it(engine, folder):
    assert launch.main([*RENDER, "--seed", "7", "--model", "mine.safetensors"]) == 0
    assert engine.loaded == "mine.safetensors"
    replayed = render_request(read_request(Path("out.png")))
    assert (replayed.model, replayed.sampling) == ("grey", engine.request.sampling)
    assert (replayed.labels == engine.request.labels).all()


def test_a_preset_is_changed_by_the_single_options(engine, folder):
    told = ["--preset", "draft", "--guidance", "3", "--guidance-interval", "0.3,0.9", "--spacing", "trailing"]
    assert launch.main([*RENDER, *told, "--guidance-rescale", "0.4"]) == 0
    changes = {"guidance": 3.0, "guidance_interval": (0.3, 0.9), "spacing": "trailing", "guidance_rescale": 0.4}
    assert engine.request.sampling == replace(preset("draft"), **changes)
    assert render_request(read_request(Path("out.png"))).sampling == engine.request.sampling


@pytest.fixture
def segmenter(monkeypatch) -> SimpleNamespace:
    """Sees class 1, a facade, everywhere; knows of class 5 too."""
    seen = SimpleNamespace(palette=FakeEngine.palette, labels=np.uint8([1, 5]))
    seen.segment = lambda photo: np.full(photo.shape[:2], 1, np.uint8)
    monkeypatch.setattr(segmenters, "segmenter_for", lambda palette: seen)
    return seen


def test_asked_for_the_layout_is_checked(engine, segmenter, folder, capsys):
    assert launch.main([*RENDER, "--check-layout", "--variations", "2"]) == 0
    assert "Saved out-1.png. Layout kept: 50 % of the pixels read as asked." in capsys.readouterr().out
    segmenter.labels = np.uint8([7])
    assert launch.main([*RENDER, "--check-layout"]) == 0
    assert "none of the pixels is of a class that the segmenter knows" in capsys.readouterr().out
    assert launch.main(RENDER) == 0
    assert "Layout" not in capsys.readouterr().out


def test_of_an_edit_what_may_have_changed_is_checked(engine, segmenter, folder, capsys):
    region = np.zeros((40, 24), np.uint8)
    region[:25] = 255  # 20 rows of the facade, 5 of the window
    Image.fromarray(region).save("region.png")
    assert launch.main([*EDIT, "--check-layout"]) == 0
    assert "Layout kept: 80 % of the changed pixels read as asked." in capsys.readouterr().out


def test_without_a_segmenter_the_layout_can_t_be_checked(engine, folder, capsys, monkeypatch):
    monkeypatch.setattr(segmenter_files, "find_segmenter", lambda palette: None)
    assert launch.main([*RENDER, "--check-layout"]) == 2
    assert "Leave out --check-layout" in capsys.readouterr().err
    assert not Path("out.png").exists()


@pytest.mark.parametrize("words", [RENDER, EDIT])
def test_scales_of_classes_objects_and_noise_are_passed_on_and_recorded(engine, folder, words):
    numbers = np.arange(40 * 24, dtype=np.uint16).reshape(40, 24) * 60
    Image.fromarray(numbers).save("numbers.png")
    more = ["--class-guidance", "door=4, window 1.5", "--instances", "numbers.png", "--noise", "steps"]
    assert launch.main([*words, *more]) == 0
    request = engine.request
    index_of = engine.palette.index_of
    assert request.class_guidance == ((index_of("door"), 4.0), (index_of("window"), 1.5))
    assert (request.instances == numbers).all()
    assert request.sampling.noise == "steps"
    replayed = render_request(read_request(Path("out.png")))
    assert replayed.class_guidance == request.class_guidance
    assert (replayed.instances == numbers).all()
    assert launch.main(words) == 0
    assert (engine.request.class_guidance, engine.request.instances) == ((), None)
    assert engine.request.sampling == preset("fast")


def test_objects_stay_on_their_map_at_the_model_s_own_resolution(engine, folder):
    Image.fromarray(np.arange(40 * 24, dtype=np.uint16).reshape(40, 24)).save("numbers.png")
    assert launch.main([*RENDER, "--native", "--instances", "numbers.png"]) == 0
    assert engine.request.instances.shape == engine.request.labels.shape != (40, 24)


def test_an_interval_outside_its_bounds_is_refused(engine, folder, capsys):
    assert launch.main([*RENDER, "--guidance-interval", "0.9,0.3"]) == 2
    assert "(0.9, 0.3) is not two rising shares" in capsys.readouterr().err


def test_the_options_offer_what_the_engine_knows():
    assert get_args(SamplerName) == choices.SAMPLERS
    assert get_args(Spacing) == choices.SPACINGS
    assert get_args(NoiseName) == choices.NOISES
    assert tuple(PRESETS) == choices.PRESETS
    assert get_args(PrecisionName) == choices.PRECISIONS
    assert get_args(BlendName) == choices.BLENDS
    assert get_args(Fit) == choices.FITS
    assert tuple(SUFFIXES) == choices.PHOTO_SUFFIXES
    assert cli.parse(["edit", "--photo", "p", "--out", "a.png"]).blend == DEFAULT_BLEND


def test_native_keeps_the_models_resolution(engine, folder):
    assert launch.main([*RENDER, "--native"]) == 0
    assert Image.open("out.png").size == (16, 27)


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
    assert first == f"map.png: Not in {engine.palette.title}, so left unlabelled: sea."


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
    assert engine.request is None or engine.request.labels[0, 0] == engine.palette.index_of("background")


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
    assert (np.asarray(after)[:, :12] == preset(DEFAULT).steps).all()


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
        (["--class-guidance", "sky"], "“sky” is no class with its guidance"),
        (["--class-guidance", "zebra=4"], "no class called “zebra”"),
        (["--class-guidance", "door=40"], "Guidance 40 of class"),
        (["--instances", "nowhere.png"], "nowhere.png"),
        (["--instances", "wide.png"], "objects are 40 x 24 px, the map 24 x 40 px"),
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


# --- A folder of maps, with a network ---


@pytest.fixture
def maps(folder) -> list[str]:
    """Two maps in the folder `maps`, and the words that render them with a tiny network."""
    model = tiny_model()
    save_checkpoint(folder / "tiny.safetensors", model.network.state_dict(), model.description)
    (folder / "maps").mkdir()
    for name in "ab":
        Image.fromarray(np.full((16, 16), ord(name) % 12, np.uint8)).save(folder / "maps" / f"{name}.png")
    words = ["--map", "maps", "--out", "out", "--model", "tiny.safetensors", "--steps", "2"]
    return ["--no-venv", "render", *words, "--device", "cpu", "--precision", "float32"]


def test_a_folder_is_rendered_into_a_folder(maps, capsys):
    Path("maps/notes.txt").touch()
    assert launch.main([*maps, "--variations", "2"]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("Not maps, so left alone: notes.txt\ntiny on cpu, float32: needs about")
    assert "map 2/2" in said.err
    assert said.out == "Pictures made: 4, there before: 0. They are shown in out/index.html\n"
    assert {path.name for path in Path("out").glob("*.png")} == {"a-0.png", "a-1.png", "b-0.png", "b-1.png"}
    assert launch.main([*maps, "--variations", "2"]) == 0
    assert capsys.readouterr().out == "Pictures made: 0, there before: 4. They are shown in out/index.html\n"


def test_a_broken_map_is_reported_at_the_end_with_status_1(maps, capsys):
    Path("maps/aa.png").write_bytes(b"no picture")
    assert launch.main(maps) == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("aa.png: aa.png can't be read")
    assert said.out == "Pictures made: 2, there before: 0. They are shown in out/index.html\n"


def test_other_settings_need_again(maps, capsys):
    assert launch.main(maps) == 0
    assert launch.main([*maps, "--guidance", "3"]) == 2
    assert "guidance = 2.5, and this run has 3.0" in capsys.readouterr().err
    assert launch.main([*maps, "--guidance", "3", "--again"]) == 0


def test_ctrl_c_in_a_folder_says_how_it_goes_on(maps, capsys, monkeypatch):
    generate = pipeline.generate

    def interrupted(model, request):
        if Path("out/a-0.png").exists():
            raise KeyboardInterrupt
        return generate(model, request)

    monkeypatch.setattr(pipeline, "generate", interrupted)
    assert launch.main(maps) == 130
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last == ["1 of 2 maps are done. The same command goes on with the rest.", "Stopped."]
    assert json.loads(Path("out/index.json").read_text())["maps"][0]["map"] == "a.png"


def test_workers_inside_torchrun_are_refused(maps, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launch.main([*maps, "--workers", "2"]) == 2
    assert "one division too many" in capsys.readouterr().err


def test_the_line_of_a_folder():
    progress = Progress(done=3, maps=10, worked=1, current=0.5, made=6)
    assert folder_line(progress, 30) == "map 4/10, pictures made: 6, 0:30 elapsed, 2:10 left"
    assert folder_line(Progress(10, 10), 0) == "map 10/10, pictures made: 0, 0:00 elapsed"


def test_of_many_the_first_few_are_named():
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d"], 2, "; ") == "a; b; and 2 more"


# --- app and train ---


def test_a_taken_port_is_passed_over_or_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert open_port("127.0.0.1", range(port, port + 20)) > port
        with pytest.raises(UserError, match=str(port)):
            open_port("127.0.0.1", [port])
    assert open_port("127.0.0.1", [port]) == port


def train_args(folder: Path, *more: str):
    return cli.parse(["train", "--data", str(folder), "--palette", "facades", "--out", str(folder / "run"), *more])


def test_a_recipe_is_the_small_one_then_the_file_then_the_options(tmp_path):
    config = tmp_path / "recipe.json"
    config.write_text(json.dumps({"images": 500, "batch": 8, "network": {"spade_hidden": 48}}))
    palette = load_palette("facades")
    args = train_args(tmp_path, "--config", str(config), "--batch", "4", "--lr", "0.001", "--channels", "32")
    recipe = recipe_of(args, palette)
    assert (recipe.images, recipe.batch, recipe.learning_rate, recipe.seed) == (500, 4, 0.001, 0)
    assert (recipe.network.spade_hidden, recipe.network.model_channels, recipe.network.num_classes) == (48, 32, 13)


def test_what_the_palette_decides_is_not_the_file_s_to_say(tmp_path):
    palette = load_palette("facades")
    config = tmp_path / "recipe.json"
    args = train_args(tmp_path, "--config", str(config))
    config.write_text(json.dumps(small_recipe("facades", palette.size, palette.has_edges).to_dict()))
    assert recipe_of(args, palette).network.num_classes == 13
    for wrong, words in (
        ({"palette": "ade20k"}, "palette = ade20k, but the palette facades has facades"),
        ({"network": {"num_classes": 9}}, "num_classes = 9, but the palette facades has 13"),
        ({"network": {"instance_edges": True}}, "instance_edges = True, but the palette facades has False"),
    ):
        config.write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=words):
            recipe_of(args, palette)


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
        recipe_of(train_args(tmp_path, "--config", str(config)), load_palette("facades"))


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
        (["--val", "nowhere"], "nowhere does not exist. Give the folder that holds images/"),
        (["--out", __file__], "it is a file"),
        (["--seed", "-1"], "seed = -1 is outside 0 to 4294967295"),
        (["--seed", "1" + 30 * "0"], "is outside 0 to 4294967295"),
        (["--image-size", "33"], "not a multiple of 4"),
        (["--channels", "40"], "32 groups"),
        (["--config", "nowhere.json"], "nowhere.json can't be read: No such file or directory. Check the path"),
    ],
)
def test_training_that_cannot_start_says_why_in_one_line(pairs, capsys, more, words):
    assert launch.main(train_words(pairs, *more)) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
