from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan_sweeps.command import Parser, run_command
from dcgan_sweeps.composition.command_line import compose_request, find_request_faults
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.place import add_place, name_place


def answer(monkeypatch, capsys, *words):
    """Return the exit status of a command line, and its lines on standard error."""
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", *words])
    status = run_command("config", lambda request: 0)
    return status, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("mlruns", None), []),
        (("else where", None), ["--dir=else where"]),
        (("mlruns", "sqlite:///own.db"), ["--uri=sqlite:///own.db"]),
        (("there", None, "mine"), ["--dir=there", "--experiment=mine"]),
    ],
)
def test_a_place_is_named_as_it_is_read(place, words):
    parser = argparse.ArgumentParser()
    add_place(parser)
    read = parser.parse_args(name_place(*place))
    assert name_place(*place) == words
    assert (read.dir, read.uri, read.experiment)[: len(place)] == place


def test_hydras_own_flags_are_no_overrides(monkeypatch, capsys):
    status, lines = answer(monkeypatch, capsys, "--cfg", "job", "optimizer.lrr=1")
    assert status == 2
    assert lines[0] == "1 fault in the request, nothing was started:"


def test_another_config_is_refused(monkeypatch, capsys):
    status, lines = answer(monkeypatch, capsys, "--config-name", "classifier")
    assert status == 2
    assert lines[1] == "  --config-name: got classifier; allowed: config"


def test_a_good_request_reaches_the_work(monkeypatch, capsys):
    assert answer(monkeypatch, capsys, "optimizer.lr=2e-4") == (0, [])


def test_all_faults_of_a_request_are_reported_at_once(monkeypatch, capsys):
    status, lines = answer(
        monkeypatch,
        capsys,
        "optimizer.lrr=1",
        "model=dcgan82",
        "optimizer.lr=abc",
        "train.epochs=-3",
        "seed",
    )
    assert status == 2
    assert lines[0] == "5 faults in the request, nothing was started:"
    assert "  optimizer.lrr: there is no such key; did you mean optimizer.lr?" in lines
    assert "  model: got dcgan82; allowed: dcgan28, dcgan64; did you mean dcgan28?" in lines
    assert "  optimizer.lr: got abc; allowed: a number, above 0, at most 1" in lines
    assert "  train.epochs: got -3; allowed: a whole number, at least 0, at most 1000000" in lines


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "optimizer.lr=1e-4,2e-4"],
        ["optimizer.lr=1e-4,2e-4"],
        ["optimizer=3"],
        ["~optimizer"],
        ["hydra.nonsense=1"],
        ["seed=null"],
        ["x=["],
        ["experiment=nonesuch"],
    ],
)
def test_a_wrong_request_ends_with_2_and_leaves_nothing(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    status, lines = answer(monkeypatch, capsys, *words)
    assert status == 2
    assert len(lines) > 1
    assert not list(tmp_path.iterdir())


def test_a_key_without_its_group_is_recognised(monkeypatch, capsys):
    _, lines = answer(monkeypatch, capsys, "lr=1e-4")
    assert lines[1] == "  lr: there is no such key; did you mean optimizer.lr?"


def test_help_shows_the_groups_and_three_examples(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", "--help"])
    with pytest.raises(SystemExit) as ended:
        run_command("config", lambda request: 0)
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "data: cifar10, fashion_mnist, folder, idx, svhn, synthetic" in text
    assert text.count("python -m dcgan_sweeps.run ") == 6
    assert len(text.splitlines()) < 30


SIGNS = [
    "it's mine",
    "My%20Project",
    "what?",
    "a\nb",
    "a${x}b",
    "a\\${x}b",
    "${oc.env:HOME}",
    "end\\",
]
SIGNS += [
    "\\'",
    "\\\\'",
    'q"q',
    "a,b",
    "[x]",
    "{y: 1}",
    "a=b",
    " lead",
    "trail ",
    "#",
    "Motörhead",
    "~",
]


@pytest.mark.parametrize("text", SIGNS)
def test_text_that_was_quoted_is_read_back_as_it_is(text):
    request = compose_request("config", [f"tracking.run_name={quote(text)}"])
    assert request.tracking.run_name == text


def take(monkeypatch, *words):
    """Return the request that a good command line makes."""
    requests = []
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", *words])
    assert run_command("config", lambda request: requests.append(request) or 0) == 0
    return requests[0]


TEXTS = {
    "tracking.experiment": "2024_11_26",
    "tracking.dir": "2024_11",
    "tracking.run_name": "1e3",
    "data.dir": "0",
    "score.classifier": "true",
    "resume": "12345678",
}


@pytest.mark.parametrize(("key", "text"), TEXTS.items())
def test_text_that_looks_like_a_number_stays_text(key, text, monkeypatch):
    read = flatten(take(monkeypatch, f"{key}={text}").config)[key]
    assert read in (text, str(Path.cwd() / text))  # a path is made absolute


def test_text_stays_text_for_the_other_verbs():
    assert compose_request("config", ["tracking.dir=2024_11"]).tracking.dir == str(
        Path.cwd() / "2024_11"
    )


def test_null_stays_null(monkeypatch):
    assert take(monkeypatch, "tracking.run_name=null").config.tracking.run_name is None


def write_own(folder, text):
    path = folder / "experiment" / "2024_11.yaml"
    path.parent.mkdir()
    path.write_text(f"# @package _global_\n{text}")
    return f"--config-dir={folder}"


def test_a_choice_of_digits_is_found(monkeypatch, tmp_path):
    option = write_own(tmp_path, "optimizer: {lr: 2e-4}\n")
    request = take(monkeypatch, option, "experiment=2024_11")
    assert (request.choices["experiment"], request.config.optimizer.lr) == ("2024_11", 2e-4)


def test_an_experiment_of_ones_own_says_the_seed(monkeypatch, tmp_path):
    option = write_own(tmp_path, "seed: 7\n")
    assert take(monkeypatch, option, "experiment=2024_11").config.seed == 7


def test_text_in_a_file_stays_text_when_quoted(monkeypatch, tmp_path):
    option = write_own(tmp_path, "tracking: {experiment: '2024_11_26', run_name: 2024}\n")
    tracking = take(monkeypatch, option, "experiment=2024_11").config.tracking
    assert (tracking.experiment, tracking.run_name) == ("2024_11_26", "2024")


def test_a_group_of_ones_own_is_added(monkeypatch, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text("# @package _global_\nseed: 7\n")
    assert take(monkeypatch, f"--config-dir={tmp_path}", "+own=mine").config.seed == 7


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfseed=7\n", b"seed=7\r\n", b"\n  # a comment\n  seed=7  \n", b"seed=7"],
)
def test_a_file_of_overrides_is_read(content, monkeypatch, tmp_path):
    (tmp_path / "words").write_bytes(content)
    assert take(monkeypatch, f"@{tmp_path / 'words'}").config.seed == 7


@pytest.mark.parametrize(
    "content",
    ["seed=7".encode("utf-16"), bytes(range(256)), b"seed=7\0", b"#" * 11_000_000],
    ids=["utf-16", "binary", "nul", "huge"],
)
def test_a_file_that_holds_no_overrides_is_refused(content, monkeypatch, capsys, tmp_path):
    (tmp_path / "words").write_bytes(content)
    status, lines = answer(monkeypatch, capsys, f"@{tmp_path / 'words'}")
    assert (status, len(lines)) == (2, 2)
    assert lines[1].startswith(f"  @{tmp_path / 'words'}: ")


def test_of_many_faults_twenty_are_shown_and_counted(monkeypatch, capsys, tmp_path):
    (tmp_path / "words").write_text("".join(f"key_{i}=1\n" for i in range(120_000)))
    status, lines = answer(monkeypatch, capsys, f"@{tmp_path / 'words'}")
    assert status == 2
    assert lines[0] == "120000 faults in the request, nothing was started:"
    assert lines[20:] == ["  key_19: there is no such key", "  and 119980 more"]


def test_too_many_overrides_are_refused(monkeypatch, capsys, tmp_path):
    (tmp_path / "words").write_text("seed=1\n" * 120_000)
    _, lines = answer(monkeypatch, capsys, f"@{tmp_path / 'words'}")
    assert lines[1] == "  overrides: got 120000; allowed: at most 1000"


@pytest.mark.parametrize(
    "word", ["hydra.sweeper.storagee=postgresql://u:PW@h/x", "tracking.urii=http://u:PW@h", "x=[PW"]
)
def test_a_password_of_a_refused_word_is_masked(word, monkeypatch, capsys):
    _, lines = answer(monkeypatch, capsys, word.replace("x=[PW", "x=[password=PW"))
    assert "PW" not in "".join(lines)


def test_a_parser_masks_what_it_refuses(capsys):
    with pytest.raises(SystemExit) as ended:
        Parser("verb", description="").parse_args(["--uri=http://u:PW@h", "--token=PW"])
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert "PW" not in err
    assert len(err.splitlines()) == 2


def test_control_characters_are_shown_in_one_line(monkeypatch, capsys):
    _, lines = answer(monkeypatch, capsys, "x\n\x1b[31m=1")
    assert len(lines) == 2
    assert "\\n\\x1b[31m" in lines[1]


def test_a_launcher_without_its_package_has_its_pip_line(monkeypatch, capsys):
    _, lines = answer(monkeypatch, capsys, "hydra/launcher=rq")
    assert lines[1].endswith("; for rq: pip install hydra-rq-launcher")


def test_a_launcher_of_ours_without_its_package_has_its_pip_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    status, lines = answer(monkeypatch, capsys, "hydra/launcher=ray")
    assert status == 2
    assert lines[1].endswith("got ray, which needs a package: pip install 'dcgan-sweeps[ray]'")


def test_a_fault_of_ours_is_not_the_requests():
    assert find_request_faults("config", ["seed=1"], KeyError("a bug")) == []


def test_a_fault_of_ours_is_raised(monkeypatch):
    monkeypatch.setattr("dcgan_sweeps.command.read_request", lambda *asked: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", "seed=1"])
    with pytest.raises(ZeroDivisionError):
        run_command("config", lambda request: 0)


@pytest.mark.parametrize("words", [["hydra.mode=MULTIRUN"], ["-m"], ["FILE"]])
def test_a_sweep_is_asked_for_in_three_ways(words, monkeypatch, capsys, tmp_path):
    from dcgan_sweeps.run import main

    option = write_own(tmp_path, "hydra: {mode: MULTIRUN}\n")
    words = [option, "experiment=2024_11"] if words == ["FILE"] else words
    monkeypatch.chdir(tmp_path)
    dry = ["hydra.sweeper.dry_run=true", "score=none", "seed=0,1"]
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", *words, *dry])
    assert main() == 0
    assert "2 trials" in capsys.readouterr().out


def test_the_package_lists_its_verbs():
    command = [sys.executable, "-m", "dcgan_sweeps", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "  reproduce" in done.stdout


def test_a_line_that_hydra_cannot_complete_is_a_fault(monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", "python -m dcgan_sweeps.run optim")
    monkeypatch.setenv("COMP_POINT", "99")
    status, lines = answer(monkeypatch, capsys, "-sc", "query=bash")
    assert status == 2
    assert lines[1].startswith("  request: Error parsing override")
