"""Requests of the verbs beside `run` that are refused: the verb and its words, then how each fault
begins. A row is added by one line.

STORE is a store with the runs of shelf.py, ONE_RUN and its like are their ids, FILE is a plain
file in the current folder.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from refusals import ask, require_refusal
from shelf import make_shelf

ALLOWED = "allowed: best, latest, study:NAME or a run id"
NO_STORE = "tracking.dir: "

# Of every verb that reads runs: words that make it look for one, and how its target is called.
READING = {
    "report": ([], "TARGET"),
    "compare": (["ONE_RUN"], "B"),
    "generate": ([], "TARGET"),
    "ui": ([], "TARGET"),
    "score": ([], "TARGET"),
    "probe": ([], "TARGET"),
    "reproduce": ([], "TARGET"),
    "delete": (["--yes"], "TARGET"),
}
TARGETS = {
    "nonsense": f"got nonsense; {ALLOWED}",
    "": f"got ; {ALLOWED}",
    "0123": f"got 0123; {ALLOWED}",
    "ffffffff": "got ffffffff; it matches no run",
    "f" * 32: f"got {'f' * 32}; there is no such run",
    "FFFFFFFF": f"got FFFFFFFF; {ALLOWED}",
    "DELETED_RUN": "got ",
    "study:nowhere": "got study:nowhere; experiment dcgan_sweeps has no ",
    "study:a'b": "got ",
    "../../etc/passwd": f"got ../../etc/passwd; {ALLOWED}",
    "\x1b[2J": "got ",
}
NO_RUN = [
    (verb, [*before, "--dir=STORE", target], [f"{name}: {problem}"])
    for verb, (before, name) in READING.items()
    for target, problem in TARGETS.items()
]
NO_PLACE = [
    (verb, [*before, place, "best"], [fault])
    for verb, (before, _) in READING.items()
    for place, fault in {
        "--dir=nowhere": NO_STORE,
        "--dir=FILE": NO_STORE,
        "--dir=~nobody-such/x": "tracking.dir: got '~nobody-such/x'; it is not a valid path",
        "--uri=": "tracking.uri: got ",
        "--nonsense": "unrecognized arguments: --nonsense",
    }.items()
]
PARENT = [
    (verb, [*before, "--dir=STORE", "PARENT_RUN"], [f"{name}: got "])
    for verb, (before, name) in READING.items()
    if verb != "ui"
]

REPORT = [
    (["FAILED_RUN"], ["TARGET: none of these 1 runs has a score"]),
    (["study:blank"], ["TARGET: none of these 1 runs has a score"]),
    (["ONE_RUN", "OTHER_RUN"], ["identity: scores of 2 identities cannot be compared"]),
    (["ffffffff", "nonsense"], ["TARGET: got ffffffff", "TARGET: got nonsense"]),
    (["--experiment=nowhere"], ["--experiment: got nowhere; there is no such experiment; allow"]),
    (["--experiment="], ["--experiment: got nothing; there is no such experiment"]),
    (["--experiment=empty"], ["--experiment: empty has no complete run"]),
    (["--limit=0"], ["--limit: got 0; allowed: at least 1"]),
    (["--limit=-1"], ["--limit: got -1; allowed: at least 1"]),
    (["--limit=x"], ["--limit: invalid int value: 'x'"]),
    (["--limit=1.5"], ["--limit: invalid int value: '1.5'"]),
    (["--identity=zzz"], ["--identity: got zzz; allowed: the beginning of one of "]),
    (["--identity="], ["--identity: got ; allowed: the beginning of one of "]),
    (["--identity=a'b"], ["--identity: got a'b; allowed: "]),
    (["--where="], ["--where: got ; allowed: a parameter or metric"]),
    (["--where=lr"], ["--where: got lr; allowed: a parameter or metric"]),
    (["--where=lr <"], ["--where: got lr <; allowed: a parameter or metric"]),
    (["--where=lr < x"], ["--where: got lr < x; < needs a number"]),
    (["--where=lr < nan"], ["--where: got lr < nan; < needs a number"]),
    (["--where=lr < 1_000"], ["--where: got lr < 1_000; < needs a number"]),
    (["--where=lr ~ 1", "--where=x"], ["--where: got lr ~ 1", "--where: got x"]),
    (["--where=optimizer.lrr < 1"], ["--where: no run has optimizer.lrr; did you mean opt"]),
    (["--where=optimizer.lr < 1 and"], ["--where: got optimizer.lr < 1 and; < needs a number"]),
    (["--where=optimizer.lr > 5"], ["TARGET: none of these 2 runs meets these filters"]),
    (["--json", "--csv"], ["--csv: not allowed with "]),
    (["--json=1"], ["--json: ignored explicit argument '1'"]),
    (["--html=x"], ["--html: got x; allowed: a name that ends with .html"]),
    (["--html=FILE/x.html"], ["--html: got "]),
    (["--html=/proc/x.html"], ["--html: got /proc/x.html; it cannot be written"]),
    (["--html=~nobody-such/x.html"], ["--html: got "]),
    (["--html=a\0b.html"], ["--html: got "]),
    ([f"--html={'x' * 300}.html"], ["--html: got "]),
]
COMPARE = [
    ([], ["RUN: got 0 runs; allowed: 2 to 6"]),
    (["ONE_RUN"], ["RUN: got 1 run; allowed: 2 to 6"]),
    (["ONE_RUN"] * 7, ["RUN: got 7 runs; allowed: 2 to 6"]),
    (["ONE_RUN", "OTHER_RUN", "nonsense"], ["C: got nonsense"]),
    (["nonsense", "ffffffff"], ["A: got nonsense", "B: got ffffffff"]),
    (["ONE_RUN", "OTHER_RUN", "ONE_RUN"], ["C: got "]),
    (["ONE_RUN", "study:blank"], ["B: got study:blank; none of its trials has a score"]),
    (["ONE_RUN", "TRIAL_RUN", "--step=3"], ["--step: got 3; allowed: none, since these"]),
    (["ONE_RUN", "TRIAL_RUN", "--step=x"], ["--step: invalid int value: 'x'"]),
    (["ONE_RUN", "TRIAL_RUN", "--html="], ["--html: got nothing; allowed: a name that ends"]),
    (["ONE_RUN", "TRIAL_RUN", "--html=FILE"], ["--html: got FILE; allowed: a name that ends"]),
    (["ONE_RUN", "TRIAL_RUN", "--html=/proc/x.html"], ["--html: got /proc/x.html; it cannot"]),
    (["ONE_RUN", "TRIAL_RUN", "--limit=1"], ["unrecognized arguments: --limit=1"]),
]
GENERATE = [
    ([], ["the following arguments are required: TARGET"]),
    (["ONE_RUN", "OTHER_RUN"], ["unrecognized arguments: "]),
    (["ONE_RUN", "--count=0"], ["--count: got 0; allowed: 1 to 100000"]),
    (["ONE_RUN", "--count=1000000000"], ["--count: got 1000000000; allowed: 1 to 100000"]),
    (["ONE_RUN", "--count=1e3"], ["--count: invalid int value: '1e3'"]),
    (["ONE_RUN", "--seed=-1"], ["--seed: got -1; allowed: 0 to 4294967295"]),
    (["ONE_RUN", f"--seed={'9' * 200}"], ["--seed: got 999"]),
    (["ONE_RUN"], ["TARGET: got "]),  # no generator
    (["ONE_RUN", "--out="], ["--out: got nothing; allowed: a folder"]),
    (["ONE_RUN", "--out=FILE"], ["--out: got FILE; "]),
    (["ONE_RUN", "--out=a\0b"], ["--out: got "]),
    (["best", "--experiment=nowhere"], ["TARGET: got best; experiment nowhere has no complete"]),
]
UI = [
    (["--port=99999"], ["--port: got 99999; allowed: 1 to 65535"]),
    (["--port=0"], ["--port: got 0; allowed: 1 to 65535"]),
    (["--port=x"], ["--port: invalid int value: 'x'"]),
    (["ONE_RUN", "OTHER_RUN"], ["unrecognized arguments: "]),
    (["--optuna"], ["--optuna: got no study; allowed: study:NAME with a journal"]),
    (["study:s", "--optuna"], ["--optuna: got study:s; /"]),
    (["--optuna=study:../../x"], ["TARGET: got "]),
    (["--optuna=nonsense"], ["--optuna: got nonsense; "]),
    (["--optuna=nonsense://x"], ["--optuna: got nonsense://x; "]),
    (
        ["--uri=http://127.0.0.1:9"],
        ["--uri: got http://127.0.0.1:9, which is a server; open it in a browser"],
    ),
]
SCORE = [
    ([], ["the following arguments are required: TARGET|KEY=VALUE"]),
    (["score.count=100"], ["TARGET: got none; allowed: run ids, best, study:NAME"]),
    (["FAILED_RUN"], ["TARGET: got "]),
    (["ONE_RUN", "OTHER_RUN"], ["TARGET: got ", "TARGET: got "]),  # no generators
    (["ONE_RUN", "seed=1"], ["seed=1: cannot be overridden here; allowed: score"]),
    (["ONE_RUN", "score.count=1"], ["score.count: got 1; allowed: a whole number, at least 2"]),
    (["ONE_RUN", "score.cuont=9"], ["score.cuont: there is no such key; did you mean score.c"]),
    (["ONE_RUN", "score=none"], ["score: got none; allowed: fcd"]),
    (["ONE_RUN", "score=x"], ["score: got x; allowed: fcd, none"]),
    (["ONE_RUN", "score.count="], ["score.count: got ; allowed: a whole number"]),
    (["ONE_RUN", "--count=1"], ["unrecognized arguments: --count=1"]),
]
PROBE = [
    ([], ["the following arguments are required: TARGET|KEY=VALUE"]),
    (["runner.threads=1"], ["TARGET: got none; allowed: one of best, latest, study:NAME, a run"]),
    (["ONE_RUN", "OTHER_RUN"], ["TARGET: got "]),
    (["FAILED_RUN"], ["TARGET: got "]),
    (["ONE_RUN"], ["TARGET: got "]),  # no discriminator
    (["ONE_RUN", "seed=1"], ["seed=1: cannot be overridden here; allowed: data.dir, runner"]),
    (["ONE_RUN", "runner.threads=0"], ["runner.threads: got 0; allowed: a whole number"]),
    (["ONE_RUN", "--labels-per-class=0"], ["--labels-per-class: got 0; allowed: 1 to 10000000, o"]),
    (
        ["ONE_RUN", "--labels-per-class=x"],
        ["--labels-per-class: got x; allowed: 1 to 10000000, or all"],
    ),
    (["ONE_RUN", "--draws=0"], ["--draws: got 0; allowed: 1 to 100000"]),
    (["ONE_RUN", "--labels-per-class=all", "--draws=2"], ["--draws: got 2; allowed: 1, since"]),
]
REPRODUCE = [
    ([], ["the following arguments are required: TARGET"]),
    (["ONE_RUN", "OTHER_RUN"], ["unrecognized arguments: "]),
    (["ONE_RUN"], ["TARGET: run "]),  # no configuration
    (["ONE_RUN", "--epochs=0"], ["--epochs: got 0; allowed: at least 1"]),
    (["ONE_RUN", "--epochs=x"], ["--epochs: invalid int value: 'x'"]),
    (["ONE_RUN", "--tolerance=nan"], ["--tolerance: got nan; allowed: 0 to 1"]),
    (["nowhere.yaml"], ["TARGET: got nowhere.yaml; allowed: "]),
    (["."], ["TARGET: got .; allowed: "]),
    (["~nobody-such/x"], ["TARGET: got "]),
]
DELETE = [
    ([], ["the following arguments are required: study:NAME|RUN_ID|RUN_FOLDER"]),
    (["ONE_RUN"], ["--yes: is needed here: the input is no terminal"]),
    (["--yes", "TRIAL_RUN"], ["TARGET: got "]),
    (["--yes", "ONE_RUN", "nonsense", "study:x"], ["TARGET: got nonsense", "TARGET: got study:x"]),
]
OTHERS = [
    ("doctor", ["data.dri=/x"], ["data.dri: there is no such key; did you mean data.dir?"]),
    ("doctor", ["--nonsense"], ["unrecognized arguments: --nonsense"]),
    ("doctor", ["seed=-1"], ["seed: got -1; allowed: a whole number, at least 0"]),
    ("doctor", ["--close-stale"], [NO_STORE]),
    ("doctor", ["--close-stale", "tracking.dir=nowhere"], [NO_STORE]),
    ("doctor", ["@nowhere"], ["@nowhere: cannot be read: No such file or directory"]),
    ("data", ["elsewhere"], ["unrecognized arguments: elsewhere"]),
    ("data", ["--nonsense"], ["unrecognized arguments: --nonsense"]),
    ("classifier", ["epochs=0"], ["epochs: got 0; allowed: a whole number, at least 1"]),
    ("classifier", ["nonsense=1"], ["nonsense: there is no such key"]),
    ("classifier", ["-m", "seed=1,2"], ["-m: this command has no sweeps"]),
    ("classifier", ["seed=1,2"], ["seed=1,2: got several values; allowed: one"]),
    ("classifier", ["filters=[]"], ["filters: got []; allowed: a list of whole numbers"]),
    ("classifier", ["data.limit=5"], ["data.limit: got 5; a classifier is trained on all images"]),
    ("classifier", ["learning_rate=nan"], ["learning_rate: got nan; allowed: a number, above 0"]),
    ("classifier", ["data.dir=nowhere"], ["data.dir: got "]),
]
OWN = {
    "report": REPORT,
    "compare": COMPARE,
    "generate": GENERATE,
    "ui": UI,
    "score": SCORE,
    "probe": PROBE,
    "reproduce": REPRODUCE,
    "delete": DELETE,
}
REQUESTS = [
    *NO_RUN,
    *NO_PLACE,
    *PARENT,
    *(
        (verb, ["--dir=STORE", *words], faults)
        for verb, rows in OWN.items()
        for words, faults in rows
    ),
    *OTHERS,
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return make_shelf(tmp_path_factory.mktemp("shelf") / "mlruns")


def name_row(row):
    verb, words, _ = row
    return ascii(" ".join([verb, *words]))[1:60]


@pytest.mark.parametrize(("verb", "words", "faults"), REQUESTS, ids=map(name_row, REQUESTS))
def test_it_is_refused(verb, words, faults, shelf, monkeypatch, capsys, tmp_path):
    (tmp_path / "FILE").write_text("")
    answer = ask(monkeypatch, capsys, tmp_path, verb, *map(shelf.fill, words))
    # A fault of an option is a fault as any other, whoever words it.
    err = re.sub(r"^dcgan_sweeps\.\w+: error: (argument )?", "", answer.err, flags=re.MULTILINE)
    require_refusal(replace(answer, err=err.replace("argument --", "--")), faults)
