"""Writes small data sets in their real formats: IDX, CIFAR-10's binary version, .mat, PNG, JPEG."""

from __future__ import annotations

import gzip
import struct

import numpy as np
from PIL import Image
from scipy.io import savemat

CIFAR_NAMES = ("airplane", "automobile", "bird", "cat", "deer")


def write_idx(folder, name, array, *, packed=False):
    """Write unsigned bytes as an IDX file, compressed or plain; return its path."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.tobytes()
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def write_idx_set(folder, train, train_labels=None, test=None, test_labels=None):
    """Write the parts of a data set that are given, in the four usual files."""
    folder.mkdir(exist_ok=True)
    for part, images, labels in (("train", train, train_labels), ("t10k", test, test_labels)):
        if images is not None:
            write_idx(folder, f"{part}-images-idx3-ubyte", images, packed=part == "t10k")
        if labels is not None:
            write_idx(folder, f"{part}-labels-idx1-ubyte", labels)
    return folder


def write_cifar10(folder, images, labels, per_batch=12):
    """Write images (6 * per_batch, 32, 32, 3) as five batches and a test batch."""
    folder.mkdir(exist_ok=True)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    for index, name in enumerate(names):
        rows = range(index * per_batch, (index + 1) * per_batch)
        records = [bytes([labels[row]]) + images[row].transpose(2, 0, 1).tobytes() for row in rows]
        (folder / name).write_bytes(b"".join(records))
    (folder / "batches.meta.txt").write_text("\n".join([*CIFAR_NAMES, "", ""]))
    return folder


def write_svhn(folder, name, images, labels):
    """Write images (n, 32, 32, 3) and labels from 1 to 10 as MATLAB does."""
    folder.mkdir(exist_ok=True)
    content = {"X": images.transpose(1, 2, 3, 0), "y": labels.astype(np.uint8)[:, None]}
    savemat(folder / name, content, do_compression=True)
    return folder / name


def write_picture(path, image, **how):
    """Write an array as the PNG or JPEG file `path`; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **how)
    return path


def write_picture_folder(folder, counts, random, size=(20, 24)):
    """Write `counts` noisy PNG files of each colour, one subfolder for each: {"red": 12}."""
    colours = {"red": 0, "green": 1, "blue": 2}
    for name, count in counts.items():
        for number in range(count):
            image = random.integers(0, 60, (*size, 3), np.uint8)
            image[..., colours[name]] += 180
            write_picture(folder / name / f"{number:03d}.png", image)
    return folder
