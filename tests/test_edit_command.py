"""The command `edit` on real files: what it makes of photos of every kind, what it derives, what it refuses."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageCms

import launch
from app import edit_files
from engine.checkpoint import save_checkpoint
from engine.images import PhotoFile, read_photo, read_photo_file, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.record import edit_request
from engine.types import EditRequest, Resampling
from engine.writing import save_png
from tests.models import tiny_model

FACADES = load_palette("facades")
WALL, WINDOW, DOOR = (FACADES.index_of(name) for name in ("facade", "window", "door"))
HEIGHT, WIDTH = 40, 56
SWAPPED = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SWAPPED.replace(b"rXYZ", b"swap").replace(b"bXYZ", b"rXYZ").replace(b"swap", b"bXYZ")  # red and blue changed

MARKED = (slice(10, 24), slice(16, 36))


def marked(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    region = np.zeros((height, width), bool)
    region[MARKED] = True
    return region


def noise(*shape: int) -> np.ndarray:
    """A photo of no two pixels alike, so that one out of place is seen."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tiny = tiny_model()
    save_checkpoint(path, tiny.network.state_dict(), tiny.description)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch, model) -> Path:
    """photo.png; region.png; base.png, a wall; map.png, the same with a window where the region is."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noise(HEIGHT, WIDTH, 3)).save("photo.png")
    Image.fromarray(marked()).save("region.png")
    save_label_map("base.png", np.full((HEIGHT, WIDTH), WALL, np.uint8), FACADES)
    save_label_map("map.png", np.where(marked(), WINDOW, WALL).astype(np.uint8), FACADES)
    return tmp_path


@pytest.fixture
def edit(folder, model):
    """Runs the command on photo.png unless told otherwise; its exit status."""

    def run(words: str, out: str = "out.png", photo: str = "photo.png") -> int:
        quick = ["--model", str(model), "--device", "cpu", "--precision", "float32", "--steps", "2"]
        return launch.main(["--no-venv", "edit", "--photo", photo, "--out", out, *quick, *shlex.split(words)])

    return run


def request_of(out: str = "out.png", photo: str = "photo.png") -> EditRequest:
    """What a result says of itself."""
    return edit_request(read_request(out), read_photo_file(photo).pixels)


# --- Photos of every kind ---


def rotated(path: Path) -> None:
    """Lying on its side, as cameras save what is to be seen upright."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(noise(WIDTH, HEIGHT, 3)).save(path, exif=exif, quality=100)


def sixteen_bit(path: Path) -> None:
    Image.fromarray(noise(HEIGHT, WIDTH).astype(np.uint16) * 257).save(path)


def indexed(path: Path) -> None:
    Image.fromarray(noise(HEIGHT, WIDTH, 3)).quantize(16).save(path, transparency=3)


def saved_as(mode: str, **options):
    def save(path: Path) -> None:
        Image.fromarray(noise(HEIGHT, WIDTH, 3)).convert(mode).save(path, **options)

    return save


def opacity(path: Path) -> None:
    Image.fromarray(noise(HEIGHT, WIDTH, 4)).save(path, **({"lossless": True} if path.suffix == ".webp" else {}))


PHOTOS = {
    "upright.jpg": saved_as("RGB"),
    "rotated.jpg": rotated,
    "grey.jpg": saved_as("L"),
    "cmyk.jpg": saved_as("CMYK"),
    "profile.jpg": saved_as("RGB", icc_profile=SWAPPED),
    "broken-profile.jpg": saved_as("RGB", icc_profile=b"no profile"),
    "profile.tif": saved_as("RGB", icc_profile=SWAPPED),
    "sixteen.png": sixteen_bit,
    "sixteen.tif": sixteen_bit,
    "indexed.png": indexed,
    "opacity.png": opacity,
    "opacity.webp": opacity,
    "bitmap.bmp": saved_as("RGB"),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_outside_the_region_a_photo_of_any_kind_stays_to_the_bit(edit, folder, name):
    PHOTOS[name](folder / name)
    before = read_photo_file(name)
    assert before.pixels.shape == (HEIGHT, WIDTH, 3)
    assert edit("--map map.png --region region.png", photo=name) == 0
    after = read_photo_file("out.png")
    assert (after.pixels == before.pixels)[~marked()].all()
    assert (after.pixels != before.pixels)[marked()].mean() > 0.5
    assert after.profile == before.profile
    assert (after.alpha is None and before.alpha is None) or (after.alpha == before.alpha).all()


@pytest.mark.parametrize("size", [(1, 2), (3, 5), (7, 64), (41, 9)])
def test_a_photo_smaller_than_the_model_s_stride_is_edited_too(edit, size):
    region = np.zeros(size, bool)
    region[0, : max(1, size[1] // 2)] = True
    Image.fromarray(noise(*size, 3)).save("small.png")
    Image.fromarray(region).save("r.png")
    save_label_map("m.png", np.full(size, DOOR, np.uint8), FACADES)
    assert edit("--map m.png --region r.png --strength 1 --blend plain", photo="small.png") == 0
    assert (read_photo("out.png") == noise(*size, 3))[~region].all()
    assert (read_photo("out.png") != noise(*size, 3))[region].any()


def test_it_is_saved_in_the_photo_s_own_format_too(edit, folder, capsys):
    opacity(folder / "photo.webp")
    before = read_photo_file("photo.webp")
    for out in ("out.webp", "out.tif"):
        assert edit("--map map.png --region region.png", out, "photo.webp") == 0
        after = read_photo_file(out)
        assert (after.pixels == before.pixels)[~marked()].all()
        assert (after.alpha == before.alpha).all()
        assert f"A {Path(out).suffix} keeps no request inside" in capsys.readouterr().err
    assert Image.open("out.webp").format == "WEBP"


def test_a_jpeg_stays_one_upright_with_what_the_camera_said(edit, folder):
    smooth = np.add.outer(np.arange(WIDTH), np.arange(HEIGHT)).astype(np.uint8)[..., None].repeat(3, 2)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(smooth).save("photo.jpg", exif=exif, quality=95, icc_profile=SWAPPED)
    assert edit("--map map.png --region region.png --variations 2 --seed 7", "out.jpg", "photo.jpg") == 0
    assert not Path("out.jpg").exists()
    for name in ("out-7.jpg", "out-8.jpg"):
        after = Image.open(name)
        assert after.size == (WIDTH, HEIGHT)
        assert (after.getexif().get(0x010F), after.getexif().get(0x0112, 1)) == ("Camera", 1)
        assert after.info["icc_profile"] == SWAPPED
        far = np.hypot(*np.meshgrid(np.arange(WIDTH) - 26, np.arange(HEIGHT) - 17)) > 28  # no block of it has the edit
        difference = read_photo_file(name).pixels.astype(int) - read_photo_file("photo.jpg").pixels
        assert np.abs(difference)[far].max() <= 2
    assert (read_photo("out-7.jpg") != read_photo("out-8.jpg")).any()


# --- What is derived ---


def test_the_region_is_what_the_map_changes_grown_by_four_pixels(edit, capsys):
    assert edit("--map map.png --base-map base.png --strength 1") == 0
    request = request_of()
    assert (request.region == marked()).all()
    assert request.growth == 4
    assert request_of().labels[12, 20] == WINDOW
    touched = (read_photo("out.png") != read_photo("photo.png")).any(2)
    rows, columns = (np.flatnonzero(touched.any(axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (6, 27, 12, 39)
    assert "The region is what the map changes: 12.5% of the photo." in capsys.readouterr().err
    assert edit("--map map.png --base-map base.png --grow 0") == 0
    assert request_of().growth == 0
    assert not (read_photo("out.png") != read_photo("photo.png")).any(2)[~marked()].any()


@pytest.fixture
def segmenter(monkeypatch):
    """Finds a wall in every photo, and a door in its upper left corner."""
    seen = []

    def segment(photo: np.ndarray) -> np.ndarray:
        seen.append(photo)
        labels = np.full(photo.shape[:2], WALL, np.uint8)
        labels[:5, :5] = DOOR
        return labels

    monkeypatch.setattr(edit_files, "find_segmenter", lambda palette: Path(f"{palette.name}.safetensors"))
    monkeypatch.setattr(edit_files, "segmenter_for", lambda palette: SimpleNamespace(segment=segment))
    return seen


def test_without_a_map_the_photo_s_own_is_found(edit, segmenter, folder, capsys):
    rotated(folder / "photo.jpg")
    assert edit("--region region.png", photo="photo.jpg") == 0
    assert (segmenter[0] == read_photo("photo.jpg")).all()
    request = request_of(photo="photo.jpg")
    assert (request.labels[0, 0], request.labels[20, 20]) == (DOOR, WALL)
    assert (request.region == marked()).all()
    assert request.growth == 0
    assert "Found in photo.jpg: facade 99%, door 1%.\n" in capsys.readouterr().err


def test_without_a_first_map_the_one_that_is_found_is_it(edit, segmenter):
    assert edit("--map map.png") == 0
    expected = marked()
    expected[:5, :5] = True
    assert (request_of().region == expected).all()
    assert request_of().growth == 4


def test_what_such_a_map_leaves_unlabelled_it_does_not_ask_for(edit, segmenter):
    save_label_map("part.png", np.where(marked(), WINDOW, FACADES.unlabelled).astype(np.uint8), FACADES)
    assert edit("--map part.png") == 0
    assert (request_of().region == marked()).all()


def test_a_given_first_map_says_what_becomes_unlabelled(edit):
    save_label_map("part.png", np.where(marked(), FACADES.unlabelled, WALL).astype(np.uint8), FACADES)
    assert edit("--map part.png --base-map base.png") == 0
    assert (request_of().region == marked()).all()


@pytest.mark.parametrize(("fit", "left"), [("stretch", 0), ("crop", 8)])
def test_maps_and_regions_of_another_size_are_fitted_on_request(edit, fit, left):
    """Of twice the size, and wider by 16 columns on either side."""
    wide = np.full((2 * HEIGHT, 2 * WIDTH + 32), WALL, np.uint8)
    wide[20:40, 16:56] = WINDOW
    save_label_map("wide.png", wide, FACADES)
    Image.fromarray(wide == WINDOW).save("wide-region.png")
    Image.fromarray((wide == WINDOW).astype(np.uint16) * 500).save("wide-objects.png")
    assert edit(f"--map wide.png --region wide-region.png --instances wide-objects.png --fit {fit}") == 0
    request = request_of()
    window = request.labels == WINDOW
    assert (request.region == window).all()
    assert ((request.instances == 500) == window).all()
    columns = np.flatnonzero(window.any(0))
    scale = 2 if fit == "crop" else (2 * WIDTH + 32) / WIDTH
    assert columns[0] == pytest.approx((16 - 2 * left) / scale, abs=1)
    assert columns[-1] + 1 == pytest.approx((56 - 2 * left) / scale, abs=1)


# --- Settings ---


def test_every_setting_of_an_edit_reaches_it_and_its_record(edit):
    part = np.zeros((HEIGHT, WIDTH), bool)
    part[12:16, 18:24] = True
    Image.fromarray(part).save("a,part.png")
    words = "--grow 2 --feather 3 --blend plain --whole --resample 1,2 --resample-band 0.2,1"
    words += " --strength 0.5 --then a,part.png,5 --seed 3"
    assert edit(f"--map map.png --region region.png {words}") == 0
    request = request_of()
    assert (request.growth, request.feather, request.blend, request.extent) == (2, 3, "plain", "whole")
    assert (request.resampling, request.strength, request.sampling.seeds) == (Resampling(1, 2, (0.2, 1.0)), 0.5, (3,))
    ((region, seed),) = [(each.region, each.seed) for each in request.rerolls]
    assert (region == part).all()
    assert seed == 5
    assert edit("--map map.png --region region.png") == 0
    request = request_of()
    assert (request.growth, request.feather, request.blend, request.extent) == (0, None, "matched", "windows")
    assert (request.resampling, request.rerolls) == (Resampling(), ())


def test_an_earlier_result_is_made_again_to_the_bit(edit, folder, model):
    Image.fromarray(marked()).save("part.png")
    assert edit("--map map.png --base-map base.png --resample 1,2 --then part.png,5 --variations 2 --seed 3") == 0
    words = f"--no-venv edit --photo photo.png --again out-4.png --out again.png --model {model} --device cpu"
    assert launch.main([*shlex.split(words), "--precision", "float32"]) == 0
    assert (read_photo("again.png") == read_photo("out-4.png")).all()
    assert read_request("again.png") == read_request("out-4.png")


# --- What can't be used ---


@pytest.fixture
def faulty(folder):
    """Files that something is wrong with, beside the sound ones."""
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save("none.png")
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save("all.png")
    Image.fromarray(marked(HEIGHT, WIDTH + 8)).save("wide-region.png")
    save_label_map("wide.png", np.full((HEIGHT, WIDTH + 8), WALL, np.uint8), FACADES)
    save_label_map("half.png", np.full((HEIGHT // 2, WIDTH // 2), WALL, np.uint8), FACADES)
    save_png("plain.png", noise(HEIGHT, WIDTH, 3), {}, PhotoFile(noise(HEIGHT, WIDTH, 3), None, None))
    saved_as("RGB")(Path("whole.jpg"))
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:300])
    Path("text.jpg").write_text("no picture")
    Image.fromarray(noise(HEIGHT, WIDTH).astype(np.int32) * 70_000).save("deep.tif")
    opacity(Path("opacity.png"))
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--map map.png --region none.png", "The region none.png is empty"),
        ("--map map.png --region region.png --then none.png,3", "The region none.png is empty"),
        ("--map map.png --region all.png", "region is everything"),
        ("--map map.png --region wide-region.png", "The region wide-region.png is 64 x 40 px, the photo 56 x 40 px"),
        ("--map wide.png --region region.png", "The map wide.png is 64 x 40 px, the photo 56 x 40 px. Fit it with"),
        ("--map half.png --region region.png", "Both have the same proportions"),
        ("--map map.png --base-map wide.png", "The first map wide.png is 64 x 40 px, the photo"),
        ("--map map.png --region region.png --then wide-region.png,4", "--fit stretch"),
        ("--map map.png --region region.png --instances wide.png", "The map of objects wide.png is 64 x 40 px"),
        ("--map map.png --base-map map.png", "map.png differs nowhere from map.png"),
        ("--map map.png --base-map base.png --region region.png", "Give one (--base-map or --region)"),
        ("--base-map base.png", "Nothing says what shall change"),
        ("", "Nothing says what shall change"),
        ("--map map.png --region region.png --grow 5000", "Growth of 5000 px is outside 0 to 1024"),
        ("--map map.png --region region.png --feather 5000", "Feather of 5000 px is outside 0 to 1024"),
        ("--map map.png --region region.png --resample 1,99", "repeats 99 is outside 1 to 20"),
        ("--map map.png --region region.png --photo cut.jpg", "cut.jpg can't be read as an image"),
        ("--map map.png --region region.png --photo text.jpg", "text.jpg can't be read as an image"),
        ("--map map.png --region region.png --photo deep.tif", "deep.tif has 32 bits a channel"),
        ("--map map.png --region cut.jpg", "cut.jpg can't be read as an image"),
        ("--map cut.jpg --region region.png", "cut.jpg can't be read as an image"),
        ("--map map.png --region region.png --photo opacity.png --out out.jpg", "which a JPEG (out.jpg) can't hold"),
    ],
)
def test_what_can_t_be_used_is_one_line_and_status_2(edit, faulty, capsys, words, said):
    assert edit(words) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert "] step" not in heard  # before anything is computed
    assert not list(faulty.glob("out*"))


def test_a_map_of_the_photo_as_it_lies_is_told_to_turn(edit, folder, capsys):
    rotated(folder / "photo.jpg")
    save_label_map("lying.png", np.full((WIDTH, HEIGHT), WALL, np.uint8), FACADES)
    assert edit("--map lying.png --region region.png", photo="photo.jpg") == 2
    assert "40 x 56 px, the photo 56 x 40 px. The photo's EXIF may turn it: turn it as well. Or fit" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "out"),
    [("", "photo.png"), ("", "./map.png"), ("--seed 3 --variations 2", "part.png"), ("", "region.png")],
)
def test_what_an_edit_is_made_from_is_never_overwritten(edit, folder, capsys, words, out):
    (folder / "part-4.png").write_bytes((folder / "region.png").read_bytes())
    region = "part-4.png" if words else "region.png"
    before = {path: path.read_bytes() for path in folder.glob("*.png")}
    with pytest.raises(SystemExit) as caught:
        edit(f"--map map.png --region {region} {words}", out)
    assert caught.value.code == 2
    assert "which would be lost: choose another name" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.glob("*.png")} == before


def test_a_band_alone_is_told_what_it_is_of(edit, capsys):
    with pytest.raises(SystemExit):
        edit("--map map.png --region region.png --resample-band 0.3,1")
    assert "--resample J,R" in capsys.readouterr().err


def test_a_palette_without_a_segmenter_says_what_to_give(edit, monkeypatch, capsys):
    monkeypatch.setattr(edit_files, "find_segmenter", lambda palette: None)
    for words in ("--region region.png", "--map map.png"):
        assert edit(words) == 2
        said = capsys.readouterr().err
        assert "has no segmenter" in said
        assert "--map" in said


@pytest.mark.parametrize(
    ("result", "photo", "said"),
    [("plain.png", "photo.png", "does not say what made it"), ("out.png", "whole.jpg", "is not the one")],
)
def test_only_a_result_of_this_very_photo_is_made_again(edit, faulty, model, capsys, result, photo, said):
    assert edit("--map map.png --region region.png") == 0
    words = f"--no-venv edit --photo {photo} --again {result} --out again.png --model {model} --device cpu"
    assert launch.main(shlex.split(words)) == 2
    assert said in capsys.readouterr().err
    assert not Path("again.png").exists()


# --- The model that is shipped ---


def test_the_shipped_model_repaints_a_part_of_a_photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenes = load_palette("ade20k")
    photo = (noise(120, 160, 3) // 8 + 90).astype(np.uint8)
    region = np.zeros((120, 160), bool)
    region[:40, 60:] = True
    Image.fromarray(photo).save("photo.png")
    base = np.full((120, 160), scenes.index_of("building"), np.uint8)
    save_label_map("base.png", base, scenes)
    save_label_map("map.png", np.where(region, scenes.index_of("sky"), base).astype(np.uint8), scenes)
    words = "--photo photo.png --map map.png --base-map base.png --strength 1 --steps 4 --device cpu --out out.png"
    assert launch.main(["--no-venv", "edit", *shlex.split(words)]) == 0
    after = read_photo("out.png")
    untouched = np.ones((120, 160), bool)
    untouched[:44, 56:] = False
    assert (after == photo)[untouched].all()
    red, _, blue = after[:36, 66:].reshape(-1, 3).mean(0)
    assert blue > red  # as skies are
