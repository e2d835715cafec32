from __future__ import annotations

import numpy as np
import pytest
from picture_files import write_picture, write_picture_folder
from PIL import Image

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import BuiltInData
from dcgan_sweeps.datasets import decoding
from dcgan_sweeps.datasets.decoding import Format, decode
from dcgan_sweeps.datasets.loading import load_images


def load(folder, size=16, channels=3, say=print):
    return load_images(BuiltInData("folder", str(folder), None, None, None, size, channels), say)


@pytest.fixture
def folder(tmp_path, random):
    return write_picture_folder(tmp_path / "pictures", {"red": 24, "blue": 24}, random)


def test_subfolders_are_classes_and_a_sixth_are_test_images(folder):
    images = load(folder)
    assert images.shape == (16, 16, 3)
    assert (len(images.train_u8), len(images.test_u8)) == (40, 8)
    assert images.class_names == ("blue", "red")
    strongest = np.where(images.train_u8.mean(axis=(1, 2)).argmax(axis=1) == 2, 0, 1)
    assert np.array_equal(images.train_labels, strongest)
    assert load(folder).digest == images.digest


def test_train_and_test_are_parts_with_the_same_classes(tmp_path, random):
    write_picture_folder(tmp_path / "train", {"red": 20, "green": 20}, random)
    write_picture_folder(tmp_path / "test", {"green": 6}, random)
    images = load(tmp_path)
    assert (len(images.train_u8), len(images.test_u8)) == (40, 6)
    assert images.test_labels.tolist() == [0] * 6
    write_picture_folder(tmp_path / "test", {"blue": 1}, random)
    assert "is in the class blue; expected one of green, red" in refusal(tmp_path)


def test_test_images_without_a_class_are_named(tmp_path, random):
    write_picture_folder(tmp_path / "train", {"red": 20, "green": 20}, random)
    stray = write_picture(tmp_path / "test" / "1.png", np.zeros((9, 9), np.uint8))
    assert refusal(tmp_path) == f"{stray}: is in no class; expected one of green, red"


def test_without_subfolders_there_are_no_labels(folder):
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(folder / f"{number}.PNG")
    images = load(folder, channels=1)
    assert (images.train_labels, images.class_names, images.shape) == (None, (), (16, 16, 1))


def test_any_change_of_a_file_changes_the_digest(folder):
    before = load(folder).digest
    write_picture(folder / "red" / "003.png", np.zeros((20, 24, 3), np.uint8))
    assert load(folder).digest != before


def refusal(folder):
    with pytest.raises(RequestError) as error:
        load(folder)
    return str(error.value)


def test_damaged_files_are_named(folder):
    cut, text = folder / "red" / "001.png", folder / "blue" / "002.jpg"
    cut.write_bytes(cut.read_bytes()[:200])
    text.write_text("not an image")
    lines = refusal(folder).splitlines()
    assert [line.partition(": cannot be decoded (")[0] for line in lines] == [str(text), str(cut)]


def test_many_damaged_files_are_counted(folder):
    for path in (folder / "red").iterdir():
        path.write_bytes(b"nothing")
    lines = refusal(folder).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "data.dir: has 14 more files that cannot be read"


def test_a_file_beside_subfolders_is_named(folder):
    write_picture(folder / "stray.png", np.zeros((9, 9), np.uint8))
    assert refusal(folder).startswith(f"{folder / 'stray.png'}: is beside subfolders, which are")


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    assert refusal(tmp_path).startswith(f"data.dir: got {tmp_path}, which has none; allowed: PNG")


def test_an_image_is_scaled_to_its_shorter_side_and_cropped_around_its_centre(tmp_path):
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, :20], image[:, 20:60], image[:, 60:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    decoded = decode(write_picture(tmp_path / "wide.png", image), Format(8, 3))
    assert decoded.shape == (8, 8, 3)
    assert decoded[..., 1].min() > 230  # the filter reaches over the edge of the crop


@pytest.mark.parametrize(
    ("image", "suffix", "how", "expected"),
    [
        (np.full((8, 8, 4), (255, 0, 0, 0), np.uint8), "png", {}, (255, 255, 255)),  # transparent
        (np.full((8, 8, 4), (0, 0, 0, 127), np.uint8), "png", {}, (128, 128, 128)),
        (np.full((8, 8), 128 * 256, np.uint16), "png", {}, (128, 128, 128)),
        (np.full((8, 8), 200, np.uint8), "jpg", {}, (200, 200, 200)),
        (np.full((8, 8, 3), (40, 40, 40), np.uint8), "jpeg", {"quality": 95}, (40, 40, 40)),
    ],
)
def test_files_of_every_mode_become_colour_images(tmp_path, image, suffix, how, expected):
    decoded = decode(write_picture(tmp_path / f"image.{suffix}", image, **how), Format(8, 3))
    assert decoded.shape == (8, 8, 3)
    assert (decoded == expected).all()


def test_a_palette_with_a_transparent_colour_is_put_on_white(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=1)
    assert decode(tmp_path / "opaque.png", Format(8, 3))[0, 0].tolist() == [10, 20, 30]
    assert decode(tmp_path / "clear.png", Format(8, 3))[0, 0].tolist() == [255, 255, 255]


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    image = Image.new("RGB", (16, 16), "black")
    image.paste("white", (0, 0, 16, 8))  # its upper half
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    decoded = decode(tmp_path / "photo.jpg", Format(16, 1))
    assert decoded[:6].max() < 30
    assert decoded[10:].min() > 220


def test_many_images_are_decoded_once_and_then_read_from_the_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "FEW", 10)
    monkeypatch.setattr(decoding, "find_decoded_dir", lambda: tmp_path / "cache")
    first = load(folder)
    (kept,) = (tmp_path / "cache").iterdir()
    with monkeypatch.context() as without:
        without.setattr(decoding, "try_decode", None)
        assert load(folder).digest == first.digest
    kept.write_bytes(kept.read_bytes()[:100])
    assert load(folder).digest == first.digest
    load(folder, size=8)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_decoding_says_how_far_it_is(folder, monkeypatch):
    monkeypatch.setattr(decoding, "PROGRESS_EVERY_S", 0)
    monkeypatch.setattr(decoding, "BLOCK", 20)
    said = []
    load(folder, say=said.append)
    assert said[0].startswith("decoded 20 of 48 pictures, ")
