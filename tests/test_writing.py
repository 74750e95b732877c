"""Pictures and photos as we write them: with their request, with all that their photo had, whole or not at all."""

import io
import os

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.images import PhotoFile, read_photo, read_photo_file, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.types import UserError
from engine.writing import photo_suffix, save_photo, save_png
from tests.pictures import NOISE, encoded, red_and_blue_swapped

ADE = load_palette("ade20k")


def test_an_edit_keeps_the_values_opacity_and_profile_of_its_photo(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = red_and_blue_swapped(srgb)
    alpha = np.arange(64 * 64).reshape(64, 64).astype(np.uint8)
    original = read_photo_file(encoded(np.dstack([NOISE, alpha]), icc_profile=profile))
    assert original.pixels.dtype == np.uint8
    assert (original.pixels == NOISE).all()
    save_png(tmp_path / "edit.png", 255 - original.pixels, {"seed": 1}, like=original)
    edit = read_photo_file(tmp_path / "edit.png")
    assert (edit.pixels == 255 - NOISE).all()
    assert (edit.alpha == alpha).all()
    assert edit.profile == original.profile == profile
    assert read_request(tmp_path / "edit.png") == {"seed": 1}
    with pytest.raises(UserError, match="The picture is 32 × 64, the photo whose opacity it keeps 64 × 64"):
        save_png(tmp_path / "edit.png", NOISE[:, :32], {}, like=original)


def test_an_edit_of_a_plain_photo_is_plain(tmp_path):
    save_png(tmp_path / "edit.png", NOISE, {}, like=read_photo_file(encoded(NOISE)))
    edit = read_photo_file(tmp_path / "edit.png")
    assert (edit.alpha, edit.profile) == (None, None)
    assert Image.open(tmp_path / "edit.png").mode == "RGB"


def camera(width=64, height=64):
    """What a camera writes, for a photo lying on its side; with a table of its file's layout, and a thumbnail."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0103], exif[0x013B] = 6, "Camera", 6, "Photographer"
    exif.get_ifd(0x8769).update({0x829A: (1, 250), 0xA002: width, 0xA003: height})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return exif


def told(photo):
    exif = Image.Exif()
    exif.load(photo.exif)
    return dict(exif), exif.get_ifd(0x8769), exif.get_ifd(0x8825)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_what_a_camera_said_stays_but_for_how_to_turn_the_photo(kind, tmp_path):
    photo = read_photo_file(encoded(NOISE[:, :40], kind, exif=camera(40, 64)))
    assert photo.pixels.shape == (40, 64, 3)
    assert photo.format == kind
    main, exposure, place = told(photo)
    assert (main[0x010F], main[0x013B]) == ("Camera", "Photographer")
    assert not {0x0112, 0x0103} & set(main)
    if kind != "TIFF":  # the library gives no directories within
        assert exposure[0x829A] == (1, 250) or float(exposure[0x829A]) == 1 / 250
        assert (exposure[0xA002], exposure[0xA003]) == (64, 40)
        assert place[1] == "N"
    save_png(tmp_path / "kept.png", photo.pixels, {}, photo)
    kept = read_photo_file(tmp_path / "kept.png")
    assert (kept.exif, kept.format) == (photo.exif, kind)
    own = tmp_path / f"own{photo_suffix(photo)}"
    save_photo(own, kept.pixels, kept)
    again = read_photo_file(own)
    assert (again.exif, again.format) == (photo.exif, kind)
    assert Image.open(own).format == kind
    assert (again.pixels == photo.pixels).all() == (kind != "JPEG")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_that_is_broken_or_empty_or_too_long_is_left_out(tmp_path):
    assert read_photo_file(encoded(NOISE, exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")).exif is None
    assert read_photo_file(encoded(NOISE)).exif is None
    long = Image.Exif()
    long[0x010E] = "x" * 70_000
    photo = read_photo_file(encoded(NOISE, exif=long))
    assert len(photo.exif) > 70_000
    save_photo(tmp_path / "a.jpg", NOISE, photo)
    save_photo(tmp_path / "a.webp", NOISE, photo)
    assert read_photo_file(tmp_path / "a.jpg").exif is None
    assert read_photo_file(tmp_path / "a.webp").exif == photo.exif


def test_a_photo_is_saved_with_all_it_has_in_every_format_that_can_hold_it(tmp_path):
    profile = red_and_blue_swapped(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    alpha = np.arange(64 * 64).reshape(64, 64).astype(np.uint8)
    photo = read_photo_file(encoded(np.dstack([NOISE, alpha]), icc_profile=profile))
    for suffix in (".png", ".PNG", ".webp", ".tif", ".tiff"):
        save_photo(tmp_path / f"a{suffix}", 255 - NOISE, photo, {"seed": 1})
        after = read_photo_file(tmp_path / f"a{suffix}")
        assert (after.pixels == 255 - NOISE).all()
        assert (after.alpha == alpha).all()
        assert after.profile == profile
        assert read_request(tmp_path / f"a{suffix}") == ({"seed": 1} if suffix.lower() == ".png" else None)
    with pytest.raises(UserError, match=r"transparent in places, which a JPEG \(a.jpg\) can't hold"):
        save_photo(tmp_path / "a.jpg", NOISE, photo)
    with pytest.raises(UserError, match=r"a.gif names no format that we write. Choose one of .png, .jpg"):
        save_photo(tmp_path / "a.gif", NOISE, photo)
    opaque = PhotoFile(NOISE, np.full((64, 64), 255, np.uint8), profile)
    save_photo(tmp_path / "a.jpg", NOISE, opaque)
    assert Image.open(tmp_path / "a.jpg").info["icc_profile"] == profile


def test_what_is_too_large_for_webp_is_refused_before_anything_is_written(tmp_path):
    long = np.zeros((1, 16_384, 3), np.uint8)
    with pytest.raises(UserError, match="16384 × 1, more than the 16,383 a side of WebP"):
        save_photo(tmp_path / "a.webp", long, PhotoFile(long, None, None))
    assert not list(tmp_path.iterdir())


def test_a_photo_that_can_t_be_written_leaves_what_stands_there(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"before")
    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match="can't be written"):
        save_photo(tmp_path / "a.jpg", NOISE, PhotoFile(NOISE, None, None))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.jpg", b"before")]


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_picture_carries_its_request(tmp_path):
    request = {"model": "scenes", "seeds": [7], "note": "Fjäll, 夕焼け"}
    file = tmp_path / "picture.png"
    save_png(file, NOISE, request)
    assert read_request(file) == request
    assert (read_photo(file) == NOISE).all()
    buffer = io.BytesIO()
    save_png(buffer, NOISE, request)
    assert read_request(buffer.getvalue()) == request


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "picture.png"
    save_png(file, NOISE, {"seed": 0})
    with file.open("rb") as reader:  # who reads the old picture meanwhile gets it whole
        save_png(file, NOISE, {"seed": 1})
        assert read_request(reader.read()) == {"seed": 0}

    def full_disk(self, target, *_, **__):
        target.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match="can't be written: No space left"):
        save_png(file, NOISE, {"seed": 2})
    assert read_request(file) == {"seed": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["picture.png"]


def test_places_that_can_not_be_written_to(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for path, text in [
        (tmp_path / "gone" / "a.png", "No such file.*Choose a folder"),
        (tmp_path / "folder.png", "can't be written"),
        (tmp_path / "a.jpg", r"a\.jpg would be a PNG.*ends in \.png"),
    ]:
        with pytest.raises(UserError, match=text):
            save_png(path, NOISE, {})
        with pytest.raises(UserError, match=text):
            save_label_map(path, np.zeros((2, 2), np.uint8), ADE)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.png"]


def test_a_full_disk_and_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="can't be written: Not a directory"):
        save_png(tmp_path / "file" / "a.png", NOISE, {})

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="can't be written: No space left"):
        save_png(Full(), NOISE, {})
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="can't be written: Permission denied"):
        save_png(tmp_path / "a.png", NOISE, {})
    tmp_path.chmod(0o755)


def test_what_is_written_can_be_read_by_others(tmp_path):
    """As any file of the user's: not private to the owner as temporary files are."""
    (tmp_path / "plain").touch()
    save_png(tmp_path / "picture.png", NOISE, {})
    assert (tmp_path / "picture.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
