"""The commands that go to and fro between programs: watch, export, swatches. A scripted engine, real files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import launch
from app import cli, watching
from app.bundle import Project, write_project
from app.cli import choices
from app.exports import EXPORTS, read_exportable
from engine.images import read_request
from engine.label_files import read_instances, read_label_map, save_label_map
from engine.palette import load_palette, palette_names
from engine.record import record, render_request
from engine.swatches import SWATCHES
from engine.types import RenderRequest, UserError
from engine.writing import save_png
from tests import test_cli

engine, folder = test_cli.engine, test_cli.folder
FACADES, CITY = load_palette("facades"), load_palette("cityscapes")
WATCH = ["--no-venv", "watch", "--map", "map.png", "--steps", "3", "--out", "out.png"]


def save_map(index):
    save_label_map("map.png", np.full((40, 24), index, np.uint8), FACADES)


def label_in(path):
    """The class of the map that a saved result carries."""
    return int(render_request(read_request(path)).labels[0, 0])


def script(engine, monkeypatch, *events):
    """Before each frame of the engine's, the next event: a function, an error to raise, or None."""
    plain, left = engine._frames, list(events)

    def frames(request):
        for frame in plain(request):
            event = left.pop(0) if left else None
            if isinstance(event, BaseException):
                raise event
            if event:
                event()
            yield frame

    monkeypatch.setattr(engine, "_frames", frames)


def afterwards(monkeypatch, *actions):
    """Once each change of the file has been dealt with, the next action."""
    plain, left = watching.watch, list(actions)

    def watch(*given):
        for change in plain(*given):
            yield change
            left.pop(0)()

    monkeypatch.setattr(watching, "watch", watch)


def stop():
    raise KeyboardInterrupt


def test_the_picture_follows_the_file_and_an_outdated_run_is_given_up(engine, folder, monkeypatch, capsys):
    """Saved anew in the first run's second step of three, where it ends; and after the second run."""
    save_map(3)
    script(engine, monkeypatch, None, lambda: save_map(6))
    labels = []
    afterwards(
        monkeypatch, lambda: labels.append(None), lambda: labels.append(label_in("out.png")) or save_map(9), stop
    )
    assert launch.main(WATCH) == 130
    assert labels == [None, 6]
    assert label_in("out.png") == 9
    said = capsys.readouterr()
    assert "Watching map.png. Ctrl+C ends it." in said.err
    assert said.out == "Saved out.png\n" * 2


def test_what_goes_wrong_is_told_and_watching_goes_on(engine, folder, monkeypatch, capsys):
    Path("map.png").write_bytes(b"half")
    script(engine, monkeypatch, UserError("Too large for this model."))
    afterwards(monkeypatch, lambda: save_map(3), lambda: save_map(4), stop)
    assert launch.main(WATCH) == 130
    said = capsys.readouterr().err
    assert "map.png: map.png can't be read as an image" in said
    assert "Too large for this model." in said
    assert label_in("out.png") == 4


def test_a_folder_is_not_watched(folder, capsys):
    with pytest.raises(SystemExit):
        cli.parse(["watch", "--map", str(folder), "--out", "out.png"])
    assert "is a folder: name the file" in capsys.readouterr().err


# --- Export ---


def export(*words):
    return launch.main(["--no-venv", "export", *words])


def test_the_options_offer_what_there_is():
    assert tuple(EXPORTS) == choices.EXPORTS


def test_a_map_is_exported(folder, capsys):
    save_map(5)
    assert export("--map", "map.png", "--as", "shapes", "--out", "map.svg") == 0
    assert Path("map.svg").read_text().count("<path") == 1
    assert export("--map", "map.png", "--as", "standard", "--out", "colours.png") == 0
    assert (np.asarray(Image.open("colours.png")) == FACADES.standard_colours[5]).all()
    assert capsys.readouterr().out == "Saved map.svg\nSaved colours.png\n"


def test_a_file_that_does_not_say_its_palette(folder, capsys):
    words = ["--map", "map.png", "--as", "index", "--out", "index.png"]
    assert export(*words) == 2
    assert "map.png does not say what its classes are. Name them with --palette." in capsys.readouterr().err
    assert export(*words, "--palette", "facades") == 0
    assert set(np.unique(read_label_map("index.png", FACADES).labels)) == {1, 5}


def test_a_guess_is_told(folder, capsys):
    Image.fromarray(np.full((8, 8, 3), (201, 33, 187), np.uint8)).save("own.png")
    assert export("--map", "own.png", "--palette", "facades", "--as", "index", "--out", "index.png") == 0
    assert "64 pixels in the colour #c921bb became" in capsys.readouterr().err


def test_a_project_and_a_result_bring_palette_and_objects(folder):
    labels = np.full((8, 8), 26, np.uint8)
    instances = (np.indices((8, 8)).sum(0) + 1).astype(np.uint16)
    write_project("desk.spadework", Project(labels, CITY, instances))
    request = RenderRequest("tiny", labels, instances=instances)
    save_png("result.png", np.zeros((8, 8, 3), np.uint8), record(request, "cityscapes", 0))
    for file in ("desk.spadework", "result.png"):
        assert export("--map", file, "--as", "objects", "--out", "objects.png") == 0
        assert (read_instances("objects.png") == instances).all()
        assert read_exportable(Path(file)).palette == CITY


# --- Swatches ---


def test_swatches_of_all_palettes_or_of_one(folder, capsys):
    assert launch.main(["--no-venv", "swatches", "--out", "all/swatches"]) == 0
    names = {path.name for path in Path("all/swatches").iterdir()}
    assert names == {f"{name}{suffix}" for name in palette_names() for suffix in SWATCHES}
    assert launch.main(["--no-venv", "swatches", "--palette", "facades", "--out", "one"]) == 0
    assert {path.stem for path in Path("one").iterdir()} == {"facades"}
    assert capsys.readouterr().out.count("Saved ") == len(names) + len(SWATCHES)
