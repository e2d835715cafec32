from __future__ import annotations

import re
import shutil
import sys

import pytest

from dcgan_sweeps.datasets import sources
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.fashion_files import FILES
from dcgan_sweeps.datasets.fashion_mnist import find_fashion_mnist
from dcgan_sweeps.datasets.sources import FetchError, fetch, find_source


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without the data; returns its empty cache."""
    cache = tmp_path / "cache" / "fashion-mnist"
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", tmp_path / "nothing")
    monkeypatch.setattr(sources, "find_cache_dir", lambda: cache)
    return cache


def refuse(scratch, say):
    raise FetchError("no network")


def test_data_dir_is_looked_at_alone_and_first(tmp_path):
    with pytest.raises(DataError, match=FILES[0].name):
        find_source(str(tmp_path))


def test_nothing_is_found_where_there_is_nothing(nowhere):
    assert find_source(None) is None


def test_what_is_fetched_is_verified_and_then_found_in_the_cache(nowhere, monkeypatch):
    real = find_source_of_this_machine()
    monkeypatch.setattr(sources, "_ask_keras", refuse)
    monkeypatch.setattr(sources, "_ask_debian", lambda scratch, say: real)
    said = []
    assert fetch(said.append).folder == nowhere
    assert find_source(None).name == "cache"
    assert sum("verified" in line for line in said) == 4
    assert [path.name for path in nowhere.parent.iterdir()] == ["fashion-mnist"]


def find_source_of_this_machine():
    for folder in (sources.Path("/usr/share/datasets/fashion-mnist"), CACHE):
        if (folder).is_dir():
            return folder
    raise AssertionError("no data on this machine")


CACHE = sources.find_cache_dir()


def test_a_damaged_download_is_not_kept(nowhere, monkeypatch, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(find_source_of_this_machine(), damaged)
    for path in damaged.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(sources, "_ask_keras", refuse)
    monkeypatch.setattr(sources, "_ask_debian", lambda scratch, say: damaged)
    with pytest.raises(DataError, match="could not be fetched"):
        fetch(lambda line: None)
    assert not list(nowhere.iterdir())


def test_no_source_at_all_names_every_way(nowhere, monkeypatch):
    monkeypatch.setattr(sources, "_ask_keras", refuse)
    monkeypatch.setattr(sources, "_ask_debian", refuse)
    with pytest.raises(DataError) as error:
        fetch(lambda line: None)
    for way in ("data.dir=FOLDER", "dataset-fashion-mnist", "a network", "no network"):
        assert way in str(error.value)


def test_a_long_download_says_how_much_has_come(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PROGRESS_EVERY_S", 0.2)
    code = "open('part', 'wb').write(b'x' * 2_500_000); import time; time.sleep(0.7)"
    said = []
    sources._run([sys.executable, "-c", code], tmp_path, sources.os.environ, said.append)
    assert any(line.startswith("  2.5 MB after ") for line in said)


def test_a_download_that_fails_says_its_last_line(tmp_path):
    code = "import sys; print('first', flush=True); sys.exit('no such host')"
    with pytest.raises(FetchError, match="failed: no such host"):
        sources._run([sys.executable, "-c", code], tmp_path, sources.os.environ, print)


@pytest.fixture
def damaged(nowhere, tmp_path):
    """A machine whose cache has one file that is cut off; returns the cache."""
    shutil.copytree(find_source_of_this_machine(), nowhere)
    file = next(path for path in nowhere.iterdir() if path.name.startswith(FILES[3].name))
    file.write_bytes(file.read_bytes()[:1000])
    return nowhere


def test_a_damaged_cache_is_fetched_again(damaged, monkeypatch):
    real = find_source_of_this_machine()
    monkeypatch.setattr(sources, "_ask_keras", lambda scratch, say: real)
    said = []
    assert find_fashion_mnist(None, said.append).source == f"cache: {damaged}"
    assert re.match(rf"skipped cache: .*{FILES[3].name}", said[0])
    assert "fetching Fashion-MNIST: Keras's download ..." in said
    again = []
    find_fashion_mnist(None, again.append)
    assert again == []


def test_a_damaged_package_gives_way_to_the_cache(damaged, monkeypatch):
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", damaged)
    whole = find_source_of_this_machine()
    monkeypatch.setattr(sources, "find_cache_dir", lambda: whole)
    said = []
    assert find_fashion_mnist(None, said.append).source == f"cache: {whole}"
    assert len(said) == 1
    assert said[0].startswith("skipped Debian's dataset-fashion-mnist: ")


def test_a_damaged_folder_that_was_named_is_refused(damaged, monkeypatch):
    monkeypatch.setattr(sources, "_ask_keras", refuse)
    with pytest.raises(DataError, match=FILES[3].name):
        find_fashion_mnist(str(damaged), print)


def test_a_damaged_cache_without_a_network_is_told_with_what_is_wrong(damaged, monkeypatch):
    monkeypatch.setattr(sources, "_ask_keras", refuse)
    monkeypatch.setattr(sources, "_ask_debian", refuse)
    said = []
    with pytest.raises(DataError, match="could not be fetched"):
        find_fashion_mnist(None, said.append)
    assert said[0].startswith("skipped cache: ")
