import gc
import json
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from models import tiny_model

from bench.plain import PlainBranches, one_hot, plain_picture
from engine import mapped, pipeline
from engine.condition import condition_from, instance_edges, map_condition
from engine.denoiser import clipped
from engine.guidance import Guidance, guided
from engine.library import Model
from engine.memory import modulation_bytes
from engine.model.spade import Spade
from engine.modulation import ModulationCache
from engine.noise import SeededNoise
from engine.pipeline import Frame, draw_of, edit, generate, pictures_of, to_pictures, walk_of
from engine.plan import Plan
from engine.record import record, render_request
from engine.samplers import steps
from engine.schedule import alpha_bars
from engine.trajectory import timesteps
from engine.types import (
    EditRequest,
    Level,
    Prediction,
    RenderRequest,
    Reroll,
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
    photo, region = np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), bool)
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


def edit_request(region: np.ndarray, strength: float = 0.8, sampler: str = "ddim", seeds: tuple = (3,)) -> EditRequest:
    photo = photo_of(*region.shape)
    sampling = Sampling(sampler, 4, seeds=seeds, spacing="trailing")
    return EditRequest("tiny", labels_of(*region.shape), photo, region, strength, sampling)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("strength", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("size", [(48, 40), (301, 200)])
def test_outside_the_region_the_photo_stays_bit_for_bit(sampler, strength, size):
    region = np.zeros(size, bool)
    region[10:30, 5:25] = True
    request = edit_request(region, strength, sampler, seeds=(3, 4))
    *_, last = edit(tiny_model(), request)
    assert last.pictures.shape == (2, *size, 3)
    for picture in last.pictures:
        assert np.array_equal(picture[~region], request.photo[~region])
        assert (picture[region] != request.photo[region]).mean() > 0.5


def test_previews_of_a_large_photo_are_small_and_the_result_is_not():
    region = np.zeros((1500, 800), bool)
    region[100:300, 100:300] = True
    frames = list(edit(tiny_model(), edit_request(region)))
    assert [frame.pictures.shape[1:3] for frame in frames] == [(1024, 546)] * 2 + [(1500, 800)]
    assert np.array_equal(frames[-1].pictures[0][~region], photo_of(1500, 800)[~region])


def test_a_low_strength_keeps_more_of_the_photo():
    region = np.ones((48, 40), bool)
    region[:4] = False
    changes = []
    for strength in (0.02, 0.3, 1.0):
        request = edit_request(region, strength)
        *_, last = edit(tiny_model(), request)
        changes.append(np.abs(last.pictures[0].astype(int) - request.photo)[region].mean())
    assert changes == sorted(changes)


@pytest.mark.parametrize(
    ("region", "labels", "text"),
    [
        (np.zeros((48, 40), bool), labels_of(48, 40), "region is empty"),
        (np.ones((40, 48), bool), labels_of(48, 40), "region is 48 x 40 px, the photo 40 x 48"),
        (np.ones((48, 40), bool), labels_of(24, 20), "map is 20 x 24 px and the photo 40 x 48"),
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
