"""Ranks runs by their scores of one identity.

board = rank_runs(runs, Choice(limit=100))
board.rows[0].score, board.identity, board.varied
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dcgan_sweeps.config import refuse
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.metrics import SCORE
from dcgan_sweeps.runs.filters import Filter, meets, refuse_unknown
from dcgan_sweeps.runs.logged_run import (
    PAGE,
    LoggedRun,
    find_newest_scored,
    find_runs,
    read_pages,
)
from dcgan_sweeps.runs.scores import choose_identity, describe_identities, read_scores
from dcgan_sweeps.scoring.noise import rank_tied
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


@dataclass(frozen=True)
class Choice:
    """The choice of the runs that are ranked, and of the score identity."""

    identity: str | None = None  # score identity, or the beginning of it
    filters: Sequence[Filter] = ()
    limit: int | None = None
    unfinished: bool = False  # include runs of an experiment that are not complete


@dataclass(frozen=True)
class Row:
    """A run with its scores and its rank: "1=" if it is tied, "" if it is not complete."""

    rank: str
    run: LoggedRun
    scores: Mapping[str, float]  # of the board's identity; the last ones of a stopped run
    repeats: int = 1  # runs of the same configuration, this one included
    inactive: frozenset[str] = frozenset()  # parameters that have no effect in this run

    @property
    def params(self) -> dict[str, str]:
        """The parameters that have an effect."""
        return {key: text for key, text in self.run.params.items() if key not in self.inactive}

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
    """A leaderboard: runs by score, best first, and the identity of the score."""

    rows: tuple[Row, ...]
    identity: str
    description: str  # of the identity; "" if no run has one
    varied: tuple[str, ...]  # parameters on which the rows differ
    left_out: str = ""  # note on runs that are left out, "" if there are none
    others: Mapping[str, str] = field(default_factory=dict)  # {other identity: its description}
    confirmation: str = ""  # what a confirmation of the study has shown, "" if there is none

    @property
    def has_ranks(self) -> bool:
        """Whether a run is ranked; the first run then is the best."""
        return bool(self.rows) and self.rows[0].rank != ""

    @property
    def score_identity(self) -> str:
        """The identity and its description."""
        words = f" ({self.description})" if self.description else ""
        return f"score identity {self.identity}{words}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on a confirmation, on runs that are left out, and on other identities."""
        others = (f"{each} ({words})" if words else each for each, words in self.others.items())
        hints = (f"for scores of another identity, use --identity {other}" for other in others)
        return (*filter(None, [self.confirmation, self.left_out]), *hints)


def rank_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows in order, with ranks.

    Complete runs come first, by score; then pruned runs, by their last score; then all others.
    """
    ordered = sorted(rows, key=_find_place)
    complete = [row.score for row in ordered if row.run.outcome == "complete"]
    ranks = rank_tied([score for score in complete if score is not None])
    ranks += [""] * (len(ordered) - len(ranks))
    pairs = zip(ordered, ranks, strict=True)
    return tuple(dataclasses.replace(row, rank=rank) for row, rank in pairs)


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
    rows = rank_rows(
        Row("", run, read_scores(run).get(digest, {}), repeats[run.params.get("config_hash", "")])
        for run in (*rivals, *others)
    )
    kept = rows[: choice.limit]
    missing = len(complete) - len(rivals)
    notes = [f"{missing} runs without a score of this identity are left out"] if missing else []
    notes += [f"only the best {choice.limit} are shown (--limit)"] if len(kept) < len(rows) else []
    known = describe_identities(scored)
    words, varied = known.pop(digest), find_varied([row.run for row in kept])
    return Board(kept, digest, words, varied, "; ".join(notes), known)


def find_varied(runs: Sequence[LoggedRun]) -> tuple[str, ...]:
    """Return the parameters that differ between these runs and can change a result."""
    differing = find_differing(runs)
    return tuple(key for key in differing if is_hashed(key) and not key.startswith(NOT_VARIED))


def mark_inactive(board: Board, conditions: Mapping[str, Mapping[str, str]]) -> Board:
    """Return the board with the parameters marked that have no effect in a trial.

    `conditions` is {study: {parameter: "other_key=value,value"}}, as hydra.sweeper.only_if.
    """
    rows = [
        dataclasses.replace(
            row, inactive=_find_inactive(row.run, conditions.get(row.run.tags.get(STUDY, ""), {}))
        )
        for row in board.rows
    ]
    return dataclasses.replace(board, rows=tuple(rows))


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
    newest = find_newest_scored(client, experiment, SCORE)
    if choice.identity is None and not choice.unfinished:
        if newest is None:
            problem = f"has no complete run with a {SCORE}; allowed: --all, or another experiment"
            raise refuse("--experiment", f"{experiment} {problem}")
        own = newest.params["score.identity"]
        return _rank_best(client, experiment, dataclasses.replace(choice, identity=own))
    runs = _read(client, experiment, "" if choice.unfinished else COMPLETE)
    return rank_runs([*filter(_competes, runs)], choice)


def _rank_best(client: Client, experiment: str, choice: Choice) -> Board:
    """Return the leaderboard of an identity; only the runs that it shows are read."""
    same, other = (
        f"{COMPLETE} and metrics.`{SCORE}` >= 0 and params.`score.identity` {sign}"
        f" '{choice.identity}'"
        for sign in ("=", "!=")
    )
    wanted = PAGE if choice.limit is None or choice.filters else max(choice.limit, FEWEST) + 1
    size = min(wanted, LARGEST_PAGE)
    best = _take(_read(client, experiment, same, f"metrics.`{SCORE}` ASC", size), choice)
    board = rank_runs([*best], choice)
    others = [*itertools.islice(_read(client, experiment, other, "start_time DESC", 1), 1)]
    known = {**board.others, **describe_identities(others)}
    known.pop(board.identity, None)
    return dataclasses.replace(board, others=known)


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
