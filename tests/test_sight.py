import numpy as np

from app.sight import EDGE, LOST, drawn, told
from engine.palette import load_palette
from engine.seen import Seen

FACADES = load_palette("facades")


def seen(lost: np.ndarray, lost_areas=(), edges=None) -> Seen:
    labels = np.zeros((8, 10), np.uint8)
    labels[:, 5:] = 3
    return Seen(labels, edges, lost, lost_areas)


def test_each_cell_is_a_block_of_its_colour():
    picture = drawn(seen(np.zeros((64, 80), bool)), FACADES)
    assert picture.shape == (64, 80, 3)
    assert (picture[:, :40] == FACADES.colours[0]).all()
    assert (picture[:, 40:] == FACADES.colours[3]).all()


def test_edges_and_lost_areas_are_marked():
    edges = np.zeros((8, 10), bool)
    edges[:, 4] = True
    lost = np.zeros((64, 80), bool)
    lost[30, 70] = True
    picture = drawn(seen(lost, ((5, 1),), edges), FACADES)
    assert (picture[:, 32:40] == EDGE).all()
    ringed = (picture == LOST).all(axis=2)
    assert ringed[28, 70]
    assert not ringed[30, 70]
    assert not ringed[:, :60].any()


def test_a_large_map_is_shown_smaller_and_its_smallest_speck_still_ringed():
    lost = np.zeros((2048, 1024), bool)
    lost[1001, 501] = True
    picture = drawn(seen(lost, ((5, 1),)), FACADES)
    assert picture.shape == (1024, 512, 3)
    assert (picture == LOST).all(axis=2)[496:506, 246:256].any()


def test_it_is_told_in_words():
    none = np.zeros((64, 80), bool)
    assert told(seen(none), FACADES) == "The model sees the map as 10 x 8 cells. Every area is large enough to be seen."
    many = tuple((index, 9 - index) for index in range(1, 6))
    assert told(seen(none, many), FACADES).endswith("background (8 px), facade (7 px), window (6 px) and 2 more.")
