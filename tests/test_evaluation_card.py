"""What was measured in a model's card: between its marks alone, and again the same."""

import numpy as np
import pytest
from PIL import Image

from app.catalogue import about
from engine.evaluation.card import put_into, read_card, write_card
from engine.evaluation.intervals import Figure
from engine.evaluation.nearest import CELL, GAP, ROWS, rows, section, small_sheet
from engine.evaluation.remembered import Remembered
from engine.library import ModelInfo
from engine.types import UserError
from tests.models import tiny_model

CARD = "# scenes\r\n\r\nWritten by hand, ümläut and all.   \r\n"


def found_by(name: str, distances: list[float]) -> Remembered:
    count = len(distances)
    return Remembered(name, np.array(distances), np.array([2.0, 4.0, 6.0]), np.arange(count), Figure(0.25, 0.1, 0.4))


def test_a_section_goes_to_the_end_and_the_rest_stays_as_it_is():
    once = put_into(CARD, "figures", "## Figures\n\n12 %\n", "x.md")
    assert once.startswith(CARD.rstrip() + "\n\n[//]: # (evaluate, figures: begin)\n\n## Figures\n")
    assert put_into(once, "figures", "## Figures\n\n12 %", "x.md") == once


def test_a_section_takes_the_place_of_its_own_older_self_alone():
    text = put_into(put_into(CARD, "figures", "old", "x.md"), "nearest", "photos", "x.md")
    text = text.replace(
        "[//]: # (evaluate, nearest: begin)", "By hand, in between.\n\n[//]: # (evaluate, nearest: begin)"
    )
    text += "By hand, below.\n"
    new = put_into(text, "figures", "new", "x.md")
    assert new == text.replace("old", "new")
    assert put_into(new, "nearest", "photos", "x.md") == new


@pytest.mark.parametrize("broken", ["{begin}\nno end", "{end}\n{begin}", "{begin}{end}{begin}{end}", "{end}"])
def test_marks_that_are_no_pair_are_told_and_nothing_is_written(tmp_path, broken):
    names = {which: f"[//]: # (evaluate, figures: {which})" for which in ("begin", "end")}
    card = tmp_path / "x.md"
    card.write_text(broken.format(**names), encoding="utf-8")
    with pytest.raises(UserError, match=r"x\.md has not one"):
        write_card(card, {"figures": "new"}, {})
    assert card.read_text(encoding="utf-8") == broken.format(**names)


def test_a_card_s_own_bytes_survive(tmp_path):
    card, picture = tmp_path / "scenes.md", tmp_path / "out.jpg"
    card.write_bytes(CARD.encode() + b"Last line.")
    picture.write_bytes(b"jpeg")
    for _ in range(2):
        write_card(card, {"figures": "f", "nearest": "n"}, {"scenes-nearest.jpg": picture})
    assert card.read_bytes().startswith(CARD.encode() + b"Last line.\n\n[//]: #")
    assert card.read_text(encoding="utf-8").count("begin") == 2
    assert (tmp_path / "scenes-nearest.jpg").read_bytes() == b"jpeg"


def test_a_model_without_a_card_gets_one_and_a_picture_is_none(tmp_path):
    assert read_card(tmp_path / "moor.md") == "# moor\n"
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_card(tmp_path / "bad.md")


def test_the_figures_are_medians_beside_those_of_new_photos():
    table = list(rows([found_by("pixels", [1.0, 2.0, 9.0])]))
    assert table[-1] == "| pixels | 2 | 1 | 4 | 2 | 25.0 % (10.0 to 40.0) |"
    text = section([found_by("pixels", [1.0]), found_by("ours", [1.0, 3.0])], "x-nearest.jpg")
    assert "](x-nearest.jpg)" in text
    assert "The nearest of 2 pictures" in text
    assert "by ours as a share" in text


def test_the_small_sheet_has_the_nearest_first():
    """Pictures of one grey each: of many, the eight with the smallest distance, each beside its photo."""
    pictures = np.stack([np.full((20, 20, 3), 10 * i, np.uint8) for i in range(12)])
    photos = [np.full((20, 20, 3), 255 - i, np.uint8) for i in range(12)]
    sheet = small_sheet(found_by("ours", [12.0 - i for i in range(12)]), pictures, photos)
    height = CELL + GAP
    assert sheet.shape[0] == ROWS // 2 * height
    half = sheet.shape[1] // 2
    shown = [(sheet[y, x, 0], sheet[y, x + height, 0]) for y in range(9, sheet.shape[0], height) for x in (9, 9 + half)]
    assert shown == [(10 * i, 255 - i) for i in range(11, 3, -1)]
    assert sheet[:, 2 * height : half].min() < 128  # the distance is written there


def test_the_page_shows_the_sections_and_hides_the_marks(tmp_path):
    """Marks are definitions of links to Markdown, and stay text to nobody; the picture travels inside the card."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "nearest.jpg")
    found = [found_by("ours", [1.0])]
    sections = {"nearest": section(found, "moor-nearest.jpg")}
    write_card(folder / "moor.md", sections, {"moor-nearest.jpg": tmp_path / "nearest.jpg"})
    info = ModelInfo("moor", folder / "moor.safetensors", tiny_model(0).description)
    text = about(info)
    assert "data:image/jpeg;base64," in text
    assert "&lt;" not in text
    assert all(line.startswith("[//]: # (") for line in text.splitlines() if "evaluate, nearest" in line)
