"""Parts that other packages bring: how they are found, checked and refused."""

from __future__ import annotations

import sys

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.parts import find_entries, find_origin, find_part, list_names, load_builder
from dcgan_sweeps.tracking.provenance import hash_sources, require_parts

GOOD = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Optional
from dcgan_sweeps.parts import Model, Part, number

@dataclass(frozen=True)
class Mine(Model):
    depth: int = number(1, 8)
    width: Optional[int] = number(1, 8)

PART = Part(Mine, "{module}:build")

def build(model, image_shape, seed, precision):
    return model.depth
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with one model, as pip lays it out."""

    def install(name, source, *, module, part="PART"):
        package = tmp_path / module
        package.mkdir()
        (package / "__init__.py").write_text(source.format(module=module))
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[dcgan_sweeps.models]\n{name} = {module}:{part}\n")
        find_entries.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    find_entries.cache_clear()
    for each in tmp_path.iterdir():
        sys.modules.pop(each.name, None)


def test_a_package_brings_a_part(install):
    install("mine", GOOD, module="brings_mine")
    assert list_names("model") == ["dcgan28", "dcgan64", "mine"]
    part = find_part("model", "mine")
    assert load_builder(part)(part.schema(depth=3), (28, 28, 1), 0, "float32") == 3
    origin = find_origin("model", "mine")
    assert (origin.package, origin.version, origin.folder.name) == (
        "brings_mine",
        "1.2",
        "brings_mine",
    )
    assert find_origin("model", "dcgan28") is None


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise ImportError('no torch')", "cannot be loaded: ImportError: no torch"),
        ("PART = 3", "its entry point is a int; allowed: a Part"),
        (GOOD.replace("(Model)", ""), "allowed: a frozen dataclass below Model"),
        (GOOD.replace("int = number(1, 8)", "set = number(1, 8)"), "depth is a set; allowed: str"),
    ],
)
def test_a_part_that_is_not_valid_is_refused(install, source, problem):
    install("bad", source, module="brings_bad")
    with pytest.raises(RequestError) as error:
        find_part("model", "bad")
    assert str(error.value).startswith("model.name: got bad of brings_bad")
    assert problem in str(error.value)


def test_two_packages_with_one_name_are_refused(install):
    install("mine", GOOD, module="one_mine")
    install("mine", GOOD, module="other_mine")
    with pytest.raises(RequestError, match="one_mine and other_mine bring; uninstall all but one"):
        find_part("model", "mine")


def test_a_built_in_name_is_never_replaced(install):
    install("dcgan28", GOOD, module="takes_ours")
    with pytest.raises(RequestError, match="dcgan_sweeps and takes_ours bring"):
        find_part("model", "dcgan28")


def test_a_missing_part_is_named_with_its_package():
    facts = {"parts": {"model=gone": {"package": "lost-parts", "version": "1.2"}}}
    with pytest.raises(RequestError, match=r"gone of a package .*; install lost-parts==1\.2"):
        require_parts(facts)
    require_parts({"parts": {"model=dcgan28": {}}})


def test_the_digest_of_sources_changes_with_them(tmp_path):
    source = tmp_path / "networks.py"
    source.write_text("depth = 1")
    before = hash_sources(tmp_path)
    (tmp_path / "notes.txt").write_text("not a source")
    assert hash_sources(tmp_path) == before
    source.write_text("depth = 2")
    assert hash_sources(tmp_path) != before
