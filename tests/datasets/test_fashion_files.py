from __future__ import annotations

import gzip

import pytest

from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.fashion_files import FILES, TEST_LABELS, read_verified
from dcgan_sweeps.datasets.idx_format import find_file
from dcgan_sweeps.datasets.sources import find_source


@pytest.fixture
def labels(tmp_path):
    """The real test labels, unpacked, in a folder of their own."""
    source = find_source(None)
    content = gzip_free(find_file(source.folder, TEST_LABELS.name))
    path = tmp_path / TEST_LABELS.name
    path.write_bytes(content)
    return path


def gzip_free(path):
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def test_the_real_files_are_read(labels):
    assert read_verified(labels.parent, TEST_LABELS).shape == (10_000,)


def test_a_compressed_file_serves_as_well(labels):
    compressed = labels.with_name(labels.name + ".gz")
    compressed.write_bytes(gzip.compress(labels.read_bytes(), compresslevel=1))
    labels.unlink()
    assert read_verified(compressed.parent, TEST_LABELS).shape == (10_000,)


def damage(labels, content):
    labels.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_verified(labels.parent, TEST_LABELS)
    text = str(error.value)
    assert str(labels) in text
    assert "; set data.dir=FOLDER with the four IDX files" in text
    return text


def test_a_truncated_file_is_named_with_both_sizes(labels):
    text = damage(labels, labels.read_bytes()[:-1])
    assert "has 10007 bytes unpacked; expected 10008" in text


def test_a_corrupted_file_is_named_with_both_digests(labels):
    content = bytearray(labels.read_bytes())
    content[5000] ^= 1
    assert f"expected {TEST_LABELS.sha256}" in damage(labels, bytes(content))


def test_a_file_of_another_shape_is_named_with_what_was_expected(labels):
    content = bytearray(labels.read_bytes())
    content[7] ^= 1
    assert "unsigned bytes of shape (10000,)" in damage(labels, bytes(content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"is missing, with and without \.gz"):
        read_verified(tmp_path, FILES[0])


def test_a_cut_gzip_file_is_named(labels):
    compressed = labels.with_name(labels.name + ".gz")
    compressed.write_bytes(gzip.compress(labels.read_bytes())[:-20])
    labels.unlink()
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_verified(compressed.parent, TEST_LABELS)
