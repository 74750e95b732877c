import gc
import json
import subprocess
import sys
import weakref
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from models import tiny_model
from oracle import gaussian_denoiser
from scipy import ndimage

from bench.plain import PlainBranches, one_hot, plain_picture
from engine import mapped, pipeline
from engine.condition import condition_from, instance_edges, map_condition
from engine.denoiser import clipped
from engine.editing import keep_known
from engine.guidance import Guidance, guided
from engine.images import read_photo
from engine.library import FIRST, Model, load_model
from engine.memory import modulation_bytes
from engine.model.spade import Spade
from engine.modulation import ModulationCache
from engine.noise import SeededNoise, derived
from engine.pipeline import Frame, draw_of, edit, generate, pictures_of, to_pictures, walk_of
from engine.plan import Plan
from engine.record import edit_request as edit_request_of
from engine.record import record, render_request
from engine.resampling import count
from engine.resizing import resize_photo
from engine.samplers import steps
from engine.schedule import alpha_bars
from engine.trajectory import timesteps
from engine.types import (
    BlendName,
    EditRequest,
    ExtentName,
    Level,
    Prediction,
    RenderRequest,
    Reroll,
    Resampling,
    SamplerName,
    Sampling,
    UserError,
)

CPU = torch.device("cpu")


def labels_of(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 13, (height, width), dtype=np.uint8)


def render(sampling: Sampling, labels: np.ndarray | None = None, **changes) -> np.ndarray:
    *_, last = generate(
        tiny_model(**changes), RenderRequest("tiny", labels_of() if labels is None else labels, sampling)
    )
    return last.pictures


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_the_same_request_gives_the_same_picture_bit_for_bit(sampler, guidance):
    sampling = Sampling(sampler, steps=3, guidance=guidance, seeds=(7,))
    assert np.array_equal(render(sampling), render(sampling))
    assert not np.array_equal(render(sampling), render(Sampling(sampler, steps=3, guidance=guidance, seeds=(8,))))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_alone_or_in_a_batch_the_same(sampler, monkeypatch):
    states = []
    monkeypatch.setattr(pipeline, "to_pictures", lambda x, size: states.append(x) or np.zeros((len(x), 1, 1, 3)))
    render(Sampling(sampler, steps=3, seeds=(7,)))
    render(Sampling(sampler, steps=3, seeds=(3, 7, 5)))
    alone, together = states[2], states[5]
    torch.testing.assert_close(together[1:2], alone, atol=1e-3, rtol=0)  # rounding, over alpha at the noisiest level
    assert (together[0] - together[1]).abs().max() > 0.1


def test_a_picture_equals_the_plain_way():
    """The slow obvious DDIM: two whole forwards a step with every channel of the map, the formulas written out."""
    model, labels = tiny_model(), labels_of(16, 16)
    x = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(5))[None]
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), 13).permute(2, 0, 1)[None].float()
    full = condition_from(torch.arange(13).view(1, 1, 13).expand(1, 16, 13), 13)
    alpha_bar = alpha_bars("linear")
    kept = timesteps("trailing", 1000, 4)
    for i in reversed(range(len(kept))):
        now = float(alpha_bar[kept[i]])
        before = float(alpha_bar[kept[i - 1]]) if i else 1.0
        t = torch.tensor([kept[i]])
        with_map = model.network(x, t, type(full)(one_hot))[:, :3]
        without = model.network(x, t, type(full)(torch.zeros_like(one_hot)))[:, :3]
        eps = without + 2.0 * (with_map - without)
        x0 = ((x - (1 - now) ** 0.5 * eps) / now**0.5).clamp(-1, 1)
        eps = (x - now**0.5 * x0) / (1 - now) ** 0.5
        x = before**0.5 * x0 + (1 - before) ** 0.5 * eps
    plain = ((x.clamp(-1, 1) + 1) * 127.5).round().byte()[0].permute(1, 2, 0).numpy()
    ours = render(Sampling("ddim", steps=4, guidance=2.0, seeds=(5,), spacing="trailing"), labels)[0]
    assert np.abs(ours.astype(int) - plain).max() <= 1


def test_a_network_with_an_edge_channel_is_given_the_map_s_edges():
    """Against the same map with its edges written out."""
    model, labels = tiny_model(instance_edges=True), labels_of(16, 16)
    batch = torch.from_numpy(labels).long()[None]
    condition = map_condition(batch, model.network.config)
    expected = condition_from(batch, 13, instance_edges(batch))
    assert condition.channels.tolist() == [*sorted(np.unique(labels).tolist()), 13]
    torch.testing.assert_close(condition.maps, expected.maps, atol=0, rtol=0)
    assert condition.maps[:, -1].any()
    assert map_condition(batch, tiny_model().network.config).channels.max() < 13


@pytest.mark.parametrize("size", [(1, 1), (37, 21), (16, 70), (37, 211), (100, 1), (1, 300), (768, 1024)])
@pytest.mark.parametrize("changes", [{}, {"patch": 4, "prediction": "x0", "learn_sigma": False}])
def test_a_picture_has_the_map_s_size(size, changes):
    picture = render(Sampling(steps=1), labels_of(*size), **changes)
    assert picture.shape == (1, *size, 3)
    assert picture.std() > 1


@pytest.mark.parametrize(
    ("size", "side", "computed"),
    [
        ((768, 1024), 96, (96, 128)),
        ((37, 211), 37, (26, 148)),  # the long side 4 times that at most, and padded to whole strides
        ((200, 100), 33, (66, 34)),
        ((100, 200), None, (16, 32)),
    ],
)
def test_it_is_computed_at_the_side_that_was_asked_for(size, side, computed, monkeypatch):
    model, shapes = tiny_model(), set()
    encode = model.network.encode
    monkeypatch.setattr(model.network, "encode", lambda x, t: shapes.add(tuple(x.shape[2:])) or encode(x, t))
    request = RenderRequest("tiny", labels_of(*size), Sampling(steps=1), side)
    assert pictures_of(generate(model, request)).shape == (1, *size, 3)
    assert shapes == {computed}


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
@pytest.mark.parametrize(("sampler", "noise"), [("ddim", "path"), ("dpmpp_2m_sde", "path"), ("dpmpp_2m_sde", "steps")])
def test_every_kind_of_model_and_sampler_equals_the_plain_way(prediction, sampler, noise):
    changes = {"prediction": prediction, "learn_sigma": prediction == "eps"}
    sampling = Sampling(sampler, steps=4, guidance=2.0, seeds=(5,), noise=noise)
    with torch.inference_mode():
        plain = to_pictures(plain_picture(tiny_model(**changes), labels_of(16, 16), sampling, 5), (16, 16))
    ours = render(sampling, labels_of(16, 16), **changes)
    assert np.abs(ours.astype(int) - plain).max() <= 1


def test_every_step_is_a_frame_and_closing_stops_the_network(monkeypatch):
    model = tiny_model()
    calls = []
    decode = model.network.decode
    monkeypatch.setattr(model.network, "decode", lambda *a: calls.append(1) or decode(*a))
    frames = generate(model, RenderRequest("tiny", labels_of(), Sampling(steps=5, guidance=1.0)))
    assert [next(frames).step, next(frames).step] == [1, 2]
    frames.close()
    assert len(calls) == 2


def test_a_label_outside_the_palette_is_named_before_anything_runs():
    with pytest.raises(UserError, match=r"Label 13 is outside CMP Facades \(0 to 12\)"):
        generate(tiny_model(), RenderRequest("tiny", np.full((8, 8), 13, np.uint8)))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"steps": 0}, "0 steps is outside 1 to 1000"),
        ({"guidance": -1}, "Guidance -1 is outside 0 to 20"),
        ({"seeds": (-1,)}, "Seed -1"),
        ({"seeds": ()}, "No seed"),
        ({"sampler": "euler"}, "euler"),
        ({"spacing": "odd"}, "odd"),
    ],
)
def test_bounds_of_sampling(values, text):
    with pytest.raises(UserError, match=text):
        Sampling(**values)


def test_noise_is_on_a_path_unless_it_is_asked_for_step_by_step():
    """As records without a word of it are replayed: the seed's own generator, drawn from at every step."""
    model = tiny_model()
    way = walk_of(model, Sampling(steps=4))
    for noise, same in (("steps", True), ("path", False)):
        source = SeededNoise((3,), 4, 4, CPU, draw_of(model, Sampling(noise=noise), way))
        generator = torch.Generator().manual_seed(3)
        drawn = [(source()[0], torch.randn(3, 4, 4, generator=generator)) for _ in range(4)]
        assert torch.equal(*drawn[0])
        assert [torch.equal(*each) for each in drawn[1:]] == [same] * 3


# --- Objects ---

TWO_OBJECTS = np.zeros((16, 16), np.uint16)
TWO_OBJECTS[3:9, 4:12] = 5
TWO_OBJECTS[3:9, 8:12] = 60_000
EDGED = {"instance_edges": True}


def edges_by_hand(labels: np.ndarray, instances: np.ndarray) -> np.ndarray:
    edges = np.zeros(labels.shape, bool)
    for y, x in np.ndindex(labels.shape):
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= v < labels.shape[0] and 0 <= u < labels.shape[1]:
                edges[y, x] |= (labels[y, x], instances[y, x]) != (labels[v, u], instances[v, u])
    return edges


@pytest.mark.parametrize("window", [(1024, 1024), (16, 8)])
def test_objects_within_a_class_are_told_apart_by_their_edges(window, monkeypatch):
    """As a picture under a condition made by hand; also where objects and classes change together, and in windows."""
    planned(monkeypatch, window=window)
    labels = np.full((16, 16), 4, np.uint8)
    labels[6:12, 6:14] = 2
    sampling = Sampling("ddim", 3, 2.0, (5,))
    model, instances = tiny_model(**EDGED), TWO_OBJECTS.repeat(2, 0).repeat(2, 1)
    request = RenderRequest("tiny", labels.repeat(2, 0).repeat(2, 1), sampling)
    without, found, none = (
        pictures_of(generate(model, replace(request, instances=each))).astype(int)
        for each in (None, instances, np.zeros_like(instances))
    )
    assert np.array_equal(without, none)
    assert np.abs(found - without).max() > 10
    if window == (1024, 1024):
        maps = one_hot(labels, model.network)
        maps[0, -1] = torch.from_numpy(edges_by_hand(labels, TWO_OBJECTS)).float()
        branches = PlainBranches(model.network, maps)
        with torch.inference_mode():
            *_, last = steps("ddim", clipped(guided(branches, Guidance(2.0))), SeededNoise((5,), 16, 16, CPU)(),
                             walk_of(model, sampling), pytest.fail)  # fmt: skip
        assert np.abs(found - to_pictures(last.x, (32, 32))).max() <= 1


def test_a_model_without_an_edge_channel_does_not_see_objects():
    request = RenderRequest("tiny", labels_of(16, 16), Sampling(steps=2))
    plain, numbered = (
        pictures_of(generate(tiny_model(), each)) for each in (request, replace(request, instances=TWO_OBJECTS))
    )
    assert np.array_equal(plain, numbered)


def test_an_edit_sees_objects_too():
    photo, region = np.zeros((16, 16, 3), np.uint8), np.arange(256).reshape(16, 16) > 0
    request = EditRequest("tiny", np.full((16, 16), 4, np.uint8), photo, region, sampling=Sampling(steps=2))
    plain, numbered = (
        pictures_of(edit(tiny_model(**EDGED), each)) for each in (request, replace(request, instances=TWO_OBJECTS))
    )
    assert (plain != numbered).any()


# --- Guidance of single classes ---


def counted(model: Model, monkeypatch) -> list[int]:
    """How many pictures each call of the decoder holds, branches counted; a paired call holds two."""
    calls, decode = [], model.network.decode
    monkeypatch.setattr(model.network, "decode", lambda f, m: calls.append(len(out := decode(f, m))) or out)
    return calls


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("window", [(1024, 1024), (16, 16)])
def test_scales_of_classes_cost_no_call_of_the_network(seeds, window, monkeypatch):
    planned(monkeypatch, window=window)
    model = tiny_model()
    calls = counted(model, monkeypatch)
    request = RenderRequest("tiny", labels_of(16, 32), Sampling(steps=4, seeds=seeds, guidance_interval=(0.3, 1.0)))
    told = []
    for classes in ((), ((3, 6.0), (5, 1.0))):
        pictures = pictures_of(generate(model, replace(request, class_guidance=classes)))
        told.append((list(calls), pictures.astype(int)))
        calls.clear()
    assert told[0][0] == told[1][0]
    assert np.abs(told[0][1] - told[1][1]).max() > 10


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_the_same_scale_for_every_class_is_plain_guidance(seeds):
    sampling = Sampling(steps=3, guidance=3.5, seeds=seeds)
    request = RenderRequest("tiny", labels_of(16, 32), sampling)
    other = replace(
        request, sampling=replace(sampling, guidance=1.0), class_guidance=tuple((i, 3.5) for i in range(13))
    )
    plain, classes = (pictures_of(generate(tiny_model(), each)) for each in (request, other))
    assert np.array_equal(plain, classes)


def test_one_class_s_guidance_runs_both_branches_where_there_is_none_otherwise(monkeypatch):
    model = tiny_model()
    calls = counted(model, monkeypatch)
    request = RenderRequest("tiny", labels_of(16, 32), Sampling(steps=3, guidance=1.0, seeds=(1, 2)))
    pictures_of(generate(model, request))
    assert len(calls) == 3
    calls.clear()
    pictures_of(generate(model, replace(request, class_guidance=((3, 4.0),))))
    assert len(calls) == 6
    calls.clear()
    alone = replace(request, sampling=replace(request.sampling, seeds=(1,)), class_guidance=((3, 4.0),))
    pictures_of(generate(model, alone))
    assert calls == [2] * 3  # a single picture's branches as one batch


def test_a_class_s_scale_acts_where_the_class_is_alone(monkeypatch):
    """By a network that sees one pixel at a time, at a size that is shrunk and padded; resizing reaches 7 pixels."""
    labels = np.zeros((40, 36), np.uint8)
    labels[:, 20:] = 7
    monkeypatch.setattr(mapped, "_branches", lambda *_: Pointwise())
    request = RenderRequest("tiny", labels, Sampling("ddim", 3, 2.0), 17)
    plain, strong, mixed = (
        pictures_of(generate(tiny_model(), each))
        for each in (
            request,
            replace(request, sampling=Sampling("ddim", 3, 6.0)),
            replace(request, class_guidance=((7, 6.0),)),
        )
    )
    assert np.array_equal(mixed[:, :, :12], plain[:, :, :12])
    assert np.array_equal(mixed[:, :, 28:], strong[:, :, 28:])
    assert (plain != strong).any((0, 3)).mean() > 0.5


class Pointwise:
    """Branches of purely local reach."""

    def __call__(self, x: torch.Tensor, level: Level) -> Prediction:
        return self.says(x, level, 0.3)

    def both(self, x: torch.Tensor, level: Level) -> tuple[Prediction, Prediction]:
        return self.says(x, level, 0.3), self.says(x, level, 0.2)

    def says(self, x: torch.Tensor, level: Level, how: float) -> Prediction:
        x0 = how * torch.sin(3 * x)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma, torch.full_like(x, level.log_beta_tilde))


def test_a_class_outside_the_palette_is_named():
    with pytest.raises(UserError, match=r"Guidance 4 is given for class 13, outside CMP Facades \(0 to 12\)"):
        generate(tiny_model(), RenderRequest("tiny", labels_of(), class_guidance=((13, 4.0),)))


# --- New noise in an area ---


@pytest.mark.parametrize("noise", ["path", "steps"])
@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_outside_a_rerolled_area_a_local_network_makes_the_same_picture(sampler, noise, monkeypatch):
    monkeypatch.setattr(mapped, "_branches", lambda *_: Pointwise())
    region = np.zeros((16, 24), bool)
    region[2:9, 5:20] = True
    sampling = Sampling(sampler, 4, seeds=(1, 2), noise=noise)
    request = RenderRequest("tiny", labels_of(16, 24), sampling, rerolls=(Reroll(region, 50),))
    found, plain, other = (
        pictures_of(generate(tiny_model(), each))
        for each in (
            request,
            replace(request, rerolls=()),
            replace(request, rerolls=(), sampling=replace(sampling, seeds=(50, 51))),
        )
    )
    assert np.array_equal(found[:, ~region], plain[:, ~region])
    assert np.array_equal(found[:, region], other[:, region])
    assert (found[:, region] != plain[:, region]).mean() > 0.8


def test_a_seed_given_often_makes_variations_of_the_area_each_replayed_from_its_record(monkeypatch):
    """Whatever the batches."""
    planned(monkeypatch, batch=2)
    region = np.zeros((32, 32), bool)
    region[:14] = True
    request = RenderRequest(
        "tiny", labels_of(32, 32), Sampling(steps=3, seeds=(7, 7, 7)), rerolls=(Reroll(region, 2**32 - 2),)
    )
    model = tiny_model()
    pictures = pictures_of(generate(model, request)).astype(int)
    assert min(np.abs(pictures[i] - pictures[i - 1]).max() for i in range(3)) > 20
    for i, picture in enumerate(pictures):
        replayed = render_request(record(request, "facades", 7, i))
        assert np.abs(pictures_of(generate(model, replayed))[0] - picture).max() <= 1


def test_a_reroll_is_shrunk_as_its_map_is(monkeypatch):
    """And continued into the padding."""
    given = []
    monkeypatch.setattr(pipeline, "SeededNoise", lambda *a: given.append(a) or SeededNoise(*a))
    region = np.zeros((36, 36), bool)
    region[20:, 12:] = True
    list(generate(tiny_model(), RenderRequest("tiny", region.astype(np.uint8), Sampling(steps=1), 9, rerolls=(
        Reroll(region, 1),))))  # fmt: skip
    *_, (small,), _ = given[0]
    expected = np.zeros((10, 10), bool)
    expected[5:, 3:] = True
    assert np.array_equal(small.region, expected)


# --- Batches, and memory that runs out ---


def planned(monkeypatch, batch: int = 8, cached: bool = True, window: tuple[int, int] = (1024, 1024)) -> None:
    """Every run starts with this plan."""
    plan = Plan(batch, cached, window, 2**20, 2**30)
    monkeypatch.setattr(pipeline, "first_plan", lambda model, grid, pictures: plan)


def small_memory(model: Model, monkeypatch, pixels: int, from_run: int = 0) -> None:
    """From that run of it on, the encoder finds no memory for more pixels at once than that."""
    encode, runs = model.network.encode, []

    def failing(x: torch.Tensor, timesteps: torch.Tensor):
        runs.append(1)
        if len(runs) > from_run and x[:, 0].numel() > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return encode(x, timesteps)

    monkeypatch.setattr(model.network, "encode", failing)


def frames_of(model: Model, seeds: tuple[int, ...], side: int | None = None, steps: int = 3) -> list[Frame]:
    return list(generate(model, RenderRequest("tiny", labels_of(16, 32), Sampling(steps=steps, seeds=seeds), side)))


def test_frames_tell_whose_pictures_they_hold_and_how_far_it_is(monkeypatch):
    planned(monkeypatch, batch=2)
    model = tiny_model()
    frames = frames_of(model, (5, 6, 7))
    assert [(f.seeds, f.finished, f.step) for f in frames] == [
        ((5, 6), False, 2),
        ((5, 6), False, 4),
        ((5, 6), True, 6),
        ((7,), False, 7),
        ((7,), False, 8),
        ((7,), True, 9),
    ]
    assert {f.steps for f in frames} == {9}
    assert {f.note for f in frames} == {""}
    assert [len(f.pictures) for f in frames] == [2, 2, 2, 1, 1, 1]
    alone = [frames_of(model, (seed,))[-1].pictures[0].astype(int) for seed in (5, 6, 7)]
    assert np.abs(pictures_of(iter(frames)) - np.stack(alone)).max() <= 1
    assert np.abs(alone[0] - alone[1]).mean() > 1


def outcomes(frames: list[Frame]) -> list[tuple[tuple[int, ...], bytes]]:
    return [(f.seeds, f.pictures.tobytes()) for f in frames if f.finished]


@pytest.mark.parametrize(
    ("pixels", "smaller", "note"),
    [
        (2 * 16 * 32, {"batch": 2}, "Memory ran out: 2 at a time instead of 4."),
        (1 * 16 * 32, {"batch": 1}, "Memory ran out: 1 at a time instead of 2."),
        (16 * 16, {"batch": 1, "cached": False, "window": (16, 16)}, "Memory ran out: in windows of 16 x 16 px."),
    ],
)
def test_where_memory_runs_out_the_pictures_are_those_of_a_smaller_plan(pixels, smaller, note, monkeypatch):
    planned(monkeypatch, **{"window": (16, 32), **smaller})
    expected = frames_of(tiny_model(), (1, 2, 3, 4))
    planned(monkeypatch, batch=4, window=(16, 32))
    model = tiny_model()
    small_memory(model, monkeypatch, pixels)
    found = frames_of(model, (1, 2, 3, 4))
    assert outcomes(found) == outcomes(expected)
    assert {f.note for f in found} == {note}
    assert [f.step for f in found] == [f.step for f in expected]


def test_running_out_later_sets_back_to_the_batch_s_beginning(monkeypatch):
    planned(monkeypatch, batch=4, window=(16, 32))
    model = tiny_model()
    small_memory(model, monkeypatch, 2 * 16 * 32, from_run=4)  # in the second batch's second step
    frames = frames_of(model, tuple(range(8)))
    assert [f.step for f in frames] == [4, 8, 12, 16, 14, 16, 18, 20, 22, 24]
    assert [f.note != "" for f in frames] == [False] * 4 + [True] * 6
    assert [f.seeds for f in frames if f.finished] == [(0, 1, 2, 3), (4, 5), (6, 7)]


def test_without_room_for_anything_it_says_so_and_the_model_goes_on(monkeypatch):
    model = tiny_model()
    with monkeypatch.context() as patched:
        small_memory(model, patched, 10)
        with pytest.raises(UserError, match="Memory ran out on cpu, even for one picture in windows of 16 x 16 px"):
            frames_of(model, (1, 2, 3))
        assert model.cache.bytes == 0
    assert frames_of(model, (1, 2, 3))[-1].finished


def test_what_filled_the_memory_is_let_go_before_the_next_try(monkeypatch):
    """In the second step, when the first one's state is there too."""
    model = tiny_model()
    planned(monkeypatch, batch=2, window=(16, 32))
    held, left, released = [], [], []
    monkeypatch.setattr(pipeline, "release", released.append)
    encode, decode = model.network.encode, model.network.decode

    def watching(x: torch.Tensor, timesteps: torch.Tensor):
        left.append(sum(each() is not None for each in held))
        features = encode(x, timesteps)
        held.extend(map(weakref.ref, (x, *features.maps)))
        return features

    def failing(features, modulations):
        held.extend(weakref.ref(each.scale) for each in modulations if hasattr(each, "scale"))
        if len(features.maps[0]) > 1 and len(left) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(features, modulations)

    monkeypatch.setattr(model.network, "encode", watching)
    monkeypatch.setattr(model.network, "decode", failing)
    gc.disable()
    try:
        assert len(frames_of(model, (1, 2), steps=2)) == 1 + 4
    finally:
        gc.enable()
    assert released == [model.device]
    assert left[1] > 10
    assert left[2] == 0


def test_other_errors_pass_through(monkeypatch):
    model = tiny_model()
    monkeypatch.setattr(model.network, "encode", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        frames_of(model, (1,))


def test_windows_that_find_no_room_in_the_cache_do_not_drive_out_those_that_did(monkeypatch):
    model, calls = tiny_model(), []
    planned(monkeypatch, window=(16, 16))
    room = 2.5 * modulation_bytes(model.network.config, 16, 16, 4)
    compute = Spade.modulation
    monkeypatch.setattr(Spade, "modulation", lambda self, *map: calls.append(1) or compute(self, *map))
    request = RenderRequest("tiny", labels_of(16, 52), Sampling(steps=3))
    found = pictures_of(generate(replace(model, cache=ModulationCache(model.network, int(room))), request))
    norms = len(model.network.spades)  # four windows: two are kept, two computed at every step
    assert len(calls) == (2 + 2 * 3) * norms
    calls.clear()
    plenty = replace(model, cache=ModulationCache(model.network, 2**30))
    assert np.abs(pictures_of(generate(plenty, request)).astype(int) - found).max() <= 1
    assert len(calls) == 4 * norms


def test_between_frames_the_caller_s_own_gradients_work(monkeypatch):
    model, inside = tiny_model(), []
    encode = model.network.encode
    monkeypatch.setattr(
        model.network, "encode", lambda x, t: inside.append(torch.is_inference_mode_enabled()) or encode(x, t)
    )
    for _ in generate(model, RenderRequest("tiny", labels_of(), Sampling(steps=2))):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
        torch.ones(1, requires_grad=True).sum().backward()
    assert not torch.is_inference_mode_enabled()
    assert inside == [True, True]


LIMITED = """
import json, resource
import numpy as np, psutil
from models import tiny_model
from engine.pipeline import generate
from engine.types import RenderRequest, Sampling, UserError

def render(side, seeds):
    labels = np.random.default_rng(0).integers(0, 13, (side, side), dtype=np.uint8)
    return list(generate(model, RenderRequest("tiny", labels, Sampling(steps=1, seeds=seeds), side)))

model = tiny_model()
render(32, (0,))
size = psutil.Process().memory_info().vms
resource.setrlimit(resource.RLIMIT_AS, (size + 48 * 2**20, resource.RLIM_INFINITY))
try:
    frames = render(128, (1, 2, 3))
    print(json.dumps({"seeds": [s for f in frames if f.finished for s in f.seeds], "note": frames[-1].note}))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""


def test_when_the_computer_s_memory_really_runs_out_it_ends_well():
    """With 48 MB beyond what a first, small picture took; two hundred would be needed."""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("the limit counts otherwise here")
    tests = Path(__file__).resolve().parent
    command = f"import sys; sys.path[:0] = {[str(tests), str(tests.parent)]}\n{LIMITED}"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    if "error" in said:
        assert said["error"].startswith("Memory ran out on cpu")
    else:
        assert said["seeds"] == [1, 2, 3]
        assert said["note"].startswith("Memory ran out: ")


# --- Editing ---


def photo_of(height: int = 48, width: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def marked(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A region of boxes: top, left, height, width."""
    region = np.zeros(size, bool)
    for top, left, height, width in boxes:
        region[top : top + height, left : left + width] = True
    return region


FAR = ((200, 250), (10, 10, 20, 30), (170, 220, 12, 12))  # two parts with windows of their own


def edit_request(
    region: np.ndarray, strength: float = 0.8, sampler: str = "ddim", seeds: tuple = (3,), **changes
) -> EditRequest:
    photo = photo_of(*region.shape)
    sampling = Sampling(sampler, 4, seeds=seeds, spacing="trailing")
    return EditRequest("tiny", labels_of(*region.shape), photo, region, strength, sampling, **changes)


def edited(request: EditRequest, model: Model | None = None) -> np.ndarray:
    return pictures_of(edit(model or tiny_model(), request))


def plain_edit(model: Model, request: EditRequest, side: int, seed: int) -> np.ndarray:
    """The slow obvious way: the whole photo, its size in whole strides, laid over with the distance to the outside."""
    small = cv2.resize(request.photo, (side, side), interpolation=cv2.INTER_AREA)
    photo = torch.from_numpy(small).permute(2, 0, 1)[None] / 127.5 - 1
    touched = cv2.resize(request.region.astype(float), (side, side), interpolation=cv2.INTER_AREA) > 0
    region = torch.from_numpy(touched)
    way = walk_of(model, request.sampling, request.strength)
    noise = SeededNoise((seed,), side, side, CPU, draw_of(model, request.sampling, way))
    fixed = noise()
    maps = one_hot(cv2.resize(request.labels, (side, side), interpolation=cv2.INTER_NEAREST_EXACT), model.network)
    denoise = clipped(guided(PlainBranches(model.network, maps), Guidance(request.sampling.guidance)))

    def known(x: torch.Tensor, level: Level) -> Prediction:
        p = denoise(torch.where(region, x, level.alpha * photo + level.sigma * fixed), level)
        return Prediction(torch.where(region, p.x0, photo), torch.where(region, p.eps, fixed), p.log_variance)

    x = way[0].alpha * photo + way[0].sigma * fixed
    with torch.inference_mode():
        *_, last = steps(request.sampling.sampler, known, x, way, noise)
    picture = to_pictures(last.x, request.region.shape)[0].astype(float)
    inwards = ndimage.distance_transform_edt(request.region) / (min(request.region.shape) / 64 + 1)
    return np.rint(request.photo + (picture - request.photo) * np.minimum(inwards, 1)[:, :, None])


@pytest.mark.parametrize("sampler", get_args(SamplerName))
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_whole_photo_plainly_is_edited_the_plain_way(sampler, strength):
    """As records from before there were windows and blends are replayed."""
    request = edit_request(marked((64, 64), (10, 20, 30, 44)), strength, sampler, extent="whole", blend="plain")
    found = edited(request)[0].astype(int)
    assert np.abs(found - plain_edit(tiny_model(), request, 16, 3)).max() <= 1


CORNERS = [
    ((48, 40), [(0, 0, 9, 11), (30, 31, 18, 9)]),
    ((301, 200), [(0, 190, 30, 10), (291, 0, 10, 200), (100, 100, 5, 5)]),
    ((37, 611), [(10, 5, 20, 20), (0, 300, 37, 3), (36, 610, 1, 1)]),
    ((900, 17), [(500, 3, 100, 3)]),
    ((3, 2), [(1, 0, 1, 1)]),
    ((1, 9), [(0, 4, 1, 3)]),
]


@pytest.mark.parametrize("blend", get_args(BlendName))
@pytest.mark.parametrize(("size", "boxes"), CORNERS)
def test_outside_the_grown_region_the_photo_stays_bit_for_bit(size, boxes, blend):
    region = marked(size, *boxes)
    for growth, strength, sampler in ((0, 1.0, "ddim"), (2, 0.01, "ddpm"), (1, 0.5, "dpmpp_2m_sde")):
        request = edit_request(region, strength, sampler, (3, 4), blend=blend, growth=growth)
        outside = ~ndimage.binary_dilation(region, np.hypot(*np.mgrid[-2:3, -2:3]) <= growth)
        if not outside.any():
            continue
        for picture in edited(request):
            assert picture.shape == (*size, 3)
            assert np.array_equal(picture[outside], request.photo[outside])
            if blend == "plain":  # the others leave the very edge of the region nearly as it was
                assert (picture[region] != request.photo[region]).mean() > 0.5


@pytest.mark.parametrize("extent", get_args(ExtentName))
def test_a_photo_smaller_than_the_network_s_stride_is_edited_too(extent):
    request = edit_request(marked((5, 3), (2, 1, 3, 2)), extent=extent)
    picture = edited(request, tiny_model(patch=4))[0]
    assert np.array_equal(picture[~request.region], request.photo[~request.region])
    assert (picture != request.photo).any()


def test_each_of_two_far_parts_is_what_it_is_alone():
    """The second from the seed that is derived for it."""
    both, large, small = (marked(FAR[0], *boxes) for boxes in (FAR[1:], FAR[1:2], FAR[2:]))
    request = edit_request(both, seeds=(3,), growth=2)
    found, photo = edited(request)[0], request.photo
    first = edited(replace(request, region=large))[0]
    own = replace(request.sampling, seeds=(derived(3, "area 1"),))
    second = edited(replace(request, region=small, sampling=own))[0]
    assert np.array_equal(found, np.where(first != photo, first, second))
    assert (first != photo).any()
    assert (second != photo).any()


def network_sizes(model: Model, monkeypatch) -> list[tuple[int, int]]:
    sizes, encode = [], model.network.encode
    monkeypatch.setattr(model.network, "encode", lambda x, t: sizes.append(tuple(x.shape[2:])) or encode(x, t))
    return sizes


def test_a_small_region_of_a_photo_of_24_megapixels_costs_what_the_region_costs(monkeypatch):
    """Nothing is computed beyond its window, and nothing but the photo's copy is of the photo's size."""
    size = (4000, 6000)
    photo = np.broadcast_to(np.arange(6000, dtype=np.uint32)[None, :, None] // 24, (*size, 3)).astype(np.uint8)
    request = EditRequest(
        "tiny", np.zeros(size, np.uint8), photo, marked(size, (3000, 5950, 40, 50)), sampling=Sampling(steps=2), side=96
    )
    model = tiny_model()
    sizes = network_sizes(model, monkeypatch)
    resized = []
    monkeypatch.setattr(pipeline, "resize_photo", lambda p, h, w: resized.append((h, w)) or resize_photo(p, h, w))
    for frame in edit(model, request):
        assert frame.finished or frame.pictures.shape == (1, 683, 1024, 3)
    assert set(sizes) == {(104, 96)}  # 32 px of context above and below, and the side that was asked for
    assert max(map(max, resized)) <= 104
    picture = frame.pictures[0]
    assert np.array_equal(picture[~request.region], photo[~request.region])
    assert (picture[request.region] != photo[request.region]).mean() > 0.5


def test_every_part_is_computed_at_the_training_size_and_a_whole_photo_at_one_of_it(monkeypatch):
    model = tiny_model()
    sizes = network_sizes(model, monkeypatch)
    edited(edit_request(marked(*FAR)), model)
    assert len(sizes) == 2 * 3  # of four steps, at a strength of 0.8
    assert set(sizes) == {(16, 20), (16, 16)}
    sizes.clear()
    edited(edit_request(marked(*FAR), extent="whole"), model)
    assert set(sizes) == {(16, 20)}


# What a reroll is: of one part of two; across a part's border; of both.
REROLLS = [marked(FAR[0], FAR[2]), marked(FAR[0], (0, 20, 100, 100)), marked(FAR[0], *FAR[1:])]


@pytest.mark.parametrize("area", REROLLS)
@pytest.mark.parametrize("blend", get_args(BlendName))
def test_a_reroll_leaves_everything_outside_its_area_as_it_was_without(area, blend):
    request = edit_request(marked(*FAR), 0.7, seeds=(3, 3), blend=blend, growth=3)
    plain = edited(request)
    rerolled = replace(request, rerolls=(Reroll(area, 50),))
    found = edited(rerolled)
    assert np.array_equal(found[:, ~area], plain[:, ~area])
    outside = ~ndimage.binary_dilation(request.region, iterations=5)
    assert np.array_equal(found[0][outside], request.photo[outside])
    made = area & request.region
    assert (found[0][made] != plain[0][made]).mean() > 0.5
    assert (found[0][made] != found[1][made]).mean() > 0.5  # the second picture's is the next seed's
    assert np.array_equal(plain[0], plain[1])
    for i in range(2):
        again = edit_request_of(json.loads(json.dumps(record(rerolled, "facades", 3, i))), request.photo)
        assert np.abs(edited(again)[0].astype(int) - found[i]).max() <= 1


def test_a_reroll_sees_what_was_made_around_it_and_begins_from_the_photo(monkeypatch):
    """At the photo's own resolution, so that it can be compared."""
    seen = []
    monkeypatch.setattr(pipeline, "keep_known", lambda d, r, photo, n: seen.append(photo) or keep_known(d, r, photo, n))
    region, area = marked((64, 64), (8, 8, 48, 40)), marked((64, 64), (8, 8, 20, 40))
    request = edit_request(region, 0.5, side=64, blend="plain", feather=0)
    plain = edited(request)[0]
    edited(replace(request, rerolls=(Reroll(area, 9),)))
    expected = np.where(area[:, :, None], request.photo, plain)
    assert np.array_equal(to_pictures(seen[-1], (64, 64))[0], expected)


def test_a_resampled_edit_is_the_same_alone_and_in_a_batch():
    """Noise for going back is drawn for each picture, from its seed."""
    request = edit_request(marked(*FAR), 1.0, seeds=(3, 4), resampling=Resampling(1, 3))
    together = edited(request).astype(int)
    alone = edited(replace(request, sampling=replace(request.sampling, seeds=(4,))))[0]
    assert np.abs(together[1] - alone).max() <= 1
    assert np.abs(together - edited(replace(request, resampling=Resampling()))).max() > 20


def test_rerolls_follow_each_other():
    one, two = (Reroll(marked(FAR[0], box), seed) for box, seed in ((FAR[1], 7), (FAR[2], 8)))
    request = edit_request(marked(*FAR))
    first, second, both = (edited(replace(request, rerolls=rerolls))[0] for rerolls in ((one,), (two,), (one, two)))
    assert np.array_equal(both, np.where(one.region[:, :, None], first, second))


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_frames_of_an_edit_count_every_area_s_every_step_once(batch, monkeypatch):
    planned(monkeypatch, batch=batch)
    request = edit_request(
        marked(*FAR), 1.0, seeds=(3, 4, 5), rerolls=(Reroll(marked(FAR[0], FAR[2]), 7),), resampling=Resampling(2, 2)
    )
    way = walk_of(tiny_model(), request.sampling)
    frames = list(edit(tiny_model(), request))
    total = count(way, request.resampling) * 3 * 3
    assert {frame.steps for frame in frames} == {total}
    assert frames[-1].step == total
    assert [b.step - a.step for a, b in pairwise(frames)] == [len(frame.seeds) for frame in frames[1:]]
    assert sum(len(frame.seeds) for frame in frames) == total
    assert [seed for frame in frames if frame.finished for seed in frame.seeds] == [3, 4, 5]
    assert {frame.note for frame in frames} == {""}


def test_frames_show_what_is_made_so_far_and_keep_it():
    request = edit_request(marked(*FAR), 1.0)
    first, second = (marked(FAR[0], box) for box in FAR[1:])
    frames = [frame.pictures[0].copy() for frame in edit(tiny_model(), request)]
    held = [frame.pictures[0] for frame in edit(tiny_model(), request)]
    assert np.array_equal(frames, held)  # no frame changes after it was given
    for i, frame in enumerate(frames):
        assert np.array_equal(frame[second], request.photo[second]) == (i < 4)
        assert np.array_equal(frame[first], frames[-1][first]) == (i >= 3)


def test_closing_an_edit_stops_the_network(monkeypatch):
    model = tiny_model()
    sizes = network_sizes(model, monkeypatch)
    frames = edit(model, edit_request(marked(*FAR), 1.0))
    assert [next(frames).step for _ in range(5)] == [1, 2, 3, 4, 5]
    frames.close()
    assert len(sizes) == 5


def test_where_memory_runs_out_in_an_edit_it_is_that_of_a_smaller_plan(monkeypatch):
    request = edit_request(marked(*FAR), 1.0, seeds=(3, 4, 5, 6))
    planned(monkeypatch, batch=1)
    expected = edited(request)
    planned(monkeypatch, batch=2)
    model = tiny_model()
    small_memory(model, monkeypatch, 400, from_run=5)  # in the second area of the first two
    frames = list(edit(model, request))
    assert np.abs(pictures_of(iter(frames)).astype(int) - expected).max() <= 1
    assert [frame.step for frame in frames] == [2, 4, 6, 8, 10, *range(1, 33)]
    assert frames[-1].note == "Memory ran out: 1 at a time instead of 2."


def test_a_plan_is_made_for_the_largest_window(monkeypatch):
    grids = []
    monkeypatch.setattr(
        pipeline, "first_plan", lambda model, grid, pictures: grids.append(grid) or Plan(8, True, (999, 999), 1, 1)
    )
    request = edit_request(marked((600, 900), (10, 10, 20, 300), (300, 700, 200, 20)))
    pipeline.plan_of(tiny_model(), request)
    list(edit(tiny_model(), request))
    assert [(grid.height, grid.width) for grid in grids] == [(57, 64)] * 2  # of 16 x 64 and 57 x 16
    with pytest.raises(UserError, match="region is empty"):
        pipeline.plan_of(tiny_model(), replace(request, region=np.zeros((600, 900), bool)))


def test_previews_of_a_large_photo_are_small_and_the_result_is_not():
    region = marked((1500, 800), (100, 100, 200, 200))
    frames = list(edit(tiny_model(), edit_request(region)))
    assert [frame.pictures.shape[1:3] for frame in frames] == [(1024, 546)] * 2 + [(1500, 800)]
    assert np.array_equal(frames[-1].pictures[0][~region], photo_of(1500, 800)[~region])


class Gaussian:
    """Branches that know the data: independent values around 0, of spread 0.5 (see oracle.py)."""

    def __call__(self, x: torch.Tensor, level: Level) -> Prediction:
        return gaussian_denoiser(x, level)

    def both(self, x: torch.Tensor, level: Level) -> tuple[Prediction, Prediction]:
        return self(x, level), self(x, level)


STRENGTHS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


@pytest.mark.parametrize("extent", get_args(ExtentName))
def test_the_stronger_the_farther_from_the_photo(extent, monkeypatch):
    """By a perfect network; whose picture at full strength knows nothing of the photo."""
    monkeypatch.setattr(mapped, "_branches", lambda *_: Gaussian())
    region = marked((64, 64), (4, 4, 56, 56))
    request = edit_request(region, extent=extent, blend="plain", feather=0, side=64)
    request = replace(request, sampling=Sampling("dpmpp_2m", 12, 1.0, (3,)))
    inside = marked((64, 64), (8, 8, 48, 48))
    made = [edited(replace(request, strength=strength))[0][inside].astype(float) for strength in STRENGTHS]
    farness = [np.abs(picture - request.photo[inside]).mean() for picture in made]
    assert farness == sorted(farness)
    assert farness[0] < 0.2 * farness[-1]
    assert abs(np.corrcoef(made[-1].ravel(), request.photo[inside].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("sampler", get_args(SamplerName))
@pytest.mark.parametrize(("strength", "knows"), [(1.0, False), (0.99, True)])
def test_at_full_strength_nothing_is_known_of_what_the_photo_has_in_the_region(sampler, strength, knows):
    region = marked((40, 48), (8, 8, 24, 20))
    request = edit_request(region, strength, sampler, side=40, blend="plain", feather=0)
    inverted = np.where(region[:, :, None], 255 - request.photo, request.photo)
    assert (edited(request) != edited(replace(request, photo=inverted))).any() == knows


def test_the_stronger_the_farther_from_the_photo_with_the_shipped_model(shared):
    photo = read_photo(sorted((shared / "data/scenes/val/images").iterdir())[0])
    model = load_model(FIRST, "cpu", "float32")
    labels = np.full(photo.shape[:2], model.palette.index_of("sky"), np.uint8)
    region = marked(labels.shape, (20, 30, 60, 70))
    request = EditRequest(FIRST, labels, photo, region, sampling=Sampling(steps=4, seeds=(1, 2)))
    farness = [
        np.abs(edited(replace(request, strength=strength), model).astype(int) - photo)[:, region].mean()
        for strength in (0.1, 0.3, 0.6, 1.0)
    ]
    assert farness == sorted(farness)
    assert farness[1] < 0.8 * farness[-1]


@pytest.mark.parametrize(
    ("region", "labels", "text"),
    [
        (np.zeros((48, 40), bool), labels_of(48, 40), "region is empty"),
        (np.ones((48, 40), bool), labels_of(48, 40), "region is everything"),
        (marked((40, 48), (1, 1, 9, 9)), labels_of(48, 40), "region is 48 x 40 px, the photo 40 x 48"),
        (marked((48, 40), (1, 1, 9, 9)), labels_of(24, 20), "map is 20 x 24 px and the photo 40 x 48"),
    ],
)
def test_what_does_not_fit_is_named(region, labels, text):
    with pytest.raises(UserError, match=text):
        edit(tiny_model(), EditRequest("tiny", labels, photo_of(), region))


def test_the_list_of_models_names_what_is_broken(tmp_path, monkeypatch):
    (tmp_path / "broken.safetensors").write_bytes(b"not a model")
    monkeypatch.setattr("engine.checkpoint.FOLDER", tmp_path)
    (info,) = pipeline.available_models()
    assert info.name == "broken"
    assert info.description is None
    assert "can't be read" in info.problem
