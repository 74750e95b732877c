import io
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from gallery import added, map_of, picture_of, saved, stored
from PIL import Image

from app.finding import tokens
from app.history import History
from app.index_file import FILE, MIGRATIONS
from engine.images import read_photo, read_request
from engine.record import render_request
from engine.types import UserError
from engine.writing import save_png


@pytest.fixture
def history(tmp_path) -> History:
    return History(tmp_path / "outputs")


def seeds(entries) -> list[int]:
    return [entry.seed for entry in entries]


def test_a_search_for_a_whole_page_of_text_is_one(history):
    added(history, 1)
    assert history.search(" ".join(f"word{number}" for number in range(5000))) == []
    assert seeds(history.search("sky " * 5000)) == [1]


# --- What is told of a picture ---


def test_an_entry_tells_what_made_the_picture(history):
    before = datetime.now(UTC) - timedelta(seconds=1)
    path = saved(history.folder, 7, "sky", "sea", "tree", size=(300, 600), guidance=3.5, steps=20, sampler="ddim")
    entry = history.add(path, read_request(path), "r1")
    assert (entry.path, entry.run, entry.seed, entry.model, entry.palette, entry.kind) == (
        path, "r1", 7, "scenes", "ade20k", "render",
    )  # fmt: skip
    assert (entry.guidance, entry.steps, entry.sampler) == (3.5, 20, "ddim")
    assert entry.classes == ("sky", "sea", "tree")  # by their share; the unlabelled row is no class
    assert (entry.width, entry.height) == (600, 300)
    assert (entry.favourite, entry.rejected, entry.deleted) == (False, False, False)
    assert before < entry.made <= datetime.now(UTC)
    thumb = Image.open(io.BytesIO(entry.thumb))
    assert (thumb.format, thumb.size) == ("JPEG", (256, 128))
    assert np.abs(np.asarray(thumb).astype(int) - read_photo(path)[::2, ::2][:128, :256]).mean() < 12
    assert history.get(entry.id) == entry


def test_a_small_picture_is_not_blown_up(history):
    assert Image.open(io.BytesIO(added(history, 1).thumb)).size == (64, 48)


def test_an_unknown_id_is_said_to_be_unknown(history):
    for ask in (history.get, history.mark, lambda id: history.delete([id])):
        with pytest.raises(UserError, match="no picture 'nonesuch'"):
            ask("nonesuch")


# --- Search ---


@pytest.fixture
def several(history) -> History:
    added(history, 7, "sky", "sea", "boat")
    added(history, 8, "wall", "floor", "bed", guidance=4.0)
    added(history, 77, "sky", "skyscraper", "road", model="my-model", sampler="ddim", steps=30)
    return history


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [77, 8, 7]),
        ("sky", [77, 7]),
        ("Sky  SEA", [7]),
        ("sea bed", []),
        ("skyscr", [77]),  # a beginning
        ("yscraper", []),  # no beginning
        ("bo", [7]),
        ("ocean", [7]),  # a synonym of sea
        ("my-model", [77]),
        ("my-mod", [77]),
        ("scenes", [8, 7]),
        ("ddim", [77]),
        ("dpm-solver++", [8, 7]),
        ("7", [7]),  # numbers count whole
        ("seed 77", [77]),
        ("guidance 4", [8]),
        ("steps 30", [77]),
        ("ade20k", [77, 8, 7]),
        ("100%_'\"", []),
        (f"{datetime.now():%Y-%m-%d}", [77, 8, 7]),
        (f"{datetime.now():%Y-%m}", [77, 8, 7]),
        (f"{datetime.now():%B}", [77, 8, 7]),
        ("1999-01", []),
    ],
)
def test_words_are_looked_for_together(several, text, found):
    assert seeds(several.search(text)) == found


def test_a_word_that_names_a_class_is_that_word_and_no_beginning(history):
    added(history, 1, "sky", "swivel chair")
    added(history, 2, "skyscraper", "road")
    assert seeds(history.search("sky")) == [1]
    assert seeds(history.search("sk")) == [2, 1]


def test_tokens_keep_dates_numbers_and_names_whole():
    assert tokens("Sky, (my-model_2)  2026-11-21; 2.5. dpm-solver++") == [
        "sky", "my-model_2", "2026-11-21", "2.5", "dpm-solver++",
    ]  # fmt: skip


def test_favourites_are_found_by_mark_and_by_word(several):
    chosen = several.search("boat")[0]
    assert several.mark(chosen.id, favourite=True).favourite
    assert seeds(several.search(favourites=True)) == seeds(several.search("Favourites")) == [7]
    assert several.search("favourite bed") == []
    assert several.mark(chosen.id, rejected=True).favourite  # the one mark leaves the other
    assert several.mark(chosen.id, favourite=False).rejected
    assert several.search("favourite") == []


def test_pages_join_without_gap_or_repetition_even_in_one_instant(history, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr("app.history.datetime", Stopped)
    for seed in range(7):
        added(history, seed)
    collected, last = [], None
    while page := history.search(before=last, limit=3):
        collected += seeds(page)
        last = page[-1].id
    assert collected == [6, 5, 4, 3, 2, 1, 0]


def test_the_last_run_comes_in_its_order_without_what_was_deleted(history):
    added(history, 1, run="earlier")
    of_run = [added(history, seed, run="later") for seed in (5, 6, 7)]
    history.delete([of_run[1].id])
    assert seeds(history.last_run()) == [5, 7]


# --- Deleting ---


def test_a_deleted_picture_waits_and_comes_back_whole(history):
    entry = added(history, 7)
    content = entry.path.read_bytes()
    (deleted,) = history.delete([entry.id])
    assert not entry.path.exists()
    assert deleted.path == history.folder / "deleted" / entry.path.relative_to(history.folder)
    assert deleted.path.read_bytes() == content
    assert history.search() == []
    assert seeds(history.search(deleted=True)) == [7]
    (again,) = history.delete([entry.id])  # twice is once
    assert again == deleted
    assert history.restore([entry.id]) == [entry]
    assert entry.path.read_bytes() == content
    assert history.search(deleted=True) == []


def test_a_name_that_was_taken_meanwhile_is_not_written_over(history):
    entry = added(history, 7)
    history.delete([entry.id])
    save_png(entry.path, picture_of(8), {})
    (restored,) = history.restore([entry.id])
    assert restored.path == entry.path.with_stem(f"{entry.path.stem}-2")
    assert np.array_equal(read_photo(entry.path), picture_of(8))
    assert np.array_equal(read_photo(restored.path), picture_of(7))


def test_a_file_that_is_gone_cant_be_deleted_and_its_entry_stays(history):
    entry = added(history, 7)
    entry.path.unlink()
    with pytest.raises(UserError, match="can't be moved"):
        history.delete([entry.id])
    assert not history.get(entry.id).deleted


# --- Pictures that come and go by themselves ---


def test_a_scan_takes_in_what_lies_there_and_nothing_twice(history):
    known = added(history, 1)
    path = saved(history.folder, 2, "tree")
    other = history.folder / "2025-03-04" / "050607-scenes-3.png"
    other.parent.mkdir()
    save_png(other, picture_of(3), stored(3))
    (history.folder / "photos").mkdir()
    save_png(history.folder / "photos" / "photo.png", picture_of(4), stored(4))
    save_png(history.folder / "foreign.png", picture_of(5), {"workflow": "another program's"})
    (history.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (history.folder / ".hidden.png").write_bytes(path.read_bytes())
    assert history.scan() == 2
    assert history.scan() == 0
    assert {entry.seed: entry.path for entry in history.search()} == {1: known.path, 2: path, 3: other}
    assert history.search()[-1].made.astimezone().replace(tzinfo=None) == datetime(2025, 3, 4, 5, 6, 7)
    assert history.search("tree")[0].classes == ("tree",)


def test_only_unknown_files_are_read(history, monkeypatch):
    added(history, 1)
    monkeypatch.setattr("app.history.read_request", lambda path: pytest.fail(f"{path} is known"))
    assert history.scan() == 0


def test_what_vanishes_is_hidden_and_shown_again_when_it_is_back(history):
    entry = added(history, 1)
    history.mark(entry.id, favourite=True)
    away = entry.path.rename(history.folder.parent / "away.png")
    history.scan()
    assert history.search() == []
    away.rename(entry.path)
    assert history.scan() == 0
    assert [(each.id, each.favourite) for each in history.search()] == [(entry.id, True)]


def test_a_picture_that_was_moved_by_hand_keeps_its_marks(history):
    entry = added(history, 1)
    history.mark(entry.id, favourite=True)
    (history.folder / "best").mkdir()
    moved = entry.path.rename(history.folder / "best" / entry.path.name)
    history.scan()
    assert [(each.id, each.path, each.favourite) for each in history.search()] == [(entry.id, moved, True)]


def test_a_moved_folder_and_another_start_find_all_again(history, tmp_path):
    entries = [added(history, seed) for seed in (1, 2)]
    history.delete([entries[0].id])
    history.mark(entries[1].id, favourite=True)
    shutil.copytree(history.folder, tmp_path / "elsewhere")
    elsewhere = History(tmp_path / "elsewhere")
    assert elsewhere.scan() == 0
    (shown,) = elsewhere.search()
    assert shown.favourite
    assert shown.path.is_relative_to(tmp_path / "elsewhere")
    assert seeds(elsewhere.restore([entries[0].id])) == [1]
    again = History(history.folder)
    assert again.search() == history.search()


def test_a_scan_beside_a_run_takes_nothing_in_twice(history):
    path = saved(history.folder, 1)
    history.scan()
    entry = history.add(path, stored(1), "r1")
    assert [(each.id, each.run) for each in history.search()] == [(entry.id, "r1")]


# --- The file ---


def test_several_threads_and_two_apps_write_at_once(history):
    problems = []

    def work(of: History, first: int) -> None:
        try:
            for seed in range(first, first + 8):
                entry = of.add(paths[seed], stored(seed), "run")
                of.mark(entry.id, favourite=True)
                of.search("sky")
        except Exception as error:
            problems.append(error)

    paths = [saved(history.folder, seed) for seed in range(32)]
    other = History(history.folder)
    threads = [threading.Thread(target=work, args=(of, 8 * i)) for i, of in enumerate((history, history, other, other))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not problems
    assert sorted(seeds(history.search(favourites=True))) == list(range(32))


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b""])
def test_a_file_that_is_no_database_is_set_aside_and_built_again(history, damage):
    (history.folder).mkdir()
    (history.folder / FILE).write_bytes(damage)
    saved(history.folder, 1, "sky")
    history.scan()
    assert seeds(history.search("sky")) == [1]
    aside = list(history.folder.glob("history-damaged-*.sqlite"))
    assert [each.read_bytes() for each in aside] == ([damage] if damage else [])


def test_damage_met_while_running_loses_no_picture_and_no_mark_that_can_be_read(history):
    entries = [added(history, seed, size=(200, 200)) for seed in range(30)]
    history.mark(entries[0].id, favourite=True)
    history.mark(entries[29].id, rejected=True)
    history.delete([entries[1].id])
    history._do(lambda db: None)
    history._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    history._open.close()
    history._open = None
    path = history.folder / FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 12 * 4096] = bytes(12 * 4096)
    path.write_bytes(content)
    assert sorted(seeds(history.search(limit=100))) == [0, *range(2, 30)]
    assert seeds(history.search(deleted=True)) == [1]
    assert history.get(entries[0].id).favourite
    assert history.get(entries[29].id).rejected
    assert len(list(history.folder.glob("history-damaged-*.sqlite"))) == 1
    assert added(history, 31).id == history.search()[0].id


def test_a_picture_is_safe_where_the_history_cant_be_written(history, caplog):
    (history.folder / FILE).mkdir(parents=True)
    entry = added(history, 7)
    assert (entry.seed, read_photo(entry.path).shape) == (7, (48, 64, 3))
    assert "could not take it in" in caplog.text
    with pytest.raises(UserError, match=r"history in .* can't be used .* pictures themselves are untouched"):
        history.search()
    (history.folder / FILE).rmdir()
    assert history.scan() == 1


def test_versions_are_written_and_a_newer_file_is_used_as_it_is(history):
    added(history, 1)
    with sqlite3.connect(history.folder / FILE) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        db.execute("ALTER TABLE pictures ADD COLUMN mood TEXT DEFAULT 'fine'")
        db.execute("PRAGMA user_version = 99")
    newer = History(history.folder)
    added(newer, 2)
    assert seeds(newer.search()) == [2, 1]
    assert newer._do(lambda db: db.execute("PRAGMA user_version").fetchone()[0]) == 99


def test_a_migration_is_done_once_and_keeps_what_is_there(history, monkeypatch):
    added(history, 1)
    later = (*MIGRATIONS, "ALTER TABLE pictures ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'")
    monkeypatch.setattr("app.index_file.MIGRATIONS", later)
    for _ in range(2):
        migrated = History(history.folder)
        assert migrated._do(lambda db: db.execute("SELECT seed, mood FROM pictures").fetchone()[:]) == (1, "fine")


def test_the_request_of_an_entry_can_be_replayed(history):
    entry = added(history, 7, "sky", "tree")
    assert np.array_equal(render_request(read_request(entry.path)).labels, map_of("sky", "tree"))


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": {"seeds": [2**70], "guidance": 2.0, "steps": 3, "sampler": "ddim"}},
        {"sampling": {"seeds": [7], "guidance": float("nan"), "steps": 3, "sampler": "ddim"}},
        {"sampling": {"seeds": [7], "guidance": 2.0, "steps": float("inf"), "sampler": "ddim"}},
        {"model": "\ud800"},
        {"palette": "\ud800"},
    ],
)
def test_a_foreign_picture_whose_record_no_file_can_hold_is_passed_by(history, change):
    saved(history.folder, 1)
    save_png(history.folder / "foreign.png", picture_of(2), {**stored(2), **change})
    saved(history.folder, 3)
    assert history.scan() == 2
    assert sorted(seeds(history.search())) == [1, 3]
