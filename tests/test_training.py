import csv
import dataclasses
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from models import TINY

from engine.checkpoint import load_checkpoint
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.training.data import Sampler
from engine.training.layouts import find_held_out, find_pairs
from engine.training.loop import Pace, train
from engine.training.loss import discretised_log_likelihood, losses
from engine.training.pairs import Pair, census, load_pairs, read_weights
from engine.training.recipe import Recipe, small_recipe
from engine.training.run import CHECKPOINT, Run, TrainRequest
from engine.training.state import load_state, open_run, save_state
from engine.training.trainer import Trainer, adjacent_levels, condition_maps
from engine.training.validate import validation_errors
from engine.types import UserError
from engine.writing import save_png

FACADES = load_palette("facades")
RECIPE = Recipe(
    network=dataclasses.replace(TINY, learn_sigma=False, prediction="x0"),
    palette="facades",
    images=48,
    batch=4,
    warm_up=2,
)


def coloured_pairs(count: int = 6, size: int = 24) -> list[Pair]:
    """A world that can be learnt at once: the left of a picture is one of two classes, each with its own grey."""
    pairs = []
    for i in range(count):
        labels = np.full((size, size), 1, np.uint8)
        labels[:, : size // 2] = 5 + i % 2
        photo = np.where(labels[..., None] == 5, 220, np.where(labels[..., None] == 6, 30, 128))
        pairs.append(Pair(f"p{i}", np.broadcast_to(photo, (size, size, 3)).astype(np.uint8), labels, i / count))
    return pairs


def trainer(recipe: Recipe = RECIPE) -> Trainer:
    sampler = Sampler(coloured_pairs(), recipe, FACADES.unlabelled, FACADES.mirrored)
    return Trainer(recipe, sampler, torch.tensor([0, 1, 5, 6]), torch.device("cpu"))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A data set on disk, with a val split beside the train split."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for pair in coloured_pairs(3):
            save_png(tmp_path / "data" / split / "images" / f"{pair.name}.png", pair.photo, {})
            save_label_map(tmp_path / "data" / split / "labels" / f"{pair.name}.png", pair.labels, FACADES)
    return tmp_path / "data"


# --- Data ---


def test_a_step_s_batch_is_a_function_of_seed_and_step():
    sampler = Sampler(coloured_pairs(), RECIPE, 0, FACADES.mirrored)
    again = Sampler(coloured_pairs(), RECIPE, 0, FACADES.mirrored)
    assert torch.equal(sampler(7).photos, again(7).photos)
    assert not torch.equal(sampler(7).labels, sampler(8).labels)


def test_photo_and_map_are_cropped_and_flipped_together():
    sampler = Sampler(coloured_pairs(), dataclasses.replace(RECIPE, clear_classes=0), 0, FACADES.mirrored)
    for step in range(5):
        batch = sampler(step)
        for label, grey in ((5, 220), (6, 30), (1, 128)):
            shown = batch.photos.permute(0, 2, 3, 1)[batch.labels == label]
            if len(shown):
                assert (shown.median() - (grey / 127.5 - 1)).abs() < 0.02


def test_a_flip_swaps_left_and_right_classes():
    faces = load_palette("celebamask_hq")
    left = faces.index_of("left eye")
    pair = Pair("face", np.zeros((16, 16, 3), np.uint8), np.full((16, 16), left, np.uint8))
    recipe = dataclasses.replace(RECIPE, clear_classes=0, batch=32)
    seen = set(Sampler([pair], recipe, 0, faces.mirrored)(0).labels.unique().tolist())
    assert seen == {left, faces.index_of("right eye")}


def test_favoured_photos_are_drawn_more_often():
    pairs = coloured_pairs(2)
    sampler = Sampler(pairs, dataclasses.replace(RECIPE, favour=4.0), 0, FACADES.mirrored, np.array([0.0, 1.0]))
    assert sampler.chances.tolist() == pytest.approx([0.2, 0.8])


def test_some_maps_lose_classes_and_some_are_dropped_whole():
    recipe = dataclasses.replace(RECIPE, clear_classes=1.0, drop_map=0.5, batch=64)
    batch = Sampler(coloured_pairs(), recipe, 0, FACADES.mirrored)(0)
    cleared = (batch.labels == 0).flatten(1).any(1)
    assert 0.2 < cleared.float().mean() < 1
    assert 0.3 < batch.null.float().mean() < 0.7
    maps = condition_maps(batch, recipe, torch.tensor([0, 1, 5, 6]))
    assert not maps[batch.null].any()
    assert (maps[~batch.null].sum(1) == 1).all()


def test_pairs_are_read_from_a_folder(folder):
    pairs = load_pairs(folder, FACADES, short_side=20)
    assert [pair.name for pair in pairs] == ["p0", "p1", "p2"]
    assert pairs[0].labels.shape == (20, 20)
    assert set(np.unique(pairs[0].labels)) == {1, 5}
    assert find_held_out(folder).folder == folder / "val"
    assert find_held_out(folder / "train").folder == folder / "val"
    assert find_held_out(folder / "val") is None
    assert census(pairs, FACADES.size).sum() == pytest.approx(1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_weights_come_from_an_index_beside_the_splits(folder, encoding):
    (folder / "index.tsv").write_text("name\tnatural_share\np0\t0.25\n", encoding=encoding)
    assert read_weights(folder / "train") == {"p0": 0.25}
    assert load_pairs(folder / "train", FACADES, 20)[0].weight == 0.25


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("name\tweight\np0\tmuch\n", "line 2: the weight “much” is not a number"),
        ("name\tweight\np0\t0.5\np1\n", "line 3: the weight “” is not a number"),
        ("name\tweight\np0\t-2\n", "from 0 to 1"),
        ("photo\tweight\np0\t0.5\n", "none called name"),
    ],
)
def test_a_faulty_index_is_named(folder, table, words):
    (folder / "index.tsv").write_text(table, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        read_weights(folder / "train")


def test_a_pair_that_does_not_fit_is_named(folder):
    (folder / "train" / "labels" / "p1.png").unlink()
    with pytest.raises(UserError, match=r"p1\.png has no label map"):
        load_pairs(folder / "train", FACADES, 20)
    save_label_map(folder / "train" / "labels" / "p1.png", np.zeros((8, 9), np.uint8), FACADES)
    with pytest.raises(UserError, match=r"is 24 x 24 px, its map p1\.png 9 x 8"):
        load_pairs(folder / "train", FACADES, 20)
    with pytest.raises(UserError, match="holds no images/ and labels/"):
        find_pairs(folder / "val" / "images", "train")


# --- Loss ---


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_the_perfect_output_has_no_loss(kind):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.rand(2, 2, 3, 4, 4, generator=generator).unbind(0)
    pairs = [adjacent_levels(RECIPE)[i] for i in (100, 900)]
    alpha = torch.tensor([now.alpha for now, _ in pairs]).view(-1, 1, 1, 1)
    sigma = torch.tensor([now.sigma for now, _ in pairs]).view(-1, 1, 1, 1)
    x = alpha * x0 + sigma * eps
    output = {"eps": eps, "v": alpha * eps - sigma * x0, "x0": x0}[kind]
    assert losses(kind, output, x0, eps, x, pairs).loss.abs().max() < 1e-9
    v_error = losses("v", alpha * eps - sigma * x0 + 0.1, x0, eps, x, pairs).loss
    torch.testing.assert_close(v_error, torch.full((2,), 0.01), atol=1e-6, rtol=0)


def test_x0_and_v_losses_are_one_loss():
    """An x0 that is off by d makes a v that is off by d / sigma."""
    x0, eps = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    pair = adjacent_levels(RECIPE)[500]
    x = pair[0].alpha * x0 + pair[0].sigma * eps
    by_x0 = losses("x0", x0 + 0.2, x0, eps, x, [pair]).loss
    v = pair[0].alpha * eps - pair[0].sigma * x0
    by_v = losses("v", v - 0.2 / pair[0].sigma, x0, eps, x, [pair]).loss
    torch.testing.assert_close(by_x0, by_v)


def test_the_likelihood_of_all_values_sums_to_one():
    values = torch.linspace(-1, 1, 256, dtype=torch.float64)
    mean, log_scale = torch.full_like(values, 0.3), torch.full_like(values, -1.0)
    assert discretised_log_likelihood(values, mean, log_scale).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_the_variance_s_loss_does_not_teach_eps():
    output = torch.zeros(1, 6, 4, 4, requires_grad=True)
    x0, eps = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    now, nxt = adjacent_levels(RECIPE)[300]
    found = losses("eps", output, x0, eps, now.alpha * x0 + now.sigma * eps, [(now, nxt)])
    (gradient,) = torch.autograd.grad(found.vb.sum(), output)
    assert not gradient[:, :3].any()
    assert gradient[:, 3:].any()


# --- Loop ---


def test_training_learns_what_the_map_says():
    learner = trainer(dataclasses.replace(RECIPE, images=480, learning_rate=3e-3, drop_map=0.2))
    before = validation_errors(learner.average, coloured_pairs(), RECIPE)
    assert before.wins <= 0.5
    for step in range(120):
        learner.step(step)
    after = validation_errors(learner.average, coloured_pairs(), RECIPE)
    assert after.right < 0.5 * before.right
    assert after.right < 0.7 * after.wrong
    assert after.right < 0.9 * after.null
    assert after.wins == 1
    assert str(after).endswith("(right below wrong in 100 % of pairs)")


def test_noise_and_level_are_new_at_every_step_and_the_same_at_the_same():
    learner = trainer()
    batch = learner.batches(0)
    first, again, other = (learner._losses(batch, learner._draw(step)).sum().item() for step in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_run_killed_and_resumed_equals_one_that_was_not(tmp_path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = trainer()
    losses_whole = [p.loss for p in train(whole, tmp_path / "whole")]
    assert len(losses_whole) == RECIPE.steps == 12

    first = trainer()
    progress = train(first, tmp_path / "cut", Pace(save_seconds=0))
    losses_cut = [p.loss for p in islice(progress, 5)]
    state = (tmp_path / "cut" / "state.pt").read_bytes()
    progress.close()
    (tmp_path / "cut" / "state.pt").write_bytes(state)  # as if killed: what closing saved is gone

    second = trainer()
    losses_cut += [p.loss for p in train(second, tmp_path / "cut")]
    assert losses_cut == pytest.approx(losses_whole, abs=0)
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(second.average.state_dict()[name], value, atol=0, rtol=0)


def test_stopping_saves_the_last_step(tmp_path):
    progress = train(trainer(), tmp_path, Pace(save_seconds=1e9))
    list(islice(progress, 3))
    progress.close()
    assert load_state(tmp_path)["done"] == 3


def test_weights_that_ran_away_end_the_run_and_never_take_the_place_of_the_last_state(tmp_path):
    learner = trainer(dataclasses.replace(RECIPE, images=400))
    plain = learner.step
    learner.step = lambda index: plain(index) * (1 if index < 4 else float("nan"))
    progress = train(learner, tmp_path, Pace(save_seconds=0))
    with pytest.raises(UserError, match=r"loss is nan since step 5.*lower --lr"):
        list(progress)
    assert load_state(tmp_path)["done"] == 4


def test_a_loss_that_is_no_number_once_is_passed_over(tmp_path):
    """As half precision has it now and then; the state is saved again when it is over."""
    learner = trainer()
    plain = learner.step
    learner.step = lambda index: plain(index) * (float("inf") if index == 4 else 1)
    saved = {p.step: p.saved for p in train(learner, tmp_path, Pace(save_seconds=0))}
    assert [step for step, is_saved in saved.items() if not is_saved] == [5]
    learner.step = lambda index: plain(index) * float("nan")
    (tmp_path / "last").mkdir()
    with pytest.raises(UserError, match="since step 1:"):
        list(train(learner, tmp_path / "last"))
    assert load_state(tmp_path / "last") is None


def test_a_state_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    save_state(tmp_path, {"done": 1})

    def broken(state, path):
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(UserError, match=r"state\.pt can't be written: disk full.*last state"):
        save_state(tmp_path, {"done": 2})
    assert load_state(tmp_path) == {"done": 1}


def test_another_network_does_not_resume_a_run(tmp_path):
    other = dataclasses.replace(RECIPE, network=dataclasses.replace(RECIPE.network, spade_hidden=16))
    open_run(tmp_path, other, FACADES).close()
    open_run(tmp_path, RECIPE, FACADES).close()  # nothing was trained yet, so nothing is in the way
    save_state(tmp_path, {"done": 1})
    with pytest.raises(UserError, match=r"holds a run with another network: spade_hidden was 8, now 16\."):
        open_run(tmp_path, other, FACADES)
    with open_run(tmp_path, dataclasses.replace(RECIPE, images=96), FACADES):
        assert json.loads((tmp_path / "recipe.json").read_text(encoding="utf-8"))["images"] == 96
    (tmp_path / "recipe.json").write_text('{"images"', encoding="utf-8")
    with pytest.raises(UserError, match=r"recipe\.json can't be read"):
        open_run(tmp_path, RECIPE, FACADES)


def test_two_processes_do_not_share_a_run(tmp_path):
    program = (
        "import json, sys; from pathlib import Path\n"
        "from engine.training.state import open_run; from engine.training.recipe import Recipe\n"
        "from engine.palette import load_palette\n"
        "lock = open_run(Path(sys.argv[1]), Recipe.from_dict(json.loads(sys.argv[2])), load_palette('facades'))\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path), json.dumps(RECIPE.to_dict())]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(UserError, match="Another training writes to"):
            open_run(tmp_path, RECIPE, FACADES)
        other.stdin.close()
    open_run(tmp_path, RECIPE, FACADES).close()


def test_a_run_s_folder_is_no_file(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="it is a file"):
        open_run(tmp_path / "run", RECIPE, FACADES)
    with pytest.raises(UserError, match="another --out"):
        open_run(tmp_path / "run" / "inner", RECIPE, FACADES)


def test_a_state_that_was_cut_short_is_named(tmp_path):
    save_state(tmp_path, {"done": 1})
    whole = (tmp_path / "state.pt").read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "state.pt").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"state\.pt can't be read"):
            load_state(tmp_path)


def test_the_learning_rate_warms_up_and_falls_at_the_end():
    recipe = dataclasses.replace(RECIPE, images=4000, warm_up=10, learning_rate=1.0, decay_from=0.5)
    assert recipe.rate(0) == pytest.approx(0.1)
    assert recipe.rate(400) == recipe.rate(499) == 1.0
    assert recipe.rate(750) == pytest.approx(0.525)
    assert recipe.rate(1000) == pytest.approx(0.05)


def test_a_recipe_survives_storage_and_names_what_is_wrong():
    recipe = small_recipe("facades", 13, False)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    with pytest.raises(UserError, match="colour"):
        Recipe.from_dict({**recipe.to_dict(), "colour": 1})
    with pytest.raises(UserError, match=r"drop_map = 2 is outside 0 to 0\.9"):
        dataclasses.replace(recipe, drop_map=2)
    for name, value, words in (
        ("diffusion_steps", "x", "diffusion_steps = 'x' is not a whole number"),
        ("diffusion_steps", 1, "diffusion_steps = 1 is outside 25"),
        ("learning_rate", [1], "is not a number"),
        ("schedule", "square", "is not linear or cosine"),
        ("palette", 3, "is not a text"),
        ("network", 5, "The network configuration is 5"),
    ):
        with pytest.raises(UserError, match=words):
            Recipe.from_dict({**recipe.to_dict(), name: value})


# --- A whole run ---


def test_a_run_leaves_a_model_a_log_and_sheets(folder, tmp_path):
    out = tmp_path / "run"
    recipe = dataclasses.replace(RECIPE, images=12)
    run = Run(TrainRequest(folder, FACADES, recipe, out, licence="for tests"))
    assert run.warnings == []
    reports = list(run.reports())
    assert [report.progress.step for report in reports] == [1, 2, 3]
    last = reports[-1]
    assert last.errors is not None
    assert last.sheet.is_file()
    network, description = load_checkpoint(out / CHECKPOINT)
    assert network.config == RECIPE.network
    assert description.facts["images_seen"] == 12
    assert description.facts["class_share"]["background"] == pytest.approx(0.5)
    assert description.facts["validation_eps_error"]["right"] == pytest.approx(last.errors.right)
    assert description.facts["validation"] == "held-out pairs"
    log = (out / "log.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(log.splitlines())
    assert (row["step"], float(row["wins"])) == ("3", last.errors.wins)

    (out / CHECKPOINT).unlink()  # as if killed between the last step and the export
    (again,) = Run(TrainRequest(folder, FACADES, recipe, out)).reports()
    assert again.progress.step == again.progress.steps == 3
    assert again.progress.loss is None
    assert again.errors == last.errors
    assert (out / "log.csv").read_text(encoding="utf-8") == log
    assert (out / CHECKPOINT).is_file()


def test_whatever_is_cropped_runs_are_validated_on_the_same_pixels(folder, tmp_path):
    """Photos that were made smaller twice are softer, and runs that hold them otherwise would not compare."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    for split in ("train", "val"):
        save_png(folder / split / "images" / "p0.png", noise, {})
        save_label_map(folder / split / "labels" / "p0.png", np.ones((90, 90), np.uint8), FACADES)
    held = []
    for crop in (0.4, 0.9):
        request = TrainRequest(folder, FACADES, dataclasses.replace(RECIPE, crop=crop), tmp_path / f"run-{crop}")
        run = Run(request)
        held.append((run.data.pairs[0].photo, run.data.validation[0].photo))
        run.lock.close()
    (loose, first), (tight, second) = held
    assert len(loose) > len(tight)
    assert np.array_equal(first, second)


def test_what_was_guessed_and_what_is_missing_is_told(folder, tmp_path):
    snapped = np.full((24, 24, 3), 250, np.uint8)
    snapped[..., 1:] = 2
    save_png(folder / "train" / "labels" / "p1.png", snapped, {})
    (folder / "val").rename(folder / "elsewhere")
    run = Run(TrainRequest(folder, FACADES, RECIPE, tmp_path / "run"))
    maps, validation = run.warnings
    assert maps.startswith(f"1 of 3 label maps in {folder / 'train'} had to be guessed in part, first p1.png: Read by")
    assert validation.endswith("validated on training pairs.")
    assert not run.data.held_out
    run.lock.close()
    request = TrainRequest(folder, FACADES, RECIPE, tmp_path / "other", validation=folder / "nowhere")
    with pytest.raises(UserError, match="nowhere does not exist"):
        Run(request)
    assert not (tmp_path / "other").exists()
