"""The converter: every shape comes out as it went in, and no file can do more than be refused."""

import dataclasses
import errno
import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from models import TINY, tiny_network
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import launch
from app import cli
from engine import checkpoint
from engine.checkpoint import load_checkpoint
from engine.condition import condition_from, instance_edges, map_condition
from engine.convert.conversion import convert, examine
from engine.convert.shape import Unstated, network_of
from engine.model.config import PUBLISHED_MULTIPLIERS, NetworkConfig
from engine.model.unet import UNet
from engine.palette import load_palette
from engine.types import UserError

FACADES = load_palette("facades")
GIVEN = Unstated(image_size=16, head_channels=32)  # what the weights of a TINY network don't tell


def rounded(network: UNet) -> UNet:
    """Weights that half precision holds exactly, so that a converted network has to give the same numbers."""
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    return network


@pytest.fixture(scope="module")
def tiny() -> UNet:
    return rounded(tiny_network())


@pytest.fixture
def saved(tiny, tmp_path):
    """A function that writes some entries as the research code does, by default TINY's weights with `changes`."""

    def save(entries=None, name="ema_0.9999_best.pt", legacy=False, **changes) -> Path:
        path = tmp_path / name
        entries = {**tiny.state_dict(), **changes} if entries is None else entries
        torch.save(entries, path, _use_new_zipfile_serialization=not legacy)
        return path

    return save


def converted(path: Path, palette=FACADES, unstated=GIVEN, **options) -> Path:
    out = path.with_name("out.safetensors")
    *_, percent = convert(examine(path, palette, unstated, **options), out, force=True)
    assert percent == 100
    return out


# --- Shapes ---

SHAPES = {
    "tiny": {},
    "one level": {"channel_mult": (1,), "attention_resolutions": ()},
    "three levels": {"channel_mult": (1, 2, 3), "num_res_blocks": 2, "attention_resolutions": (16, 4)},
    "fractions": {"model_channels": 64, "channel_mult": (0.5, 1, 1.5), "attention_resolutions": ()},
    "plain resampling": {"resblock_updown": False},
    "no attention but in the middle": {"attention_resolutions": ()},
    "fixed variance": {"learn_sigma": False},
    "added timestep": {"use_scale_shift_norm": False},
    "everything else": {"resblock_updown": False, "use_scale_shift_norm": False, "learn_sigma": False},
    "edges": {"instance_edges": True},
    "wide SPADE": {"spade_hidden": 24},
}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_a_converted_network_is_the_one_that_was_saved(saved, changes):
    network = rounded(tiny_network(**changes))
    loaded, description = load_checkpoint(converted(saved(network.state_dict())))
    assert description.network == network.config
    x, timesteps, labels = torch.randn(1, 3, 16, 16), torch.tensor([300]), torch.randint(0, 13, (1, 16, 16))
    condition = map_condition(labels, network.config)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x, timesteps, condition), network(x, timesteps, condition), atol=5e-6, rtol=0)


def test_what_the_weights_do_not_tell_is_given(saved, tiny):
    heads = NetworkConfig(**{**vars(TINY), "num_heads": 4, "num_head_channels": -1, "use_new_attention_order": True})
    path = saved()
    _, description = load_checkpoint(
        converted(path, unstated=Unstated(16, heads=4, new_attention_order=True), schedule="cosine")
    )
    assert description.network == heads
    assert description.schedule == "cosine"
    assert examine(path, FACADES, Unstated(64, 8)).description.network.attention_strides == {2}


def shapes_of(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes alone, of which the converter has to make the rest."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in UNet(config).state_dict().items()}


@pytest.mark.parametrize(("size", "multipliers"), PUBLISHED_MULTIPLIERS.items())
def test_the_published_shapes_need_no_options(size, multipliers):
    published = NetworkConfig(image_size=size, num_classes=151, channel_mult=multipliers)
    found, remarks = network_of(shapes_of(published), load_palette("ade20k"), Unstated())
    assert found == published
    assert any("64 channels as published" in remark for remark in remarks)


def test_a_multiplier_survives_being_cut_to_a_whole_number():
    assert int(480 / 352 * 352) == 479
    config = NetworkConfig(**{**vars(TINY), "model_channels": 352, "channel_mult": (1, math.nextafter(480 / 352, 2))})
    found, _ = network_of(shapes_of(config), FACADES, GIVEN)
    assert found.widths == (352, 480)


def test_where_the_image_size_comes_from(saved):
    config = vars(TINY)
    for palette, words in (("cityscapes", "256 px as published"), ("facades", "--image-size")):
        palette = load_palette(palette)
        changes = {"num_classes": palette.size, "instance_edges": palette.has_edges}
        path = saved(UNet(NetworkConfig(**{**config, **changes})).state_dict())
        unstated = Unstated(head_channels=32)
        if palette.name == "facades":
            with pytest.raises(UserError, match=words):
                examine(path, palette, unstated)
        else:
            found = examine(path, palette, unstated)
            assert found.description.network.image_size == 256
            assert found.description.network.attention_resolutions == (128,)  # the stride stays what it was
            assert words in found.remarks[0]


@pytest.mark.parametrize("unstated", [Unstated(16), Unstated(16, head_channels=24)])
def test_heads_that_do_not_fit_are_asked_for(saved, unstated):
    with pytest.raises(UserError, match=r"32 channels wide.*--head-channels"):
        examine(saved(), FACADES, unstated)


def test_an_image_size_that_does_not_fit_is_refused(saved):
    with pytest.raises(UserError, match=r"best\.pt: Image size 17 is not a multiple of 2"):
        examine(saved(), FACADES, Unstated(17, 32))


@pytest.mark.parametrize("name", ["scenes_wide", "faces_edges", "plain_blocks"])
def test_the_reference_networks_convert(shared, saved, name):
    file = shared / "golden" / f"{name}.safetensors"
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["config"])
    del config["height"], config["width"]
    expected = NetworkConfig.from_dict(config)
    stored = load_file(file)
    weights = {key.removeprefix("weights/"): value for key, value in stored.items() if key.startswith("weights/")}
    palette = {151: "ade20k", 19: "celebamask_hq", 35: "cityscapes"}[expected.num_classes]
    channels = {"head_channels": 32} if expected.num_head_channels == 32 else {"heads": expected.num_heads}
    unstated = Unstated(32, **channels, new_attention_order=expected.use_new_attention_order)
    network, description = load_checkpoint(converted(saved(weights), load_palette(palette), unstated))
    aspect = 2.0 if palette == "cityscapes" else 1.0  # as published; the reference files don't say
    assert description.network == dataclasses.replace(expected, aspect=aspect)
    edges = instance_edges(stored["instance"]) if expected.instance_edges else None
    condition = condition_from(stored["label"], expected.num_classes, edges)
    with torch.no_grad():
        error = network(stored["x"], stored["t"], condition) - stored["out_cond"]
    assert error.abs().max() < 1e-4


def test_half_is_half_the_size_and_near(saved, tiny):
    path = saved()
    whole, half = (converted(path, half=each).read_bytes() for each in (False, True))
    assert 0.45 < len(half) / len(whole) < 0.6
    network, _ = load_checkpoint(path.with_name("out.safetensors"))  # the second one
    for name, value in network.state_dict().items():
        assert (value - tiny.state_dict()[name]).abs().max() <= 1e-3 * (1 + value.abs().max())


# --- Files as training tools write them ---


def test_the_model_says_where_it_comes_from(saved):
    _, description = load_checkpoint(converted(saved()))
    assert description.title == "CMP Facades (SDM, converted)"
    assert description.facts["converted_from"] == "ema_0.9999_best.pt"
    assert len(description.facts["sha256"]) == 64
    assert "WeilunWang/semantic-diffusion-model" in description.licence


def shared_master(weights: dict) -> dict:
    """Weights as training in half precision leaves them: windows of one flat tensor, in another order."""
    flat, views, start = torch.cat([value.flatten() for value in weights.values()]), {}, 0
    for name, value in weights.items():
        views[name] = flat[start : start + value.numel()].view(value.shape)
        start += value.numel()
    return OrderedDict(reversed(views.items()))


def hiding_methods(weights: dict) -> dict:
    """An ordered dictionary and tensors whose own attributes hide the methods of their classes."""
    weights = OrderedDict((name, value.clone()) for name, value in weights.items())
    weights.__dict__.update(values=1, get=1, keys=1)
    for value in dict.values(weights):
        value.__dict__.update(split=1, numel=0)
    return weights


CLEAR = {
    "as it is": (dict, ""),
    "DataParallel": (lambda w: {f"module.{name}": value for name, value in w.items()}, "began with “module.”"),
    "wrapped": (lambda w: {"epoch": 3, "state_dict": w}, "part “state_dict”"),
    "wrapped twice over": (
        lambda w: {"model": {f"module.{name}": value for name, value in w.items()}, "optimizer": {"state": {}}},
        "part “model”",
    ),
    "the average first": (lambda w: {"model": {n: v * 0 for n, v in w.items()}, "ema": w}, "part “ema”"),
    "parameters": (lambda w: {name: torch.nn.Parameter(value) for name, value in w.items()}, ""),
    "half": (lambda w: {name: value.half() for name, value in w.items()}, ""),
    "bfloat16 and double": (lambda w: {n: v.double() if "out" in n else v for n, v in w.items()}, ""),
    "windows of one tensor": (shared_master, ""),
    "channels last": (
        lambda w: {n: v.to(memory_format=torch.channels_last) if v.ndim == 4 else v for n, v in w.items()},
        "",
    ),
    "hidden methods": (hiding_methods, ""),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(("wrap", "remark"), CLEAR.values(), ids=CLEAR)
def test_what_is_clear_is_converted_and_said(saved, tiny, wrap, remark, legacy):
    path = saved(wrap(tiny.state_dict()), legacy=legacy)
    assert any(remark in each for each in examine(path, FACADES, GIVEN).remarks)
    network, _ = load_checkpoint(converted(path))
    for name, value in tiny.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def test_raw_training_weights_are_converted_with_a_remark(saved):
    assert "raw weights" in examine(saved(name="model050000.pt"), FACADES, GIVEN).remarks[-1]
    assert not any("raw" in each for each in examine(saved(), FACADES, GIVEN).remarks)


def test_safetensors_without_a_description_convert_and_models_do_not(tiny, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(tiny.state_dict(), path)
    out = converted(path)
    with pytest.raises(UserError, match="is a Spadework model already"):
        examine(out, FACADES, GIVEN)


def test_an_optimizer_s_file_is_named(saved, tiny):
    path = saved(torch.optim.AdamW(tiny.parameters()).state_dict(), name="opt050000.pt")
    with pytest.raises(UserError, match=r"optimizer's state, not a model\. Give the ema_\*\.pt file"):
        examine(path, FACADES, GIVEN)


# --- Weights that don't fit ---


def without(entries: dict, *endings: str) -> dict:
    return {name: value for name, value in entries.items() if not name.endswith(endings)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda w: without(w, "input_blocks.1.0.in_layers.2.bias"),
            "1 weights of its network are missing, first input",
        ),
        (lambda w: without(w, "time_embed.0.weight"), "time_embed.0.weight is missing"),
        (lambda w: {n: v for n, v in w.items() if not n.startswith("output_blocks.3")}, "do not divide into 2 levels"),
        (lambda w: {n: v for n, v in w.items() if not n.startswith("output_blocks")}, "some are missing"),
        (lambda w: {n: v for n, v in w.items() if "mlp_" not in n}, "no SPADE norms"),
        (lambda w: {**w, "label_emb.weight": torch.zeros(3)}, "1 weights don't belong to its network, first label_emb"),
        (lambda w: {**w, "out.2.bias": torch.zeros(7)}, r"out.2.bias has shape \(7,\), its network needs \(6,\)"),
        (lambda w: {**w, "out.2.weight": torch.zeros(6)}, r"out.2.weight has shape \(6,\), not 4 dimensions"),
        (lambda w: {**w, "input_blocks.0.0.weight": torch.zeros(32, 6, 3, 3)}, "pictures of 6 channels, not 3"),
        (lambda w: {**w, "time_embed.0.weight": torch.zeros(4, 0)}, "levels of 32 channels for a width of 0"),
        (lambda w: {**w, "time_embed.0.weight": torch.zeros(0, 10**9)}, "model_channels = 1000000000 is outside"),
    ],
)
def test_a_network_that_is_not_whole_is_refused(saved, tiny, change, words):
    with pytest.raises(UserError, match=r"^ema_0.9999_best\.pt: .*" + words):
        examine(saved(change(tiny.state_dict())), FACADES, GIVEN)


@pytest.mark.parametrize(
    ("classes", "edges", "words"),
    [
        (
            19,
            True,
            r"have 20 channels, those of CMP Facades 13 \(13 classes\)\. Convert it with --palette celebamask_hq",
        ),
        (150, True, "Convert it with --palette ade20k"),
        (77, False, "have 77 channels.*Give its own palette"),
    ],
)
def test_a_wrong_palette_is_named_and_the_right_one_too(saved, classes, edges, words):
    network = tiny_network(num_classes=classes, instance_edges=edges)
    with pytest.raises(UserError, match=words):
        examine(saved(network.state_dict()), FACADES, GIVEN)


def test_edges_may_be_other_than_published(saved):
    found = examine(saved(tiny_network(instance_edges=True).state_dict()), FACADES, GIVEN)
    assert found.description.network.instance_edges
    assert "trained with instance edges, unlike" in found.remarks[-1]


@pytest.mark.parametrize(
    ("number", "half", "bound"),
    [(float("nan"), False, "3.403e"), (float("inf"), False, "3.403e"), (7e4, True, "6.55e")],
)
def test_numbers_that_the_model_can_not_hold_are_refused_by_name(saved, number, half, bound):
    bias = torch.zeros(6)
    bias[3] = number
    path = saved(**{"out.2.bias": bias})
    out = path.with_name("out.safetensors")
    out.write_text("what was there")
    with pytest.raises(UserError, match=f"out.2.bias holds NaN or numbers outside ±{re.escape(bound)}"):
        list(convert(examine(path, FACADES, GIVEN, half=half), out, force=True))
    assert out.read_text() == "what was there"
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, out.name]


# --- Hostile and damaged files ---


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"echo run > {self.marker}",)


def stack_global(marker: Path) -> bytes:
    """The same in opcodes of protocol 4."""
    return pickle.dumps(Hostile(marker), protocol=4)


def as_archive(pickled: bytes) -> bytes:
    """What torch.save would have written around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


CODE = {
    "zip": lambda marker: written({"out.2.bias": torch.zeros(6), "x": Hostile(marker)}),
    "instead of a weight": lambda marker: written({"out.2.bias": Hostile(marker)}),
    "legacy": lambda marker: written({"x": Hostile(marker)}, _use_new_zipfile_serialization=False),
    "bare pickle": lambda marker: pickle.dumps(Hostile(marker), protocol=2),
    "bare pickle, text": lambda marker: pickle.dumps(Hostile(marker), protocol=0),
    "bare pickle, frames": stack_global,
    "zip, frames": lambda marker: as_archive(stack_global(marker)),
    "a whole module": lambda marker: written(torch.nn.Linear(1, 1)),
    "builtins": lambda marker: as_archive(b"cbuiltins\neval\n(X\x01\x00\x00\x001tR."),
    "torch's own loader": lambda marker: as_archive(b"ctorch\nload\n(X\x01\x00\x00\x00xtR."),
    "a new object": lambda marker: as_archive(b"\x80\x02csubprocess\nPopen\n(X\x04\x00\x00\x00true\x81."),
}


def written(entries, **options) -> bytes:
    file = io.BytesIO()
    torch.save(entries, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("make", CODE.values(), ids=CODE)
@pytest.mark.parametrize("forced", [False, True])
def test_code_is_refused_and_not_run(tmp_path, monkeypatch, make, forced):
    if forced:  # an environment that asks PyTorch to trust every file
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    marker = tmp_path / "marker"
    path = tmp_path / "ema_0.9999_best.pt"
    path.write_bytes(make(marker))
    with pytest.raises(UserError, match=r"holds code.*nothing of it was run") as raised:
        examine(path, FACADES, GIVEN)
    assert not marker.exists()
    assert "weights_only" not in str(raised.value)  # PyTorch's own text tells how to run it


def test_the_hostile_file_would_have_acted(tmp_path):
    torch.load(io.BytesIO(CODE["zip"](tmp_path / "marker")), weights_only=False)
    assert (tmp_path / "marker").exists()


def claiming(size: tuple[int, ...], stride: tuple[int, ...], stored: int, present: int = 6, **options) -> bytes:
    """A file with one weight, which says that it has `stored` numbers; `present` are there."""

    class Storage:
        pass

    class Weight:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), 0, size, stride, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", torch.FloatStorage, "0", "cpu", stored) if isinstance(thing, Storage) else None

    pickled = io.BytesIO()
    Pickler(pickled, 2).dump({"out.2.bias": Weight()})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", bytes(4 * present))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def tar_of(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO(content))
    return file.getvalue()


def renamed(names: dict[str, str], content: bytes) -> bytes:
    """An archive with entries under other names."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.namelist():
            new.writestr(names.get(entry, entry), old.read(entry))
    return file.getvalue()


ONE = {"out.2.bias": torch.zeros(6)}
DAMAGED = {
    "empty": (b"", "is empty"),
    "text": (b"hello\n", "can't be read as a PyTorch checkpoint"),
    "zeros": (bytes(2000), "can't be read as a PyTorch checkpoint"),
    "web page": (b"\n<!DOCTYPE html><html>Google Drive can't scan this file", "is a web page.*confirm"),
    "tar": (tar_of(b""), "is a tar archive"),
    "cut off": (written(ONE)[:-40], "is cut off or damaged"),
    "cut off in the middle": (written(ONE)[:300], "is cut off or damaged"),
    "legacy, cut off": (written(ONE, _use_new_zipfile_serialization=False)[:-20], "can't be read"),
    "legacy, cut off early": (written(ONE, _use_new_zipfile_serialization=False)[:100], "can't be read"),
    "another zip": (renamed({"archive/data.pkl": "word/document.xml"}, written(ONE)), "zip archive without weights"),
    "TorchScript": (renamed({"archive/version": "archive/constants.pkl"}, written(ONE)), r"holds code \(TorchScript\)"),
    "odd names": (renamed({"archive/data/0": "../../data/0"}, written(ONE)), "can't be read|is missing"),
    "packed": (claiming((6,), (1,), 6, compression=zipfile.ZIP_DEFLATED), "packed zip archive"),
    "a tera-number": (claiming((10**12,), (1,), 10**12), "can't be read|claims"),
    "a repeated number": (claiming((10**6, 10**6), (0, 0), 6), "claims 4,000,000,000,000 bytes"),
    "a window outside": (claiming((600,), (1,), 6), "can't be read|claims"),
    "more than stored": (claiming((600,), (1,), 600), "can't be read|claims"),
    "a list": (written([torch.zeros(6)]), "holds a list, not weights by name"),
    "a tensor": (written(torch.zeros(6)), "holds a Tensor, not weights by name"),
    "nothing": (written({}), "holds nothing"),
    "other entries": (written({**ONE, "step": 5}), "holds 'step', which is no tensor"),
    "a number for a name": (written({5: torch.zeros(6)}), "a weight called 5, no name"),
    "an escape in a name": (written({"\x1b[2J": torch.zeros(6)}), r"a weight called '\\x1b\[2J', no name"),
    "whole numbers": (written({"out.2.bias": torch.zeros(6, dtype=torch.int64)}), "holds torch.int64"),
    "complex": (written({"out.2.bias": torch.zeros(6, dtype=torch.complex64)}), "holds torch.complex64"),
    "sparse": (written({"out.2.bias": torch.zeros(6).to_sparse()}), "sparse"),
    "no numbers": (written({"out.2.bias": torch.zeros(6, device="meta")}), "without numbers"),
    "safetensors, cut off": ((200).to_bytes(8, "little") + b"{" + bytes(200), "can't be read as safetensors"),
}


@pytest.mark.parametrize(("content", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_or_odd_file_gets_a_clear_answer(tmp_path, content, words):
    path = tmp_path / "ema_0.9999_best.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^ema_0.9999_best.pt.*(?:{words})") as raised:
        examine(path, FACADES, GIVEN)
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_path_without_a_file_gets_a_clear_answer(tmp_path):
    with pytest.raises(UserError, match="can't be read: No such file"):
        examine(tmp_path / "nowhere.pt", FACADES, GIVEN)
    with pytest.raises(UserError, match="is no file"):
        examine(tmp_path, FACADES, GIVEN)


def test_a_file_that_may_not_be_read_gets_a_clear_answer(saved, monkeypatch):
    path = saved()

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="can't be read: Permission denied"):
        examine(path, FACADES, GIVEN)


# --- Writing ---


def test_nothing_is_replaced_unasked(saved):
    path = saved()
    plan, out = examine(path, FACADES, GIVEN), path.with_name("out.safetensors")
    out.write_text("mine")
    with pytest.raises(UserError, match=r"exists already.*--force"):
        next(convert(plan, out))
    with pytest.raises(UserError, match="the file to convert itself"):
        next(convert(plan, path, force=True))
    with pytest.raises(UserError, match="is a folder"):
        next(convert(plan, path.parent, force=True))
    assert out.read_text() == "mine"


def test_a_full_disk_leaves_nothing(saved, monkeypatch):
    path = saved()

    def full(value, dtype):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "_pieces", full)
    with pytest.raises(UserError, match=r"can't be written: No space left on device\. Choose another place"):
        converted(path)
    assert list(path.parent.iterdir()) == [path]


def test_a_conversion_that_is_stopped_leaves_nothing(saved):
    path = saved()
    steps = convert(examine(path, FACADES, GIVEN), path.with_name("out.safetensors"))
    while next(steps) < 60:
        pass
    assert len(list(path.parent.iterdir())) == 2
    steps.close()
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_changes_meanwhile_is_refused(saved):
    path = saved()
    plan = examine(path, FACADES, GIVEN)
    saved({"out.2.bias": torch.zeros(6)})
    with pytest.raises(UserError, match="changed while it was read"):
        list(convert(plan, path.with_name("out.safetensors")))


MEASURE = """
import re, sys
from pathlib import Path
import torch
from engine.convert.conversion import convert, examine
from engine.convert.shape import Unstated
from engine.palette import load_palette

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def run(folder):
    path = Path(folder) / "ema.pt"
    plan = examine(path, load_palette("facades"), Unstated(16, 32))
    for _ in convert(plan, path.with_suffix(".safetensors")):
        pass

run(sys.argv[1])  # a small one, so that what PyTorch itself takes is there before
before = peak()
run(sys.argv[2])
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the most memory that a process has had")
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_memory_stays_near_the_file_s_size(tiny, tmp_path, legacy):
    """A mapped file is not even there whole at any time; one that can't be mapped is, but not a second time."""
    config = NetworkConfig(**{**vars(TINY), "model_channels": 128, "channel_mult": (1, 2), "spade_hidden": 128})
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in UNet(config).state_dict().items()}
    for folder, weights in (
        ("small", tiny.state_dict()),
        ("large", {n: torch.full(s, 0.1) for n, s in shapes.items()}),
    ):
        (tmp_path / folder).mkdir()
        torch.save(weights, tmp_path / folder / "ema.pt", _use_new_zipfile_serialization=not legacy)
    size = (tmp_path / "large" / "ema.pt").stat().st_size
    assert size > 40e6
    words = [sys.executable, "-c", MEASURE, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(words, cwd=Path(launch.__file__).parent, capture_output=True, text=True, check=True)
    assert int(done.stdout) < (1.2 if legacy else 0.8) * size


# --- The command ---


def test_convert_from_the_command_line(saved, capsys):
    path = saved(name="model000100.pt")
    out = path.with_name("mine.safetensors")
    words = ["--no-venv", "convert", str(path), "--palette", "facades", "--out", str(out)]
    assert launch.main([*words, "--image-size", "16", "--head-channels", "32"]) == 0
    said = capsys.readouterr()
    for words_said in ("13 of CMP Facades, no edge channel", "16 px", "32 channels × (1, 1)", "learned", "raw weights"):
        assert words_said in said.out
    assert said.err.endswith("100 %\n")
    assert load_checkpoint(out)[1].network == TINY
    assert launch.main(words) == 2
    said = capsys.readouterr().err
    assert "exists already" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--palette": "ade20k"}, "Convert it with --palette facades"),
        ({"--palette": "nonesuch"}, "nonesuch"),
        ({"--image-size": "17"}, "not a multiple"),
        ({"--head-channels": "5"}, "--head-channels"),
    ],
)
def test_what_does_not_fit_is_one_line_and_status_2(saved, capsys, change, words):
    path = saved()
    options = {"--palette": "facades", "--image-size": "16", "--head-channels": "32", **change}
    out = path.with_name("mine.safetensors")
    argv = ["--no-venv", "convert", str(path), "--out", str(out)]
    assert launch.main([*argv, *(word for pair in options.items() for word in pair)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["a.pt", "--out", "b.safetensors"], "--palette"),
        (["a.pt", "--palette", "p"], "--out"),
        (["--palette", "p", "--out", "b.safetensors"], "FILE.pt"),
        (["a.pt", "--palette", "p", "--out", "b.pt"], "does not end in .safetensors"),
        (["a.pt", "--palette", "p", "--out", "nowhere/b.safetensors"], "make it first"),
        (["a.pt", "--palette", "p", "--out", "b.safetensors", "--image-size", "0"], "above 0"),
        (["a.pt", "--palette", "p", "--out", "b.safetensors", "--heads", "4", "--head-channels", "8"], "not allowed"),
    ],
)
def test_a_wrong_argument_is_one_line(argv, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.parse(["convert", *argv])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in said
    assert said.count("\n") == 1
