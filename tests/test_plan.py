"""How a run is fitted into the memory that there is, and how it steps down."""

from dataclasses import replace

import pytest
from models import tiny_model

from engine import plan as planning
from engine.library import Model
from engine.memory import RUN_SHARE, modulation_bytes, state_bytes, step_bytes
from engine.modulation import ModulationCache
from engine.plan import LARGEST_BATCH, Plan, first_plan, next_plan, smaller_window
from engine.sizes import Grid
from engine.types import UserError

GRID = Grid(63, 95, 2)  # padded to (64, 96)


@pytest.fixture(scope="module")
def model() -> Model:
    model = tiny_model()
    return replace(model, cache=ModulationCache(model.network, 2**20))


def planned(model: Model, free: float, pictures: int, monkeypatch, grid: Grid = GRID) -> Plan:
    monkeypatch.setattr(planning, "free_memory", lambda device: int(free))
    return first_plan(model, grid, pictures)


def step_of(model: Model, size: tuple[int, int] = (64, 96)) -> int:
    return step_bytes(model.network.config, *size, 4)


def test_with_room_for_all_it_is_one_batch(model, monkeypatch):
    plan = planned(model, 2**40, 5, monkeypatch)
    assert (plan.batch, plan.cached, plan.window) == (5, True, (64, 96))
    assert plan.free == 2**40
    assert plan.needs == 5 * step_of(model) + 2**20  # of the modulations no more than the cache may hold
    assert planned(model, 2**40, 100, monkeypatch).batch == LARGEST_BATCH["cpu"]
    small = Grid(2, 2, 2)
    needs = step_of(model, (2, 2)) + modulation_bytes(model.network.config, 2, 2, 4)
    assert planned(model, 2**40, 1, monkeypatch, small).needs == needs


@pytest.mark.parametrize(("room", "batch"), [(3.5, 3), (1.01, 1), (8.5, 5)])
def test_a_batch_is_as_large_as_a_share_of_the_memory_allows(model, monkeypatch, room, batch):
    plan = planned(model, room * step_of(model) / RUN_SHARE, 5, monkeypatch)
    assert (plan.batch, plan.window) == (batch, (64, 96))


def test_windows_come_where_not_even_one_picture_fits(model, monkeypatch):
    plan = planned(model, 0.99 * step_of(model) / RUN_SHARE, 5, monkeypatch)
    assert (plan.batch, plan.window) == (1, (64, 48))
    assert plan.needs == step_of(model, (64, 48)) + state_bytes(64, 96) + 2**20


def test_windows_never_fall_below_the_training_size(model, monkeypatch):
    plan = planned(model, 1, 5, monkeypatch)
    assert (plan.batch, plan.window) == (1, (16, 16))


def test_stepping_down_halves_the_batch_then_drops_the_cache_then_shrinks_windows_then_gives_up(model, monkeypatch):
    plan, changes = planned(model, 2**40, 5, monkeypatch), []
    while plan.window != (16, 16):
        before = plan
        plan, change = next_plan(model, plan)
        assert plan != before
        changes.append(change)
    with pytest.raises(UserError, match=r"even for one picture in windows of 16 x 16 px \(1024.0 GB are free\)"):
        next_plan(model, plan)
    assert changes == [
        "2 at a time instead of 5",
        "1 at a time instead of 2",
        "slower, without the modulation cache",
        "in windows of 48 x 64 px",
        "in windows of 48 x 32 px",
        "in windows of 24 x 32 px",
        "in windows of 24 x 16 px",
        "in windows of 16 x 16 px",
    ]


@pytest.mark.parametrize(
    ("window", "smaller"),
    [
        ((64, 96), (64, 48)),
        ((64, 64), (32, 64)),
        ((16, 96), (16, 48)),
        ((2, 44), (2, 22)),
        ((2, 22), (2, 16)),  # half would be less than the training size
        ((22, 16), (16, 16)),
        ((16, 16), None),
        ((2, 10), None),
    ],
)
def test_the_longer_side_is_halved_in_whole_strides(model, window, smaller):
    assert smaller_window(model, window) == smaller


def test_a_window_keeps_two_strides_for_overlap():
    model = tiny_model(channel_mult=(1, 1, 1, 1, 1), image_size=16, attention_resolutions=(1,))
    assert model.network.config.stride == 16
    assert smaller_window(model, (16, 64)) == (16, 32)
    assert smaller_window(model, (16, 32)) is None


def test_a_plan_says_what_it_needs():
    plan = Plan(3, True, (64, 96), 3 * 2**29, 2**33)
    assert plan.text() == "needs about 1.5 GB of 8.0 GB free memory, 3 at a time"
