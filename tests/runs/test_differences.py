from __future__ import annotations

from dcgan_sweeps.runs.differences import compare_facts

FACTS = {
    "commit": "a" * 40,
    "command": "python x",
    "packages": ["keras==3.15.1", "pip==24.0", "rich==14.0"],
    "machine": {"cpu": "Xeon", "os": "Linux-6", "cpu_flags": ["avx2", "fma"]},
    "device": {"threads": 2, "reasons": {"threads": "asked for"}},
}


def differ(**changes):
    return [(str(each), each.decisive) for each in compare_facts(FACTS, {**FACTS, **changes})]


def test_equal_facts_do_not_differ():
    assert differ() == []


def test_the_command_line_and_the_reasons_say_nothing():
    device = {"threads": 2, "reasons": {"threads": "all cores"}}
    assert differ(command="python y", device=device) == []


def test_threads_and_commit_are_decisive():
    ((told, decisive),) = differ(device={"threads": 4, "reasons": {"threads": "asked for"}})
    assert told == "device.threads was 2, now 4"
    assert decisive
    assert differ(commit="b" * 40)[0][1]


def test_another_system_is_told_and_changes_nothing():
    machine = {"cpu": "Xeon", "os": "Linux-7", "cpu_flags": ["avx2", "fma"]}
    assert differ(machine=machine) == [
        ("machine.os was Linux-6, now Linux-7 (does not change results)", False)
    ]


def test_a_package_whose_name_speaks_of_a_secret_is_one_as_any_other():
    assert differ(packages=[*FACTS["packages"], "tokenizers==***"])[0][0].startswith("package tok")


def test_packages_are_compared_by_name_those_that_compute_first():
    found = differ(packages=["keras==3.16.0", "rich==14.1"])
    assert found == [
        ("package keras was 3.15.1, now 3.16.0", True),
        ("package pip was 24.0, now not installed (does not change results)", False),
        ("package rich was 14.0, now 14.1 (does not change results)", False),
    ]


def test_what_earlier_runs_did_not_log_is_no_difference():
    keras = {"keras": {"backend": "tensorflow", "epsilon": 1e-7}}
    assert compare_facts({}, keras) == compare_facts(keras, {}) == []
    other = {"keras": {"backend": "tensorflow", "epsilon": 1e-6}}
    (difference,) = compare_facts(keras, other)
    assert difference.decisive


def test_a_fact_that_earlier_versions_logged_is_no_difference():
    assert differ(meanings={}) == differ(meanings={"seed": 2}) == []
