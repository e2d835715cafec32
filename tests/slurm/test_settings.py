"""What the launcher `submitit_slurm` refuses before a job is submitted."""

from __future__ import annotations

import sys

import pytest
from refusals import ask, require_refusal

WORDS = ["-m", "experiment=tiny", "seed=1,2", "hydra/launcher=submitit_slurm"]
JOBS = "hydra.sweeper.n_jobs=2"


@pytest.fixture
def refuse(monkeypatch, capsys, tmp_path):
    """Ask for a study on a machine that has the programs of Slurm, and check how it is refused."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sbatch", "squeue", "scancel", "srun"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    def check(words, *faults):
        folder = tmp_path / "work"
        folder.mkdir()
        require_refusal(ask(monkeypatch, capsys, folder, "run", *WORDS, *words), faults)

    return check


def test_the_number_of_jobs_has_to_be_set(refuse):
    refuse([], "hydra.sweeper.n_jobs: got null; with hydra/launcher=submitit_slurm it has to be")


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("timeout_min=0", "timeout_min: got 0; allowed: a whole number, at least 1"),
        ("signal_delay_s=0", "signal_delay_s: got 0; allowed: a whole number, at least 1"),
        ("poll_s=60", "poll_s: got 60.0; allowed: a number, at least 1, at most 10"),
        ("timeout_min=2", "signal_delay_s: got 120; allowed: less than timeout_min, in seconds"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(refuse, word, fault):
    refuse([JOBS, f"hydra.launcher.{word}"], f"hydra.launcher.{fault}")


def test_a_setting_of_another_type_is_refused(refuse):
    refuse([JOBS, "hydra.launcher.timeout_min=long"], "hydra.launcher.timeout_min: ")


def test_an_unknown_setting_is_refused(refuse):
    fault = "hydra.launcher.partitions: Key 'partitions' not in 'SlurmSettings'"
    refuse([JOBS, "hydra.launcher.partitions=gpu"], fault)


def test_a_machine_without_slurm_is_named(refuse, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    refuse([JOBS], "hydra/launcher: got submitit_slurm; sbatch is not in PATH; start the study")


def test_without_its_package_the_command_that_installs_it_is_named(refuse, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    refuse([JOBS], "hydra/launcher: got submitit_slurm, which needs a package: pip")


def test_a_queue_that_does_not_answer_says_nothing_about_a_job(refuse):
    from dcgan_sweeps.slurm.queue import NOT_KNOWN, Queue

    assert Queue(poll_s=5).find_state("1", since_s=0.0) == NOT_KNOWN
