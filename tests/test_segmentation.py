"""Segmenters: what they learn from, how they learn, their files, and the maps they give."""

import csv
import dataclasses
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.fidelity import Fidelity, fidelity
from engine.label_files import save_label_map
from engine.palette import load_palette, palette_from, palette_to_json
from engine.segmentation import files
from engine.segmentation.config import POSITION, SegmenterConfig, SegmenterRecipe
from engine.segmentation.data import IGNORED, Batch, SegmenterSampler, targets_table
from engine.segmentation.files import SegmenterDescription, find_segmenter, read_segmenter, save_segmenter
from engine.segmentation.loop import SegmenterTrainer, class_weights
from engine.segmentation.network import SegmenterNetwork, position_planes
from engine.segmentation.run import SEGMENTER, SegmenterRun, validation_scores
from engine.segmentation.scores import no_scores, scored
from engine.segmentation.segmenter import LONGEST, Segmenter, load_segmenter, most_likely, segmenter_for
from engine.training.course import TrainRequest
from engine.training.loop import Pace, train
from engine.training.pairs import Pair, census, load_pairs
from engine.training.state import load_state
from engine.types import Photo, UserError
from engine.writing import save_png

FACADES = load_palette("facades")
TINY = SegmenterConfig((1, 5, 6), widths=(16, 16), blocks=(1, 1), decoder=16, side=32)
RECIPE = SegmenterRecipe(TINY, "facades", images=48, batch=4, crop=32, learning_rate=3e-3, warm_up=2, ema=0.9)
GREYS = {1: 128, 5: 225, 6: 30}


def half_and_half(count: int = 4, height: int = 32, width: int = 40) -> list[Pair]:
    """A world that can be learnt at once: each class has a grey of its own."""
    pairs = []
    for i in range(count):
        labels = np.full((height, width), 1, np.uint8)
        labels[:, : width // 2] = 5 + i % 2
        labels[: height // 4, : width // 4] = FACADES.unlabelled
        pairs.append(Pair(f"p{i}", painted(labels), labels))
    return pairs


def painted(labels: np.ndarray) -> Photo:
    grey = np.zeros(256, np.uint8)
    grey[list(GREYS)] = list(GREYS.values())
    return np.repeat(grey[labels][..., None], 3, axis=2)


def trainer(recipe: SegmenterRecipe = RECIPE) -> SegmenterTrainer:
    pairs = half_and_half()
    sampler = SegmenterSampler(pairs, recipe, FACADES.mirrored)
    return SegmenterTrainer(recipe, sampler, census(pairs, FACADES.size), torch.device("cpu"))


def described(network: SegmenterNetwork, **facts) -> SegmenterDescription:
    return SegmenterDescription("Tiny", network.config, FACADES, "for tests", facts)


@pytest.fixture(scope="module")
def learnt() -> Segmenter:
    """Two kinds of pairs, seen until they are known."""
    learner = trainer(dataclasses.replace(RECIPE, images=480))
    for step in range(120):
        learner.step(step)
    return Segmenter(learner.average, described(learner.average))


@pytest.fixture
def folder(tmp_path) -> Path:
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for pair in half_and_half(3):
            save_png(tmp_path / "data" / split / "images" / f"{pair.name}.png", pair.photo, {})
            save_label_map(tmp_path / "data" / split / "labels" / f"{pair.name}.png", pair.labels, FACADES)
    return tmp_path / "data"


# --- Data ---


def test_a_step_s_batch_is_a_function_of_seed_and_step():
    first, again = (SegmenterSampler(half_and_half(), RECIPE, FACADES.mirrored) for _ in range(2))
    assert torch.equal(first(7).photos, again(7).photos)
    assert torch.equal(first(7).targets, again(7).targets)
    assert not torch.equal(first(7).photos, first(8).photos)


def test_photo_and_map_are_turned_mirrored_and_cut_together():
    """However a photo was recoloured, its classes keep the order of their greys."""
    sampler = SegmenterSampler(half_and_half(), RECIPE, FACADES.mirrored)
    for step in range(6):
        batch = sampler(step)
        assert batch.photos.shape == (4, 3 + POSITION, 32, 32)
        for photo, target in zip(batch.photos, batch.targets, strict=True):
            means = [photo[0][target == output].median() for output in (2, 0, 1) if (target == output).sum() > 20]
            assert means == sorted(means)


def test_a_mirrored_photo_tells_places_as_any_other():
    """Whatever is turned, cut or mirrored: what stands left in a crop stands left in its photo."""
    for step in range(4):
        for planes in SegmenterSampler(half_and_half(), RECIPE, FACADES.mirrored)(step).photos[:, 3:]:
            assert planes[1].diff(dim=1)[8:-8, 8:-8].median() > 0


def test_what_is_unlabelled_or_outside_the_photo_teaches_nothing():
    far = dataclasses.replace(RECIPE, scales=(0.4, 0.5), turn=0)
    batch = SegmenterSampler(half_and_half(), far, FACADES.mirrored)(0)
    assert (batch.targets == IGNORED).float().mean() > 0.5
    outside = (batch.photos[:, 3:] == 0).all(1) & (batch.photos[:, :3] == 0).all(1)
    assert (batch.targets[outside] == IGNORED).all()
    assert targets_table((1, 5, 6))[[0, 1, 2, 5, 6]].tolist() == [IGNORED, 0, IGNORED, 1, 2]


def test_a_batch_without_a_label_changes_nothing():
    """The mean over no pixel is no number, and would be every weight's."""
    learner = trainer()
    sampler = learner.sampler
    learner.sampler = lambda step: Batch(sampler(step).photos, torch.full_like(sampler(step).targets, IGNORED))
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    assert learner.step(0) == 0
    assert all(torch.equal(value, before[name]) for name, value in learner.network.state_dict().items())


def test_a_pixel_s_place_is_told_down_and_across():
    down, across = np.moveaxis(position_planes(3, 5), 2, 0)
    assert down[:, 0].tolist() == [-1, 0, 1]
    assert across[0].tolist() == [-1, -0.5, 0, 0.5, 1]


def test_rare_classes_weigh_more_within_their_bound():
    share = np.array([0, 0.9, 0, 0, 0, 0.0999, 0.0001])
    weights = class_weights(share, dataclasses.replace(RECIPE, balance=0.5, heaviest=4.0))
    assert weights[0] < 1 < weights[1] < weights[2] == 4
    assert class_weights(share, dataclasses.replace(RECIPE, balance=0)).tolist() == pytest.approx([1, 1, 1])


# --- Recipes ---


def test_a_recipe_survives_storage_and_names_what_is_wrong():
    stored = json.loads(json.dumps(RECIPE.to_dict()))
    assert SegmenterRecipe.from_dict(stored) == RECIPE
    for wrong, words in (
        ({"colour": 1}, "names colour"),
        ({"images": "many"}, "images = 'many' is not a whole number"),
        ({"batch": 1}, "batch = 1 is outside 2"),
        ({"crop": 30}, "no multiple of 8. Use 32"),
        ({"scales": [2.0, 1.0]}, "not two rising"),
        ({"network": 5}, "The segmenter is 5"),
        ({"network": {"labels": [1, 1]}}, "Name each class once"),
        ({"network": {"labels": [1], "widths": [8]}}, "1 widths and 3 numbers of blocks"),
        ({"network": {}}, "lacks labels"),
    ):
        with pytest.raises(UserError, match=words):
            SegmenterRecipe.from_dict({**stored, **wrong})


# --- Learning ---


def test_the_learning_rate_warms_up_and_falls():
    learner = trainer(dataclasses.replace(RECIPE, images=400, warm_up=4))
    rates = []
    for step in (0, 3, 50, 99):
        learner.step(step)
        rates.append(learner.optimiser.param_groups[0]["lr"] / RECIPE.learning_rate)
    assert rates == pytest.approx([0.25, 0.9703, 0.505, 0.0199])


def test_a_tiny_network_learns_what_each_class_looks_like(learnt):
    scores = validation_scores(learnt, half_and_half())
    assert scores.accuracy > 0.97
    assert set(scores.iou) == {1, 5, 6}


def test_a_run_killed_and_resumed_equals_one_that_was_not(tmp_path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = trainer()
    losses = [p.loss for p in train(whole, tmp_path / "whole")]
    assert len(losses) == 12
    progress = train(trainer(), tmp_path / "cut", Pace(save_seconds=0))
    cut = [p.loss for p in islice(progress, 5)]
    state = (tmp_path / "cut" / "state.pt").read_bytes()
    progress.close()
    (tmp_path / "cut" / "state.pt").write_bytes(state)  # as if killed: what closing saved is gone
    second = trainer()
    cut += [p.loss for p in train(second, tmp_path / "cut")]
    assert cut == losses
    for name, value in whole.average.state_dict().items():
        assert torch.equal(second.average.state_dict()[name], value), name


def test_a_run_leaves_a_segmenter_a_log_and_sheets(folder, tmp_path):
    out = tmp_path / "run"
    recipe = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, labels=()), images=12)
    run = SegmenterRun(TrainRequest(folder, FACADES, recipe, out, licence="for tests"))
    reports = list(run.reports())
    assert [report.progress.step for report in reports] == [1, 2, 3]
    assert reports[-1].sheet.is_file()
    segmenter = load_segmenter(out / SEGMENTER)
    assert segmenter.description.network == TINY  # the classes of the pairs
    assert segmenter.facts["images_seen"] == 12
    assert segmenter.facts["validation"] == "held-out pairs"
    assert segmenter.facts["scores"]["mean_iou"] == pytest.approx(reports[-1].errors.mean_iou, abs=1e-4)
    assert set(segmenter.facts["scores"]["iou"]) == {FACADES.classes[index].name for index in (1, 5, 6)}
    (row,) = csv.DictReader((out / "log.csv").read_text(encoding="utf-8").splitlines())
    assert (row["step"], float(row["mean_iou"])) == ("3", reports[-1].errors.mean_iou)

    (again,) = SegmenterRun(TrainRequest(folder, FACADES, recipe, out)).reports()
    assert again.progress.loss is None
    assert again.errors.mean_iou == reports[-1].errors.mean_iou
    wider = dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, decoder=24))
    with pytest.raises(UserError, match="holds a run with another network"):
        SegmenterRun(TrainRequest(folder, FACADES, wider, out))


def test_ctrl_c_saves_what_was_learnt(folder, tmp_path):
    run = SegmenterRun(TrainRequest(folder, FACADES, RECIPE, tmp_path / "run"))
    reports = run.reports()
    list(islice(reports, 3))
    reports.close()
    assert load_state(tmp_path / "run")["done"] == 3


def test_maps_of_a_single_class_teach_nothing(folder, tmp_path):
    for file in (folder / "train" / "labels").iterdir():
        save_label_map(file, np.full((32, 40), 5, np.uint8), FACADES)
    with pytest.raises(UserError, match="hold 1 class"):
        SegmenterRun(TrainRequest(folder, FACADES, RECIPE, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


# --- Scores ---


def test_scores_are_what_counting_gives():
    generator = np.random.default_rng(0)
    truth, said = generator.integers(0, 4, (2, 20, 30)).astype(np.uint8)
    truth[truth == 3] = 0  # class 3 never occurs, but is said
    scores = scored(truth, said, 4, unlabelled=0)
    for c in (1, 2):
        both = sum(t == s == c for t, s in zip(truth.flat, said.flat, strict=True))
        either = sum(t != 0 and c in (t, s) for t, s in zip(truth.flat, said.flat, strict=True))
        assert scores.iou[c] == pytest.approx(both / either)
    assert set(scores.iou) == {1, 2}
    assert scores.mean_iou == pytest.approx((scores.iou[1] + scores.iou[2]) / 2)
    assert scores.accuracy == pytest.approx((truth == said)[truth != 0].mean())
    assert scores.shares[1] == pytest.approx((truth == 1).sum() / (truth != 0).sum())
    assert np.isnan(no_scores(4).mean_iou)
    assert np.isnan(no_scores(4).accuracy)


# --- Maps ---


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 48), (2000, 30), (1500, 1100)])
def test_photos_of_any_size_get_a_map_of_their_size(learnt, size):
    height, width = size
    photo = painted(np.where(np.arange(width) < width // 2, 5, 6)[None].repeat(height, 0))
    labels = learnt.segment(photo)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {1, 5, 6}
    if min(size) >= 48:
        border = abs(np.arange(width) - width // 2) < width // 10
        assert (labels == np.where(np.arange(width) < width // 2, 5, 6))[:, ~border].mean() > 0.97


def test_a_photo_and_its_mirror_image_get_mirrored_maps(learnt):
    photo = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    assert (learnt.segment(photo[:, ::-1])[:, ::-1] == learnt.segment(photo)).mean() > 0.99


class BySide(SegmenterNetwork):
    """Whatever the photo shows: one eye in its left half, the other in its right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        across = torch.nn.functional.avg_pool2d(x[:, 4:5], 2)
        return torch.cat([-across, across], dim=1)


def test_left_and_right_classes_are_swapped_in_what_the_mirrored_photo_shows():
    faces = load_palette("celebamask_hq")
    eyes = tuple(sorted(faces.index_of(f"{side} eye") for side in ("left", "right")))
    network = BySide(dataclasses.replace(TINY, labels=eyes))
    about = SegmenterDescription("Faces", network.config, faces)
    plain, mirrored = (
        Segmenter(network, about, looks=((1.0, look),)).segment(np.zeros((32, 32, 3), np.uint8))
        for look in (False, True)
    )
    assert np.array_equal(plain, np.repeat([eyes], 16, axis=1).repeat(32, axis=0))
    assert np.array_equal(mirrored, plain)


def test_the_same_photo_gets_the_same_map(learnt):
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    assert np.array_equal(learnt.segment(photo), learnt.segment(photo.copy()))


def test_the_likeliest_class_is_found_a_few_classes_at_a_time():
    looks = [torch.randn(40, *size, generator=torch.Generator().manual_seed(i)) for i, size in enumerate([(4, 6)] * 2)]
    whole = sum(torch.nn.functional.interpolate(look[None], (9, 11), mode="bilinear")[0] for look in looks)
    assert np.array_equal(most_likely(looks, (9, 11)), whole.argmax(0).numpy())


def test_no_photo_is_looked_at_larger_than_its_bound(learnt):
    assert learnt._size(10, 16_000, 1.5) == (8, LONGEST)
    assert learnt._size(4000, 6000, 1.0) == (32, 48)
    assert learnt._size(5, 5, 1.0) == (32, 32)


@pytest.mark.parametrize("photo", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_photo_is_refused(learnt, photo):
    with pytest.raises(UserError, match="Give uint8"):
        learnt.segment(photo)


# --- Fidelity ---


def test_a_picture_that_shows_its_map_agrees_with_it(learnt):
    pair = half_and_half(1)[0]
    right, wrong = pair.labels, np.where(pair.labels == 1, 5, 1).astype(np.uint8)
    assert fidelity(learnt, pair.photo, right).agreement > 0.97
    assert fidelity(learnt, pair.photo, wrong).agreement < 0.2
    assert fidelity(learnt, pair.photo, right).judged == pytest.approx((right != FACADES.unlabelled).mean())
    unseen = np.full_like(right, 9)
    assert fidelity(learnt, pair.photo, unseen) == dataclasses.replace(fidelity(learnt, pair.photo, unseen * 0))
    assert fidelity(learnt, pair.photo, unseen).agreement is None
    with pytest.raises(UserError, match="is outside CMP Facades"):
        fidelity(learnt, pair.photo, unseen + 50)


def test_of_a_part_only_its_own_pixels_count(learnt):
    """Half of the map is wrong: each half is judged by itself."""
    pair = half_and_half(1)[0]
    fits = np.zeros(pair.labels.shape, bool)
    fits[: len(fits) // 2] = True
    labels = np.where(fits, pair.labels, np.where(pair.labels == 1, 5, 1)).astype(np.uint8)
    assert fidelity(learnt, pair.photo, labels, fits).agreement > 0.9
    assert fidelity(learnt, pair.photo, labels, ~fits).agreement < 0.3
    labels[fits] = 0
    assert fidelity(learnt, pair.photo, labels, fits) == Fidelity(None, 0.0)
    assert fidelity(learnt, pair.photo, labels, ~fits).judged == 1


# --- Files ---


def test_a_file_gives_the_same_maps(learnt, tmp_path):
    save_segmenter(tmp_path / "a.safetensors", learnt.network, learnt.description)
    again = load_segmenter(tmp_path / "a.safetensors")
    assert again is load_segmenter(tmp_path / "a.safetensors")  # read once
    assert again.description == learnt.description
    photo = half_and_half(1)[0].photo
    assert (again.segment(photo) == learnt.segment(photo)).mean() > 0.999
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.get_tensor("head.weight").dtype == torch.float16


def test_a_file_that_changed_is_read_again(learnt, tmp_path):
    path = tmp_path / "a.safetensors"
    save_segmenter(path, learnt.network, learnt.description)
    before = load_segmenter(path)
    save_segmenter(path, learnt.network, dataclasses.replace(learnt.description, title="Another one"))
    assert load_segmenter(path).description.title == "Another one"
    assert before.description.title == "Tiny"


def test_loading_is_strict(learnt, tmp_path):
    path = tmp_path / "a.safetensors"
    save_segmenter(path, learnt.network, learnt.description)
    weights = load_file(path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()[files.KEY])
    palette = json.loads(palette_to_json(FACADES))
    short = {**palette, "classes": palette["classes"][:6]}
    without = {name: value for name, value in weights.items() if name != "head.bias"}
    for changed, told, words in (
        (without, about, "1 weights of its network are missing, first head.bias"),
        ({**weights, "more": torch.zeros(1)}, about, "don't belong to its network, first more"),
        ({**weights, "head.bias": torch.zeros(4)}, about, r"head.bias has shape \(4,\)"),
        (weights, {**about, "format": 2}, "has format 2, this version reads format 1"),
        (weights, {**about, "palette": short}, r"its classes \(1, 5, 6\) are not among the 6"),
        (weights, {**about, "network": {**about["network"], "labels": []}}, "are not among the 13"),
        (weights, {name: value for name, value in about.items() if name != "licence"}, "its description is damaged"),
    ):
        save_file(changed, path, {files.KEY: json.dumps(told)})
        with pytest.raises(UserError, match=words):
            read_segmenter(path)
    save_file(weights, path)
    with pytest.raises(UserError, match="is no segmenter"):
        read_segmenter(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="may be truncated"):
        read_segmenter(path)
    with pytest.raises(UserError, match="There is no segmenter"):
        load_segmenter(tmp_path / "b.safetensors")


def test_a_palette_finds_the_segmenter_that_knows_its_classes(learnt, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SEGMENTERS", tmp_path)
    assert find_segmenter(FACADES) is None
    with pytest.raises(UserError, match="There is no segmenter for CMP Facades"):
        segmenter_for(FACADES)
    save_segmenter(tmp_path / "facades.safetensors", learnt.network, learnt.description)
    assert find_segmenter(FACADES) == tmp_path / "facades.safetensors"
    assert segmenter_for(FACADES).palette == FACADES
    document = json.loads(palette_to_json(FACADES))
    document["classes"][3]["name"] = "gargoyle"
    with pytest.raises(UserError, match="knows other classes than"):
        segmenter_for(palette_from(document, "facades.json"))


# --- The shipped ones ---

SHIPPED = sorted(files.SEGMENTERS.glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_segmenter_is_small_fits_its_palette_and_its_card_says_how_good_it_is(path):
    segmenter = segmenter_for(load_palette(path.stem))
    assert path.stat().st_size < 20_000_000
    assert segmenter.description.licence
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    scores = segmenter.facts["scores"]
    assert f"mIoU {100 * scores['mean_iou']:.1f} %" in card
    assert f"{100 * scores['accuracy']:.1f} % of pixels" in card
    assert all(f"| {name} |" in card for name in scores["iou"])


@pytest.mark.parametrize(("data", "palette"), [("scenes", "ade20k"), ("facades", "facades")])
def test_a_shipped_segmenter_finds_most_of_what_a_photo_shows(shared, tmp_path, data, palette):
    if find_segmenter(load_palette(palette)) is None:
        pytest.skip("not shipped")
    shipped = segmenter_for(load_palette(palette))
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for file in sorted((shared / "data" / data / "val" / kind).iterdir())[::6]:
            (tmp_path / kind / file.name).write_bytes(file.read_bytes())
    once = Segmenter(shipped.network, shipped.description, looks=((1.0, False),))
    scores = validation_scores(once, load_pairs(tmp_path, shipped.palette, 256))
    assert scores.accuracy > 0.5
    assert scores.accuracy == pytest.approx(shipped.facts["scores"]["accuracy"], abs=0.2)
