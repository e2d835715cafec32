"""Ranks configurations by the mean score of their seeds, or runs by their scores.

board = rank_runs(runs, Choice(limit=100))
board.rows[0].score, board.rows[0].interval, board.identity, board.varied
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.metrics import SCORE
from dcgan_sweeps.runs.configurations import (
    SEED,
    Spread,
    average,
    average_seeds,
    group_by_configuration,
    pool_spread,
)
from dcgan_sweeps.runs.filters import Filter, meets, refuse_unknown
from dcgan_sweeps.runs.logged_run import (
    PAGE,
    LoggedRun,
    find_newest_scored,
    find_runs,
    read_pages,
)
from dcgan_sweeps.runs.scores import choose_identity, describe_identities, read_scores
from dcgan_sweeps.scoring.noise import TRAINING_NOISE, is_within, rank_tied
from dcgan_sweeps.terminal import track
from dcgan_sweeps.tracking.documents import parse_mapping
from dcgan_sweeps.tracking.folder import STUDY, TRIAL
from dcgan_sweeps.tracking.store import Client

NOT_VARIED = ("config_hash", "trial", "score.identity", "runner")
FEWEST = 100  # runs read at least, so that repeats of a run are counted
LARGEST_PAGE = 10_000  # runs in one query; MLflow's limit is five times as high
MOST_NAMED = 20  # experiments in a message
PLACES = {"complete": 0, "pruned": 1}  # order of the outcomes; all others come last
ONLY_IF = "study.only_if"  # param of a study's parent run
COMPLETE = "tags.outcome = 'complete'"
FEWEST_DF = 3  # degrees of freedom from which the spread of a board's own seeds decides on ties
ERROR = "_error"  # end of the name of a standard error, which is that of one run


@dataclass(frozen=True)
class Choice:
    """The choice of the runs that are ranked, and of the score identity."""

    identity: str | None = None  # score identity, or the beginning of it
    filters: Sequence[Filter] = ()
    limit: int | None = None
    unfinished: bool = False  # include runs of an experiment that are not complete
    by_run: bool = False  # a row for each run, not for each configuration


@dataclass(frozen=True)
class Row:
    """A configuration or a run, with its rank: "1=" if it is tied, "" if it is not complete.

    Where a configuration has several runs, `run` is the complete one with the lowest score, or the
    first of them if none is complete.
    """

    rank: str
    run: LoggedRun
    # Of the board's identity: the mean of the seeds, or the last scores of a stopped run.
    scores: Mapping[str, float]
    repeats: int = 1  # runs of the same configuration and seed, this one included
    inactive: frozenset[str] = frozenset()  # parameters that have no effect in this run
    count: int = 1  # seeds of which the scores are the mean
    seeds: str = ""  # text on the seeds, "" where no configuration has several
    interval: tuple[float, float] | None = None  # of the mean score of several seeds
    runs: tuple[Row, ...] = ()  # of the configuration, if it has several

    @property
    def params(self) -> dict[str, str]:
        """The parameters that have an effect; those of several runs are without the seed."""
        left_out = {*self.inactive, SEED} if self.runs else self.inactive
        return {key: text for key, text in self.run.params.items() if key not in left_out}

    @property
    def score(self) -> float | None:
        return self.scores.get("fcd")

    @property
    def name(self) -> str:
        """The study and number of a trial, else the name of the run."""
        tags = self.run.tags
        return f"{tags[STUDY]} {tags[TRIAL]}" if {STUDY, TRIAL} <= tags.keys() else self.run.name

    @property
    def epochs(self) -> str:
        """The epochs trained before the score, as "3 of 6" if the run was stopped."""
        asked = self.run.params.get("train.epochs", "")
        scored = "" if self.run.scored_epoch is None else str(self.run.scored_epoch)
        if self.run.outcome == "complete" or not scored:
            return asked or scored
        return f"{scored} of {asked}" if asked else scored


@dataclass(frozen=True)
class Board:
    """A leaderboard: configurations or runs by score, best first, and the score's identity."""

    rows: tuple[Row, ...]
    identity: str
    description: str  # of the identity; "" if no run has one
    varied: tuple[str, ...]  # parameters on which the rows differ
    left_out: str = ""  # note on runs that are left out, "" if there are none
    others: Mapping[str, str] = field(default_factory=dict)  # {other identity: its description}
    by_run: bool = False  # whether each row is one run in any case
    spread: Spread | None = None  # of seeds, None if no configuration has several
    confirmation: str = ""  # what a confirmation of the study has shown, "" if there is none

    @property
    def has_ranks(self) -> bool:
        """Whether a run is ranked; the run of the first row then is the best."""
        return bool(self.rows) and self.rows[0].rank != ""

    @property
    def runs(self) -> tuple[Row, ...]:
        """A row for each run."""
        return tuple(run for row in self.rows for run in row.runs or (row,))

    @property
    def score_identity(self) -> str:
        """The identity and its description."""
        words = f" ({self.description})" if self.description else ""
        return f"score identity {self.identity}{words}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on a confirmation, the noise of seeds, runs that are left out, and identities."""
        others = (f"{each} ({words})" if words else each for each, words in self.others.items())
        hints = (f"for scores of another identity, use --identity {other}" for other in others)
        return (*filter(None, [self.confirmation, self._describe_noise(), self.left_out]), *hints)

    def _describe_noise(self) -> str:
        if self.spread is not None:
            return describe_spread(self.spread)
        if self.by_run or sum(row.rank != "" for row in self.rows) < 2:
            return ""
        noise = f"{math.sqrt(2) * TRAINING_NOISE:.0%}"
        return f"one seed of each configuration is ranked, and two seeds differ by about {noise}"

    @property
    def tie_rule(self) -> str:
        """A sentence on the mark of ties, "" if no scores are tied."""
        if not any(row.rank.endswith("=") for row in self.rows):
            return ""
        if _is_measured(self.spread):
            return (
                "= marks ties: means that differ by less than their seeds explain (docs/score.md)"
            )
        noise = f"{math.sqrt(2) * TRAINING_NOISE:.0%}"
        return f"= marks ties: scores as close ({noise}) as those of two seeds (docs/score.md)"


def describe_spread(spread: Spread) -> str:
    """Return the noise of a seed and its origin: degrees of freedom and configurations."""
    origin = f"{spread.count} configuration{'s' if spread.count > 1 else ''} with several seeds"
    return (
        f"two seeds differ by about {math.sqrt(2) * spread.sd:.1%} (df {spread.df}, from {origin})"
    )


def rank_rows(rows: Iterable[Row], spread: Spread | None = None) -> tuple[Row, ...]:
    """Return the rows in order, with ranks; `spread` is that of the seeds of a configuration.

    Complete runs come first, by score; then pruned runs, by their last score; then all others.
    """
    ordered = sorted(rows, key=_find_place)
    complete = [row for row in ordered if row.run.outcome == "complete" and row.score is not None]
    ranks = rank_tied(complete, lambda one, other: _are_tied(one, other, spread))
    ranks += [""] * (len(ordered) - len(ranks))
    pairs = zip(ordered, ranks, strict=True)
    return tuple(dataclasses.replace(row, rank=rank) for row, rank in pairs)


def _are_tied(one: Row, other: Row, spread: Spread | None) -> bool:
    """Return whether the difference of two complete rows is within the noise of their seeds.

    A spread of few degrees of freedom says little; then the documented noise decides, by one
    standard deviation of the difference.
    """
    if spread is not None and _is_measured(spread):
        limit = spread.compute_limit(one.count, other.count)
    else:
        limit = TRAINING_NOISE * math.sqrt(1 / one.count + 1 / other.count)
    return is_within(one.score or 0, other.score or 0, limit)


def _is_measured(spread: Spread | None) -> bool:
    return spread is not None and spread.df >= FEWEST_DF


def rank_configurations(rows: Sequence[Row]) -> tuple[tuple[Row, ...], Spread | None]:
    """Return a row for each configuration of these runs, ranked by its mean score, and the spread.

    Only complete runs count for the mean.
    """
    groups = group_by_configuration(sorted(rows, key=_find_place), lambda row: row.run)
    if all(len(group) == 1 for group in groups):
        return rank_rows(rows), None
    all_scores = [_average_scores(group) for group in groups]
    spread = pool_spread(all_scores)
    merged = [*map(partial(_merge, spread), groups, all_scores)]
    if all(row.seeds in ("", "1") for row in merged):  # only repeats of one seed
        merged = [dataclasses.replace(row, seeds="") for row in merged]
    return rank_rows(merged, spread), spread


def _average_scores(group: Sequence[Row]) -> list[float]:
    """Return the score of each seed that has a complete run."""
    return average_seeds(
        (row.run.params.get(SEED, ""), row.score)
        for row in group
        if row.run.outcome == "complete" and row.score is not None
    )


def _merge(spread: Spread | None, group: Sequence[Row], scores: Sequence[float]) -> Row:
    """Return the row of a configuration; `scores` has one for each of its complete seeds."""
    first, count = group[0], len(scores)
    if len(group) == 1:
        return dataclasses.replace(first, count=max(1, count), seeds=str(count or ""))
    tried = len({row.run.params.get(SEED) for row in group})
    members = (
        dataclasses.replace(
            row, seeds=f"seed {row.run.params[SEED]}" if SEED in row.run.params else ""
        )
        for row in group
    )
    mean = average(scores) if scores else None
    return dataclasses.replace(
        first,
        scores=_average_metrics(group) | {"fcd": mean} if mean is not None else first.scores,
        count=max(1, count),
        seeds=str(count) if count == tried else f"{count} of {tried}",
        interval=spread.compute_interval(mean, count)
        if spread is not None and mean is not None and mean > 0 and count > 1
        else None,
        runs=tuple(members),
    )


def _average_metrics(group: Sequence[Row]) -> dict[str, float]:
    """Return the mean of each score of the complete runs, without the errors of single runs."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in group:
        for name, value in row.scores.items() if row.run.outcome == "complete" else ():
            found.setdefault(name, []).append((row.run.params.get(SEED, ""), value))
    return {
        name: average(average_seeds(pairs))
        for name, pairs in found.items()
        if not name.endswith(ERROR)
    }


def _find_place(row: Row) -> tuple[int, float]:
    return PLACES.get(row.run.outcome, 2), math.inf if row.score is None else row.score


def rank_runs(runs: Sequence[LoggedRun], choice: Choice) -> Board:
    """Return the leaderboard of these runs.

    Raises RequestError if none has a score, or if the runs have no common score identity and
    none is chosen; the message then names the identities.
    """
    refuse_unknown(choice.filters, runs)
    chosen = [run for run in runs if meets(run, choice.filters)]
    complete = [run for run in chosen if run.outcome == "complete" and read_scores(run)]
    scored = complete or [run for run in chosen if read_scores(run)]
    if not scored:
        problem = "meets these filters" if choice.filters and runs else "has a score"
        raise refuse("TARGET", f"none of these {len(runs)} runs {problem}")
    digest = choose_identity(scored, choice.identity)
    rivals = [run for run in complete if digest in read_scores(run)]
    others = [run for run in chosen if run.outcome != "complete"]
    repeats = Counter(run.params.get("config_hash", "") for run in runs)
    found = [
        Row("", run, read_scores(run).get(digest, {}), repeats[run.params.get("config_hash", "")])
        for run in (*rivals, *others)
    ]
    rows, spread = (rank_rows(found), None) if choice.by_run else rank_configurations(found)
    kept = rows[: choice.limit]
    missing = len(complete) - len(rivals)
    notes = [f"{missing} runs without a score of this identity are left out"] if missing else []
    notes += [f"only the best {choice.limit} are shown (--limit)"] if len(kept) < len(rows) else []
    known = describe_identities(scored)
    words, varied = known.pop(digest), drop_seed(find_varied([row.run for row in kept]), kept)
    return Board(kept, digest, words, varied, "; ".join(notes), known, choice.by_run, spread)


def drop_seed(varied: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the parameters without the seed, unless configurations of one run differ in it."""
    shown = {row.run.params.get(SEED) for row in rows if not row.runs}
    return tuple(key for key in varied if key != SEED or len(shown) > 1)


def find_varied(runs: Sequence[LoggedRun]) -> tuple[str, ...]:
    """Return the parameters that differ between these runs and can change a result."""
    differing = find_differing(runs)
    return tuple(key for key in differing if is_hashed(key) and not key.startswith(NOT_VARIED))


def mark_inactive(board: Board, conditions: Mapping[str, Mapping[str, str]]) -> Board:
    """Return the board with the parameters marked that have no effect in a trial.

    `conditions` is {study: {parameter: "other_key=value,value"}}, as hydra.sweeper.only_if.
    """
    rows = [_mark_inactive(row, conditions) for row in board.rows]
    return dataclasses.replace(board, rows=tuple(rows))


def _mark_inactive(row: Row, conditions: Mapping[str, Mapping[str, str]]) -> Row:
    own = conditions.get(row.run.tags.get(STUDY, ""), {})
    members = tuple(_mark_inactive(each, conditions) for each in row.runs)
    return dataclasses.replace(row, inactive=_find_inactive(row.run, own), runs=members)


def _find_inactive(run: LoggedRun, conditions: Mapping[str, str]) -> frozenset[str]:
    return frozenset(key for key, text in conditions.items() if not _holds(run, text))


def _holds(run: LoggedRun, condition: str) -> bool:
    key, _, values = condition.partition("=")
    logged = run.params.get(key)
    if logged is None:  # a group, of which the params have only the keys
        return True
    allowed = [value.strip().strip("'\"") for value in values.split(",")]
    return any(
        Filter(key, "=", "None" if value == "null" else value).is_met(run) for value in allowed
    )


def read_conditions(client: Client, experiment: str) -> dict[str, dict[str, str]]:
    """Return {study: its hydra.sweeper.only_if} of the studies of an experiment that have one."""
    parents = find_runs(client, experiment, f"params.`{ONLY_IF}` != '{{}}'")
    found = {}
    for parent in parents:
        text = parent.params[ONLY_IF]
        found[parent.tags.get(STUDY, "")] = parse_mapping(text, f"{ONLY_IF} of {parent.run_id}")
    return {
        study: {str(key): str(value) for key, value in each.items()}
        for study, each in found.items()
    }


def find_differing(runs: Sequence[LoggedRun]) -> list[str]:
    """Return the parameters that differ between these runs."""
    known = dict.fromkeys(key for run in runs for key in run.params)
    return [key for key in known if len({run.params.get(key) for run in runs}) > 1]


def rank_experiment(client: Client, experiment: str, choice: Choice) -> Board:
    """Return the leaderboard of an experiment, without reproductions.

    Unless an identity is chosen, it is that of the newest complete run. Raises RequestError if
    there is no such run.
    """
    check_experiment(client, experiment)
    board = _rank_competing(client, experiment, choice)
    reproductions = f"tags.reproduces != ''{'' if choice.unfinished else f' and {COMPLETE}'}"
    count = len(find_runs(client, experiment, reproductions))
    return add_note(board, f"reproductions left out: {count}") if count else board


def add_note(board: Board, note: str) -> Board:
    """Return the board with one more note on runs that are left out."""
    return dataclasses.replace(board, left_out="; ".join(filter(None, [board.left_out, note])))


def _rank_competing(client: Client, experiment: str, choice: Choice) -> Board:
    newest = find_newest_scored(client, experiment, SCORE)
    if choice.identity is None and not choice.unfinished:
        if newest is None:
            problem = f"has no complete run with a {SCORE}; allowed: --all, or another experiment"
            raise refuse("--experiment", f"{experiment} {problem}")
        own = newest.params["score.identity"]
        seed = newest.params.get(SEED, "")
        return _rank_best(client, experiment, dataclasses.replace(choice, identity=own), seed)
    runs = _read(client, experiment, "" if choice.unfinished else COMPLETE)
    return rank_runs([*filter(_competes, runs)], choice)


def _rank_best(client: Client, experiment: str, choice: Choice, seed: str) -> Board:
    """Return the leaderboard of an identity.

    Only the runs that it shows are read, unless means need all of them, because there are runs
    with another seed than `seed`.
    """
    same, other = (
        f"{COMPLETE} and metrics.`{SCORE}` >= 0 and params.`score.identity` {sign}"
        f" '{choice.identity}'"
        for sign in ("=", "!=")
    )
    is_whole = not choice.by_run and _has_other_seed(client, experiment, same, seed)
    wanted = PAGE if choice.limit is None or choice.filters else max(choice.limit, FEWEST) + 1
    size = min(PAGE if is_whole else wanted, LARGEST_PAGE)
    read = _read(client, experiment, same, f"metrics.`{SCORE}` ASC", size)
    best = filter(_competes, read) if is_whole else _take(read, choice)
    board = rank_runs([*best], choice)
    others = [*itertools.islice(_read(client, experiment, other, "start_time DESC", 1), 1)]
    known = {**board.others, **describe_identities(others)}
    known.pop(board.identity, None)
    return dataclasses.replace(board, others=known)


def _has_other_seed(client: Client, experiment: str, filter_string: str, seed: str) -> bool:
    if not seed.isdecimal():  # a filter of MLflow has no escaping
        return True
    wanted = f"{filter_string} and params.{SEED} != '{seed}'"
    return any(page for page in read_pages(client, experiment, wanted, "start_time DESC", 1))


def check_experiment(client: Client, name: str) -> None:
    """Raise RequestError for an experiment that does not exist; the message names those that do."""
    if name.strip() and client.get_experiment_by_name(name) is not None:
        return
    names = sorted(each.name for each in client.search_experiments(max_results=MOST_NAMED))
    problem = f"got {name or 'nothing'}; there is no such experiment; allowed: {', '.join(names)}"
    raise refuse("--experiment", problem)


def _read(
    client: Client,
    experiment: str,
    filter_string: str,
    order: str = "start_time ASC",
    size: int = PAGE,
) -> Iterator[LoggedRun]:
    pages = read_pages(client, experiment, filter_string, order, size)
    return track(itertools.chain.from_iterable(pages), "runs read")


def _competes(run: LoggedRun) -> bool:
    """Return whether a run is neither a reproduction nor the parent run of a study."""
    return "reproduces" not in run.tags and (STUDY not in run.tags or TRIAL in run.tags)


def _take(runs: Iterable[LoggedRun], choice: Choice) -> Iterator[LoggedRun]:
    """Yield the runs that compete until the limit, but at least FEWEST, is exceeded by one.

    Repeats of a run have the same score and follow it, so that they are counted.
    """
    most = math.inf if choice.limit is None else max(choice.limit, FEWEST)
    met = 0
    for run in filter(_competes, runs):
        yield run
        met += meets(run, choice.filters)
        if met > most:
            return
