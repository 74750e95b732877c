"""The named endpoints by gradio_client, against a page with a tiny model."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from models import TINY, tiny_model, tiny_network
from PIL import Image

from app import edit_files
from app.catalogue import offers
from app.handlers import Desk
from app.ui import Page
from engine.checkpoint import Description, save_checkpoint
from engine.images import read_photo, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.record import edit_request
from engine.types import Reroll, Resampling
from engine.writing import save_png

FACADES = load_palette("facades")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endpoints")
    labels = np.ones((32, 40), np.uint8)
    labels[8:20, 10:30] = 5
    save_label_map(folder / "map.png", labels, FACADES)
    labels[:, :20] = FACADES.unlabelled
    save_label_map(folder / "part.png", labels, FACADES)
    save_png(folder / "photo.png", np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8), {})
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with pytest.MonkeyPatch.context() as patch:
        (folder / "checkpoints").mkdir()
        patch.setattr("engine.checkpoint.FOLDER", folder / "checkpoints")
        about = Description("Tiny", TINY, FACADES)
        save_checkpoint(folder / "checkpoints" / "tiny.safetensors", tiny_network().state_dict(), about)
        desk = Desk(folder / "outputs", lambda name, *_: dataclasses.replace(tiny_model(), name=name))
        page = Page(desk, offers())
        page.blocks.queue().launch(
            server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, allowed_paths=[str(folder / "outputs")]
        )
        yield page.blocks.local_url
        page.blocks.close()


@pytest.fixture(scope="module")
def client(address, folder):
    return Client(address, verbose=False, download_files=str(folder / "downloads"))


def test_the_endpoints_are_named_and_typed_and_no_others_are(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/models", "/palettes", "/render", "/edit"}
    types = {each["parameter_name"]: each["python_type"]["type"] for each in named["/render"]["parameters"]}
    assert types["map"] == "filepath"
    assert types["variations"] == "int"


def test_models_and_palettes(client):
    (model,) = client.predict(api_name="/models")
    assert (model["name"], model["palette"], model["size"], model["problem"]) == ("tiny", "facades", 16, "")
    palettes = {each["name"]: each for each in client.predict(api_name="/palettes")}
    assert palettes["facades"]["classes"][1]["name"] == FACADES.classes[1].name


def test_render_gives_the_files_that_the_page_would_keep(client, folder):
    paths = client.predict(map=handle_file(folder / "map.png"), seed=7, variations=2, steps=2, api_name="/render")
    assert [read_request(Path(path))["sampling"]["seeds"] for path in paths] == [[7], [8]]
    again = client.predict(map=handle_file(folder / "map.png"), seed=8, steps=2, api_name="/render")
    assert np.array_equal(read_photo(Path(again[0])), read_photo(Path(paths[1])))


def test_guidance_of_single_classes_counts(client, folder):
    ask = {"map": handle_file(folder / "map.png"), "seed": 7, "steps": 2, "api_name": "/render"}
    (plain,) = client.predict(**ask)
    (changed,) = client.predict(**ask, class_guidance={FACADES.classes[5].name: 8.0})
    assert not np.array_equal(read_photo(Path(plain)), read_photo(Path(changed)))


def test_edit_changes_what_the_map_names_and_nothing_else(client, folder):
    files = {"photo": handle_file(folder / "photo.png"), "map": handle_file(folder / "part.png")}
    (path,) = client.predict(**files, seed=7, steps=2, strength=1.0, api_name="/edit")
    before, after = read_photo(folder / "photo.png"), read_photo(Path(path))
    assert np.array_equal(after[:, :20], before[:, :20])
    assert not np.array_equal(after[:, 20:], before[:, 20:])


def edited(client, folder, **told):
    """The result of /edit on the photo, and what it says made it."""
    ask = {"photo": handle_file(folder / "photo.png"), "seed": 7, "steps": 2, "strength": 1.0, **told}
    (path,) = client.predict(**ask, api_name="/edit")
    return read_photo(Path(path)), edit_request(read_request(Path(path)), read_photo(folder / "photo.png"))


def test_edit_takes_a_region_and_every_setting_of_an_edit(client, folder):
    region = np.zeros((32, 40), bool)
    region[8:20, 10:30] = True
    part = np.zeros((32, 40), bool)
    part[8:14, 10:20] = True
    Image.fromarray(region).save(folder / "region.png")
    Image.fromarray(part).save(folder / "a part.png")
    after, request = edited(
        client,
        folder,
        map=handle_file(folder / "map.png"),
        region=handle_file(folder / "region.png"),
        grow=1,
        feather=2,
        blend="plain",
        whole=True,
        resample=[1, 2],
        resample_band=[0.2, 1],
        then=[[handle_file(folder / "a part.png"), 5]],
    )
    assert (request.region == region).all()
    assert (request.growth, request.feather, request.blend, request.extent) == (1, 2, "plain", "whole")
    assert request.resampling == Resampling(1, 2, (0.2, 1.0))
    assert request.rerolls == (Reroll(part, 5),)
    before = read_photo(folder / "photo.png")
    grown = np.zeros((32, 40), bool)
    grown[7:21, 9:31] = True
    assert (after == before)[~grown].all()
    assert (after != before)[region].any()


def test_edit_tells_the_region_from_two_maps(client, folder):
    save_label_map(folder / "base.png", np.ones((32, 40), np.uint8), FACADES)
    maps = {"map": handle_file(folder / "map.png"), "base_map": handle_file(folder / "base.png")}
    _, request = edited(client, folder, **maps)
    assert (request.region == (request.labels == 5)).all()
    assert request.growth == 4
    assert edited(client, folder, **maps, grow=0)[1].growth == 0


def test_a_map_of_the_photo_s_proportions_is_scaled_to_it(client, folder):
    large = np.full((64, 80), FACADES.unlabelled, np.uint8)
    large[:32] = 5
    save_label_map(folder / "large.png", large, FACADES)
    _, request = edited(client, folder, map=handle_file(folder / "large.png"))
    assert (request.region[:16]).all()
    assert not request.region[16:].any()


def test_edit_finds_the_map_of_a_photo_itself(client, folder, monkeypatch):
    segmenter = SimpleNamespace(segment=lambda photo: np.full(photo.shape[:2], 3, np.uint8))
    monkeypatch.setattr(edit_files, "find_segmenter", lambda palette: Path("facades.safetensors"))
    monkeypatch.setattr(edit_files, "segmenter_for", lambda palette: segmenter)
    Image.fromarray(np.eye(32, 40) > 0).save(folder / "line.png")
    _, request = edited(client, folder, region=handle_file(folder / "line.png"))
    assert (request.labels == 3).all()
    assert (request.region == (np.eye(32, 40) > 0)).all()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Nothing says what shall change"),
        ({"map": "part.png", "fit": "squash"}, "Fit “squash” is not known. Choose stretch or crop"),
        ({"map": "tall.png"}, "The map tall.png is 16 x 32 px, the photo 40 x 32 px. Fit it with"),
        ({"map": "part.png", "grow": -1}, "-1 px is outside 0 to 1024"),
        ({"map": "part.png", "resample": 3}, "A setting is of a wrong type"),
        ({"map": "part.png", "then": [5]}, "A setting is of a wrong type"),
        ({"map": "part.png", "then": [["part.png", 5]]}, "No file was sent"),
        ({"map": "map.png"}, "everything"),
    ],
)
def test_an_edit_that_can_t_be_made_is_an_error_in_words(client, folder, changes, text):
    save_label_map(folder / "tall.png", np.ones((32, 16), np.uint8), FACADES)
    files = {name: handle_file(folder / file) for name, file in changes.items() if name == "map"}
    with pytest.raises(AppError, match=text):
        edited(client, folder, **{**changes, **files})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"model": "none"}, "There is no model “none”"),
        ({"variations": 99}, "99 variations is outside"),
        ({"guidance": 99}, "Guidance 99 is outside"),
        ({"quality": "best"}, "Preset “best” is not known"),
        ({"class_guidance": {"unicorn": 2}}, "no class called “unicorn”"),
        ({"class_guidance": {FACADES.classes[5].name: "4"}}, "Guidance '4' of class 5 is no number"),
        ({"class_guidance": [["window", 4]]}, "A setting is of a wrong type"),
        ({"guidance": "high"}, "Guidance 'high' is no number"),
        ({"quality": ["fast"]}, "A setting is of a wrong type"),
        ({"variations": 2.5}, "2.5 variations is outside"),
        ({"seed": "x"}, "is not a whole number"),
    ],
)
def test_what_can_t_be_used_is_an_error_in_words(client, folder, changes, text):
    with pytest.raises(AppError, match=text):
        client.predict(**{"map": handle_file(folder / "map.png"), "steps": 2, **changes}, api_name="/render")


def test_a_client_that_cancels_frees_the_device(client, folder):
    ask = {"map": handle_file(folder / "map.png"), "seed": 7, "api_name": "/render"}
    long = client.submit(**ask, steps=1000)
    while not long.outputs():
        long.status()
    assert long.cancel()
    assert len(client.predict(**ask, steps=1)) == 1
    records = [read_request(path) for path in (folder / "outputs").rglob("*.png")]
    assert not [each for each in records if each.get("sampling", {}).get("steps") == 1000]


def test_no_file_of_this_machine_is_read_that_was_not_sent(client, folder):
    there = {"path": str(folder / "map.png"), "meta": {"_type": "gradio.FileData"}, "orig_name": "map.png"}
    with pytest.raises(AppError, match="No file was sent"):
        client.predict({**there, "meta": {}}, api_name="/render")


def test_the_script_in_the_docs_works(address, folder):
    script = ROOT / "docs" / "render_from_a_script.py"
    command = [sys.executable, script, folder / "map.png", "--address", address, "--out", folder / "script"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "tiny" in said
    assert len(list((folder / "script").glob("*.png"))) == 1
