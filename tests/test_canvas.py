"""The canvas component's Python side: payloads in and out, and the bounds on what a browser may send."""

import base64
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from app.canvas import LabelCanvas, Painted, browser_palettes, decode, encode
from engine.palette import load_palette, palette_names
from engine.types import UserError


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 151, (40, 30), np.uint8)


def payload(labels: np.ndarray, **changes) -> dict:
    return {**encode(Painted(labels, "ade20k")), **changes}


def z(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def test_a_map_goes_round(labels):
    canvas = LabelCanvas()
    back = canvas.preprocess(canvas.postprocess(Painted(labels, "ade20k")))
    assert back.palette == "ade20k"
    assert back.labels.dtype == np.uint8
    np.testing.assert_array_equal(back.labels, labels)


@pytest.fixture
def instances() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 65536, (40, 30), np.uint16)


def test_object_numbers_go_round(labels, instances):
    canvas = LabelCanvas()
    sent = canvas.postprocess(Painted(labels, "ade20k", instances=instances))
    assert zlib.decompress(base64.b64decode(sent["i"])) == instances.astype("<u2").tobytes()
    back = canvas.preprocess(sent)
    assert back.instances.dtype == np.uint16
    np.testing.assert_array_equal(back.instances, instances)
    np.testing.assert_array_equal(back.labels, labels)


def test_maps_without_objects_have_no_numbers(labels, instances):
    assert decode(payload(labels)).instances is None
    assert "i" not in encode(Painted(labels, "ade20k", instances=np.zeros_like(instances)))
    assert decode(payload(labels, i=z(bytes(2400)))).instances is None


def test_a_selection_over_a_photo_is_the_region(labels):
    pixels = np.random.default_rng(5).integers(0, 2, labels.shape, np.uint8)
    area = {"w": 30, "h": 40, "z": z(pixels.tobytes())}
    region = decode(payload(labels, region=area)).region
    assert region.dtype == bool
    np.testing.assert_array_equal(region, pixels == 1)
    assert decode(payload(labels)).region is None
    assert decode(payload(labels, region={**area, "z": z(bytes(1200))})).region is None


@pytest.mark.parametrize(
    ("area", "problem"),
    [
        ({"w": 40, "h": 30, "z": ""}, "not of the map's size, 30 × 40 pixels"),
        ({"w": 30, "h": 40, "z": z(bytes(1199))}, "selection of 1200 pixels"),
        ({"w": 30, "h": 40, "z": z(bytes(10**7))}, "selection of 1200 pixels"),
        ({"w": 30, "h": 40}, "selection of 1200 pixels"),
        ([1], "not of the map's size"),
    ],
)
def test_a_damaged_selection_is_refused(labels, area, problem):
    with pytest.raises(UserError, match=problem):
        decode(payload(labels, region=area))


def test_a_plane_of_another_type_is_not_wrapped(labels, instances):
    with pytest.raises(TypeError):
        encode(Painted(labels, "ade20k", instances=instances.astype(np.int32)))


@pytest.mark.parametrize("empty", [None, ""])
def test_nothing_is_none(empty):
    assert LabelCanvas().preprocess(empty) is None
    assert LabelCanvas().postprocess(None) is None


def test_every_load_has_its_own_number_that_javascript_holds_exactly(labels):
    numbers = [payload(labels)["seq"] for _ in range(3)]
    assert 10**15 < numbers[0] <= numbers[-1] < 2**53


@pytest.mark.parametrize("side", [7, 2049, 0, -8, 30.0, "30", None, True])
@pytest.mark.parametrize("name", ["w", "h"])
def test_a_side_out_of_bounds_is_refused(labels, name, side):
    with pytest.raises(UserError, match="8 to 2048 pixels a side"):
        decode(payload(labels, **{name: side}))


@pytest.mark.parametrize("side", [8, 2048])
def test_the_bounds_themselves_are_allowed(side):
    assert decode(payload(np.zeros((side, 8), np.uint8))).labels.shape == (side, 8)


@pytest.mark.parametrize("name", ["nonesuch", None, "../ade20k", ["ade20k"]])
def test_an_unknown_palette_is_refused(labels, name):
    with pytest.raises(UserError, match="is not known"):
        decode(payload(labels, palette=name))


def test_a_label_outside_the_palette_is_refused(labels):
    labels[7, 7] = 151
    with pytest.raises(UserError, match=r"Label 151 is outside .* \(0 to 150\)"):
        decode(payload(labels))


@pytest.mark.parametrize(
    "data",
    [
        z(bytes(1199)),
        z(bytes(1201)),
        z(bytes(50_000_000)),
        z(bytes(1200))[:-8],
        base64.b64encode(zlib.compress(bytes(1200)) + b"more").decode(),
        base64.b64encode(bytes(1200)).decode(),
        "not base64!",
        "",
        None,
        12,
    ],
)
def test_data_that_is_no_map_of_that_size_is_refused(labels, data):
    with pytest.raises(UserError, match="does not hold the 1200 pixels"):
        decode(payload(labels, z=data))


@pytest.mark.parametrize("data", [z(bytes(2399)), z(bytes(2401)), z(bytes(50_000_000)), "not base64!", "", 12, [1]])
def test_object_numbers_that_do_not_fill_the_map_are_refused(labels, data):
    with pytest.raises(UserError, match="does not hold the object numbers of 1200 pixels"):
        decode(payload(labels, i=data))


@pytest.mark.parametrize("wrong", ["text", 7, [1]])
def test_a_payload_of_another_kind_is_refused(wrong):
    with pytest.raises(UserError, match="no label map"):
        LabelCanvas().preprocess(wrong)


def test_the_browser_knows_every_palette():
    palettes = browser_palettes()
    assert list(palettes) == list(palette_names())
    for name, seen in palettes.items():
        palette = load_palette(name)
        assert [c["index"] for c in seen["classes"]] == list(range(palette.size))
        assert [c["name"] for c in seen["classes"]] == [c.name for c in palette.classes]
        assert all(0 <= part <= 255 for c in seen["classes"] for part in c["colour"])
        assert 0 <= seen["unlabelled"] < palette.size


def test_modules():
    """The browser's own modules, in node's runner."""
    node = shutil.which("node")
    if not node:
        reason = "needs node, from 18 on, to test the browser's modules"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    files = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
