"""Studies that are refused before anything is started: in each row the words after -m, then how
each fault begins."""

from __future__ import annotations

import pytest
from refusals import ask, require_refusal

TINY = ["experiment=tiny", "train.epochs=1", "runner.threads=1"]
STORAGE = "hydra.sweeper.storage"
SAMPLER, PRUNER = "hydra.sweeper.sampler", "hydra.sweeper.pruner"

REQUESTS = [
    # Samplers and pruners.
    (["search=fcd", f"{SAMPLER}.n_startup_trials=many"], [f"{SAMPLER}.n_startup_trials: got many"]),
    (["search=fcd", f"{SAMPLER}.n_startup_trials=-1"], [f"{SAMPLER}.n_startup_trials: got -1"]),
    (["search=fcd", f"{SAMPLER}.n_startup_trials=1.5"], [f"{SAMPLER}.n_startup_trials: got 1.5"]),
    (["search=fcd", f"{SAMPLER}.n_startup_trials=null"], [f"{SAMPLER}.n_startup_trials: got "]),
    (["search=fcd", f"{SAMPLER}.group=maybe"], [f"{SAMPLER}.group: got maybe; allowed: true or f"]),
    (["search=fcd", f"+{SAMPLER}.seed=9"], [f"{SAMPLER}.seed: there is no such argument; allowed"]),
    (
        ["search=fcd", f"+{SAMPLER}.n=9"],
        [f"{SAMPLER}.n: there is no such argument; allowed: n_sta"],
    ),
    (["search=fcd", f"+{SAMPLER}.gamma=3"], [f"{SAMPLER}.gamma: there is no such argument"]),
    (["search=fcd", f"{SAMPLER}.name=x"], [f"{SAMPLER}.name: got x; allowed: tpe, random"]),
    (["search=fcd", f"{SAMPLER}.multivariate=false"], [f"{SAMPLER}: tpe refuses its arguments"]),
    (
        ["search=fcd", "sampler=qmc", f"{SAMPLER}.qmc_type=sobool"],
        [f"{SAMPLER}.qmc_type: got sobool"],
    ),
    (
        ["search=fcd", "sampler=cmaes", f"+{SAMPLER}.sigma0=0"],
        [f"{SAMPLER}.sigma0: got 0; allowed"],
    ),
    (["search=fcd", "sampler=cmaes", f"+{SAMPLER}.popsize=1"], [f"{SAMPLER}.popsize: got 1; allo"]),
    (
        ["search=fcd", "sampler=random", f"+{SAMPLER}.n=1"],
        [f"{SAMPLER}.n: there is no such argument"],
    ),
    (["search=fcd", "sampler=gp"], [f"{SAMPLER}.name: got gp, which needs PyTorch: pip install"]),
    (["search=fcd", "sampler=tpee"], ["sampler: got tpee; allowed: cmaes, gp, qmc"]),
    (
        ["search=fcd", f"{PRUNER}.min_resource=1.5"],
        [f"{PRUNER}.min_resource: got 1.5; allowed: a w"],
    ),
    (
        ["search=fcd", f"{PRUNER}.min_resource=0"],
        [f"{PRUNER}.min_resource: got 0; allowed: a whole"],
    ),
    (["search=fcd", f"{PRUNER}.min_resource=auto"], [f"{PRUNER}.min_resource: got auto; allowed"]),
    (
        ["search=fcd", f"{PRUNER}.reduction_factor=1"],
        [f"{PRUNER}.reduction_factor: got 1; allowed"],
    ),
    (
        ["search=fcd", f"{PRUNER}.tolerance=-1"],
        [f"{PRUNER}.tolerance: got -1; allowed: a number, at least 0"],
    ),
    (
        ["search=fcd", "pruner=hyperband", f"{PRUNER}.max_resource=0"],
        [f"{PRUNER}.max_resource: got 0; allowed: a whole number, at least 1"],
    ),
    (
        ["search=fcd", "pruner=hyperband", f"{PRUNER}.min_resource=3"],
        [f"{PRUNER}.max_resource: got 1; allowed: at least 3"],
    ),
    (
        ["search=fcd", "pruner=median", f"{PRUNER}.n_min_trials=0"],
        [f"{PRUNER}.n_min_trials: got 0"],
    ),
    (["search=fcd", "pruner=patient", f"{PRUNER}.patience=-1"], [f"{PRUNER}.patience: got -1"]),
    (
        ["search=fcd", "pruner=patient", f"{PRUNER}.wrapped=median"],
        [f"{PRUNER}.wrapped: got median"],
    ),
    (
        ["search=fcd", "pruner=patient", f"{PRUNER}.wrapped={{name: medain}}"],
        [f"{PRUNER}.wrapped.name: got medain; allowed: none, successive_halving"],
    ),
    (
        ["seed=0,1", "pruner=median", f"{PRUNER}.interval_steps=0"],
        [f"{PRUNER}.interval_steps: got 0"],
    ),
    (
        ["search=fcd", f"{SAMPLER}.group=3", f"{PRUNER}.min_resource=-2", "score=none"],
        [f"{SAMPLER}.group: got 3", f"{PRUNER}.min_resource: got -2", "score: got none; a search"],
    ),
    # The settings of a study.
    (
        ["search=fcd", "hydra.sweeper.target_score=nan"],
        ["hydra.sweeper.target_score: got nan; all"],
    ),
    (["search=fcd", "hydra.sweeper.target_score=-1"], ["hydra.sweeper.target_score: got -1"]),
    (["search=fcd", "hydra.sweeper.timeout_min=0"], ["hydra.sweeper.timeout_min: got 0"]),
    (["search=fcd", "hydra.sweeper.timeout_min=inf"], ["hydra.sweeper.timeout_min: got inf"]),
    (
        ["search=fcd", "hydra.sweeper.n_trials=0"],
        ["hydra.sweeper.n_trials: got 0; allowed: a whole"],
    ),
    (
        ["search=fcd", "hydra.sweeper.n_trials=null"],
        ["hydra.sweeper.n_trials: has no value; a sear"],
    ),
    (
        ["search=fcd", "hydra.sweeper.n_trials=2000000"],
        ["hydra.sweeper.n_trials: got 2000000; allo"],
    ),
    (["seed=0,1", "hydra.sweeper.retries=-1"], ["hydra.sweeper.retries: got -1; allowed: a whole"]),
    (
        ["seed=0,1", "hydra.sweeper.stop_after_failures=0"],
        ["hydra.sweeper.stop_after_failures: got"],
    ),
    (["seed=0,1", "hydra.sweeper.n_jobs=0"], ["hydra.sweeper.n_jobs: got 0; allowed: a whole"]),
    (
        ["seed=0,1", "hydra.sweeper.n_jobs=900"],
        ["hydra.sweeper.n_jobs: got 900; allowed: at m"],
    ),
    (
        ["seed=0,1", "hydra.sweeper.seed=-1"],
        ["hydra.sweeper.seed: got -1; allowed: a whole number"],
    ),
    (["seed=0,1", "hydra.sweeper.study_name=''"], ["hydra.sweeper.study_name: got"]),
    (["seed=0,1", "hydra.sweeper.study_name=a/b"], ["hydra.sweeper.study_name: got a/b; allowed"]),
    (
        ["seed=0,1", "hydra.sweeper.study_name=.."],
        ["hydra.sweeper.study_name: got ..; allowed: at most 120 let"],
    ),
    (["seed=0,1", "runner.slots=none"], ["runner.slots: got none; allowed: auto, or a whole numb"]),
    (["seed=0,1", "runner.slots=900"], ["runner.slots: got 900; allowed: at most one"]),
    (
        ["seed=0,1", "runner.device=gpu"],
        ["runner.device: got gpu; no GPU is visible to this process"],
    ),
    (["search=fcd", "score=none"], ["score: got none; a search needs a score/fcd"]),
    # The search space.
    (["model.dropout=interval(0,0.5)"], ["hydra.sweeper.n_trials: has no value", "sampler: a sea"]),
    (
        ["search=fcd", "model.dropout=interval(0.4,0.6)"],
        ["hydra.sweeper.params.model.dropout: its d"],
    ),
    (["search=fcd", "optimizer.lr=interval(1e-4,3)"], ["optimizer.lr: got 3"]),
    (
        ["search=fcd", "optimizer.lr=interval(1e-2,1e-4)"],
        ["hydra.sweeper.params.optimizer.lr: got i"],
    ),
    (
        ["search=fcd", "optimizer.lr=tag(log,interval(0,0.1))"],
        ["hydra.sweeper.params.optimizer.lr: "],
    ),
    (
        ["search=fcd", "model.latent_dim=interval(1.5,200)"],
        ["hydra.sweeper.params.model.latent_dim"],
    ),
    (
        ["search=fcd", "+hydra.sweeper.only_if={seed: 'model.dropout=0.3'}"],
        ["hydra.sweeper.only_if.seed: got seed; allowed keys of the search space: optimizer.lr"],
    ),
    (
        ["search=fcd", "+hydra.sweeper.only_if={model.dropout: 'foo'}"],
        ["hydra.sweeper.only_if.model.dropout: got foo; allowed: OTHER_KEY=VALUE"],
    ),
    (
        ["search=fcd", "+hydra.sweeper.only_if={model.dropout: 'model.dropuot=1'}"],
        ["hydra.sweeper.only_if.model.dropout: got model.dropuot=1; there is no such key"],
    ),
    (
        ["search=fcd", "+hydra.sweeper.only_if={model.dropout: 'optimizer.lr=3'}"],
        ["hydra.sweeper.only_if.model.dropout: got 3; optimizer.lr is in "],
    ),
    # What the trials would read.
    (
        ["seed=0,1", "data.dir=/nowhere"],
        ["data.dir: got /nowhere; it has no train-images-idx3-ubyte"],
    ),
    (["seed=0,1", "score.classifier=/nowhere"], ["score.classifier: got /nowhere/classifier.npz"]),
    (["seed=0,1", "data.limit=60001"], ["data.limit: got 60001; allowed: at most 60000"]),
    (["seed=0,1", "train.batch_size=400"], ["data.limit: got 320; allowed: at least train.batch"]),
    (
        ["seed=0,1", "data.limit=null", "train.batch_size=60001"],
        ["train.batch_size: got 60001"],
    ),
    (["data.limit=400,60001"], ["data.limit: got 60001; allowed: at most 60000"]),
    (
        ["score.classifier=/nowhere,/neither"],
        ["score.classifier: got /nowhere", "score.classifier: g"],
    ),
    (
        ["data.dir=/nowhere", "score.classifier=/nowhere", "seed=0,1"],
        ["score.classifier: got /nowhere", "data.dir: got /nowhere; it has no train-images"],
    ),
    # Where trials are kept.
    (
        ["seed=0,1", f"{STORAGE}=sqlite://"],
        [f"{STORAGE}: got sqlite://; it would be kept in memory"],
    ),
    (
        ["seed=0,1", f"{STORAGE}=sqlite:///:memory:"],
        [f"{STORAGE}: got sqlite:///:memory:; it would"],
    ),
    (
        ["seed=0,1", f"{STORAGE}=sqlite:////dev/null/x.db"],
        [f"{STORAGE}: got /dev/null/x.db; Not a"],
    ),
    (["seed=0,1", f"{STORAGE}=sqlite:///."], [f"{STORAGE}: got "]),
    (["seed=0,1", f"{STORAGE}=nonsense"], [f"{STORAGE}: got nonsense; allowed: a database, as sq"]),
    (
        ["seed=0,1", f"{STORAGE}=redis://127.0.0.1:1/0"],
        [f"{STORAGE}: got redis://127.0.0.1:1/0; SQL"],
    ),
    (
        ["seed=0,1", f"{STORAGE}=http://127.0.0.1:1"],
        [f"{STORAGE}: got http://127.0.0.1:1; SQLAl"],
    ),
    (
        ["seed=0,1", f"{STORAGE}=postgresql+pg8000://u:PW@127.0.0.1:1/x"],
        [f"{STORAGE}: got postgresql+pg8000://u:***@127.0.0.1:1/x; its driver pg8000 is not"],
    ),
    # Grids that nobody can mean.
    (
        ["seed=range(0,1000000000)"],
        ["seed=range(0,1000000000): got 1000000000 values; allowed: at"],
    ),
    (["seed=range(3,1)"], ["seed=range(3,1): "]),
    (
        ["seed=range(0,1,1e-9)"],
        ["seed=range(0,1,1e-9): got 1000000000 values; allowed: at"],
    ),
    (
        ["seed=range(1000)", "optimizer.beta_1=range(0,0.9,0.001)"],
        ["seed, optimizer.beta_1: got 901,000 trials; allowed: at most"],
    ),
    (
        ["experiment=glob(nothing*)"],
        ["experiment=glob(nothing*): has no value"],
    ),
    (
        ["seed=shuffle(1,2)"],
        ["seed=shuffle(1,2): cannot be read as key=value (shuffle(...) would have"],
    ),
    # Scores that cannot be compared.
    (["search=fcd", "score.count=100,200"], ["score.count: got 100,200; scores of 2 identities"]),
    (["search=fcd", "score=fcd,none"], ["score: got fcd,none; the trials need a score/fcd"]),
    (
        ["score.count=50,60", "pruner=median"],
        ["score.count: got 50,60; scores of 2 identities cann"],
    ),
]


@pytest.fixture(autouse=True)
def _no_study_starts(monkeypatch):
    """Fail at once where a request is taken for a good one: a study would go on for minutes."""

    def start(request, folder):
        raise AssertionError(f"a study of {request.overrides} was started")

    monkeypatch.setattr("dcgan_sweeps.sweep.study.open_study", start)


@pytest.mark.parametrize(("words", "faults"), REQUESTS, ids=lambda each: " ".join(each)[:70])
def test_it_is_refused(words, faults, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, "run", "-m", *TINY, *words), faults)


@pytest.mark.parametrize("words", [["-m"], ["--multirun", "hydra.sweeper.n_jobs=1"]])
def test_a_sweep_of_nothing_is_refused(words, monkeypatch, capsys, tmp_path):
    answer = ask(monkeypatch, capsys, tmp_path, "run", *words)
    require_refusal(answer, ["-m: got nothing to sweep; allowed: several values of a key"])


DRY = [words for words, _ in REQUESTS[::12]]


@pytest.mark.parametrize("words", DRY, ids=lambda each: " ".join(each)[:70])
def test_a_dry_run_refuses_what_the_real_one_refuses(words, monkeypatch, capsys, tmp_path):
    real = ask(monkeypatch, capsys, tmp_path, "run", "-m", *TINY, *words)
    dry = ask(
        monkeypatch, capsys, tmp_path, "run", "-m", *TINY, *words, "hydra.sweeper.dry_run=true"
    )
    assert (dry.status, dry.err, dry.left) == (real.status, real.err, real.left)
