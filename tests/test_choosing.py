from app.choosing import candidates_of, choices_of
from engine.label_colours import Ambiguity
from engine.palette import load_palette

FACADES = load_palette("facades")
RED = Ambiguity((255, 0, 0), (5, 2), 100, 5, True)
BLUE = Ambiguity((0, 0, 255), (3,), 40, 3, False)


def test_every_class_can_be_chosen_once_the_likely_ones_first():
    offered = candidates_of(RED, FACADES)
    assert offered[:2] == [5, 2]
    assert sorted(offered) == list(range(FACADES.size))
    names = [FACADES.classes[index].name for index in offered[2:]]
    assert names == sorted(names)


def test_what_was_chosen_is_told_by_colour():
    assert choices_of((RED, BLUE), (2, 3)) == {RED.colour: 2, BLUE.colour: 3}
