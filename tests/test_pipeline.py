import numpy as np
import pytest
import torch
from models import tiny_model

from engine import pipeline
from engine.condition import condition_from, instance_edges, map_condition
from engine.pipeline import SeededNoise, edit, generate, model_size
from engine.schedule import alpha_bars
from engine.trajectory import timesteps
from engine.types import EditRequest, RenderRequest, Sampling, UserError


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
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=0)
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
    ours = render(Sampling("ddim", steps=4, guidance=2.0, seeds=(5,)), labels)[0]
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


@pytest.mark.parametrize(
    ("size", "computed"),
    [
        ((512, 512), (128, 128)),
        ((512, 1024), (128, 256)),
        ((213, 320), (128, 192)),
        ((8, 2048), (128, 512)),
        ((1, 1), (128, 128)),
    ],
)
def test_maps_are_computed_at_the_training_size_in_whole_strides(size, computed):
    assert model_size(*size, image_size=128, stride=16) == computed


@pytest.mark.parametrize("size", [(1, 1), (37, 21), (16, 70)])
def test_a_picture_has_the_map_s_size(size):
    assert render(Sampling(steps=1), labels_of(*size)).shape == (1, *size, 3)


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


def test_noise_belongs_to_the_seed_alone():
    both, second = SeededNoise((1, 2), 4, 4, torch.device("cpu")), SeededNoise((2,), 4, 4, torch.device("cpu"))
    assert torch.equal(both()[1], second()[0])
    assert torch.equal(both()[1], second()[0])


# --- Editing ---


def photo_of(height: int = 48, width: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def edit_request(region: np.ndarray, strength: float = 0.8, sampler: str = "ddim", seeds: tuple = (3,)) -> EditRequest:
    photo = photo_of(*region.shape)
    return EditRequest("tiny", labels_of(*region.shape), photo, region, strength, Sampling(sampler, 4, seeds=seeds))


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
