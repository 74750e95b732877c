"""What a running app hands out, and what it doesn't."""

from __future__ import annotations

import dataclasses
import threading
import urllib.error
import urllib.request

import pytest
from models import tiny_model

import app.serving
from app.handlers import Desk
from app.index_file import FILE
from app.ui import Page


@pytest.fixture
def address(tmp_path, monkeypatch):
    """The URL of an app that keeps its results in a folder of the test's."""
    desk = Desk(tmp_path / "outputs", lambda name, *_: dataclasses.replace(tiny_model(), name=name))
    pages, opened = [], threading.Event()

    def page_of(_, offers):
        pages.append(Page(desk, offers))
        pages[0].blocks.block_thread = opened.set
        return pages[0]

    monkeypatch.setattr(app.serving, "Desk", lambda **_: desk)
    monkeypatch.setattr(app.serving, "Page", page_of)
    monkeypatch.setattr(app.serving, "warm_up", lambda *_: None)
    app.serving.serve("127.0.0.1", None, None, open_browser=False)
    assert opened.is_set()
    yield pages[0].blocks.local_url
    pages[0].blocks.close()


def status_of(url: str) -> int:
    try:
        return urllib.request.urlopen(url, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


def test_results_are_handed_out_and_neither_the_index_nor_anything_else(address, tmp_path):
    outputs = tmp_path / "outputs"
    outputs.mkdir(exist_ok=True)
    for file in (outputs / "result.png", outputs / FILE, tmp_path / "elsewhere.png"):
        file.write_bytes(b"content") if not file.exists() else None
    served = {
        file.name: status_of(f"{address}gradio_api/file={file.as_posix()}")
        for file in (outputs / "result.png", outputs / FILE, tmp_path / "elsewhere.png")
    }
    assert served == {"result.png": 200, FILE: 403, "elsewhere.png": 403}
