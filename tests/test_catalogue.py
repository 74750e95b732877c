import dataclasses

import numpy as np
import pytest
from models import TINY, tiny_network

from app.catalogue import about, offers
from engine.checkpoint import Description, save_checkpoint
from engine.palette import load_palette
from engine.writing import save_png

FACADES = load_palette("facades")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder for models, with one good model in it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setattr("engine.checkpoint.FOLDER", folder)
    put(folder, "good")
    return folder


def put(folder, name, palette=FACADES, licence=""):
    description = Description("Tiny", TINY, palette, licence=licence)
    save_checkpoint(folder / f"{name}.safetensors", tiny_network().state_dict(), description)


def test_a_line_says_palette_size_and_weight(folder):
    numbers = sum(weight.numel() for weight in tiny_network().state_dict().values())
    (offer,) = offers().values()
    assert offer.label.startswith(f"good: CMP Facades, 16 px, {numbers / 1e6:.1f} M parameters, ")
    assert offer.label.endswith(" MB")
    assert offer.palette == FACADES
    assert not offer.problem


def test_a_broken_file_is_listed_with_its_reason_beside_the_others(folder):
    (folder / "cut.safetensors").write_bytes((folder / "good.safetensors").read_bytes()[:100])
    found = offers()
    assert list(found) == ["cut", "good"]
    assert found["cut"].label == "cut: broken"
    assert "cut.safetensors can't be read" in found["cut"].problem
    assert found["cut"].palette is None
    assert "can't be read" in about(found["cut"].info)


def test_a_model_with_classes_of_its_own_says_what_to_do(folder):
    put(folder, "own", dataclasses.replace(FACADES, title="Changed"))
    offer = offers()["own"]
    assert offer.palette is None
    assert "palettes/ as facades.json" in offer.problem


def test_a_new_file_is_found_at_the_next_look(folder):
    assert list(offers()) == ["good"]
    put(folder, "new")
    assert list(offers()) == ["good", "new"]


def test_a_model_without_a_card_says_what_its_file_says(folder):
    put(folder, "good", licence="For <b>everyone</b>.")
    text = about(offers()["good"].info)
    assert "**Tiny**. For &lt;b>everyone&lt;/b>." in text
    assert "(good.md)" in text


def test_a_card_is_shown_without_html_and_without_anything_from_elsewhere(folder):
    (folder / "good.md").write_text(
        "# Good\n1 < 2 <script>alert(1)</script> ![far](https://elsewhere.example/x.png) ![named][x] "
        "![above](../../secret.png)\n\n[x]: https://elsewhere.example/y.png\n",
        encoding="utf-8",
    )
    save_png(folder.parent.parent / "secret.png", np.zeros((4, 4, 3), np.uint8), {})
    text = about(offers()["good"].info)
    assert text.startswith("# Good\n1 < 2 &lt;script>alert(1)&lt;/script> *far* *named* *above*\n")
    assert "![" not in text


def test_a_card_s_own_pictures_are_inside(folder):
    save_png(folder.parent / "sheet.png", np.zeros((4, 6, 3), np.uint8), {})
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "good.md").write_text("![A sheet](../sheet.png) ![Broken](broken.png)", encoding="utf-8")
    text = about(offers()["good"].info)
    assert text.startswith("![A sheet](data:image/jpeg;base64,")
    assert text.endswith(") *Broken*")
