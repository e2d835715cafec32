"""Requests whose words are refused: in each line the verb and the words, then how each fault
begins. A row is added by one line."""

from __future__ import annotations

import pytest
from refusals import ask, require_refusal

WHOLE = "a whole number, at least"
FOLDERS = "allowed: tracking.dir=FOLDER, which decides where runs are written"
LEFT_OUT = "a key cannot be deleted"
TOO_LONG = "1" * 6000

VALUES = [
    ("optimizer.lr=5", "optimizer.lr: got 5.0; allowed: a number, above 0, at most 1"),
    ("optimizer.lr=abc", "optimizer.lr: got abc; allowed: a number, above 0, at most 1"),
    ("optimizer.lr=nan", "optimizer.lr: got nan; allowed: a number, above 0, at most 1"),
    ("optimizer.lr=1e400", "optimizer.lr: got inf; allowed: a number, above 0, at most 1"),
    ("optimizer.lr=", "optimizer.lr: got ; allowed: a number"),
    ("optimizer.lr=[1e-3]", "optimizer.lr: got [1e-3]; allowed: a number"),
    ("optimizer.lr={a:1}", "optimizer.lr: got {a:1}; allowed: a number"),
    ("seed=null", f"seed: got null; allowed: {WHOLE} 0"),
    ("seed=1.5", f"seed: got 1.5; allowed: {WHOLE} 0"),
    ("seed=0x10", f"seed: got 0x10; allowed: {WHOLE} 0"),
    ("seed=1e400", f"seed: got 1e400; allowed: {WHOLE} 0"),
    (f"seed={TOO_LONG}", "seed=111"),
    ("seed=${nothing}", "seed: got ${nothing}; Interpolation key 'nothing' not found"),
    ("seed=${hydra:job.num}", "seed: got ${hydra:job.num}; "),
    ("runner.deterministic=maybe", "runner.deterministic: got maybe; allowed: true or false"),
    ("model.generator_filters=[1]", "model.generator_filters: got [1]; allowed: a list of whole"),
    ("model.generator_filters=8", "model.generator_filters: got 8; allowed: a list of whole"),
    ("runner.slots=0", "runner.slots: got 0; allowed: auto, or a whole number, at least 1"),
    ("runner.slots=-1", "runner.slots: got -1; allowed: auto, or a whole number, at least 1"),
    (f"runner.slots={TOO_LONG}", "runner.slots: got 111"),
    ("runner.slots=٣", "runner.slots=٣: cannot be read"),
    ("runner.jit=true", "runner.jit: got true; allowed: auto, on, off"),
]
# An unset variable of a shell leaves nothing, or blanks.
BLANK = [
    ("tracking.uri=", "tracking.uri: got ; allowed: text, not blank, or null"),
    ("tracking.uri=' '", "tracking.uri: got  ; allowed: text, not blank, or null"),
    ("tracking.dir=", "tracking.dir: got ; allowed: text, not blank"),
    ("tracking.experiment=", "tracking.experiment: got ; allowed: text, not blank"),
    ("tracking.run_name=''", "tracking.run_name: got ; allowed: text, not blank, or null"),
    ("data.dir=", "data.dir: got ; allowed: text, not blank, or null"),
    ("score.classifier=", "score.classifier: got ; allowed: text, not blank, or null"),
    ("resume=", "resume: got ; allowed: text, not blank, or null"),
    ("hydra.sweeper.study_name=", "hydra.sweeper.study_name: got ; allowed: text, not blank"),
    ("hydra.sweeper.storage=", "hydra.sweeper.storage: got ; allowed: text, not blank"),
    ("tracking.dir=null", "tracking.dir: got null; allowed: text, not blank"),
]
# No number that somebody could mean.
BEYOND = [
    (f"{key}={beyond}", f"{key}: got {beyond}; allowed: ")
    for key, beyond in {
        "train.epochs": 10**9,
        "train.batch_size": 10**9,
        "train.steps_per_call": 10**9,
        "train.checkpoint_every": 10**9,
        "model.latent_dim": 10**9,
        "score.count": 10**12,
        "score.batch_size": 10**9,
        "score.every": 10**9,
        "data.limit": 10**12,
        "data.shuffle_buffer": 10**12,
        "tracking.log_every": 10**9,
        "tracking.sample_rows": 10**6,
        "runner.gpu_memory_mib": 10**9,
        "runner.slots": 10**6,
        "hydra.sweeper.n_trials": 10**9,
        "hydra.sweeper.n_jobs": 10**9,
        "hydra.sweeper.retries": 10**9,
    }.items()
]
BEYOND += [
    ("model.generator_filters=[64,9999999]", "model.generator_filters: got [64, 9999999]"),
    ("runner.trial_timeout_min=1e300", "runner.trial_timeout_min: got 1e+300; allowed: "),
    ("hydra.sweeper.target_score=nan", "hydra.sweeper.target_score: got nan; allowed: a number"),
    ("hydra.sweeper.target_score=inf", "hydra.sweeper.target_score: got inf; allowed: a number"),
    ("hydra.sweeper.timeout_min=-1", "hydra.sweeper.timeout_min: got -1.0; allowed: a number"),
    ("hydra.sweeper.n_trials=many", "hydra.sweeper.n_trials: got many; allowed: a whole number"),
]
KEYS = [
    ("optimizer.lrr=1", "optimizer.lrr: there is no such key; did you mean optimizer.lr?"),
    ("lr=1e-3", "lr: there is no such key; did you mean optimizer.lr?"),
    ("tracking.urii=sqlite:///x", "tracking.urii: there is no such key; did you mean tracking.uri"),
    ("data.dir.x=1", "data.dir.x: there is no such key"),
    ("=1", "=1: there is no such key"),
    ("optimizer@other=adam", "optimizer@other: there is no such key; did you mean optimizer?"),
    (
        "+optimizer.lr=1e-3",
        "request: Could not append to config. An item is already at 'optimizer.lr'.",
    ),
    ("+optimizer.amsgrad=true", "optimizer.amsgrad: there is no such key"),
    ("++optimizer.amsgrad=true", "optimizer.amsgrad: there is no such key"),
    ("+experiment=quick", "request: Multiple values for experiment. To override a value use"),
    ("++experiment=quick", "request: force-add of config groups is not supported: '++experiment=q"),
    ("~data.limit", f"~data.limit: {LEFT_OUT}"),
    ("~seed", f"~seed: {LEFT_OUT}"),
    ("~experiment", f"~experiment: {LEFT_OUT}"),
    ("~optimizer=adam", f"~optimizer=adam: {LEFT_OUT}"),
    ("~nothing", "nothing: there is no such key"),
]
RENAMED = [
    ("hydra.sweeper.parallel=2", "hydra.sweeper.parallel: renamed to hydra.sweeper.n_jobs"),
    ("+hydra.sweeper.space.seed=1", "hydra.sweeper.space.seed: renamed to hydra.sweeper.params."),
    ("score.companions=never", "score.companions: renamed to score.extra_metrics"),
    ("model=article", "model=article: renamed to model=dcgan28"),
    ("model.name=article", "model.name=article: renamed to model.name=dcgan28"),
    ("train=article", "train=article: renamed to train=default"),
    ("experiment=article", "experiment=article: renamed to experiment=baseline"),
]
GROUPS = [
    ("model=dcgan82", "model: got dcgan82; allowed: dcgan28, dcgan64; did you mean dcgan28?"),
    ("model=2024_11", "model: got 2024_11; allowed: dcgan28"),
    ("model=true", "model: got true; allowed: dcgan28"),
    ("model=null", "model: got null; allowed: dcgan28"),
    ("optimizer=3", "optimizer: got 3; allowed: adam, adam_paper, adamw, rmsprop, sgd"),
    ("optimizer=", "optimizer: got ; allowed: adam, adam_paper, adamw, rmsprop, sgd"),
    (
        "optimizer=[adam,adam]",
        "optimizer: got [adam, adam]; allowed: one of adam, adam_paper, adamw, rmsprop, sgd",
    ),
    ("data=[fashion_mnist]", "data: got [fashion_mnist]; allowed: one of cifar10, fashion_mn"),
    ("experiment=[quick,tiny]", "experiment: got [quick, tiny]; allowed: one of baseline, paper64"),
    (
        "optimizer={lr:1e-3}",
        "optimizer: got {lr: 0.001}; allowed: adam, adam_paper, adamw, rmsprop, sgd",
    ),
    ("experiment=../model/dcgan28", "experiment: got ../model/dcgan28; allowed: "),
    ("search=fcd", "search: got fcd; a search needs -m"),
    ("hydra/launcher=rq", "hydra/launcher: got rq; allowed: basic, "),
    ("hydra/launcher=slot", "hydra/launcher: got slot; allowed: basic, "),
    ("hydra/sweeper=optuna", "hydra/sweeper: got optuna; allowed: basic, study"),
    ("hydra/nonsense=1", "hydra/nonsense: there is no such key"),
]
OF_HYDRA = [
    ("hydra.run.dir=x", f"hydra.run.dir: got x; {FOLDERS}"),
    ("hydra.sweep.dir=x", f"hydra.sweep.dir: got x; {FOLDERS}"),
    ("hydra.sweep.subdir=x", f"hydra.sweep.subdir: got x; {FOLDERS}"),
    ("hydra.output_subdir=x", f"hydra.output_subdir: got x; {FOLDERS}"),
    ("hydra.nonsense=1", "hydra.nonsense: there is no such key"),
    ("hydra=1", "hydra: there is no such key"),
    ("hydra.job=1", "hydra.job: got 1; allowed: keys below it"),
    ("hydra.job.num=3", "hydra.job.num: got 3; only Hydra sets this key"),
    ("hydra.runtime.cwd=x", "hydra.runtime.cwd: got x; only Hydra sets this key"),
    ("hydra.mode=X", "hydra.mode: got X; Invalid value 'X', expected one of [RUN, MULTIRUN]"),
    ("hydra.searchpath=[nosuch]", "hydra.searchpath: got nosuch; there is no such folder"),
    ("hydra.searchpath=nosuch", "hydra.searchpath: got nosuch; hydra.searchpath must be a list"),
    ("hydra.searchpath=[foo://x]", "hydra.searchpath: got [foo://x]; No config source registered"),
    ("+hydra.sweeper.direction=minimize", "hydra.sweeper.direction: there is no such key"),
    ("++hydra.sweeper.direction=minimize", "hydra.sweeper.direction: there is no such key"),
    ("hydra.sweeper.storagee=x", "hydra.sweeper.storagee: there is no such key; did you mean hyd"),
    ("hydra.sweeper.sampler=3", "hydra.sweeper.sampler: got 3; allowed: "),
    ("hydra.launcher.nonsense=1", "hydra.launcher.nonsense: there is no such key"),
]
# What the grammar cannot read is shown as it can.
UNREADABLE = [
    (
        "data.dir=~/x",
        "data.dir=~/x: cannot be read; quote text with special characters: \"data.dir='~/x'\"",
    ),
    ("tracking.run_name=Motörhead", "tracking.run_name=Motörhead: cannot be read; quote text with"),
    ("tracking.run_name=it's", "tracking.run_name=it's: cannot be read; quote text with special"),
    (
        "tracking.run_name=a#b",
        "tracking.run_name=a#b: cannot be read; quote text with special char",
    ),
    (
        "tracking.run_name=a=b",
        "tracking.run_name=a=b: cannot be read; quote text with special char",
    ),
    ("tracking.run_name=$(x)", "tracking.run_name=$(x): cannot be read; quote text with special"),
    ("optimizer.lr=[1", "optimizer.lr=[1: cannot be read; quote text with special chara"),
    ("optimizer.lr=choice(", "optimizer.lr=choice(: cannot be read; quote text with special"),
    ("optimizer.lr=foo(1)", "optimizer.lr=foo(1): cannot be read: HydraException while evaluating"),
    ("optimizer.lr=range(a,b)", "optimizer.lr=range(a,b): cannot be read: TypeError while"),
    ("a b=c", "a b=c: cannot be read as key=value"),
    ("é=1", "é=1: cannot be read as key=value"),
    ("seed", "seed: cannot be read as key=value"),
    ("", ": cannot be read as key=value"),
    (f"tracking.run_name={'x' * 200_000}", "tracking.run_name=xxx"),
]
OPTIONS = [
    ("--nonsense", "--nonsense: there is no such option"),
    ("--cfg=nonsense", "--cfg/-c: invalid choice: 'nonsense'"),
    ("--config-name=nosuch", "--config-name: got nosuch; allowed: config"),
    ("--config-name=classifier", "--config-name: got classifier; allowed: config"),
    ("--config-dir=nosuch", "--config-dir: got "),
    ("--config-path=nosuch", "--config-path: got "),
    ("--experimental-rerun=x", "--experimental-rerun: is not supported"),
    ("--resolve", "--resolve: allowed: with --cfg or --help"),
    ("@nosuch", "@nosuch: cannot be read: No such file or directory"),
    ("@.", "@.: cannot be read: Is a directory"),
    ("@" + "x" * 10_000, "@xxx"),
    ("@~nobody_has_this_name/x", "@~nobody_has_this_name/x: cannot be read: "),
]
ONE_RUN = VALUES + BLANK + BEYOND + KEYS + GROUPS + RENAMED + OF_HYDRA + UNREADABLE + OPTIONS

# A sweep is asked for with -m; of one run, each of these is refused too.
SWEEPS = [
    ("seed=range(0,1000000000)", "seed=range(0,1000000000): got 1000000000 values; allowed: at"),
    ("seed=range(0,inf)", "seed=range(0,inf): got infinitely many values; allowed"),
    ("seed=range(0,5,0)", "seed=range(0,5,0): got infinitely many values; allowed"),
    ("seed=range(5,0)", "seed=range(5,0): has no value"),
    ("seed=0,-1", f"seed: got -1; allowed: {WHOLE} 0"),
    ("train.epochs=choice(1,1000000000)", f"train.epochs: got 1000000000; allowed: {WHOLE} 0"),
    ("tracking.uri='',x", "tracking.uri: got ; allowed: text, not blank"),
    ("experiment=tiny,tny", "experiment: got tny; allowed: baseline, paper64, quick, tiny"),
    ("experiment=[quick,tiny],tiny", "experiment: got [quick, tiny]; allowed: one of"),
    ("resume=a,b", "resume=a,b: -m starts new runs"),
    ("resume=12345678", "resume: got 12345678; -m starts new runs"),
    ("hydra.sweeper.n_trials=1,2", "hydra.sweeper.n_trials=1,2: got several values; allowed: one"),
    ("hydra.mode=RUN", "hydra.mode: got RUN; -m asks for MULTIRUN"),
    ("seed=${hydra:job.num}", "seed: got ${hydra:job.num}; "),
    ("hydra.sweep.dir=x", f"hydra.sweep.dir: got x; {FOLDERS}"),
    ("optimizer.lrr=1,2", "optimizer.lrr: there is no such key; did you mean optimizer.lr?"),
    ("~experiment", f"~experiment: {LEFT_OUT}"),
]
TOGETHER = [
    (["seed=-1", "model=dcgan82"], ["seed: ", "model: got dcgan82; allowed: dcgan28"]),
    (["optimizer.lr=1e-4,", "2e-4"], ["optimizer.lr=1e-4,: ends with a comma; remove the space"]),
    (["seed=0,1", "x=["], ["seed=0,1: several values need a sweep", "x=[: cannot be read"]),
    (["hydra.mode=MULTIRUN", "-r"], ["hydra.mode: got MULTIRUN; -r asks for RUN"]),
    (["-m", "--cfg", "job"], ["--multirun --cfg: got several; allowed: one of them"]),
    (["--cfg", "job", "seed=-1"], ["seed: got -1"]),
    (["hydra.sweeper.n_trials=3"], ["hydra.sweeper.n_trials=3: applies to a study; add -m"]),
    (["hydra/launcher=basic"], ["hydra/launcher=basic: applies to a study; add -m"]),
    (["sampler=tpe", "pruner=median"], ["sampler=tpe: applies to a", "pruner=median: applies"]),
    (["--info", "defaults", "model=dcgan82"], ["model: got dcgan82"]),
    (["-m", "seed=0,1", "resume=12345678"], ["resume: got 12345678; -m starts new runs"]),
    (
        ["-m", "search=fcd", "optimizer.lr=interval(1e-4,1e-3)", "model.dropuot=0.3"],
        ["model.dropuot: there is no such key; did you mean model.dropout?"],
    ),
    (["experiment=tiny", "-m", "seed=0,-1"], ["seed: got -1"]),  # options stand anywhere
    (["seed=1", "seed=-1", "seed=2"], ["seed: got -1"]),  # the last would count
]
VERBS = [
    (
        "score",
        ["best", "score.count=1"],
        ["score.count: got 1; allowed: a whole number, at least 2"],
    ),
    ("score", ["best", "+score.count=9"], ["request: Could not append to config. An item"]),
    ("score", ["best", "score=[fcd,fcd]"], ["score: got [fcd, fcd]; allowed: one of fcd, none"]),
    ("score", ["best", "score.classifier="], ["score.classifier: got ; allowed: text, not blank"]),
    ("score", ["best", "score.seed=1,2"], ["score.seed=1,2: several values need a sweep"]),
    ("score", ["best", "data.dir=~/x"], ["data.dir=~/x: cannot be read; quote text with special"]),
    ("score", ["--nonsense", "best"], ["unrecognized arguments: --nonsense"]),
    ("doctor", ["tracking.uri="], ["tracking.uri: got ; allowed: text, not blank, or null"]),
    ("doctor", ["hydra.run.dir=x"], [f"hydra.run.dir: got x; {FOLDERS}"]),
    (
        "doctor",
        ["optimizer=[adam,adam]"],
        ["optimizer: got [adam, adam]; allowed: one of adam, adam_paper, adamw, rmsprop, sgd"],
    ),
    ("doctor", ["~seed"], [f"~seed: {LEFT_OUT}"]),
    ("doctor", ["seed=${nothing}"], ["seed: got ${nothing}; Interpolation key"]),
    ("doctor", ["--nonsense"], ["unrecognized arguments: --nonsense"]),
    ("classifier", ["epochs=0"], ["epochs: got 0; allowed: a whole number, at least 1"]),
    ("classifier", ["epochs=1000000000"], ["epochs: got 1000000000; allowed: a whole number"]),
    ("classifier", ["optimizer=adam"], ["request: Could not override 'optimizer'. No match"]),
    ("classifier", ["filters=[1,99999999]"], ["filters: got [1, 99999999]; allowed: a list of"]),
    ("classifier", ["-m", "seed=0,1"], ["-m: this command has no sweeps"]),
    ("classifier", ["hydra.mode=MULTIRUN"], ["-m: this command has no sweeps"]),
    ("classifier", ["hydra.sweep.dir=x"], [f"hydra.sweep.dir: got x; {FOLDERS}"]),
    ("classifier", ["tracking.experiment=' '"], ["tracking.experiment: got  ; allowed: text"]),
    ("generate", [], ["the following arguments are required: TARGET"]),
    ("generate", ["best", "--count=many"], ["--count: invalid int value: 'many'"]),
    ("generate", ["best", "--count=0"], ["--count: got 0; allowed: 1 to 100000"]),
    ("generate", ["best", "--seed=-1"], ["--seed: got -1; allowed: 0 to 4294967295"]),
    ("generate", ["best", "seed=1"], ["unrecognized arguments: seed=1"]),
    ("report", ["--nonsense=1"], ["unrecognized arguments: --nonsense=1"]),
    ("compare", ["one"], ["RUN: got 1 run; allowed: 2 to 6"]),
    ("reproduce", ["best", "--tolerance=7"], ["--tolerance: got 7.0; allowed: 0 to 1"]),
    (
        "sync",
        ["nowhere"],
        ["RUN_FOLDER: got nowhere; allowed: a run's folder, or study:NAME for a"],
    ),
    (
        "sync",
        ["study:none", "."],
        ["RUN_FOLDER: got study:none; allowed", "RUN_FOLDER: got .; allowed: a run's folder"],
    ),
    ("sync", ["study:a/b"], ["hydra.sweeper.study_name: got a/b; allowed"]),
    ("sync", ["seed=1", "--nonsense"], ["unrecognized arguments: --nonsense"]),
    ("ui", ["--port=x"], ["--port: invalid int value: 'x'"]),
    ("data", ["x"], ["unrecognized arguments: x"]),
]


@pytest.fixture(autouse=True)
def nothing_is_started(monkeypatch):
    """Fail at once where a request is not refused, before anything is trained."""

    def fail(*asked):
        pytest.fail("was not refused")

    monkeypatch.setattr("dcgan_sweeps.run.run", fail)
    monkeypatch.setattr("dcgan_sweeps.sweep.study.run_study", fail)
    monkeypatch.setattr("dcgan_sweeps.score.classifier.train", fail)


def name(row):
    return " ".join(row)[:60] if isinstance(row, list) else str(row)[:60]


@pytest.mark.parametrize(("word", "fault"), ONE_RUN, ids=name)
def test_one_run_is_refused(word, fault, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, "run", word), [fault])


@pytest.mark.parametrize(("word", "fault"), SWEEPS, ids=name)
def test_a_sweep_is_refused(word, fault, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, "run", "-m", word), [fault])


@pytest.mark.parametrize(("words", "faults"), TOGETHER, ids=name)
def test_words_are_refused_together(words, faults, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, "run", *words), faults)


@pytest.mark.parametrize(("verb", "words", "faults"), VERBS, ids=name)
def test_every_verb_refuses(verb, words, faults, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, verb, *words), faults)
