"""Project files: everything comes back, and nothing in a damaged or hostile one does harm."""

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageCms

from app import bundle
from app.bundle import Project, is_project, read_project, write_project
from engine import archives, images
from engine.images import PhotoFile, read_request
from engine.palette import load_palette, palette_from, palette_names
from engine.types import UserError
from engine.writing import save_png

ADE = load_palette("ade20k")
RNG = np.random.default_rng(0)
OWN = palette_from(
    {
        "name": "cells",
        "unlabelled": 0,
        "classes": [
            {"index": i, "name": name, "file_value": value, "colour": [9, 9, 9]}  # colours tell nothing here
            for i, (name, value) in enumerate([("nothing", 255), ("nucleus", 7), ("wall", 0)])
        ],
    },
    "cells",
)


def labels_of(palette, shape=(40, 56)):
    return RNG.integers(0, palette.size, shape).astype(np.uint8)


def png(request=None):
    buffer = io.BytesIO()
    save_png(buffer, RNG.integers(0, 256, (12, 16, 3)).astype(np.uint8), request or {})
    return buffer.getvalue()


def photo():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = RNG.integers(0, 256, (50, 70, 4)).astype(np.uint8)
    return PhotoFile(pixels[..., :3], pixels[..., 3], profile)


def full():
    instances = RNG.integers(0, 65_536, (40, 56)).astype(np.uint16)
    settings = {"model": "scenes", "seed": 7, "sampling": {"steps": 12}, "words": "Grüße"}
    results = (png({"spadework": 1, "kind": "render"}), png(), png({"a": 2}))
    stack = {"spadework_stack": 1, "edits": [], "words": "Größe"}
    return Project(labels_of(ADE), ADE, instances, photo(), settings, results, (), stack, (png({"a": 3}), png()))


def written(project):
    buffer = io.BytesIO()
    write_project(buffer, project)
    return buffer.getvalue()


def changed(data, drop=(), **members):
    """A project with members dropped and set; a name's `__` is a dot, `_in_` a slash."""
    new = {name.replace("__", ".").replace("_in_", "/"): content for name, content in members.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as archive:
        for name in old.namelist():
            if name not in drop and name not in new:
                archive.writestr(name, old.read(name))
        for name, content in new.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def manifest(data, **changes):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.dumps({**json.loads(archive.read("manifest.json")), **changes})


# --- Round trips ---


def test_everything_comes_back(tmp_path):
    project = full()
    path = tmp_path / "desk.spadework"
    write_project(path, project)
    back = read_project(path)
    assert back.labels.dtype == np.uint8
    assert back.labels.tobytes() == project.labels.tobytes()
    assert back.palette == ADE
    assert back.instances.dtype == np.uint16
    assert (back.instances == project.instances).all()
    assert (back.photo.pixels == project.photo.pixels).all()
    assert (back.photo.alpha == project.photo.alpha).all()
    assert back.photo.profile == project.photo.profile
    assert back.settings == project.settings
    assert back.results == project.results
    assert (back.stack, back.layers) == (project.stack, project.layers)
    assert back.remarks == ()
    assert [each.name for each in tmp_path.iterdir()] == ["desk.spadework"]


def test_what_was_read_is_written_again_byte_by_byte():
    data = written(full())
    assert written(read_project(data)) == data


@pytest.mark.parametrize("palette", [*map(load_palette, palette_names()), OWN], ids=lambda each: each.name)
def test_the_map_of_every_palette(palette):
    project = Project(labels_of(palette), palette)
    back = read_project(written(project))
    assert (back.labels == project.labels).all()
    assert back.palette == palette
    assert (back.instances, back.photo, back.settings, back.results) == (None, None, {}, ())


def test_a_single_class_and_the_smallest_map():
    for index in (0, 150):
        project = Project(np.full((1, 1), index, np.uint8), ADE)
        assert read_project(written(project)).labels.tolist() == [[index]]


def test_a_palette_like_one_of_ours_but_changed_comes_along():
    classes = [{"index": 0, "name": "nothing", "colour": [0, 0, 0]}, {"index": 1, "name": "all", "colour": [1, 1, 1]}]
    other = palette_from({"name": "ade20k", "unlabelled": 0, "classes": classes}, "other")
    back = read_project(written(Project(np.array([[0, 1]], np.uint8), other)))
    assert back.palette == other


def test_results_from_files(tmp_path):
    (tmp_path / "a.png").write_bytes(png({"a": 1}))
    back = read_project(written(Project(labels_of(ADE), ADE, results=(tmp_path / "a.png",))))
    assert back.results == ((tmp_path / "a.png").read_bytes(),)
    assert read_request(back.results[0]) == {"a": 1}


def test_other_programs_find_their_way_about():
    with zipfile.ZipFile(io.BytesIO(written(full()))) as archive:
        told = json.loads(archive.read("manifest.json"))
        assert (told["format"], told["version"], told["palette"]) == ("spadework project", 1, "ade20k")
        assert (told["width"], told["height"]) == (56, 40)
        assert {*told["parts"], "manifest.json"} == set(archive.namelist())
        assert json.loads(archive.read("requests/0003.json")) == {"a": 2}
        assert Image.open(archive.open("map.png")).mode == "P"
        assert Image.open(archive.open("instances.png")).mode == "I;16"
        assert archive.testzip() is None


def test_a_large_photo_is_read_again(monkeypatch):
    """Lossless, a photo may be larger than the files that we open: it has a bound of its own, above any such photo."""
    assert images.MAX_KEPT_BYTES > 1.2 * 4 * images.MAX_PIXELS
    project = Project(np.zeros((4, 4), np.uint8), ADE, photo=photo())
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 3000)
    assert (read_project(written(project)).photo.pixels == project.photo.pixels).all()
    monkeypatch.setattr(bundle, "MAX_KEPT_BYTES", 3000)
    assert "photo.png in The project is more than" in read_project(written(project)).remarks[0]


# --- Older, newer, other ---


def test_a_newer_version_is_refused():
    data = written(full())
    with pytest.raises(UserError, match=r"version 2, this program reads up to 1\. Update"):
        read_project(changed(data, manifest__json=manifest(data, version=2)))


@pytest.mark.parametrize("version", [0, "1", None, 1.0, True])
def test_a_version_that_is_none(version):
    data = written(full())
    with pytest.raises(UserError, match="which is none"):
        read_project(changed(data, manifest__json=manifest(data, version=version)))


def test_unknown_parts_are_left_alone():
    project = full()
    data = written(project)
    data = changed(data, manifest__json=manifest(data, layers=3), layers_in_1__png=b"?", results_in_odd__txt=b"?")
    back = read_project(data)
    assert (back.labels == project.labels).all()
    assert back.results == project.results
    assert back.remarks == ()
    assert b"layers" not in written(back)


def test_a_palette_that_is_neither_here_nor_there():
    data = written(Project(labels_of(OWN), OWN))
    with pytest.raises(UserError, match="needs the palette 'cells' and does not bring it along"):
        read_project(changed(data, drop=["palette.json"]))


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"drop": ["manifest.json"]}, "no manifest"),
        ({"manifest__json": b"{"}, "manifest.json in The project is damaged"),
        ({"manifest__json": b'{"format": "other"}'}, "no project of Spadework"),
        ({"manifest__json": b"[" * 100_000}, "damaged"),
        ({"drop": ["map.png"]}, "holds no map"),
        ({"map__png": b"\x89PNG"}, "map in The project is damaged"),
        ({"map__png": png()}, "no class values"),
        ({"palette__json": b"{}"}, "Palette in The project has no “name”"),
    ],
)
def test_what_can_not_be_done_without(members, text):
    with pytest.raises(UserError, match=text):
        read_project(changed(written(full()), **members))


def test_a_map_with_values_of_no_class():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(buffer, "PNG")
    with pytest.raises(UserError, match="values that are no class of ADE20K"):
        read_project(changed(written(full()), map__png=buffer.getvalue()))


@pytest.mark.parametrize(
    ("member", "missing", "text"),
    [
        ("instances__png", "instances", "object numbers are left out"),
        ("photo__png", "photo", "photo is left out"),
        ("settings__json", "settings", "settings are left out"),
        ("edits__json", "stack", "photo's edits are left out"),
    ],
)
def test_a_damaged_part_is_left_out_and_said(member, missing, text):
    project = full()
    back = read_project(changed(written(project), **{member: b"damaged"}))
    assert not getattr(back, missing)
    assert (back.labels == project.labels).all()
    assert back.results == project.results
    assert len(back.remarks) == 1
    assert text in back.remarks[0]


def test_object_numbers_of_another_size_are_left_out():
    other = written(Project(labels_of(ADE, (8, 8)), ADE, np.ones((8, 8), np.uint16)))
    with zipfile.ZipFile(io.BytesIO(other)) as archive:
        back = read_project(changed(written(full()), instances__png=archive.read("instances.png")))
    assert back.instances is None
    assert "8 x 8 px, the map 56 x 40" in back.remarks[0]


def test_a_damaged_result_is_left_out_and_the_others_stay():
    project = full()
    back = read_project(changed(written(project), results_in_0002__png=b"?"))
    assert back.results == (project.results[0], project.results[2])
    assert "results/0002.png" in back.remarks[0]


def test_a_damaged_edit_is_left_out_and_the_others_stay():
    project = full()
    back = read_project(changed(written(project), edits_in_0001__png=b"?"))
    assert back.layers == project.layers[1:]
    assert "An edit could not be read and is left out (edits/0001.png)" in back.remarks[0]
    assert back.stack == project.stack


# --- Hostile files ---


def test_no_zip_and_half_a_zip(tmp_path):
    data = written(full())
    for content in (b"", b"no zip", data[: len(data) // 2], b"PK\x05\x06" + bytes(17)):
        (tmp_path / "a.spadework").write_bytes(content)
        with pytest.raises(UserError, match=r"a\.spadework is no zip file, or it is cut short"):
            read_project(tmp_path / "a.spadework")
    with pytest.raises(UserError, match=r"gone\.spadework can't be opened"):
        read_project(tmp_path / "gone.spadework")


def test_every_way_to_damage_a_project_is_a_user_error():
    data = written(Project(labels_of(ADE, (9, 9)), ADE, np.ones((9, 9), np.uint16), results=(png(),)))
    rng, errors = np.random.default_rng(5), 0
    for _ in range(150):
        damaged = bytearray(data[: rng.integers(1, len(data))] if rng.random() < 0.2 else data)
        for position in rng.integers(0, len(damaged), 3):
            damaged[position] = rng.integers(0, 256)
        try:
            read_project(bytes(damaged))
        except UserError:
            errors += 1
    assert errors > 30


def test_a_bomb_is_not_inflated():
    buffer = io.BytesIO()
    data = written(full())
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", old.read("manifest.json"))
        archive.writestr("map.png", old.read("map.png"))
        archive.writestr("settings.json", bytes(5 * bundle.MAX_JSON))
    assert len(buffer.getvalue()) < 100_000
    tracemalloc.start()
    back = read_project(buffer.getvalue())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 16 MiB" in back.remarks[0]
    assert peak < 3 * bundle.MAX_JSON


def test_a_member_that_lies_about_its_size():
    """The list says 10 bytes, the stream holds far more: no more than the list says comes out, and it is an error."""
    data = changed(written(full()), settings__json=b'{"a": "' + b"x" * 50_000 + b'"}')
    at = data.rfind(b"settings.json") - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    lying = data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]
    assert read_project(lying).settings == {}


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.png", "a/../../b", "c:\\x", "a\\..\\b"])
def test_names_that_lead_out(name):
    buffer = io.BytesIO(written(full()))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"?")
    with pytest.raises(UserError, match="leads out of its folder"):
        read_project(buffer.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name():
    buffer = io.BytesIO(written(full()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("map.png", b"another")
    with pytest.raises(UserError, match="two files of one name"):
        read_project(buffer.getvalue())


def test_too_many_members(monkeypatch):
    data = written(full())
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    with pytest.raises(UserError, match="more than 5"):
        read_project(data)
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 100)
    with pytest.raises(UserError, match="lists more files"):
        read_project(data)


def test_a_project_of_too_many_bytes(tmp_path):
    with (tmp_path / "huge.spadework").open("wb") as file:
        file.truncate(bundle.MAX_BYTES + 2**20)
    with pytest.raises(UserError, match=r"huge\.spadework is 1025 MiB, more than 1024 MiB"):
        read_project(tmp_path / "huge.spadework")


# --- Writing ---


def test_an_error_leaves_the_former_file(tmp_path):
    path = tmp_path / "desk.spadework"
    write_project(path, full())
    before = path.read_bytes()
    for faulty in (
        Project(np.full((4, 4), 151, np.uint8), ADE),
        Project(labels_of(ADE), ADE, np.ones((3, 3), np.uint16)),
        Project(labels_of(ADE), ADE, results=(b"no picture",)),
        Project(labels_of(ADE), ADE, results=(tmp_path / "gone.png",)),
        Project(labels_of(ADE), ADE, results=(png(),) * (bundle.MAX_RESULTS + 1)),
    ):
        with pytest.raises(UserError):
            write_project(path, faulty)
        assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["desk.spadework"]


def test_a_project_larger_than_can_be_read_is_not_written(monkeypatch):
    monkeypatch.setattr(bundle, "MAX_BYTES", 5000)
    with pytest.raises(UserError, match="Leave out some results"):
        written(full())


def test_a_name_that_ends_otherwise(tmp_path):
    with pytest.raises(UserError, match=r"desk\.zip is no name for a project.*\.spadework"):
        write_project(tmp_path / "desk.zip", full())
    assert is_project("a.SPADEWORK")
    assert not is_project("a.png")
    assert not is_project(b"PK")
