"""A run goes on only with the classes that it was taught."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import launch
from engine.palette import palette_from
from engine.training.layouts import find_pairs
from engine.training.resuming import MOST, check_maps, check_palette, differences
from engine.training.state import load_state

MOOR = {
    "name": "moor",
    "unlabelled": 0,
    "classes": [
        {"index": 0, "name": "nothing", "colour": [0, 0, 0]},
        {"index": 1, "name": "moss", "colour": [0, 90, 0], "file_value": 200, "synonyms": ["lichen"]},
        {"index": 2, "name": "door", "colour": [90, 90, 0], "file_value": 100},
    ],
}
TINY = {"image_size": 16, "patch": 1, "channel_mult": [1], "num_res_blocks": 1, "num_head_channels": 32}
SEGMENTER = {"crop": 32, "network": {"widths": [16, 16], "blocks": [1, 1], "decoder": 16}}


def edited(*changes: tuple[int, str, object], **more) -> dict:
    """The palette with other values of some classes: (position in the list, what, value)."""
    document = {**json.loads(json.dumps(MOOR)), **more}
    for place, what, value in changes:
        document["classes"][place][what] = value
    return document


SWAPPED = edited((1, "index", 2), (2, "index", 1))
MATTER = {
    "swapped": (SWAPPED, "the name of class 1 was “moss”, now “door”; the file_value of class 1 was 200, now 100"),
    "name": (edited((2, "name", "gate")), "the name of class 2 was “door”, now “gate”"),
    "file value": (edited((2, "file_value", 7)), "the file_value of class 2 was 100, now 7"),
    "mirror": (edited((1, "mirror", 2), (2, "mirror", 1)), "the mirror of class 1 was 1, now 2"),
    "unlabelled": (edited(unlabelled=1), "class 0 was unlabelled, now 1"),
    "fewer": ({**MOOR, "classes": MOOR["classes"][:2]}, "it had 3 classes, now 2"),
}
HARMLESS = {
    "colour": edited((1, "colour", [9, 99, 9])),
    "standard": edited((1, "standard", [9, 99, 9])),
    "title, note": edited(title="Moors", note="of the north"),
    "group": edited((1, "group", "plants")),
    "synonyms": edited((1, "synonyms", ["bog moss"])),
    "train id": edited((1, "train_id", 0)),
    "order in the file": {**MOOR, "classes": MOOR["classes"][::-1]},
}


def save_pair(folder: Path, name: str, labels: np.ndarray) -> None:
    for part, values in (("images", np.full((*labels.shape[:2], 3), 90, np.uint8)), ("labels", labels)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / part / f"{name}.png")


@pytest.fixture
def moor(tmp_path) -> Path:
    """A folder with a palette of one's own, and with maps in its file values."""
    labels = np.full((40, 40), 200, np.uint8)
    labels[:10], labels[-1] = 100, 0
    for split in ("train", "val"):
        for name in "ab":
            save_pair(tmp_path / split, name, labels)
    write(tmp_path, MOOR)
    (tmp_path / "painting.json").write_text(json.dumps({"precision": "float32", "network": TINY}))
    (tmp_path / "segmenter.json").write_text(json.dumps(SEGMENTER))
    return tmp_path


def write(folder: Path, document: dict) -> None:
    (folder / "moor.json").write_text(json.dumps(document))


def teach(folder: Path, images: int, painting: bool = True) -> int:
    kind = (["train", "--channels", "32"], "painting") if painting else (["train-segmenter"], "segmenter")
    data = ["--data", str(folder), "--palette", str(folder / "moor.json"), "--out", str(folder / "run")]
    sizes = ["--image-size", "16" if painting else "32", "--batch", "2", "--images", str(images)]
    return launch.main(["--no-venv", *kind[0], *data, "--config", str(folder / f"{kind[1]}.json"), *sizes])


@pytest.mark.parametrize(("document", "words"), MATTER.values(), ids=MATTER)
def test_other_classes_are_told(document, words):
    found = differences(*(palette_from(each, "moor.json") for each in (MOOR, document)))
    assert "; ".join(found).startswith(words)


@pytest.mark.parametrize("document", HARMLESS.values(), ids=HARMLESS)
def test_what_teaches_nothing_else_may_change(document, moor):
    former, now = (palette_from(each, "moor.json") for each in (MOOR, document))
    assert not differences(former, now)
    (moor / "palette.json").write_text(json.dumps(MOOR))
    check_palette(moor, now)
    check_maps(moor, find_pairs(moor, "train"), now)


@pytest.mark.parametrize("painting", [True, False], ids=["painting model", "segmenter"])
def test_a_run_does_not_go_on_with_two_classes_swapped(moor, capsys, painting):
    assert teach(moor, 4, painting) == 0
    write(moor, SWAPPED)
    kept = (moor / "run" / "state.pt").read_bytes()
    for _ in range(2):  # being refused changes nothing
        assert teach(moor, 8, painting) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"{moor / 'run'} holds a run with another palette moor: the name of class 1 was “moss”,")
        assert said.endswith(f"and 1 more. Give the one it began with (--palette {moor / 'run' / 'palette.json'}), or "
                             "another --out.")  # fmt: skip
    assert (moor / "run" / "state.pt").read_bytes() == kept
    write(moor, HARMLESS["colour"])
    assert teach(moor, 8, painting) == 0
    assert load_state(moor / "run")["done"] == 4
    assert len(differences(*(palette_from(each, "moor.json") for each in (MOOR, SWAPPED)))) == MOST + 1


def test_the_remedy_works(moor):
    assert teach(moor, 4) == 0
    write(moor, SWAPPED)
    (moor / "moor.json").write_bytes((moor / "run" / "palette.json").read_bytes())
    assert teach(moor, 8) == 0


def test_nothing_learnt_yet_is_in_nobody_s_way(moor):
    assert teach(moor, 4) == 0
    (moor / "run" / "state.pt").unlink()
    write(moor, edited((2, "name", "gate")))
    assert teach(moor, 4) == 0
    assert "gate" in (moor / "run" / "palette.json").read_text(encoding="utf-8")


def test_a_run_from_before_palettes_were_kept_goes_on(moor):
    assert teach(moor, 4) == 0
    (moor / "run" / "palette.json").unlink()
    assert teach(moor, 8) == 0
    assert (moor / "run" / "palette.json").is_file()


def test_a_damaged_palette_is_named(moor, capsys):
    assert teach(moor, 4) == 0
    (moor / "run" / "palette.json").write_text("{")
    assert teach(moor, 8) == 2
    assert "palette.json" in capsys.readouterr().err


def test_colours_matter_where_maps_are_read_by_them(moor, capsys):
    """Of maps that are painted in the palette's colours, swapped colours are swapped classes."""
    labels = np.zeros((40, 40, 3), np.uint8)
    labels[:20], labels[20:] = (0, 90, 0), (90, 90, 0)
    for split in ("train", "val"):
        save_pair(moor / split, "b", labels)
    assert teach(moor, 4) == 0
    write(moor, edited((1, "colour", [90, 90, 0]), (2, "colour", [0, 90, 0])))
    for _ in range(2):
        assert teach(moor, 8) == 2
        assert "holds a run with another palette moor: b.png is read otherwise." in capsys.readouterr().err
    write(moor, edited((0, "colour", [255, 0, 255])))
    assert teach(moor, 8) == 0
