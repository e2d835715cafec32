from __future__ import annotations

import subprocess

from dcgan_sweeps.tracking import provenance


def test_the_checkout_and_the_machine_are_known():
    code = provenance.read_code()
    assert code.commit is None or len(code.commit) == 40
    machine = provenance.describe_machine()
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert any(line.startswith("tensorflow==") for line in provenance.list_packages())


def test_only_allowed_environment_variables_are_kept(monkeypatch):
    monkeypatch.setenv("SECRET_THING", "x")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    kept = provenance.read_environment()
    assert kept["OMP_NUM_THREADS"] == "3"
    assert "SECRET_THING" not in kept


def test_a_long_diff_is_cut(monkeypatch):
    monkeypatch.setattr(provenance, "LARGEST_DIFF", 10)
    answers = {"rev-parse": "x" * 40, "ls-files": ""}
    monkeypatch.setattr(
        provenance, "_git", lambda tree, *words: answers.get(words[0], "1\t1\t" + "y" * 99)
    )
    assert len(provenance.read_code().diff) < 100
    assert provenance.read_code().diff.startswith("# cut: ")


def test_uncommitted_changes_are_kept_binary_and_untracked_files_named_only(monkeypatch, tmp_path):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "pyproject.toml").write_text("a = 1\n")
    (tmp_path / "picture.bin").write_bytes(b"\0\1\2")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    monkeypatch.setattr(provenance, "find_tree", lambda: tmp_path)
    assert not provenance.read_code().dirty
    (tmp_path / "pyproject.toml").write_text("a = 2\n")
    (tmp_path / "picture.bin").write_bytes(b"\0\1\3")
    (tmp_path / "new.txt").write_text("x")
    code = provenance.read_code()
    assert code.diff.splitlines()[:2] == [
        "# binary, not in here: picture.bin",
        "# untracked, not in here: new.txt",
    ]
    assert "+a = 2" in code.diff
    assert code.diff.count("picture.bin") == 1


def test_a_fact_that_earlier_versions_logged_is_read_over():
    provenance.check_facts({"command": "python x", "meanings": {}}, "provenance.json")
