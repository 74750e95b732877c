"""A file that is saved by another program while it is watched. Each saving is awaited, none is timed."""

import os
import threading

import numpy as np
import pytest

from app import watching
from app.watching import mark_of, watch, while_same
from engine.label_files import save_label_map
from engine.palette import load_palette

ADE, CITY = load_palette("ade20k"), load_palette("cityscapes")
EVERY = 0.01


def save(path, index, palette=ADE):
    save_label_map(path, np.full((8, 8), index, np.uint8), palette)


def class_of(change):
    assert change.problem == ""
    (index,) = np.unique(change.read.labels)
    return index


@pytest.fixture
def file(tmp_path):
    save(tmp_path / "map.png", 1)
    return tmp_path / "map.png"


def test_the_map_comes_at_once_and_after_each_saving(file):
    changes = watch(file, ADE, every=EVERY)
    assert class_of(next(changes)) == 1
    for index in (2, 3, 2):
        save(file, index)
        assert class_of(next(changes)) == index


def test_a_file_that_is_replaced_or_written_in_place(file, tmp_path):
    changes = watch(file, ADE, every=EVERY)
    next(changes)
    save(tmp_path / "new.png", 4)
    os.replace(tmp_path / "new.png", file)
    assert class_of(next(changes)) == 4
    save(tmp_path / "new.png", 5)
    file.write_bytes((tmp_path / "new.png").read_bytes())
    assert class_of(next(changes)) == 5


def test_a_file_that_vanishes_is_told_once_and_comes_back(file):
    changes = watch(file, ADE, every=EVERY)
    next(changes)
    file.unlink()
    assert "map.png is not there" in next(changes).problem
    save(file, 6)
    assert class_of(next(changes)) == 6


def test_a_file_that_is_not_there_yet(tmp_path):
    changes = watch(tmp_path / "map.png", ADE, every=EVERY)
    assert "not there" in next(changes).problem
    save(tmp_path / "map.png", 7)
    assert class_of(next(changes)) == 7


def test_half_a_file_is_a_problem_until_it_is_whole(file):
    changes = watch(file, ADE, every=EVERY)
    next(changes)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "map.png can't be read as an image" in next(changes).problem
    file.write_bytes(whole)
    assert class_of(next(changes)) == 1


class Poll:
    """Stands in for the event: runs a step at every wait instead of waiting, and stops after the last."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def is_set(self):
        return not self.steps

    def wait(self, _):
        self.steps.pop(0)()


def test_a_file_is_read_once_it_rests(file, tmp_path):
    """Grown between every two looks it is not read; after two equal ones it is, once."""
    whole = file.read_bytes()

    def grow(share):
        return lambda: file.write_bytes(whole[: int(len(whole) * share)])

    def rest():
        pass

    steps = [grow(0.2), grow(0.5), grow(0.7), grow(1.0), rest, rest, rest]
    changes = list(watch(file, ADE, stop=Poll(*steps)))
    assert [change.problem for change in changes] == ["", ""]
    assert len(changes) == 2  # as it was, and whole again


def test_a_file_that_changes_while_it_is_read_is_read_again(file, monkeypatch):
    def read_and_save(*given):
        read = read_map(*given)
        if saves:
            save(file, saves.pop())
        return read

    read_map, saves = watching.read_map, [9]
    monkeypatch.setattr(watching, "read_map", read_and_save)
    assert class_of(next(watch(file, ADE, every=EVERY))) == 9


def test_a_map_of_another_palette_is_carried_over(file):
    save(file, CITY.index_of("sky"), CITY)
    change = next(watch(file, ADE, every=EVERY))
    assert class_of(change) == ADE.index_of("sky")


def test_values_outside_the_palette_are_a_problem_and_the_next_saving_is_read(file):
    changes = watch(file, CITY, "cityscapes", every=EVERY)
    assert "painted with ADE20K" in next(changes).problem
    save(file, 7, CITY)
    assert class_of(next(changes)) == 7


def test_it_ends_when_asked(file):
    stop = threading.Event()
    changes = watch(file, ADE, every=EVERY, stop=stop)
    next(changes)
    threading.Timer(0.05, stop.set).start()
    assert list(changes) == []


def test_it_can_be_closed(file):
    changes = watch(file, ADE, every=EVERY)
    next(changes)
    changes.close()
    assert list(changes) == []


def test_work_on_a_map_ends_when_its_file_is_another(file):
    mark, worked = mark_of(file), []
    items = (number for number in range(10))
    for item in while_same(file, mark, items):
        worked.append(item)
        if item == 3:
            save(file, 2)
    assert worked == [0, 1, 2, 3]
    assert list(items) == []  # they are closed, so whoever makes them stops
    assert list(while_same(file, mark_of(file), (each for each in "abc"))) == ["a", "b", "c"]
