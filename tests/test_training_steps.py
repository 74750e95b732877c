"""How a step is made: in which precision, with how many pictures at a time, how errors are weighed and averaged."""

import copy
import dataclasses
import json
from itertools import islice

import numpy as np
import pytest
import torch
from models import TINY

from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.palette import load_palette
from engine.training import thrift
from engine.training.course import LOG, append_row
from engine.training.crops import Crop
from engine.training.curve import STEPS, Curve, add_row, drop_later, read_rows
from engine.training.data import Batch, as_batch
from engine.training.group import Group
from engine.training.loop import Pace, Progress, train
from engine.training.loss import losses
from engine.training.recipe import RECIPES, Recipe
from engine.training.state import open_run
from engine.training.trainer import Means, Trainer, adjacent_levels
from engine.types import UserError

FACADES = load_palette("facades")
RECIPE = Recipe(
    network=dataclasses.replace(TINY, learn_sigma=False, prediction="x0"),
    palette="facades",
    images=32,
    batch=4,
    warm_up=2,
    precision="float32",
)
EPS = dataclasses.replace(RECIPE, network=TINY)


def batches(step: int) -> Batch:
    rng = np.random.default_rng(step)
    crops = [
        Crop(rng.integers(0, 255, (16, 16, 3), np.uint8), rng.integers(0, 2, (16, 16)).astype(np.uint8) * 5)
        for _ in range(4)
    ]
    return as_batch(crops, torch.from_numpy(rng.random(4) < 0.2))


def trainer(recipe: Recipe = RECIPE, means: Means | None = None) -> Trainer:
    return Trainer(recipe, batches, torch.tensor([0, 5]), torch.device("cpu"), means or Means())


def after(learner: Trainer, steps: int = 3) -> dict[str, torch.Tensor]:
    """The weights after so many steps."""
    for step in range(steps):
        learner.step(step)
    return learner.network.state_dict()


def assert_close(found: dict, expected: dict, tolerance: float) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=tolerance, rtol=0)


# --- Memory ---


@pytest.mark.parametrize("size", [1, 3])
def test_gradients_of_parts_add_up_to_the_batch_s(size):
    """Adam divides by the gradient's size, so weights would differ a lot where the parts were weighed wrongly."""
    whole, parts = trainer(EPS), trainer(EPS, Means(micro_batch=size))
    losses_ = [(each.step(0).item(), each.step(1).item()) for each in (whole, parts)]
    assert losses_[1] == pytest.approx(losses_[0], abs=1e-6)
    for name, value in whole.optimiser.state_dict()["state"][20].items():
        torch.testing.assert_close(parts.optimiser.state_dict()["state"][20][name], value, atol=1e-6, rtol=1e-3)


def test_checkpointing_learns_the_same():
    dropping = dataclasses.replace(EPS, network=dataclasses.replace(TINY, dropout=0.2))
    assert_close(after(trainer(dropping, Means(checkpointing=True))), after(trainer(dropping)), 1e-6)


def test_checkpointing_holds_less_for_the_gradient():
    """Counted: the numbers that wait for the backward pass."""
    held = {}
    for thrifty in (False, True):
        network, waiting = UNet(TINY), []
        condition = Condition(torch.ones(2, 3, 16, 16), torch.tensor([0, 1, 5]))
        if thrifty:
            thrift.make_thrifty(network)
        run = thrift.forward if thrifty else UNet.__call__
        with torch.autograd.graph.saved_tensors_hooks(lambda x, waiting=waiting: waiting.append(x) or x, lambda x: x):
            run(network, torch.randn(2, 3, 16, 16), torch.tensor([3]), condition)
        held[thrifty] = sum(x.numel() for x in {x.data_ptr(): x for x in waiting if not x.is_leaf}.values())
    assert held[True] < 0.2 * held[False]


# --- Precision ---


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_follows_float32(precision):
    exact, half = trainer(), trainer(dataclasses.replace(RECIPE, precision=precision))
    for step in range(4):
        assert half.step(step).item() == pytest.approx(exact.step(step).item(), rel=0.02)


def test_a_step_whose_gradients_run_over_is_left_out():
    learner = trainer(dataclasses.replace(RECIPE, precision="float16"))
    learner.step(0)  # after it the average is not the weights
    learner.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    before = copy.deepcopy(learner.network.state_dict())
    average = copy.deepcopy(learner.average.state_dict())
    learner.step(1)
    assert learner.scaler.get_scale() == 2.0**59
    assert_close(learner.network.state_dict(), before, 0)
    assert_close(learner.average.state_dict(), average, 0)
    learner.scaler = torch.amp.GradScaler("cpu")
    learner.step(2)
    assert any((learner.network.state_dict()[name] != value).any() for name, value in before.items())


def test_a_resumed_half_precision_run_has_its_scale_again(tmp_path):
    learner = trainer(dataclasses.replace(RECIPE, precision="float16"))
    list(islice(train(learner, tmp_path, Pace(save_seconds=0)), 3))
    learner.scaler.update(512.0)
    state = learner.state(3)
    again = trainer(learner.recipe)
    assert again.restore(state) == 3
    assert again.scaler.get_scale() == 512


# --- Averages ---


def test_every_average_is_the_mean_that_its_decay_says():
    recipe = dataclasses.replace(RECIPE, ema=0.05, more_emas=(0.2, 0.9))
    learner = trainer(recipe)
    name = "input_blocks.0.0.weight"
    expected = {decay: learner.network.state_dict()[name].clone() for decay in (0.05, 0.2, 0.9)}
    for step in range(5):
        learner.step(step)
        now = learner.network.state_dict()[name]
        for decay, mean in expected.items():
            kept = min(decay, (1 + step) / (10 + step))
            expected[decay] = kept * mean + (1 - kept) * now
    for decay, mean in expected.items():
        torch.testing.assert_close(learner.averages[decay].state_dict()[name], mean, atol=1e-6, rtol=0)
    again = trainer(recipe)
    again.restore(learner.state(5))
    assert_close(again.averages[0.9].state_dict(), learner.averages[0.9].state_dict(), 0)
    longer = trainer(dataclasses.replace(RECIPE, ema=0.05, more_emas=(0.999,)))
    longer.restore(learner.state(5))
    assert_close(longer.averages[0.999].state_dict(), learner.average.state_dict(), 0)


def test_a_state_from_before_there_were_several_averages_is_resumed():
    learner = trainer()
    learner.step(0)
    old = {key: value for key, value in learner.state(1).items() if key in ("done", "network", "average", "optimiser")}
    again = trainer()
    assert again.restore(old) == 1
    assert again.step(1).item() == learner.step(1).item()


def test_a_recipe_from_before_is_read_and_means_what_it_meant():
    stored = RECIPE.to_dict()
    for name in ("cropping", "precision", "more_emas", "min_snr"):
        del stored[name]
    read = Recipe.from_dict(json.loads(json.dumps(stored)))
    assert (read.cropping, read.precision, read.more_emas, read.min_snr) == ("ours", "bfloat16", (), 0)
    several = dataclasses.replace(RECIPE, more_emas=(0.99, 0.9999))
    assert Recipe.from_dict(json.loads(json.dumps(several.to_dict()))) == several
    with pytest.raises(UserError, match=r"more_emas = 1\.5 is outside"):
        dataclasses.replace(RECIPE, more_emas=(0.9, 1.5))


def test_the_published_recipe_is_the_published_one():
    recipe = RECIPES["paper"]("ade20k", 151, False)
    network = recipe.network
    assert (network.image_size, network.model_channels, network.channel_mult) == (256, 256, (1, 1, 2, 2, 4, 4))
    assert (network.prediction, network.learn_sigma, network.spade_hidden, network.patch) == ("eps", True, 128, 1)
    assert (recipe.learning_rate, recipe.batch, recipe.ema, recipe.drop_map) == (1e-4, 32, 0.9999, 0)
    assert recipe.rate(0) == recipe.rate(10**6) == 1e-4
    assert RECIPES["paper"]("cityscapes", 35, True).network.aspect == 2


# --- Min-SNR ---


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_min_snr_weighs_the_error_on_x0_alike_whatever_is_predicted(kind):
    """Hang 2023: the loss is min(SNR, gamma) * |x0 - x0'|^2, with SNR = alpha^2 / sigma^2."""
    generator = torch.Generator().manual_seed(0)
    x0, eps, wrong = torch.rand(3, 4, 3, 8, 8, generator=generator, dtype=torch.float64).unbind(0)
    pairs = [adjacent_levels(RECIPE)[i] for i in (30, 200, 500, 950)]
    alpha = torch.tensor([now.alpha for now, _ in pairs]).double().view(-1, 1, 1, 1)
    sigma = torch.tensor([now.sigma for now, _ in pairs]).double().view(-1, 1, 1, 1)
    x = alpha * x0 + sigma * eps
    guess = x0 + 0.1 * wrong  # as eps and as v, the same guess
    eps_guess = (x - alpha * guess) / sigma
    output = {"eps": eps_guess, "v": alpha * eps_guess - sigma * guess, "x0": guess}[kind]
    found = losses(kind, output, x0, eps, x, pairs, min_snr=5.0).loss
    snr = (alpha / sigma).square().flatten()
    expected = torch.minimum(snr, torch.tensor(5.0)) * (0.1 * wrong).square().flatten(1).mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-9)
    assert snr[0] > 5 > snr[-1]


def test_min_snr_leaves_the_variance_s_loss_alone():
    x0, eps = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    now, nxt = adjacent_levels(EPS)[300]
    x, output = now.alpha * x0 + now.sigma * eps, torch.full((1, 6, 4, 4), 0.3)
    plain, weighed = (losses("eps", output, x0, eps, x, [(now, nxt)], min_snr=gamma) for gamma in (0.0, 0.01))
    assert weighed.vb == plain.vb
    assert weighed.loss < plain.loss


# --- Tables ---


def test_a_table_has_every_step_once_after_a_kill(tmp_path):
    curve = Curve(tmp_path, 0)
    for step in range(1, 8):
        curve.add(step, step / 10, 1e-4)
    curve.flush()
    with (tmp_path / STEPS).open("a", encoding="utf-8") as file:
        file.write("8,0.")  # cut short by the kill
    curve = Curve(tmp_path, 5)
    curve.add(6, 0.6, 1e-4)
    curve.close()
    rows = read_rows(tmp_path / STEPS)
    assert [(int(row["step"]), float(row["loss"])) for row in rows] == [(s, s / 10) for s in range(1, 7)]
    assert (tmp_path / STEPS).read_text(encoding="utf-8").count("step") == 1


@pytest.mark.parametrize("left", ["", "step,lo", "step,loss,rate\r\n", "step,loss,rate\r\n1,0."])
def test_a_table_that_a_kill_left_without_a_row_gets_its_heading(tmp_path, left):
    """As in the first second of a run: made, and nothing in it yet."""
    for name in (STEPS, "log.csv"):
        (tmp_path / name).write_text(left, encoding="utf-8", newline="")
    curve = Curve(tmp_path, 0)
    curve.add(1, 0.5, 1e-4)
    curve.close()
    add_row(tmp_path / "log.csv", {"step": 1, "loss": 0.5})
    for name in (STEPS, "log.csv"):
        assert [(row["step"], row["loss"]) for row in read_rows(tmp_path / name)] == [("1", "0.5")]


def test_a_run_killed_before_its_last_row_gets_it_when_it_is_opened_again(tmp_path):
    """What was saved is the last state; the row would have come after the validation."""
    curve = Curve(tmp_path, 0)
    curve.add(1, 0.5, 1e-4)
    curve.add(2, 0.25, 1e-4)
    curve.close()
    add_row(tmp_path / LOG, {"step": 1, "loss": 0.5, "right": 0.2})
    for _ in range(2):  # the second time it is there
        append_row(tmp_path, Progress(2, 2, None, 0.0, saved=True), {"right": 0.1})
        assert read_rows(tmp_path / LOG) == [
            {"step": "1", "loss": "0.5", "right": "0.2"},
            {"step": "2", "loss": "0.25", "right": "0.1"},
        ]


def test_what_a_kill_left_unfinished_is_taken_away(tmp_path):
    for name in ("state.pt.part", ".model-0123.tmp", "sheets/.0001-0123.tmp", "kept.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    open_run(tmp_path, RECIPE, FACADES).close()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"kept.tmp", "recipe.json", "palette.json", ".lock"}


def test_rows_with_new_columns_fit_an_old_table(tmp_path):
    path = tmp_path / "log.csv"
    add_row(path, {"step": 1, "loss": 0.5})
    add_row(path, {"step": 2, "loss": 0.4, "right_ema_0.99": 0.1})
    add_row(path, {"step": 3, "loss": 0.3, "right_ema_0.99": 0.2})
    assert [row["right_ema_0.99"] for row in read_rows(path)] == ["", "0.1", "0.2"]
    drop_later(path, 2)
    assert [row["step"] for row in read_rows(path)] == ["1", "2"]


def test_the_curve_is_thinned_on_request(tmp_path):
    list(train(trainer(), tmp_path, Pace(log_every=3)))
    assert [row["step"] for row in read_rows(tmp_path / STEPS)] == ["3", "6"]


def test_a_batch_is_shared_out_evenly_or_refused():
    with pytest.raises(UserError, match=r"A batch of 4 can't be shared out evenly among 3 processes\. Use --batch 3\."):
        Group(0, 3).check_batch(4)
    Group(1, 2).check_batch(4)
