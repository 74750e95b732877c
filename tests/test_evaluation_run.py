"""A whole evaluation: pictures made, found again and measured; figures recomputed here from what lies on disk."""

import json
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import sqrtm

from app import cli, commands
from engine.evaluation import nearest, report
from engine.evaluation.cases import Case
from engine.evaluation.features import Features
from engine.evaluation.intervals import Figure
from engine.evaluation.measure import Instruments, Seen, correspondence, fidelity
from engine.evaluation.plot import Panel, Scale, svg
from engine.evaluation.remembered import as_pixels, remembered
from engine.evaluation.request import EvaluationRequest, settings_of
from engine.evaluation.run import run
from engine.evaluation.samples import Found, batches
from engine.images import read_photo, read_request
from engine.presets import preset
from engine.training.crops import centre
from engine.training.pairs import load_pairs
from engine.types import UserError
from engine.writing import save_png
from tests.evaluations import (
    FACADES,
    Distance,
    Greys,
    Means,
    pairs_in,
    save_script,
    save_tiny_model,
    save_tiny_segmenter,
)

ONE = settings_of("fast", {"steps": 2})


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A model, a segmenter, TorchScript files and pairs: 7 to measure on, 9 that were learnt from."""
    folder = tmp_path_factory.mktemp("given")
    save_tiny_model(folder / "tiny.safetensors")
    save_tiny_segmenter(folder / "ours.safetensors")
    for name, module in (("greys", Greys(13)), ("means", Means()), ("lpips", Distance())):
        save_script(module, folder / f"{name}.pt")
    pairs_in(folder / "data" / "val", 7)
    pairs_in(folder / "data" / "train", 9, seed=1)
    return folder


def request_in(given, out, settings=ONE, **changes):
    told = {"segmenter": given / "ours.safetensors", "precision": "float32", "device": "cpu", **changes}
    return EvaluationRequest(given / "tiny.safetensors", given / "data", out, settings, **told)


def save_png_in(path):
    path.parent.mkdir(parents=True)
    save_png(path, np.zeros((20, 24, 3), np.uint8), {})


def evaluated(request):
    """The last progress, and the figures on disk."""
    last = list(run(request))[-1]
    return last, json.loads((request.out / report.JSON).read_text())


def pictures_in(out):
    return {path.relative_to(out): path.read_bytes() for path in sorted((out / "pictures").rglob("*.png"))}


def values(told, setting=0):
    return {name: each["value"] for name, each in told["settings"][setting]["figures"].items()}


# --- Figures ---


def test_the_figures_are_those_of_the_pictures_on_disk(given, tmp_path):
    judged = {"segmenter": given / "greys.pt", "inception": given / "means.pt", "lpips": given / "lpips.pt"}
    _, told = evaluated(request_in(given, tmp_path, **judged))
    found = values(told)
    pairs = load_pairs(given / "data", FACADES, 10**6, "val")
    made, confusion, distances = {}, np.zeros((13, 13)), []
    squares = [centre(pair, 16) for pair in pairs]
    for i, (_, labels) in enumerate(squares):
        files = [next(tmp_path.rglob(f"{pairs[i].name}-{seed}.png")) for seed in (i, i + 1_000_000)]
        made[i] = [read_photo(file) for file in files]
        distances.append(np.square(made[i][0] / 127.5 - made[i][1] / 127.5).mean())
        for picture in made[i]:
            small = picture[::2, ::2].astype(float).mean(2)
            classes = np.abs(small[..., None] - 10.0 * np.arange(13)).argmin(2)
            shown = classes.repeat(2, 0).repeat(2, 1)
            for truth, said in zip(labels.ravel(), shown.ravel(), strict=True):
                confusion[truth, said] += truth != FACADES.unlabelled
    assert found["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum(), abs=1e-9)
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    there = confusion.sum(1) > 0
    assert found["mIoU"] == pytest.approx((np.diag(confusion)[there] / union[there]).mean(), abs=1e-9)
    assert found["diversity lpips"] == pytest.approx(np.mean(distances), rel=1e-4)

    def quarters(picture):
        return picture.reshape(2, 8, 2, 8, 3).mean((1, 3)).transpose(2, 0, 1).ravel()

    real = np.array([quarters(photo) for photo, _ in squares])
    drawn = np.array([quarters(picture) for pictures in made.values() for picture in pictures])
    root = sqrtm(np.cov(real.T) @ np.cov(drawn.T) + 1e-9 * np.eye(12)).real
    slow = np.square(real.mean(0) - drawn.mean(0)).sum() + np.trace(np.cov(real.T) + np.cov(drawn.T) - 2 * root)
    assert found["frechet inception"] == pytest.approx(slow, rel=1e-3)


def test_every_figure_is_there_with_its_interval(given, tmp_path):
    last, told = evaluated(request_in(given, tmp_path, train=given / "data"))
    assert (last.done, last.pictures, last.made) == (14, 14, 14)
    figures = told["settings"][0]["figures"]
    kinds = ("frechet", "spatial frechet", "kid", "precision", "recall", "diversity")
    judged = {"mIoU", "accuracy", "mIoU, wrong map", "accuracy, wrong map", "judged"}
    assert set(figures) == {f"{kind} ours" for kind in kinds} | judged
    for name, each in figures.items():
        assert each["low"] <= each["value"] + 1e-12, name
        assert each["high"] >= each["value"] - 1e-12, name
    assert {each["by"] for each in told["remembered"]} == {"pixels", "ours"}
    assert told["photos"]["mIoU"]["value"] is not None
    assert told["training photos"]["frechet ours"]["value"] > 0
    text = (tmp_path / report.TABLES).read_text()
    assert "| fast steps=2 | the maps' photos | training photos |" in text
    assert all(name in text for name in figures)
    sheet = read_photo(tmp_path / report.SHEET)
    assert sheet.shape == (4 * 20, 2 * (4 * 20 + 8), 3)  # 7 strips of map, two pictures, photo, in two columns
    assert read_photo(tmp_path / nearest.SHEET.format("pixels")).shape[0] == 7 * 20


def test_the_wrong_map_is_the_next_pairs():
    """Pictures that show just what their maps say, to a judge that can't tell class 7."""
    maps = [np.array([[2, 2], [3, first]], np.uint8) for first in (2, 3, 7)]
    cases = [Case(i, str(i), np.zeros((2, 2, 3), np.uint8), labels) for i, labels in enumerate(maps)]
    made = [Seen({}, {}, np.stack([labels, labels])) for labels in maps]
    judge = SimpleNamespace(labels=np.array([2, 3, 5], np.uint8))
    found = correspondence(Instruments(FACADES, judge=judge), cases, made)
    found = {name: each.value for name, each in found.items()}
    assert (found["accuracy"], found["mIoU"], found["judged"]) == (1, 1, pytest.approx((1 + 1 + 0.75) / 3))
    # Against the next: the last pixel is 2 for 3, then 3 for what is not judged, then 7 for 2.
    assert found["accuracy, wrong map"] == pytest.approx((3 + 3 + 3) / (4 + 3 + 4))
    assert found["mIoU, wrong map"] == pytest.approx((6 / 8 + 3 / 4) / 2)


@pytest.mark.parametrize(("scale", "times"), [("photos", 1), ("fixed", 100)])
def test_features_without_a_known_size_are_compared_in_the_photos(scale, times):
    rng = np.random.default_rng(0)
    photos, made = ([Features(rng.standard_normal((2, 3)) + 1) for _ in range(6)] for _ in range(2))
    larger = [[Features(10 * each.pooled) for each in parts] for parts in (photos, made)]
    extractor = SimpleNamespace(name="x", scale=scale)
    plain, large = fidelity(extractor, photos, made), fidelity(extractor, *larger)
    assert large["frechet x"].value == pytest.approx(times * plain["frechet x"].value)
    assert large["precision x"] == plain["precision x"]


def test_nothing_to_measure_with_is_said(given, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.evaluation.run.find_segmenter", lambda palette: None)
    with pytest.raises(UserError, match="--segmenter"):
        list(run(request_in(given, tmp_path, segmenter=None)))


def test_without_photos_to_remember_nothing_is_said_of_memory(given, tmp_path):
    """A folder of photos whose maps were left out would else pass for one that nothing is remembered of."""
    save_png_in(tmp_path / "data" / "images" / "a.png")
    (tmp_path / "data" / "labels").mkdir()
    with pytest.raises(UserError, match="holds no photo with a label map"):
        list(run(request_in(given, tmp_path / "out", train=tmp_path / "data")))


def test_a_figure_without_a_value_is_left_out_of_its_line(given, tmp_path):
    lines = [p.measured.text() for p in run(request_in(given, tmp_path, samples=1, maps=3)) if p.measured]
    assert "mIoU" in lines[0]
    assert "diversity" not in lines[0]


@pytest.mark.parametrize(("changes", "words"), [({"samples": 0}, "1 to 100"), ({"maps": 1}, "at least 2")])
def test_numbers_outside_their_bounds_are_refused(given, tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        request_in(given, tmp_path, **changes)


# --- Going on ---


def test_a_stopped_run_goes_on_and_ends_alike(given, tmp_path):
    whole, _ = evaluated(request_in(given, tmp_path / "whole"))
    stopped = run(request_in(given, tmp_path / "stopped"))
    while next(stopped).done < 6:
        pass
    stopped.close()
    there = pictures_in(tmp_path / "stopped")
    assert len(there) == 6
    last, told = evaluated(request_in(given, tmp_path / "stopped"))
    assert (last.done, last.made) == (14, 8)
    assert there.items() <= pictures_in(tmp_path / "stopped").items()
    whole = json.loads((tmp_path / "whole" / report.JSON).read_text())
    assert values(told) == values(whole)


def test_pictures_that_are_not_what_they_should_be_are_made_anew(given, tmp_path):
    request = request_in(given, tmp_path, maps=3)
    evaluated(request)
    before = pictures_in(tmp_path)
    files = [tmp_path / name for name in before]
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:200])
    files[2].write_bytes(files[3].read_bytes())  # another seed's
    last, _ = evaluated(request)
    assert last.made == 3
    for name, data in before.items():
        np.testing.assert_array_equal(read_photo(data), read_photo(tmp_path / name))
    assert evaluated(request)[0].made == 0


def test_a_batch_that_a_kill_cut_short_is_made_again_as_a_batch(given, tmp_path):
    """A picture alone can come out a rounding apart from itself in a batch, and the figures with it."""
    request = request_in(given, tmp_path, samples=3, maps=2)
    evaluated(request)
    before = pictures_in(tmp_path)
    seeds = read_request(tmp_path / next(iter(before)))["evaluation"]["together"]
    assert seeds == [0, 1_000_000, 2_000_000]
    lost = [name for name in before if name.name == "000-1000000.png"]
    for name in lost:
        (tmp_path / name).unlink()
    assert evaluated(request)[0].made == 1
    assert read_request(tmp_path / lost[0])["evaluation"]["together"] == seeds
    assert {n: d for n, d in pictures_in(tmp_path).items() if n not in lost} == {
        n: d for n, d in before.items() if n not in lost
    }


def test_what_is_missing_is_made_in_the_batches_that_were_begun():
    pair = Found(np.zeros((1, 1, 3), np.uint8), 0.0, (0, 10))
    assert list(batches({0: pair, 10: pair})) == []
    assert list(batches({0: None, 10: None})) == [(0, 10)]
    assert list(batches({0: pair, 10: None})) == [(0, 10)]
    assert list(batches({0: pair, 10: pair, 20: None, 30: None})) == [(20, 30)]
    assert list(batches({0: pair, 10: None, 20: None})) == [(0, 10), (20,)]


def test_more_samples_keep_those_that_are_there(given, tmp_path):
    evaluated(request_in(given, tmp_path, samples=1, maps=3))
    assert evaluated(request_in(given, tmp_path, samples=3, maps=3))[0].made == 6


def test_another_model_has_pictures_of_its_own(given, tmp_path):
    evaluated(request_in(given, tmp_path / "out", maps=2))
    before = pictures_in(tmp_path / "out")
    other = save_tiny_model(tmp_path / "tiny.safetensors", seed=1)
    request = request_in(given, tmp_path / "out", maps=2)
    last = list(run(EvaluationRequest(**{**vars(request), "model": other})))[-1]
    assert last.made == 4
    assert before.items() < pictures_in(tmp_path / "out").items()


def test_a_picture_says_what_made_it(given, tmp_path):
    evaluated(request_in(given, tmp_path, maps=2, samples=1))
    stored = read_request(tmp_path / next(iter(pictures_in(tmp_path))))
    assert (stored["model"], stored["sampling"]["steps"], stored["sampling"]["seeds"]) == ("tiny", 2, [0])
    assert set(stored["evaluation"]) == {"model_sha256", "precision", "seconds", "together"}


# --- Sweeps ---


def test_a_sweep_is_every_combination():
    settings = settings_of("fast", {"sampler": "ddim"}, ["guidance=1,2.5", "steps=4,8"])
    assert [each.name for each in settings] == [
        f"fast sampler=ddim guidance={guidance} steps={steps}" for guidance in ("1", "2.5") for steps in (4, 8)
    ]
    assert {each.sampling.sampler for each in settings} == {"ddim"}
    assert [(each.sampling.guidance, each.sampling.steps) for each in settings][1] == (1.0, 8)
    both = settings_of("fast", {}, ["preset=fast,draft"])
    assert [each.sampling for each in both] == [preset("fast"), preset("draft")]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (["size=1,2"], "names no axis"),
        (["steps"], "no values"),
        (["steps=4,x"], "wrong ones"),
        (["steps=4,4"], "doubles"),
        (["steps=4", "steps=8"], "twice"),
        (["steps=0"], "outside 1 to"),
        (["preset=slow"], "not known"),
        (["steps=" + ",".join(map(str, range(1, 30))), "guidance=1,2,3,4,5,6,7"], "203 settings"),
    ],
)
def test_a_sweep_that_is_none_is_refused(axes, words):
    with pytest.raises(UserError, match=words):
        settings_of("fast", {}, axes)


def test_a_sweep_is_a_table_and_a_plot(given, tmp_path):
    settings = settings_of("fast", {}, ["guidance=1,2.5", "steps=2,3"])
    _, told = evaluated(request_in(given, tmp_path, settings, maps=4, samples=1))
    assert [each["name"] for each in told["settings"]] == [each.name for each in settings]
    rows = (tmp_path / report.TABLES).read_text().splitlines()
    assert sum(row.startswith("| fast guidance=") for row in rows) == 4
    assert len({row.count("|") for row in rows if row.startswith("|")}) == 1
    assert "sheet.png: map, fast guidance=1 steps=2, fast guidance=1 steps=3, fast guidance=2.5 steps=2" in rows[-1]
    drawn = ElementTree.parse(tmp_path / report.PLOT).getroot()
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"frechet ours (lower is better)", "mIoU (higher is better)", "guidance 1", "guidance 2.5"} <= {*texts}


# --- Plots ---


def test_a_plot_puts_values_where_they_belong():
    scale = Scale.of([0.0, 10.0], 100, 0)
    assert (scale(0), scale(10)) == pytest.approx((100 - 0.8 / 0.116, 0.8 / 0.116))
    assert scale.ticks == (0, 2, 4, 6, 8, 10)
    assert Scale.of([3.0, 3.0], 0, 1).low < 3 < Scale.of([3.0, 3.0], 0, 1).high
    drawn = ElementTree.fromstring(svg([Panel("a < b", "x", {"p & q": [(1, 2, 1, 3), (2, 3, None, None)]})]))
    assert len(drawn.findall(".//{*}g")) == 1
    assert [each.text for each in drawn.findall(".//{*}text") if each.text in ("a < b", "p & q")] == ["a < b", "p & q"]


# --- Memorisation ---


def test_what_is_remembered_is_found_mirrored_too():
    rng = np.random.default_rng(0)
    trained, new = rng.integers(0, 256, (2, 30, 16, 16, 3), dtype=np.uint8)
    copies = [np.stack([trained[i], trained[i + 1, :, ::-1]]) for i in range(0, 20, 2)]
    (found,) = remembered(list(trained), copies, list(new), None)
    assert found.near == Figure(1.0, 1.0, 1.0)
    assert found.which.tolist() == list(range(20))
    assert found.pictures.max() == pytest.approx(0, abs=1e-4)
    fresh = rng.integers(0, 256, (40, 2, 16, 16, 3), dtype=np.uint8)
    (found,) = remembered(list(trained), list(fresh), list(new), None)
    assert found.near.low <= 0.05 <= found.near.high + 0.05


def test_pixels_are_compared_in_levels():
    black, grey = np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64, 3), 100, np.uint8)
    assert np.linalg.norm(as_pixels(grey) - as_pixels(black)) == pytest.approx(100)


def test_a_card_gets_the_figures_and_the_nearest_training_photos(given, tmp_path):
    """The same again by another run of the same; without training photos, what was there of them stays."""
    card = tmp_path / "tiny.md"
    card.write_text("# tiny\n\nBy hand.\n", encoding="utf-8")
    request = {"maps": 4, "card": card}
    evaluated(request_in(given, tmp_path / "out", train=given / "data" / "train", **request))
    once = card.read_text(encoding="utf-8")
    assert once.startswith("# tiny\n\nBy hand.\n\n[//]: # (evaluate, figures: begin)\n\n## Figures\n\ntiny on 4 maps")
    assert "](tiny-nearest.jpg)" in once
    assert (tmp_path / "tiny-nearest.jpg").read_bytes() == (tmp_path / "out" / nearest.PICTURE).read_bytes()
    told = (tmp_path / "out" / nearest.SECTION).read_text(encoding="utf-8")
    assert told.replace("](nearest.jpg)", "](tiny-nearest.jpg)").strip() in once
    evaluated(request_in(given, tmp_path / "out", **request))
    again = card.read_text(encoding="utf-8")
    assert again.partition("nearest: begin")[2] == once.partition("nearest: begin")[2]


def test_photos_that_were_learnt_from_are_told(given, tmp_path):
    evaluated(request_in(given, tmp_path, train=given / "data" / "val"))
    assert "7 of the 7 photos are among those the model has learnt from." in (tmp_path / report.TABLES).read_text()


# --- The command ---


def test_the_command_on_the_shipped_model(shared, tmp_path, capsys):
    segmenter = save_tiny_segmenter(tmp_path / "ours.safetensors", "ade20k")
    argv = ["evaluate", "--model", "scenes", "--data", str(shared / "data" / "scenes"), "--out", str(tmp_path / "out")]
    argv += ["--segmenter", str(segmenter), "--maps", "4", "--samples", "2", "--steps", "2", "--guidance", "1.5"]
    assert commands.run(cli.parse([*argv, "--precision", "float32"])) == 0
    said = capsys.readouterr()
    assert "| fast steps=2 guidance=1.5 |" in said.out
    assert "picture 8/8" in said.err
    told = json.loads((tmp_path / "out" / report.JSON).read_text())
    assert (told["maps"], told["samples"], told["precision"]) == (4, 2, "float32")
    assert read_photo(tmp_path / next(tmp_path.rglob("*-1000000.png"))).shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("option", "words"), [("--samples 0", "above 0"), ("--fit squash", "crop"), ("--preset slow", "draft")]
)
def test_wrong_options_are_refused(option, words, capsys):
    with pytest.raises(SystemExit):
        cli.parse(["evaluate", "--data", "d", "--out", "o", *option.split()])
    assert words in capsys.readouterr().err
