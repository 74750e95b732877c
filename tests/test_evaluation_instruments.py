"""What pictures are looked at with: features, perceptual distances, segmentations."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.evaluation.features import InceptionFeatures, SegmenterFeatures, as_input, joined
from engine.evaluation.judges import NONE, named_table, open_judge, outputs_table
from engine.evaluation.likeness import ScriptLikeness, SegmenterLikeness
from engine.palette import load_palette
from engine.types import UserError
from tests.evaluations import (
    FACADES,
    Distance,
    Embedding,
    Greys,
    Inception,
    Means,
    save_script,
    save_tiny_segmenter,
    tiny_segmenter,
)

CPU = torch.device("cpu")
PICTURES = np.random.default_rng(0).integers(0, 256, (19, 32, 32, 3), dtype=np.uint8)
OURS = tiny_segmenter()


# --- Features ---


def test_our_features_are_means_of_the_coarsest():
    found = SegmenterFeatures(OURS)(PICTURES)
    with torch.inference_mode():
        coarsest = [OURS.network.encode(OURS._input(picture))[-1][0].double().numpy() for picture in PICTURES]
    np.testing.assert_allclose(found.pooled, [each.mean((1, 2)) for each in coarsest], rtol=1e-4, atol=1e-5)
    assert found.spatial.shape == (19, 16 * 16)  # SMALL has 16 channels; 4 x 4 cells


def test_the_spatial_features_see_where_and_keep_distances():
    """All channels are kept here, so mixing them is a rotation: of the same length as without."""
    found = SegmenterFeatures(OURS)(PICTURES[:2])
    with torch.inference_mode():
        coarsest = OURS.network.encode(as_input(OURS.network, PICTURES[:2]))[-1]
    cells = functional.adaptive_avg_pool2d(coarsest, 4).flatten(1).double().numpy()
    assert np.linalg.norm(np.subtract(*found.spatial)) == pytest.approx(np.linalg.norm(np.subtract(*cells)), rel=1e-6)
    other = SegmenterFeatures(OURS)(np.ascontiguousarray(PICTURES[:2, ::-1]))
    assert np.abs(other.spatial - found.spatial).max() > 1e-3


def test_a_picture_of_other_proportions_keeps_them():
    assert as_input(OURS.network, PICTURES[:2, :16]).shape[2:] == (32, 64)


def test_features_of_a_file(tmp_path):
    features = InceptionFeatures(save_script(Means(), tmp_path / "means.pt"), CPU)(PICTURES)
    np.testing.assert_allclose(features.pooled[3, 0], PICTURES[3, :16, :16, 0].mean(), rtol=1e-5)
    assert features.pooled.shape == (19, 12)
    assert features.spatial is None


def test_an_inception_gives_spatial_features_too(tmp_path):
    module = Inception()
    features = InceptionFeatures(save_script(module, tmp_path / "inception.pt"), CPU)(PICTURES)
    np.testing.assert_allclose(features.pooled, PICTURES.mean((1, 2)), rtol=1e-5)
    x = torch.from_numpy(PICTURES[:1]).permute(0, 3, 1, 2).float()
    x = (functional.interpolate(x, (299, 299), mode="bilinear") - 128) / 128
    layers = module.layers
    x = layers.pool0(layers.conv_2(layers.conv_1(layers.conv(x))))
    x = layers.mixed_6.conv(layers.pool1(layers.conv_4(layers.conv_3(x))))  # before what follows it there
    with torch.inference_mode():
        np.testing.assert_allclose(features.spatial[0], x[0, :7].flatten().detach().numpy(), rtol=1e-4, atol=1e-6)


def test_features_joined_are_those_of_all(tmp_path):
    extractor = InceptionFeatures(save_script(Means(), tmp_path / "means.pt"), CPU)
    parts = joined([extractor(PICTURES[:5]), extractor(PICTURES[5:])])
    np.testing.assert_array_equal(parts.pooled, extractor(PICTURES).pooled)


@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_what_is_no_torchscript_is_refused(tmp_path, content):
    path = tmp_path / "net.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"torch\.jit\.save"):
        InceptionFeatures(path, CPU)


def test_a_network_that_takes_something_else_is_refused(tmp_path):
    features = InceptionFeatures(save_script(Distance(), tmp_path / "lpips.pt"), CPU)
    with pytest.raises(UserError, match="can't be run on pictures"):
        features(PICTURES)


# --- Diversity ---


def test_our_distance_against_loops():
    found = SegmenterLikeness(OURS).spread(PICTURES[:3])
    with torch.inference_mode():
        each = [OURS.network.encode(OURS._input(picture)) for picture in PICTURES[:3]]
    slow = []
    for one, other in combinations(each, 2):
        distance = 0.0
        for a, b in zip(one, other, strict=True):
            a, b = (x[0] / (x[0].norm(dim=0) + 1e-10) for x in (a, b))
            distance += float((a - b).square().sum(0).mean())
        slow.append(distance)
    assert found == pytest.approx(np.mean(slow), rel=1e-4)


@pytest.mark.parametrize(("module", "scale"), [(Distance(), 127.5**2 * 32 * 32 * 3), (Embedding(), 255**2)])
def test_lpips_of_a_file_in_both_forms(tmp_path, module, scale):
    likeness = ScriptLikeness(save_script(module, tmp_path / "lpips.pt"), CPU)
    squares = [np.square(a.astype(float) - b).sum() for a, b in combinations(PICTURES[:4], 2)]
    assert likeness.spread(PICTURES[:4]) == pytest.approx(np.mean(squares) / scale, rel=1e-4)


def test_equal_pictures_have_no_distance_and_one_has_none(tmp_path):
    likeness = ScriptLikeness(save_script(Distance(), tmp_path / "lpips.pt"), CPU)
    for each in (SegmenterLikeness(OURS), likeness):
        assert each.spread(PICTURES[[1, 1]]) == pytest.approx(0, abs=1e-6)
        assert np.isnan(each.spread(PICTURES[:1]))


# --- Judges ---


def test_our_own_file_judges(tmp_path):
    judge = open_judge(save_tiny_segmenter(tmp_path / "ours.safetensors"), FACADES, CPU)
    assert judge.labels.tolist() == [2, 3, 5, 7]
    assert set(np.unique(judge.segment(PICTURES[0]))) <= {2, 3, 5, 7}


def test_a_segmenter_of_another_palette_is_refused(tmp_path):
    path = save_tiny_segmenter(tmp_path / "ours.safetensors", "ade20k")
    with pytest.raises(UserError, match="segmenter of the model's palette"):
        open_judge(path, FACADES, CPU)


def test_a_file_judges_at_the_pictures_size(tmp_path):
    judge = open_judge(save_script(Greys(13), tmp_path / "greys.pt"), FACADES, CPU)
    wanted = np.kron(np.array([[1, 12], [5, 7]]), np.ones((8, 10))).astype(np.uint8)
    shown = judge.segment((10 * wanted)[..., None].repeat(3, axis=2))
    np.testing.assert_array_equal(shown, wanted)


def test_a_number_of_classes_tells_which_they_are():
    ade20k, cityscapes = load_palette("ade20k"), load_palette("cityscapes")
    assert outputs_table(150, ade20k, "net").tolist() == list(range(150))  # the unlabelled one is the last
    assert outputs_table(151, ade20k, "net").tolist() == list(range(151))
    trained = outputs_table(19, cityscapes, "net")
    assert [cityscapes.classes[index].name for index in trained[[0, 13]]] == ["road", "car"]
    with pytest.raises(UserError, match="tells 21 classes"):
        outputs_table(21, ade20k, "net")


def test_classes_are_found_by_name():
    ade20k = load_palette("ade20k")
    table = named_table({0: "wall", 1: "sky", 2: "no such thing", 3: "Tree"}, ade20k, "net")
    assert table.tolist() == [ade20k.index_of("wall"), ade20k.index_of("sky"), NONE, ade20k.index_of("tree")]
    with pytest.raises(UserError, match="1 of its 3 classes"):
        named_table({0: "wall", 1: "left foot", 2: "no such thing"}, ade20k, "net")


def test_a_folder_needs_its_library(tmp_path):
    try:
        import transformers  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="transformers"):
            open_judge(tmp_path, FACADES, CPU)
    else:
        with pytest.raises(UserError, match="can't be read"):
            open_judge(tmp_path, FACADES, CPU)
