"""What the Results component asks and is told, without a browser."""

import base64
import io
import json

import numpy as np
import pytest
from gallery import ADE, added, map_of
from PIL import Image

from app.history import History
from app.modules import STATIC, script
from app.results import PAGE, Results, answers, told
from engine.label_files import read_label_map
from engine.types import UserError


@pytest.fixture
def history(tmp_path) -> History:
    return History(tmp_path / "outputs")


@pytest.fixture
def server(history):
    """The functions that the browser can call, by name."""

    def keep(draft):
        if draft != "d1":
            raise UserError("That draft is no longer held.")
        return added(history, 5)

    return {each.__name__: each for each in answers(history, keep)}


def test_all_answers_are_reachable_and_none_hides_something_of_the_component(history, server):
    results = Results(history, lambda key: None)
    for name in server:
        assert getattr(results, name)._is_server_fn
        assert name not in dir(Results)


def test_an_entry_is_told_as_plain_data(history):
    entry = added(history, 7, "sky", "tree", guidance=3.0)
    seen = json.loads(json.dumps(told(entry)))
    assert (seen["seed"], seen["guidance"], seen["sampler"]) == (7, 3.0, "DPM-Solver++ 2M SDE")
    assert (seen["classes"], seen["name"]) == (["sky", "tree"], entry.path.name)
    assert seen["url"] == f"gradio_api/file={entry.path}"
    assert seen["made"].endswith("+00:00")
    assert base64.b64decode(seen["thumb"].partition(",")[2]) == entry.thumb


def test_search_comes_in_pages_that_say_whether_there_are_more(history, server):
    for seed in range(PAGE + 3):
        added(history, seed)
    first = server["search"]({"text": "sky"})
    assert (len(first["entries"]), first["more"]) == (PAGE, True)
    rest = server["search"]({"text": "sky", "before": first["entries"][-1]["id"]})
    assert ([each["seed"] for each in rest["entries"]], rest["more"]) == ([2, 1, 0], False)


def test_marks_deletion_and_restoring_answer_with_the_entries(history, server):
    entry = added(history, 7)
    assert server["set_marks"]({"id": entry.id, "favourite": True})["entry"]["favourite"]
    assert server["search"]({"favourites": True})["entries"][0]["id"] == entry.id
    (deleted,) = server["delete_pictures"]({"ids": [entry.id]})["entries"]
    assert deleted["deleted"]
    assert "/deleted/" in deleted["url"]
    assert server["search"]({})["entries"] == []
    (restored,) = server["restore_pictures"]({"ids": [entry.id]})["entries"]
    assert restored["favourite"]
    assert server["entry"]({"id": entry.id})["entry"] == restored


def test_the_map_of_a_picture_is_a_label_map_file_in_display_colours(history, server):
    entry = added(history, 7, "sky", "tree")
    data = base64.b64decode(server["map_of"]({"id": entry.id})["url"].partition(",")[2])
    labels = map_of("sky", "tree")
    assert np.array_equal(read_label_map(data, ADE).labels, labels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), ADE.colours[labels])


def test_spread_last_run_and_kept_drafts(history, server):
    entries = [added(history, seed, run="r") for seed in (1, 2, 3)]
    found = server["spread"]({"ids": [entry.id for entry in entries]})
    assert found["url"].startswith("data:image/jpeg;base64,")
    assert found["low"] == 0 < found["high"]
    assert found["unit"] == "ΔE"
    heat = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["url"].partition(",")[2]))))
    assert heat[:, :24].mean() < 20 < 200 < heat[:, 40:].mean()  # alike on the left, each another colour on the right
    assert [each["seed"] for each in server["last_run"]({})["entries"]] == [1, 2, 3]
    assert server["keep_draft"]({"draft": "d1"})["entry"]["seed"] == 5


def test_pictures_of_two_sizes_have_no_spread_and_large_ones_are_looked_at_small(history, server):
    ids = [added(history, seed, size=(300, 1200)).id for seed in (1, 2)]
    url = server["spread"]({"ids": ids})["url"]
    assert Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size == (512, 128)
    ids.append(added(history, 3).id)
    assert "64 x 48 and 1200 x 300 px" in server["spread"]({"ids": ids})["error"]
    assert "65 results are more than can be compared, 64" in server["spread"]({"ids": ids[:1] * 65})["error"]


@pytest.mark.parametrize(
    ("name", "asked", "text"),
    [
        ("entry", {"id": "nonesuch"}, "no picture 'nonesuch'"),
        ("entry", {"id": ["a"]}, "which is no text"),
        ("entry", "nonsense", "no picture ''"),
        ("delete_pictures", {"ids": "abc"}, "no list of up to 1000 pictures"),
        ("delete_pictures", {"ids": ["a"] * 1001}, "no list of up to 1000 pictures"),
        ("spread", {"ids": []}, "0 finished results can't differ"),
        ("keep_draft", {"draft": "gone"}, "no longer held"),
        ("set_marks", {}, "no picture ''"),
    ],
)
def test_problems_are_answers_with_a_text(server, name, asked, text):
    assert text in server[name](asked)["error"]


def test_what_goes_wrong_inside_is_told_too(history, server, monkeypatch, caplog):
    monkeypatch.setattr(history, "get", lambda id: 1 / 0)
    assert server["entry"]({"id": "a"})["error"].startswith("This went wrong inside (division by zero)")
    assert "entry failed" in caplog.text


def test_only_known_actions_come_in(history):
    results = Results(history, lambda key: None)
    assert results.preprocess({"action": "use", "id": "a", "more": 1}) == {"action": "use", "id": "a"}
    for nothing in (None, "", {"run": "r", "cells": []}):
        assert results.preprocess(nothing) is None
    with pytest.raises(UserError, match="asked for 'format'"):
        results.preprocess({"action": "format", "id": "a"})
    with pytest.raises(UserError, match="which is no text"):
        results.preprocess({"action": "use", "id": 3})


def test_the_script_fetches_every_module_and_imports_one():
    text = script("results/results.js", ".there", {"id": "x"})
    for path in STATIC.rglob("*.js"):
        assert f"gradio_api/file={path.as_posix()}" in text
    assert f'import(at("gradio_api/file={(STATIC / "results" / "results.js").as_posix()}"))' in text
    assert '{"id": "x"}' in text
