import base64
import io
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
from PIL import Image

from app.feed import CELL_SIDE, PACE, SHOWN_SIDE, address, message, paced, said_once
from app.handlers import Cell, Status, Update

LARGE = np.zeros((600, 1500, 3), np.uint8)


def size_in(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def test_one_message_holds_the_whole_state_of_a_run():
    entry = SimpleNamespace(id="e1", path=Path("/out puts/a#1.png"), favourite=True, rejected=False)
    cells = (Cell(7, "forming", LARGE), Cell(8, "forming", LARGE), Cell(9), Cell(10, "done", LARGE, entry))
    told = message(Update(Status("Step 2", "busy", 0.5), "r1", cells, (600, 1500)))
    assert (told["run"], told["text"], told["share"], told["width"], told["height"]) == ("r1", "Step 2", 0.5, 1500, 600)
    first, second, third, fourth = told["cells"]
    assert size_in(first["url"])[0] == SHOWN_SIDE
    assert size_in(second["url"]) == (CELL_SIDE, CELL_SIDE * 600 // 1500)
    assert third == {"seed": 9, "state": "waiting"}
    assert fourth == {
        "seed": 10, "state": "done", "id": "e1", "url": "gradio_api/file=/out%20puts/a%231.png",
        "favourite": True, "rejected": False,
    }  # fmt: skip


def test_a_draft_names_what_it_can_be_kept_by_and_later_messages_count_higher():
    update = Update(Status("", "done"), "r1", (Cell(7, "done", LARGE[:8, :8], draft="d1"),), (8, 8))
    earlier, later = message(update), message(update)
    assert earlier["cells"][0]["draft"] == "d1"
    assert size_in(earlier["cells"][0]["url"]) == (8, 8)
    assert later["seq"] > earlier["seq"]


def test_an_address_is_relative_to_the_page():
    assert address(Path("/a/b.png")) == "gradio_api/file=/a/b.png"


def moments(*told: tuple[float, str, int]) -> list[int]:
    """Which of a run's moments, each (seconds, kind, finished pictures), reach the page."""
    clock = SimpleNamespace(seconds=0.0)

    def run():
        for i, (clock.seconds, kind, done) in enumerate(told):
            yield Update(Status(str(i), kind), "r", (Cell(1, "done"),) * done + (Cell(2, "forming"),))

    return [int(update.status.text) for update in paced(run(), lambda: clock.seconds)]


def test_moments_that_come_too_soon_are_left_out_but_never_an_end():
    soon = PACE / 4
    assert moments((0, "busy", 0), (soon, "busy", 0), (2 * soon, "busy", 0), (5 * soon, "busy", 0)) == [0, 3]
    assert moments((0, "busy", 0), (soon, "busy", 1), (2 * soon, "busy", 1)) == [0, 1]
    for kind in ("done", "stopped", "problem"):
        assert moments((0, "busy", 0), (soon, kind, 0)) == [0, 1]


def test_the_last_word_changes_nothing():
    said = list(said_once(lambda text: iter([{"status": text}, {"status": "Done"}]))("Step 1"))
    assert said == [{"status": "Step 1"}, {"status": "Done"}, gr.skip()]
